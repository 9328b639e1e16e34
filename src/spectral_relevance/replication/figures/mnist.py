"""Images of MNIST (Fig. 5 to 9 and 15)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import panels, style
from spectral_relevance.replication.figures.panels import SIDE
from spectral_relevance.replication.tables import (
    normalised,
    score_matrix,
    select,
)

TOP = 20
"""Size of the mask: the pixels that the paper calls sufficient for zeros and ones."""

TOP_59 = 14
"""The same for fives and nines."""

EXAMPLES = 6
"""How many images of each digit are shown."""


def top_mask(relevance: pd.DataFrame, top: int = TOP) -> np.ndarray:
    """Return the (28, 28) mask of the pixels ranked highest on average over runs."""
    scores = normalised(score_matrix(relevance)).mean().to_numpy()
    mask = np.zeros(scores.size, dtype=bool)
    mask[np.argsort(-scores, kind="stable")[:top]] = True
    return mask.reshape(SIDE, SIDE)


@style.styled
def eigenvalue_map(*, relevance: pd.DataFrame) -> Figure:
    """Draw the distribution of the eigenvalues and where in the image they lie (0/1).

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
    _map(right, scores)
    style.panel(left, "a")
    style.panel(right, "b")
    return figure


@style.styled
def accuracy_curve(
    *, curve: pd.DataFrame, performance: pd.DataFrame, relevance: pd.DataFrame
) -> Figure:
    """Draw the accuracy against the number of pixels that the network is shown (0/1).

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
    _accuracy(axes, curve, performance, TOP)
    _inset(axes, relevance, TOP)
    return figure


@style.styled
def masks(*, relevance: pd.DataFrame, data: Datasets) -> Figure:
    """Draw images of ones and zeros with the highest ranked pixels ringed.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, feature, score`` of the pixels.
    data : Datasets
        The images; the first test images of each digit are taken.

    Returns
    -------
    Figure
        Ones above zeros. Pixels of the mask are strong where they are lit.
    """
    row, column = np.nonzero(top_mask(relevance))
    dataset = data.first
    figure = style.new(style.DOUBLE, 64 * style.MILLIMETRE)
    grid = figure.subplots(2, EXAMPLES)
    for digit, name, line in zip((1, 0), ("ones", "zeros"), grid, strict=True):
        images = dataset.x_test[dataset.y_test == digit].reshape(-1, SIDE, SIDE)
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


@style.styled
def five_nine(
    *, curve: pd.DataFrame, performance: pd.DataFrame, relevance: pd.DataFrame
) -> Figure:
    """Draw the accuracy with few pixels and where they lie, for fives and nines.

    Parameters
    ----------
    curve, performance, relevance : DataFrame
        As for :func:`accuracy_curve`.

    Returns
    -------
    Figure
        a, ranked and random pixels, with an inset of the highest ranked ones; b, the
        map of the eigenvalues.
    """
    figure, left = _curve_and_map(curve, performance, relevance, TOP_59)
    _inset(left, relevance, TOP_59)
    return figure


@style.styled
def all_digits(
    *, curve: pd.DataFrame, performance: pd.DataFrame, relevance: pd.DataFrame
) -> Figure:
    """Draw the accuracy with few pixels and where they lie, for all ten digits.

    Parameters
    ----------
    curve, performance, relevance : DataFrame
        As for :func:`accuracy_curve`.

    Returns
    -------
    Figure
        a, ranked and random pixels; b, the map of the eigenvalues.
    """
    figure, _ = _curve_and_map(curve, performance, relevance, top=None)
    return figure


@style.styled
def few_epochs(*, relevance: pd.DataFrame, full: pd.DataFrame) -> Figure:
    """Draw the eigenvalues after a short training (0/1).

    Parameters
    ----------
    relevance : DataFrame
        ``variant, seed, feature, score``; the variant ``few_epochs`` is shown.
    full : DataFrame
        ``seed, feature, score`` after the full training.

    Returns
    -------
    Figure
        a, histograms of the normalised eigenvalues; b, the map of the short training.
    """
    scores = normalised(score_matrix(select(relevance, variant="few_epochs")))
    figure = style.new(style.DOUBLE * 0.8, 64 * style.MILLIMETRE)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    panels.histogram(left, scores, "pixels", "few epochs")
    panels.outline(left, normalised(score_matrix(full)), "full training (Fig. 5)")
    left.legend(loc="upper right", borderaxespad=0)
    _map(right, scores)
    style.panel(left, "a")
    style.panel(right, "b")
    return figure


def _curve_and_map(
    curve: pd.DataFrame,
    performance: pd.DataFrame,
    relevance: pd.DataFrame,
    top: int | None,
) -> tuple[Figure, Axes]:
    """Return a figure of the two, and the panel of the curve."""
    figure = style.new(style.DOUBLE * 0.9, 66 * style.MILLIMETRE)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _accuracy(left, curve, performance, top)
    _map(right, normalised(score_matrix(relevance)))
    style.panel(left, "a")
    style.panel(right, "b")
    return figure, left


def _accuracy(
    axes: Axes, curve: pd.DataFrame, performance: pd.DataFrame, top: int | None
) -> None:
    """Draw the accuracy with ranked, random and all pixels; mark that of the top."""
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
    if top in mean.index:
        colour = style.COLOURS["ranked"]
        axes.plot(top, mean[top], "o", color=colour, markeredgecolor="white", zorder=4)
        axes.annotate(
            f"{top} pixels: {100 * mean[top]:.1f} %",
            (top, mean[top]),
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
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1.02),
        ncols=2,
        columnspacing=1.5,
        borderaxespad=0,
    )


def _inset(axes: Axes, relevance: pd.DataFrame, top: int) -> None:
    inset = axes.inset_axes((0.62, 0.4, 0.36, 0.36))
    inset.imshow(top_mask(relevance, top), cmap="gray", vmin=0, vmax=1)
    inset.set(xticks=[], yticks=[])
    inset.set_title(f"top {top} pixels", pad=2, path_effects=style.HALO)


def _map(axes: Axes, scores: pd.DataFrame) -> None:
    """Draw the mean normalised eigenvalues at their places, with a colour bar."""
    image = panels.pixel_map(axes, scores.mean())
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.95)
    bar.set_label(f"normalised eigenvalue (mean, n = {len(scores)})")
