"""The appendices A, B, C and E, and other architectures (Fig. 17 to 20 and S1)."""

from math import ceil

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.ndimage import gaussian_filter

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.statistics import (
    auroc,
    correlation_strength,
    detection,
    each_run,
    normalised,
    pearson,
    score_matrix,
    select,
    truth_of,
)

THRESHOLD = 0.05
"""Share of the largest score of a run above which an input counts as found."""

MASSES = (0.95, 0.8, 0.5, 0.2)
"""Share of the examples of a class that each contour encloses."""

SMOOTHING = 3
"""Standard deviation by which the contours are smoothed; the axes have 80 cells."""

COMPARED = ("spectral", "saliency", "integrated_gradients", "shap")
"""The methods of appendix C."""

TRAINING_SHARE = 0.8
"""Share of the examples of the independent dataset that are in its training part."""

TRUTH_BINS = 7
"""Bins of the true relevance above 0."""

COLUMNS = 5
"""Small panels in a row."""


@style.styled
def two_features(
    *, data: Datasets, relevance: pd.DataFrame, lasso: pd.DataFrame
) -> Figure:
    """Draw two features that are independent or correlated, and their relevance.

    Parameters
    ----------
    data : Datasets
        Two inputs and the classes 0 and 1, variants ``independent`` and ``correlated``.
    relevance, lasso : DataFrame
        ``variant, seed, feature, score`` of the spectral method and of the lasso.

    Returns
    -------
    Figure
        a, the distribution of either feature; b and c, both features together in the
        two variants, above the relevance of the features.
    """
    seed = relevance["seed"].iloc[0]
    variants = {name: data.of(name, seed) for name in ("independent", "correlated")}
    values = np.concatenate([dataset.x_train for dataset in variants.values()])
    edges = np.linspace(*np.quantile(values, (0.0005, 0.9995)), 81)
    figure = style.new(style.DOUBLE, 100 * style.MILLIMETRE)
    axes = figure.subplot_mosaic("xbc;xbc;xbc;ybc;yde;yde")
    for place, name in zip("xy", data.first.features, strict=True):
        _marginals(axes[place], variants, "xy".index(place), edges)
        axes[place].set(
            xlabel=f"{name} (arbitrary units)", ylabel="probability density"
        )
    axes["y"].sharex(axes["x"])
    tables = {"spectral": relevance, "lasso": lasso}
    for (variant, dataset), above, below in zip(
        variants.items(), "bc", "de", strict=True
    ):
        _contours(axes[above], dataset, edges)
        axes[above].set_title(variant)
        _relevance_bars(
            axes[below],
            {
                method: score_matrix(select(table, variant=variant))
                for method, table in tables.items()
            },
        )
    for place, letter in zip("xbc", "abc", strict=True):
        style.panel(axes[place], letter)
    handles = [
        handle
        for place in "xd"
        for handle in axes[place].get_legend_handles_labels()[0]
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _marginals(
    axes: Axes, variants: dict[str, Dataset], feature: int, edges: np.ndarray
) -> None:
    """Fill the first variant, outline the second."""
    for (variant, dataset), kind in zip(
        variants.items(), ("stepfilled", "step"), strict=True
    ):
        for label in (0, 1):
            axes.hist(
                dataset.x_train[dataset.y_train == label, feature],
                edges[::2],
                density=True,
                histtype=kind,
                color=style.COLOURS[f"class {label}"],
                alpha=0.35 if kind == "stepfilled" else None,
                label=f"class {label}, {variant}",
            )


def _contours(axes: Axes, dataset: Dataset, edges: np.ndarray) -> None:
    centres = (edges[:-1] + edges[1:]) / 2
    for label in (0, 1):
        x, y = dataset.x_train[dataset.y_train == label].T
        density = gaussian_filter(np.histogram2d(x, y, edges)[0], SMOOTHING)
        cells = np.digitize((x, y), edges[1:-1])
        levels = np.unique(np.quantile(density[*cells], 1 - np.array(MASSES)))
        colour = style.COLOURS[f"class {label}"]
        axes.contourf(
            centres, centres, density.T, [levels[0], np.inf], colors=colour, alpha=0.15
        )
        axes.contour(centres, centres, density.T, levels, colors=colour, linewidths=0.8)
    first, second = dataset.features
    axes.set(xlabel=f"{first} (arbitrary units)", ylabel=f"{second} (arbitrary units)")


def _relevance_bars(axes: Axes, scores: dict[str, pd.DataFrame]) -> None:
    """Draw the scores of each method relative to its largest, with their values."""
    height = 0.8 / len(scores)
    for place, (method, matrix) in enumerate(scores.items()):
        y = np.arange(matrix.shape[1]) + (place - (len(scores) - 1) / 2) * height
        length, error = style.over_runs(normalised(matrix))
        axes.barh(
            y,
            length,
            height,
            xerr=error,
            color=style.COLOURS[method],
            alpha=0.75,
            label=style.METHODS[method],
        )
        for position, mean, spread in zip(y, *style.over_runs(matrix), strict=True):
            text = f"{mean:.2f}" + (f" ± {spread:.2f}" if len(matrix) > 1 else "")
            axes.text(1.15, position, text, va="center", fontsize=6)
    axes.set(
        xlabel=f"relevance / larger of the two\n({style.runs(len(matrix))})",
        xlim=(0, 1.7),
        xticks=(0, 0.5, 1),
        yticks=range(matrix.shape[1]),
        yticklabels=matrix.columns,
    )
    axes.invert_yaxis()


@style.styled
def spurious(*, data: Datasets, relevance: pd.DataFrame) -> Figure:
    """Draw which of several correlated features is found.

    Parameters
    ----------
    data : Datasets
        A dataset for each run.
    relevance : DataFrame
        ``variant, seed, feature, truth, score``; the truth is 1 for the one feature
        that defines the classes.

    Returns
    -------
    Figure
        Against the correlation strength of the data of each run: a, the feature of
        largest eigenvalue; b, this eigenvalue; c, the number of features found.
    """
    found = pd.DataFrame(
        [
            {
                "strength": correlation_strength(data.of(variant, seed)),
                **_found(run["score"].to_numpy(), run["truth"].to_numpy()),
            }
            for (variant, seed), run in relevance.groupby(
                ["variant", "seed"], sort=False
            )
        ]
    )
    features = relevance["feature"].nunique()
    figure = style.new(style.DOUBLE, 62 * style.MILLIMETRE)
    grid = figure.subplots(1, 3, sharex=True)
    for axes, quantity in zip(grid, ("feature", "largest", "number"), strict=True):
        for true, meaning, marker in ((True, "relevant", "o"), (False, "random", "D")):
            part = found[found["true"] == true]
            axes.plot(
                part["strength"],
                part[quantity],
                marker,
                color=style.COLOURS[meaning],
                alpha=0.6,
                markeredgewidth=0,
                label="the true feature" if true else "another feature",
            )
        axes.set_xlabel("correlation strength")
    grid[0].set(
        ylabel="feature of largest eigenvalue",
        ylim=(0.4, features + 0.6),
        yticks=range(1, features + 1),
    )
    grid[1].set(
        ylabel=r"largest eigenvalue $|\tilde\lambda_j|$",
        ylim=(0, 1.08 * found["largest"].max()),
    )
    grid[2].set(
        ylabel="number of features found",
        ylim=(-0.6, features + 0.6),
        yticks=range(features + 1),
    )
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        title=f"largest eigenvalue on (one point for each of {len(found)} runs)",
    )
    for axes, letter in zip(grid, "abc", strict=True):
        style.panel(axes, letter)
    return figure


