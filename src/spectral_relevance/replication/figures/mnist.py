"""Images of MNIST (Fig. 5 to 9 and 15)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
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

LIT = 0.5
"""Brightness, of at most 1, from which on a pixel counts as lit."""

RARE = 0.02
"""Share of the images below which a pixel counts as hardly ever lit."""

DIGITS = {1: "ones", 0: "zeros"}
"""What is told apart in Fig. 5 to 7."""

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
    *,
    curve: pd.DataFrame,
    performance: pd.DataFrame,
    relevance: pd.DataFrame,
    controls: pd.DataFrame,
    data: Datasets,
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
    controls : DataFrame
        ``seed, ranking, protocol, draw, inputs, metric``.
    data : Datasets
        The images.

    Returns
    -------
    Figure
        a, pixels by several rankings and at random: the others set to 0, and new
        classifiers of these alone; b, the map of the eigenvalues with the highest
        ranked pixels framed.
    """
    return _curve_and_map(curve, performance, relevance, controls, data, TOP)


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
        Ones above zeros. Pixels of the mask have the colour of the digit that lights
        them more often, and are filled where they are lit.
    """
    row, column = np.nonzero(top_mask(relevance))
    dataset = data.first
    images = {
        digit: dataset.x_test[dataset.y_test == digit].reshape(-1, SIDE, SIDE)
        for digit in DIGITS
    }
    lit = {digit: images[digit][:, row, column] >= LIT for digit in DIGITS}
    shares = {digit: lit[digit].mean(axis=0) for digit in DIGITS}
    rare = (shares[0] < RARE) & (shares[1] < RARE)
    of_ones = shares[1] > shares[0]
    kinds = [
        (of_ones & ~rare, style.COLOURS["class 1"], "lit more often by ones"),
        (~of_ones & ~rare, style.COLOURS["class 0"], "lit more often by zeros"),
        (rare, "0.5", f"hardly ever lit ({rare.sum()} of {rare.size})"),
    ]
    figure = style.new(style.DOUBLE, 70 * style.MILLIMETRE)
    grid = figure.subplots(2, EXAMPLES)
    for (digit, name), line in zip(DIGITS.items(), grid, strict=True):
        for axes, image, on in zip(line, images[digit], lit[digit], strict=False):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=1.6)
            for kind, colour, _ in kinds:
                for chosen, face in ((kind & ~on, "white"), (kind & on, colour)):
                    axes.scatter(
                        column[chosen],
                        row[chosen],
                        s=8,
                        facecolor=face,
                        edgecolor=colour,
                        linewidth=0.7,
                    )
        for axes in line:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(True)
        line[0].set_ylabel(name)
    looks = {"linestyle": "none", "marker": "o", "markersize": 3}
    handles = [Line2D([], [], color=c, label=text, **looks) for _, c, text in kinds]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(kinds))
    style.panel(grid[0, 0], "a", left=14)
    style.panel(grid[1, 0], "b", left=14)
    return figure


@style.styled
def five_nine(
    *,
    curve: pd.DataFrame,
    performance: pd.DataFrame,
    relevance: pd.DataFrame,
    controls: pd.DataFrame,
    data: Datasets,
) -> Figure:
    """Draw the accuracy with few pixels and where they lie, for fives and nines.

    Parameters
    ----------
    curve, performance, relevance, controls, data : DataFrame, Datasets
        As for :func:`accuracy_curve`.

    Returns
    -------
    Figure
        a and b as for :func:`accuracy_curve`.
    """
    return _curve_and_map(curve, performance, relevance, controls, data, TOP_59)


@style.styled
def all_digits(
    *,
    curve: pd.DataFrame,
    performance: pd.DataFrame,
    relevance: pd.DataFrame,
    controls: pd.DataFrame,
    data: Datasets,
) -> Figure:
    """Draw the accuracy with few pixels and where they lie, for all ten digits.

    Parameters
    ----------
    curve, performance, relevance, controls, data : DataFrame, Datasets
        As for :func:`accuracy_curve`.

    Returns
    -------
    Figure
        a and b as for :func:`accuracy_curve`, without frames.
    """
    figure = _curve_and_map(curve, performance, relevance, controls, data, top=None)
    figure.axes[0].set(xscale="log", xlim=(1, curve["inputs"].max()))
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
    controls: pd.DataFrame,
    data: Datasets,
    top: int | None,
) -> Figure:
    """Return a figure of them; without a `top`, each run is a line of its own."""
    figure = style.new(style.DOUBLE, 70 * style.MILLIMETRE)
    masked, retrained, place = figure.subplots(1, 3, width_ratios=(1.3, 0.8, 1))
    mean = panels.ranked_curve(masked, curve, runs=top is None)
    panels.random_curve(masked, curve, best="max")
    panels.other_rankings(masked, controls)
    anew = panels.retrained(retrained, controls)["spectral"]
    _levels(masked, performance, data.first.y_test)
    if top:
        _mark(masked, mean, top)
        _mark(retrained, anew, top)
    masked.set(
        title="the other pixels set to 0",
        xlabel="number of pixels $n$",
        ylabel="accuracy on the test images (%)",
        xlim=(0, mean.index.max()),
        # The standard deviation may reach beyond what an accuracy can be.
        ylim=(None, 1.015),
    )
    masked.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    retrained.set(title="new models of $n$ pixels", xlabel="number of pixels $n$")
    retrained.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    retrained.margins(y=0.15)  # room for what `_mark` writes
    handles = masked.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    _map(place, normalised(score_matrix(relevance)))
    if top:
        _frame(place, top_mask(relevance, top))
        place.set_title(f"framed: the top {top}")
    style.panel(masked, "a")
    style.panel(place, "b")
    return figure


def _levels(axes: Axes, performance: pd.DataFrame, labels: np.ndarray) -> None:
    """Draw the accuracy with all pixels and with none."""
    levels = {
        "all inputs": ("all pixels", performance["metric"].mean()),
        "no inputs": (
            "always the commonest digit",
            np.unique(labels, return_counts=True)[1].max() / len(labels),
        ),
    }
    for meaning, (text, accuracy) in levels.items():
        panels.level(axes, accuracy, meaning, f"{text}: {100 * accuracy:.1f} %")


def _mark(axes: Axes, mean: pd.Series, top: int) -> None:
    """Mark the mean accuracy with the top pixels, and write it into a corner."""
    if top not in mean.index:
        return
    colour = style.COLOURS["spectral"]
    axes.plot(top, mean[top], "o", color=colour, markeredgecolor="white", zorder=5)
    axes.text(
        0.97,
        0.03,
        f"{top} pixels: {100 * mean[top]:.1f} %",
        transform=axes.transAxes,
        ha="right",
        color=colour,
        path_effects=style.HALO,
    )


def _frame(axes: Axes, mask: np.ndarray) -> None:
    """Frame the pixels of a mask on a map."""
    row, column = np.nonzero(mask)
    axes.scatter(
        column,
        row,
        s=12,
        marker="s",
        facecolor="none",
        edgecolor="white",
        linewidth=0.6,
    )


def _map(axes: Axes, scores: pd.DataFrame) -> None:
    """Draw the mean normalised eigenvalues at their places, with a colour bar."""
    image = panels.pixel_map(axes, scores.mean())
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.95)
    bar.set_label(f"{style.RELATIVE} ({style.runs(len(scores), 'mean')})")
