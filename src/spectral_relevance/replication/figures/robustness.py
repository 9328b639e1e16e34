"""Other sizes of the training set, penalties and architectures (Fig. 20 and S1)."""

from math import ceil

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_relevance.replication.figures import style
from spectral_relevance.replication.measures import pearson
from spectral_relevance.replication.tables import (
    each_run,
    score_matrix,
    select,
    truth_of,
)

TRAINING_SHARE = 0.8
"""Share of the examples of the independent dataset that are in its training part."""

TRUTH_BINS = 7
"""Bins of the true relevance above 0."""

COLUMNS = 5
"""Small panels in a row."""


@style.styled
def settings(*, relevance: pd.DataFrame, performance: pd.DataFrame) -> Figure:
    """Draw the eigenvalues for training sets and penalties of several sizes.

    Parameters
    ----------
    relevance : DataFrame
        ``variant, seed, feature, truth, score`` of the variants ``examples_…`` and
        ``eigenvalues_…``.
    performance : DataFrame
        ``variant, seed, dataset.examples, regularisation.eigenvalues``.

    Returns
    -------
    Figure
        Eigenvalues against the truth for several sizes of the training set (a) and
        several penalties of the eigenvalues (b), and their correlation (c, d).
    """
    sizes = _values(performance, "dataset.examples") * TRAINING_SHARE
    penalties = _values(performance, "regularisation.eigenvalues")
    figure = style.new(style.DOUBLE, 112 * style.MILLIMETRE)
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.35))
    grid = above.subplots(1, len(sizes), sharex=True, sharey=True, squeeze=False)[0]
    magnitude, of_size, of_penalty = below.subplots(1, 3)
    for axes, (variant, size), colour in zip(
        grid, sizes.items(), _colours(sizes), strict=True
    ):
        part = select(relevance, variant=variant)
        _against_truth(axes, part, colour, alpha=0.5)
        axes.set_title(f"{size:,.0f} examples")
        _agreement(of_size, part, size, colour)
    above.supxlabel("distance of the class means $|Δμ|$", fontsize=7)
    grid[0].set_ylabel(style.EIGENVALUE)
    for (variant, penalty), colour in zip(
        penalties.items(), _colours(penalties), strict=True
    ):
        part = select(relevance, variant=variant)
        label = style.power_of_ten(penalty)
        _against_truth(magnitude, part, colour, alpha=0.25, label=label)
        _agreement(of_penalty, part, penalty, colour)
    magnitude.set(xlabel="distance of the class means $|Δμ|$", ylabel=style.EIGENVALUE)
    magnitude.legend(
        title="penalty $a$ of the eigenvalues",
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=ceil(len(penalties) / 2),
        columnspacing=1,
        title_fontsize=6.5,
    )
    runs = style.runs(relevance["seed"].nunique())
    of_size.set(xlabel="training examples", ylabel=f"Pearson $r$ with $|Δμ|$\n({runs})")
    of_penalty.set(xlabel="penalty $a$ of the eigenvalues")
    of_penalty.sharey(of_size)
    of_penalty.tick_params(labelleft=False)
    for axes in (of_size, of_penalty):
        axes.set_xscale("log")
    places = (grid[0], magnitude, of_size, of_penalty)
    for axes, letter, left in zip(places, "abcd", (26, 26, 28, 8), strict=True):
        style.panel(axes, letter, left)
    return figure


def _values(performance: pd.DataFrame, setting: str) -> pd.Series:
    """Return a setting of the variants that are named after it, in its order."""
    values = performance.groupby("variant")[setting].first()
    named = values.index.str.startswith(setting.rpartition(".")[2] + "_")
    return values[named].sort_values()


def _colours(values: pd.Series) -> np.ndarray:
    return colormaps["viridis"](np.linspace(0, 0.92, len(values)))


def _agreement(
    axes: Axes, relevance: pd.DataFrame, place: float, colour: np.ndarray
) -> None:
    """Draw the correlation with the truth at the place of a setting."""
    mean, spread = style.over_runs(each_run(relevance, pearson).to_frame())
    axes.errorbar(place, mean, spread, marker="o", color=colour)


