"""Gaussian features, independent (Fig. 2 and 3) or correlated in pairs (Fig. 4)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import panels, style
from spectral_relevance.replication.measures import (
    over_seeds,
    pearson,
    pearson_by_seed,
)
from spectral_relevance.replication.tables import (
    each_run,
    score_matrix,
    truth_of,
)

SHOWN = 400
"""Examples of a class in a scatter plot."""


@style.styled
def distributions(*, data: Datasets) -> Figure:
    """Draw the distributions of some features in either class.

    Parameters
    ----------
    data : Datasets
        Examples of the classes 0 and 1; the truth is the distance of the class means.

    Returns
    -------
    Figure
        A panel for the relevant feature of largest distance, those nearest to 20 % and
        60 % of it, and for an irrelevant one.
    """
    dataset = data.first
    truth = dataset.truth
    distances = truth.max() * np.array([0.2, 0.6, 1])
    relevant = [int(np.argmin(np.abs(truth - distance))) for distance in distances]
    chosen = [*relevant, int(np.argmin(truth))]
    low, high = np.quantile(dataset.x_train[:, chosen], (0.0005, 0.9995))
    bins = np.linspace(low, high, 51)
    figure = style.new(style.DOUBLE, 52 * style.MILLIMETRE)
    grid = figure.subplots(1, len(chosen), sharex=True, sharey=True)
    for axes, letter, j in zip(grid, "abcd", chosen, strict=True):
        for label in (0, 1):
            values = dataset.x_train[dataset.y_train == label, j]
            colour = style.COLOURS[f"class {label}"]
            axes.hist(values, bins, density=True, color=colour, alpha=0.35)
            axes.hist(
                values,
                bins,
                density=True,
                histtype="step",
                color=colour,
                label=f"class {label}",
            )
            axes.axvline(values.mean(), color=colour, linewidth=0.8, linestyle="--")
        name = dataset.features[j]
        kind = f"$|Δμ|$ = {truth[j]:.2f}" if truth[j] > 0 else "irrelevant"
        axes.set_title(f"{name}: {kind}")
        axes.set_xlabel(f"{name} (arbitrary units)")
        style.panel(axes, letter, left=8)
    grid[0].set_ylabel("probability density")
    figure.legend(
        *grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2
    )
    return figure


@style.styled
def eigenvalues(*, relevance: pd.DataFrame, lasso: pd.DataFrame) -> Figure:
    """Draw the eigenvalues of the features against what is known about them.

    Parameters
    ----------
    relevance, lasso : DataFrame
        ``seed, feature, truth, score`` of the spectral method and of the lasso; the
        truth is the distance of the class means.

    Returns
    -------
    Figure
        a, the eigenvalue of each feature; b, against the distance of the class means;
        c, against the coefficients of the lasso.
    """
    scores, truth = score_matrix(relevance), truth_of(relevance)
    figure = style.new(style.DOUBLE, 58 * style.MILLIMETRE)
    grid = figure.subplots(1, 3, width_ratios=(1.5, 1, 1), sharey=True)
    _by_feature(grid[0], scores, truth)
    _least_relevant(grid[0], scores, truth)
    grid[0].legend(loc="upper left", borderaxespad=0)
    _against(grid[1], truth, scores, truth)
    grid[1].set_xlabel("distance of the class means $|Δμ|$")
    panels.print_pearson(grid[1], over_seeds(each_run(relevance, pearson)))
    coefficient, uncertainty = style.over_runs(score_matrix(lasso))
    _against(grid[2], coefficient, scores, truth, uncertainty)
    grid[2].set_xlabel(r"lasso coefficient $|\beta_j|$")
    panels.print_pearson(grid[2], over_seeds(pearson_by_seed(relevance, lasso)))
    for axes, letter, left in zip(grid, "abc", (26, 8, 8), strict=True):
        style.panel(axes, letter, left)
    return figure


@style.styled
def correlated_eigenvalues(*, data: Datasets, relevance: pd.DataFrame) -> Figure:
    """Draw how pairs of features are correlated, and their eigenvalues.

    Parameters
    ----------
    data : Datasets
        Examples of the classes 0 and 1. The features come in pairs; the truth is r_k of
        the pair: how often one of its members is the negative of the other in class 1.
    relevance : DataFrame
        ``seed, feature, truth, score``.

    Returns
    -------
    Figure
        a, the pairs of largest and of smallest r_k in either class; b, the eigenvalue
        of each feature; c, against r_k.
    """
    dataset = data.first
    scores, truth = score_matrix(relevance), truth_of(relevance)
    strength = dataset.truth[::2]
    pairs = int(strength.argmax()), int(np.where(strength > 0, strength, 2).argmin())
    figure = style.new(style.DOUBLE, 88 * style.MILLIMETRE)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.15))
    scatter = left.subplots(2, 2, sharex=True, sharey=True)
    for row, pair in zip(scatter, pairs, strict=True):
        for label, axes in enumerate(row):
            _pair(axes, dataset, pair, label)
        second = dataset.features[2 * pair + 1]
        row[0].set_ylabel(
            f"$r_{pair + 1}$ = {strength[pair]:g}\n{second} (arbitrary units)"
        )
    for label, axes in enumerate(scatter[0]):
        axes.set_title(f"class {label}")
    bars, line = right.subplots(2, 1)
    _by_feature(bars, scores, truth)
    for pair, probability in enumerate(strength):
        if probability > 0:
            middle = 2 * pair + 1.5
            bars.axvspan(middle - 0.95, middle + 0.95, color="0.94", zorder=-1)
            bars.annotate(
                f"$r_{pair + 1}$ = {probability:g}",
                (middle, 1),
                xytext=(0, 2),
                xycoords=bars.get_xaxis_transform(),
                textcoords="offset points",
                ha="center",
                va="bottom",
            )
    bars.legend(loc="upper right", borderaxespad=0)
    _against(line, truth, scores, truth)
    strongest = truth.idxmax()
    proportional = line.axline(
        (0, 0),
        (truth[strongest], scores.mean()[strongest]),
        color="0.6",
        linewidth=0.6,
        zorder=0,
        label="proportional to $r_k$",
    )
    line.legend(handles=[proportional], loc="lower right", borderaxespad=0)
    line.set(xlabel="share $r_k$ of sign changes in class 1", ylabel=bars.get_ylabel())
    panels.print_pearson(line, over_seeds(each_run(relevance, pearson)))
    style.panel(scatter[0, 0], "a")
    style.panel(bars, "b")
    style.panel(line, "c")
    return figure


def _pair(axes: Axes, dataset: Dataset, pair: int, label: int) -> None:
    """Scatter the first examples of a class in the plane of a pair of features."""
    names = dataset.features[2 * pair : 2 * pair + 2]
    x, y = dataset.x_train[dataset.y_train == label, 2 * pair : 2 * pair + 2].T
    axes.scatter(
        x[:SHOWN],
        y[:SHOWN],
        s=4,
        color=style.COLOURS[f"class {label}"],
        alpha=0.3,
        linewidth=0,
    )
    axes.text(
        0.5,
        0.98,
        f"{names[1]} = −{names[0]}: {100 * np.mean(y == -x):.0f} %",
        transform=axes.transAxes,
        ha="center",
        va="top",
        fontsize=5.5,
    )
    axes.set_xlabel(f"{names[0]} (arbitrary units)")
    axes.set_aspect("equal")


def _by_feature(axes: Axes, scores: pd.DataFrame, truth: pd.Series) -> None:
    """Draw the eigenvalue of each feature as a point on a bar."""
    mean, spread = style.over_runs(scores)
    position = np.arange(1, len(mean) + 1)
    for chosen, look in _kinds(truth):
        axes.bar(position[chosen], mean[chosen], color=look["color"], alpha=0.3)
        axes.errorbar(position[chosen], mean[chosen], spread[chosen], **look)
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    # Bars would end the axis at zero, through the points of the irrelevant features.
    axes.use_sticky_edges = False
    axes.set(
        xlabel="feature",
        ylabel=f"{style.EIGENVALUE}\n({style.runs(len(scores))})",
        xlim=(0, len(mean) + 1),
    )
    step = max(1, len(mean) // 10)
    axes.set_xticks(position[::step], mean.index[::step])


def _least_relevant(axes: Axes, scores: pd.DataFrame, truth: pd.Series) -> None:
    """Say how relevant the feature is that is the least so, lest it seem missed."""
    name = truth[truth > 0].idxmin()
    axes.annotate(
        f"{name}:\n$|Δμ|$ = {truth[name]:.2f}",
        (truth.index.get_loc(name) + 1, scores.mean()[name]),
        xytext=(0, 10),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=6,
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "0.4"},
        path_effects=style.HALO,
    )


def _against(
    axes: Axes,
    x: pd.Series,
    scores: pd.DataFrame,
    truth: pd.Series,
    x_spread: pd.Series | None = None,
) -> None:
    """Draw the eigenvalues of the features against something else."""
    mean, spread = style.over_runs(scores)
    for chosen, look in _kinds(truth):
        error = None if x_spread is None else x_spread[chosen]
        axes.errorbar(x[chosen], mean[chosen], spread[chosen], error, **look)


def _kinds(truth: pd.Series) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Yield which features are of a kind, and how their points look."""
    for kind, marker in (("relevant", "o"), ("irrelevant", "s")):
        yield (
            (truth > 0).to_numpy() == (kind == "relevant"),
            {
                "color": style.COLOURS[kind],
                "marker": marker,
                "linestyle": "none",
                "elinewidth": 0.8,
                "label": kind,
            },
        )