def _found(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Say what one run finds; no feature where all scores are 0."""
    place, largest = scores.argmax(), scores.max()
    return {
        "feature": place + 1 if largest > 0 else np.nan,
        "true": largest > 0 and truth[place] > 0,
        "largest": largest,
        "number": np.count_nonzero(scores > THRESHOLD * largest),
    }


@style.styled
def methods_compared(*, comparison: pd.DataFrame) -> Figure:
    """Draw how well and how fast methods tell relevant features from the others.

    Parameters
    ----------
    comparison : DataFrame
        ``variant, seed, method, examples, feature, truth, score, seconds`` of the
        variants ``spectral`` and ``mlp``.

    Returns
    -------
    Figure
        Against the number of examples averaged, all methods on the spectral network
        (left) and the others on the standard one (right): a and b, accuracy of the
        detection; c and d, time; e and f, area under the receiver's curve.
    """
    keys = ["variant", "method", "examples", "seed"]
    compared = comparison[comparison["method"].isin(COMPARED)]
    runs = pd.DataFrame(
        [
            {
                **dict(zip(keys, key, strict=True)),
                "accuracy": detection(run["score"], run["truth"], THRESHOLD),
                "seconds": run["seconds"].iloc[0],
                "auroc": auroc(run["score"], run["truth"]),
            }
            for key, run in compared.groupby(keys)
        ]
    )
    irrelevant = 1 - (truth_of(comparison) > 0).mean()
    figure = style.new(style.DOUBLE, 140 * style.MILLIMETRE)
    grid = figure.subplots(3, 2, sharex=True, sharey="row")
    for axes, letter in zip(grid.flat, "abcdef", strict=True):
        style.panel(axes, letter, left=28 if letter in "ace" else 8)
    titles = {
        "spectral": "all on the spectral network",
        "mlp": "the others on a standard network",
    }
    for column, (variant, title) in zip(grid.T, titles.items(), strict=True):
        for axes, quantity in zip(
            column, ("accuracy", "seconds", "auroc"), strict=True
        ):
            _against_examples(axes, runs, variant, quantity)
        accuracy, time, area = column
        accuracy.axhline(irrelevant, color="0.6", linewidth=0.8, linestyle=":")
        area.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
        accuracy.set_title(title)
        time.set_yscale("log")
        area.set(xscale="log", xlabel="number of examples averaged")
    grid[0, 0].set_ylabel("accuracy of detection (%)")
    grid[0, 0].yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    grid[1, 0].set_ylabel("computing time (s)")
    grid[2, 0].set_ylabel("area under ROC curve")
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(COMPARED),
        title=style.runs(runs["seed"].nunique()),
    )
    return figure


def _against_examples(
    axes: Axes, runs: pd.DataFrame, variant: str, quantity: str
) -> None:
    for method in COMPARED:
        # No examples enter the eigenvalues, and the standard network has none.
        alone = method == "spectral"
        part = select(runs, variant="spectral" if alone else variant, method=method)
        mean, spread = style.over_runs(
            part.pivot(index="seed", columns="examples", values=quantity)
        )
        look = {"color": style.COLOURS[method], "label": style.METHODS[method]}
        if alone:
            level, width = mean.item(), spread.item()
            axes.axhspan(
                level - width,
                level + width,
                color=look["color"],
                alpha=0.25,
                linewidth=0,
            )
            axes.axhline(level, **look)
        else:
            axes.errorbar(mean.index, mean, spread, marker="o", elinewidth=0.8, **look)


@style.styled
def robustness_to_settings(
    *, relevance: pd.DataFrame, performance: pd.DataFrame
) -> Figure:
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
    figure = style.new(style.DOUBLE, 118 * style.MILLIMETRE)
    grid = figure.subplots(2, 2, height_ratios=(1.3, 1))
    n = relevance["seed"].nunique()
    for (above, below), setting, factor, write, label in zip(
        grid.T,
        ("dataset.examples", "regularisation.eigenvalues"),
        (TRAINING_SHARE, 1),
        ("{:,.0f}".format, style.power_of_ten),
        ("training examples", "penalty $a$ of the eigenvalues"),
        strict=True,
    ):
        values = performance.groupby("variant")[setting].first() * factor
        prefix = setting.rpartition(".")[2] + "_"
        values = values[values.index.str.startswith(prefix)].sort_values()
        colours = colormaps["viridis"](np.linspace(0, 0.92, len(values)))
        for (variant, value), colour in zip(values.items(), colours, strict=True):
            part = select(relevance, variant=variant)
            _against_truth(above, part, colour, write(value))
            mean, spread = style.over_runs(each_run(part, pearson).to_frame())
            below.errorbar(value, mean, spread, marker="o", color=colour)
        above.set(
            xlabel="distance of the class means $|Δμ|$",
            ylabel=r"eigenvalue $|\tilde\lambda_j|$",
        )
        above.legend(
            title=label,
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
            ncols=ceil(len(values) / 2),
            title_fontsize=6.5,
        )
        below.set(
            xscale="log",
            xlabel=label,
            ylabel=f"Pearson $r$ with $|Δμ|$\n({style.runs(n)})",
        )
    grid[1, 1].sharey(grid[1, 0])
    for axes, letter in zip(grid.flat, "abcd", strict=True):
        style.panel(axes, letter)
    return figure


def _against_truth(
    axes: Axes, relevance: pd.DataFrame, colour: np.ndarray, label: str
) -> None:
    """Draw the features of all runs as points, and their means in bins of the truth."""
    axes.plot(
        relevance["truth"],
        relevance["score"],
        "o",
        color=colour,
        alpha=0.35,
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
        axes.set_ylabel(rf"eigenvalue $|\tilde\lambda_j|$" f"\n({style.runs(n)})")
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
