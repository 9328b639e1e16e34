"""Zeros and ones of MNIST (Fig. 5 to 7)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.figures import panels, style
from spectral_relevance.statistics import normalised, score_matrix

SIDE = 28
"""Pixels along a side of the images."""

TOP = 20
"""Size of the mask: the pixels that the paper calls sufficient."""

EXAMPLES = 6
"""How many images of each digit are shown."""


def top_mask(relevance: pd.DataFrame) -> np.ndarray:
    """Return the (28, 28) mask of the pixels ranked highest on average over runs."""
    scores = normalised(score_matrix(relevance)).mean().to_numpy()
    mask = np.zeros(scores.size, dtype=bool)
    mask[np.argsort(-scores, kind="stable")[:TOP]] = True
    return mask.reshape(SIDE, SIDE)


@style.styled
def eigenvalue_map(*, relevance: pd.DataFrame) -> Figure:
    """Draw the distribution of the eigenvalues and where in the image they lie.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, feature, score`` of the pixels.

    Returns
    -------
    Figure
        a, a histogram of the normalised eigenvalues; b, their map.
    """
    scores = normalised(score_matrix(relevance))
    figure = style.new(style.DOUBLE * 0.8, 60 * style.MILLIMETRE)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    panels.histogram(left, scores, "pixels")
    image = right.imshow(
        scores.mean().to_numpy().reshape(SIDE, SIDE), cmap="viridis", vmin=0
    )
    right.set(xlabel="column (pixels)", ylabel="row (pixels)")
    right.set(xticks=range(0, SIDE, 9), yticks=range(0, SIDE, 9))
    right.spines[:].set_visible(True)
    bar = figure.colorbar(image, ax=right, shrink=0.95)
    bar.set_label(f"normalised eigenvalue (mean, n = {len(scores)})")
    style.panel(left, "a")
    style.panel(right, "b")
    return figure


@style.styled
def accuracy_curve(
    *, curve: pd.DataFrame, performance: pd.DataFrame, relevance: pd.DataFrame
) -> Figure:
    """Draw the accuracy against the number of pixels that the network is shown.

    Parameters
    ----------
    curve : DataFrame
        ``seed, selection, draw, inputs, metric``.
    performance : DataFrame
        ``seed, metric`` with all pixels.
    relevance : DataFrame
        ``seed, feature, score`` of the pixels.

    Returns
    -------
    Figure
        Ranked and random pixels, with an inset of the highest ranked ones.
    """
    figure = style.new(style.SINGLE, 66 * style.MILLIMETRE)
    axes = figure.subplots()
    mean = panels.ranked_curve(axes, curve)
    panels.random_curve(axes, curve)
    all_pixels = performance["metric"].mean()
    axes.axhline(
        all_pixels,
        color=style.COLOURS["all inputs"],
        linestyle="--",
        linewidth=0.8,
        label=f"all pixels: {100 * all_pixels:.1f} %",
    )
    if TOP in mean.index:
        colour = style.COLOURS["ranked"]
        axes.plot(TOP, mean[TOP], "o", color=colour, markeredgecolor="white", zorder=4)
        axes.annotate(
            f"{TOP} pixels: {100 * mean[TOP]:.1f} %",
            (TOP, mean[TOP]),
            xytext=(8, -12),
            textcoords="offset points",
            color=colour,
            path_effects=style.HALO,
        )
    axes.set(
        xlabel="number of pixels $n$",
        ylabel="accuracy on the test images (%)",
        xlim=(0, mean.index.max()),
        # The standard deviation may reach beyond what an accuracy can be.
        ylim=(None, 1.015),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.5)
    inset = axes.inset_axes((0.62, 0.4, 0.36, 0.36))
    inset.imshow(top_mask(relevance), cmap="gray", vmin=0, vmax=1)
    inset.set(xticks=[], yticks=[])
    inset.set_title(f"top {TOP} pixels", pad=2, path_effects=style.HALO)
    return figure


@style.styled
def masks(*, relevance: pd.DataFrame, data: Dataset) -> Figure:
    """Draw images of either digit with the highest ranked pixels ringed.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, feature, score`` of the pixels.
    data : Dataset
        The images; the first test images of each digit are taken.

    Returns
    -------
    Figure
        Ones above zeros. Pixels of the mask are strong where they are lit.
    """
    row, column = np.nonzero(top_mask(relevance))
    figure = style.new(style.DOUBLE, 64 * style.MILLIMETRE)
    grid = figure.subplots(2, EXAMPLES)
    for digit, name, line in zip((1, 0), ("ones", "zeros"), grid, strict=True):
        images = data.x_test[data.y_test == digit].reshape(-1, SIDE, SIDE)
        for axes, image in zip(line, images, strict=False):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=1.4)
            lit = image[row, column] > 0
            axes.scatter(
                column[~lit],
                row[~lit],
                s=7,
                facecolor="none",
                edgecolor=style.COLOURS["lit"],
                linewidth=0.5,
                alpha=0.45,
            )
            axes.scatter(
                column[lit],
                row[lit],
                s=9,
                color=style.COLOURS["lit"],
                edgecolor="white",
                linewidth=0.3,
            )
        for axes in line:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(True)
        line[0].set_ylabel(name)
    style.panel(grid[0, 0], "a", left=14)
    style.panel(grid[1, 0], "b", left=14)
    return figure
