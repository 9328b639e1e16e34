"""Features that go along with the relevant ones (Fig. 17 and 18)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.measures import correlation_strength
from spectral_relevance.replication.tables import normalised, score_matrix, select

THRESHOLD = 0.05
"""Share of the largest score of a run above which an input counts as found."""

MASSES = (0.95, 0.8, 0.5, 0.2)
"""Share of the examples of a class that each contour encloses."""

EXACT = 1e-3
"""Where a distance to perfect correlation of 0, or nearer than this, is drawn."""

SMOOTHING = 3
"""Standard deviation by which the contours are smoothed; the axes have 80 cells."""


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
        scores = {
            method: score_matrix(select(table, variant=variant))
            for method, table in tables.items()
        }
        _contours(axes[above], dataset, edges)
        axes[above].set_title(variant)
        _values(axes[above], scores)
        _relevance_bars(axes[below], scores)
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


def _values(axes: Axes, scores: dict[str, pd.DataFrame]) -> None:
    """Write the scores of each method into the lower right corner."""
    lines = []
    for method, matrix in scores.items():
        lines.append(style.METHODS[method])
        for name, mean, spread in zip(
            matrix.columns, *style.over_runs(matrix), strict=True
        ):
            error = f" ± {spread:.2f}" if len(matrix) > 1 else ""
            lines.append(f"{name}: {mean:.2f}{error}")
    axes.text(
        0.98,
        0.02,
        "\n".join(lines),
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=6,
        path_effects=style.HALO,
    )


def _relevance_bars(axes: Axes, scores: dict[str, pd.DataFrame]) -> None:
    """Draw the scores of each method relative to its largest."""
    height = 0.8 / len(scores)
    for place, (method, matrix) in enumerate(scores.items()):
        length, error = style.over_runs(normalised(matrix))
        axes.barh(
            np.arange(matrix.shape[1]) + (place - (len(scores) - 1) / 2) * height,
            length,
            height,
            xerr=error,
            color=style.COLOURS[method],
            alpha=0.75,
            label=style.METHODS[method],
        )
    axes.set(
        xlabel=f"score / larger of the two\n({style.runs(len(matrix))})",
        xlim=(0, 1.1),
        xticks=(0, 0.5, 1),
        yticks=range(matrix.shape[1]),
        yticklabels=matrix.columns,
    )
    axes.invert_yaxis()


@style.styled
def several_features(
    *, data: Datasets, relevance: pd.DataFrame, l2: pd.DataFrame
) -> Figure:
    """Draw which of several correlated features is found.

    Parameters
    ----------
    data : Datasets
        A dataset for each run.
    relevance : DataFrame
        ``variant, seed, feature, truth, score``; the truth is 1 for the one feature
        that defines the classes.
    l2 : DataFrame
        The same with an L2 penalty instead of L1.

    Returns
    -------
    Figure
        Against the correlation strength of the data of each run: a, the feature of
        largest eigenvalue; b, this eigenvalue; c, the number of features found; d, the
        same with the L2 penalty.
    """
    found, with_l2 = (_by_run(data, table) for table in (relevance, l2))
    features = relevance["feature"].nunique()
    figure = style.new(style.DOUBLE, 62 * style.MILLIMETRE)
    grid = figure.subplots(1, 4, sharex=True)
    panels = (
        (found, "feature"),
        (found, "largest"),
        (found, "number"),
        (with_l2, "number"),
    )
    for axes, (table, quantity) in zip(grid, panels, strict=True):
        for true, meaning, marker in (
            (True, "relevant", "o"),
            (False, "irrelevant", "D"),
        ):
            part = table[table["true"] == true]
            axes.plot(
                part["distance"],
                part[quantity],
                marker,
                color=style.COLOURS[meaning],
                alpha=0.6,
                markeredgewidth=0,
                label="the true feature" if true else "another feature",
            )
        axes.set_xlabel("1 − correlation $ρ$")
    # The stronger the correlation, the further right.
    grid[0].set_xscale("log")
    grid[0].invert_xaxis()
    grid[0].set_xticks([1, 0.1, 0.01, EXACT], ["1", "0.1", "0.01", "0"])
    grid[0].minorticks_off()
    grid[0].set(
        ylabel="feature of largest eigenvalue",
        ylim=(0.4, features + 0.6),
        yticks=range(1, features + 1),
    )
    grid[1].set(
        ylabel=f"largest {style.EIGENVALUE}",
        ylim=(0, 1.08 * found["largest"].max()),
    )
    for axes, penalty in zip(grid[2:], ("L1", "L2"), strict=True):
        axes.set(
            ylabel=f"features found ({penalty})",
            ylim=(-0.6, features + 0.6),
            yticks=range(features + 1),
        )
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        title="largest eigenvalue on (each point is a run)",
    )
    for axes, letter in zip(grid, "abcd", strict=True):
        style.panel(axes, letter, left=20)
    return figure


def _by_run(data: Datasets, relevance: pd.DataFrame) -> pd.DataFrame:
    """Return what each run finds, and how far its features are from one another."""
    runs = relevance.groupby(["variant", "seed"], sort=False)
    rows = []
    for (variant, seed), run in runs:
        distance = 1 - correlation_strength(data.of(variant, seed))
        found = _found(run["score"].to_numpy(), run["truth"].to_numpy())
        rows.append({"distance": max(distance, EXACT), **found})
    return pd.DataFrame(rows)


def _found(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Say what one run finds; no feature where all scores are 0."""
    place, largest = scores.argmax(), scores.max()
    return {
        "feature": place + 1 if largest > 0 else np.nan,
        "true": largest > 0 and truth[place] > 0,
        "largest": largest,
        "number": np.count_nonzero(scores > THRESHOLD * largest),
    }
