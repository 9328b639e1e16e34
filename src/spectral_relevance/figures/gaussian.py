"""The dataset of independent Gaussian features (Fig. 2 and 3)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.figures import style
from spectral_relevance.statistics import (
    Estimate,
    pearson_with_method,
    pearson_with_truth,
    score_matrix,
)


@style.styled
def distributions(*, data: Dataset, features: pd.DataFrame) -> Figure:
    """Draw the distributions of some features in either class.

    Parameters
    ----------
    data : Dataset
        Examples of the classes 0 and 1.
    features : DataFrame
        ``feature, truth``; the truth is the distance of the class means.

    Returns
    -------
    Figure
        A panel for the relevant feature of largest distance, those nearest to 20 % and
        60 % of it, and for an irrelevant one.
    """
    truth = features["truth"].to_numpy()
    distances = truth.max() * np.array([0.2, 0.6, 1])
    relevant = [int(np.argmin(np.abs(truth - distance))) for distance in distances]
    chosen = [*relevant, int(np.argmin(truth))]
    low, high = np.quantile(data.x_train[:, chosen], (0.0005, 0.9995))
    bins = np.linspace(low, high, 51)
    figure = style.new(style.DOUBLE, 52 * style.MILLIMETRE)
    grid = figure.subplots(1, len(chosen), sharex=True, sharey=True)
    for axes, letter, j in zip(grid, "abcd", chosen, strict=True):
        for label in (0, 1):
            values = data.x_train[data.y_train == label, j]
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
        name = features["feature"][j]
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
def eigenvalues(
    *, relevance: pd.DataFrame, lasso: pd.DataFrame, features: pd.DataFrame
) -> Figure:
    """Draw the eigenvalues of the features against what is known about them.

    Parameters
    ----------
    relevance, lasso : DataFrame
        ``seed, feature, score`` of the spectral method and of the lasso.
    features : DataFrame
        ``feature, truth``; the truth is the distance of the class means.

    Returns
    -------
    Figure
        a, the eigenvalue of each feature; b, against the distance of the class means;
        c, against the coefficients of the lasso.
    """
    scores = score_matrix(relevance)
    mean, spread = style.over_runs(scores)
    coefficient, uncertainty = style.over_runs(score_matrix(lasso))
    truth = features["truth"].to_numpy()
    position = np.arange(1, len(mean) + 1)
    figure = style.new(style.DOUBLE, 58 * style.MILLIMETRE)
    grid = figure.subplots(1, 3, width_ratios=(1.5, 1, 1), sharey=True)
    # Bars would end the axis at zero, through the points of the irrelevant features.
    for axes in grid:
        axes.use_sticky_edges = False
    for kind, marker in (("relevant", "o"), ("irrelevant", "s")):
        of_kind = (truth > 0) == (kind == "relevant")
        look = {
            "color": style.COLOURS[kind],
            "marker": marker,
            "linestyle": "none",
            "elinewidth": 0.8,
            "label": kind,
        }
        y, error = mean[of_kind], spread[of_kind]
        grid[0].bar(position[of_kind], y, color=style.COLOURS[kind], alpha=0.3)
        grid[0].errorbar(position[of_kind], y, error, **look)
        grid[1].errorbar(truth[of_kind], y, error, **look)
        grid[2].errorbar(coefficient[of_kind], y, error, uncertainty[of_kind], **look)
    grid[0].axhline(0, color="0.7", linewidth=0.6, zorder=0)
    grid[0].set(
        xlabel="feature",
        ylabel=rf"eigenvalue $|\tilde\lambda_j|$" f"\n({style.runs(len(scores))})",
        xlim=(0, len(mean) + 1),
    )
    step = max(1, len(mean) // 10)
    grid[0].set_xticks(position[::step], mean.index[::step])
    grid[0].legend(loc="upper left", borderaxespad=0)
    grid[1].set_xlabel("distance of the class means $|Δμ|$")
    grid[2].set_xlabel(r"lasso coefficient $|\beta_j|$")
    _print_pearson(grid[1], pearson_with_truth(relevance, features))
    _print_pearson(grid[2], pearson_with_method(relevance, lasso))
    for axes, letter, left in zip(grid, "abc", (26, 8, 8), strict=True):
        style.panel(axes, letter, left)
    return figure


def _print_pearson(axes: Axes, estimate: Estimate) -> None:
    spread = f" ± {estimate.spread:.3f}" if estimate.n > 1 else ""
    axes.text(
        0.04,
        0.97,
        f"Pearson $r$ = {estimate.value:.3f}{spread}",
        transform=axes.transAxes,
        va="top",
    )