def _against_truth(
    axes: Axes,
    relevance: pd.DataFrame,
    colour: np.ndarray,
    alpha: float,
    label: str | None = None,
) -> None:
    """Draw the features of all runs as points, and their means in bins of the truth."""
    axes.plot(
        relevance["truth"],
        relevance["score"],
        "o",
        color=colour,
        alpha=alpha,
        markersize=1.8,
        markeredgewidth=0,
    )
    # The irrelevant features, at exactly 0, have a bin of their own.
    width = relevance["truth"].max() / TRUTH_BINS
    bins = relevance.groupby(np.ceil(relevance["truth"] / width))
    axes.plot(
        bins["truth"].mean(), bins["score"].mean(), "o-", color=colour, label=label
    )


@style.styled
def architectures(*, relevance: pd.DataFrame, performance: pd.DataFrame) -> Figure:
    """Draw the eigenvalues that networks of other architectures find.

    Parameters
    ----------
    relevance : DataFrame
        ``variant, seed, feature, truth, score``.
    performance : DataFrame
        ``variant, seed, metric``; the accuracy.

    Returns
    -------
    Figure
        a, the eigenvalues of each feature for each variant, with those of the first
        one as steps; b, their correlation with the truth; c, the test accuracy.
    """
    variants = relevance["variant"].unique()
    parts = {name: select(relevance, variant=name) for name in variants}
    reference = score_matrix(parts[variants[0]]).mean()
    rows = ceil(len(variants) / COLUMNS)
    figure = style.new(style.DOUBLE, (36 * rows + 64) * style.MILLIMETRE)
    above, below = figure.subfigures(2, 1, height_ratios=(36 * rows + 12, 52))
    grid = above.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    position = np.arange(1, len(reference) + 1)
    for axes, (name, part) in zip(grid.flat, parts.items(), strict=False):
        _by_feature(axes, part)
        axes.step(
            position,
            reference,
            where="mid",
            color="0.6",
            linewidth=0.6,
            label=f"mean of {_spoken(variants[0])}",
        )
        axes.set_title(_spoken(name))
    for place in range(len(variants), grid.size):
        grid.flat[place].set_visible(False)
        grid.flat[place - COLUMNS].tick_params(labelbottom=True)
    step = max(1, len(position) // 4)
    grid[0, 0].set_xticks(position[::step], reference.index[::step])
    above.supxlabel("feature", fontsize=7)
    n = relevance["seed"].nunique()
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{style.EIGENVALUE}\n({style.runs(n)})")
    above.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3
    )
    correlation = {name: each_run(part, pearson) for name, part in parts.items()}
    accuracy = {
        name: 100 * select(performance, variant=name)["metric"] for name in variants
    }
    left, right = below.subplots(1, 2, sharey=True)
    _by_variant(left, correlation)
    _by_variant(right, accuracy)
    left.invert_yaxis()
    left.set_xlabel(f"Pearson $r$ with $|Δμ|$ ({style.runs(n)})")
    right.set_xlabel(f"accuracy on the test examples (%) ({style.runs(n)})")
    style.panel(grid[0, 0], "a", left=30)
    style.panel(left, "b", left=60)
    style.panel(right, "c", left=8)
    return figure


def _by_feature(axes: Axes, relevance: pd.DataFrame) -> None:
    scores = score_matrix(relevance)
    relevant = (truth_of(relevance) > 0).to_numpy()
    mean, spread = style.over_runs(scores)
    position = np.arange(1, len(mean) + 1)
    for kind, marker in (("relevant", "o"), ("irrelevant", "s")):
        of_kind = relevant == (kind == "relevant")
        axes.errorbar(
            position[of_kind],
            mean[of_kind],
            spread[of_kind],
            color=style.COLOURS[kind],
            marker=marker,
            markersize=2.5,
            linestyle="none",
            elinewidth=0.8,
            label=kind,
        )


def _by_variant(axes: Axes, values: dict[str, pd.Series]) -> None:
    """Draw the runs of each variant as points, and mean and standard deviation."""
    for place, runs in enumerate(values.values()):
        axes.plot(
            runs,
            np.full(len(runs), place),
            "o",
            color=style.COLOURS["spectral"],
            alpha=0.3,
            markersize=2.5,
            markeredgewidth=0,
        )
        axes.errorbar(
            runs.mean(), place, xerr=runs.std(), color=style.BLACK, marker="o"
        )
    axes.set_yticks(range(len(values)), [_spoken(name) for name in values])
    axes.margins(y=0.1)


def _spoken(variant: str) -> str:
    return variant.replace("_", " ")
