"""Panels that more than one figure has."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from spectral_relevance.data import Dataset
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.measures import (
    Estimate,
)
from spectral_relevance.replication.tables import (
    ranked_matrix,
)

BINS = np.linspace(0, 1, 41)

SIDE = 28
"""Pixels along a side of the images of MNIST."""

BAND_LABELS = {
    "CaHK": "Ca H,K",
    "HDeltaA": "Hδ",
    "HGammaA": "Hγ",
    "Fe4383": "Fe4383",
    "Hb": "Hβ",
    "Fe5015": "Fe5015",
    "Mgb": "Mg$b$",
    "Fe5270": "Fe5270",
    "Fe5335": "Fe5335",
    "NaD": "Na D",
}
"""The line indices that the paper discusses, and how they are written."""


def histogram(
    axes: Axes, scores: pd.DataFrame, name: str, label: str | None = None
) -> None:
    """Draw how many inputs have which normalised eigenvalue, on a logarithmic axis.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    scores : DataFrame
        Normalised scores with a row for each run.
    name : str
        What the inputs are, in the plural.
    label : str, optional
        What the legend says of the bars.
    """
    mean, spread = style.over_runs(_counts(scores))
    # Bins that no run fills have no bar, nor an error bar that would start at zero.
    filled = mean > 0
    axes.bar(
        BINS[:-1][filled],
        mean[filled],
        np.diff(BINS)[filled],
        align="edge",
        color=style.COLOURS["ranked"],
        edgecolor="white",
        linewidth=0.3,
        label=label,
    )
    centres = (BINS[:-1] + BINS[1:]) / 2
    axes.errorbar(
        centres[filled],
        mean[filled],
        spread[filled],
        linestyle="none",
        color=style.BLACK,
        elinewidth=0.6,
        capsize=1,
    )
    axes.set_yscale("log")
    axes.set(
        xlabel=r"normalised eigenvalue $|\tilde\lambda_j|$ / largest",
        ylabel=f"number of {name}\n({style.runs(len(scores))})",
        xlim=(-0.02, 1.02),
        ylim=(0.7 / len(scores), 2 * max(1, mean.max())),
    )


def outline(axes: Axes, scores: pd.DataFrame, label: str) -> None:
    """Outline the mean histogram of the full training over that of another one.

    Parameters
    ----------
    axes : Axes
        Where :func:`histogram` has drawn.
    scores : DataFrame
        Normalised scores with a row for each run.
    label : str
        What the legend says of the outline.
    """
    mean = _counts(scores).mean()
    axes.stairs(
        mean,
        BINS,
        color=style.COLOURS["full training"],
        linewidth=1,
        zorder=3,
        label=label,
    )
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, 0.7 / len(scores)), max(top, 2 * mean.max()))


def _counts(scores: pd.DataFrame) -> pd.DataFrame:
    """Return how many inputs fall into which bin, with a row for each run."""
    return pd.DataFrame([np.histogram(row, BINS)[0] for row in scores.to_numpy()])


def pixel_map(axes: Axes, scores: pd.Series, **look: Any) -> AxesImage:
    """Draw one value for each pixel at its place in the image.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    scores : Series
        The values, row by row of the image.
    **look
        Arguments of ``imshow`` that depart from those of the other maps.
    """
    image = scores.to_numpy().reshape(SIDE, SIDE)
    drawn = axes.imshow(image, **({"cmap": "viridis", "vmin": 0} | look))
    ticks = range(0, SIDE, 9)
    axes.set(
        xlabel="column (pixels)", ylabel="row (pixels)", xticks=ticks, yticks=ticks
    )
    axes.spines[:].set_visible(True)
    return drawn


def print_pearson(axes: Axes, estimate: Estimate) -> None:
    """Write a Pearson correlation into the upper left corner."""
    axes.text(
        0.04,
        0.97,
        f"Pearson {correlation(estimate)}",
        transform=axes.transAxes,
        va="top",
        path_effects=style.HALO,
    )


def correlation(estimate: Estimate) -> str:
    """Return a correlation as it is written: with its spread if there are runs."""
    spread = f" ± {estimate.spread:.3f}" if estimate.n > 1 else ""
    return f"$r$ = {estimate.value:.3f}{spread}"


def ranked_curve(axes: Axes, curve: pd.DataFrame) -> pd.Series:
    """Draw the metric against the number of inputs taken by rank.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    curve : DataFrame
        ``seed, selection, draw, inputs, metric``.

    Returns
    -------
    Series
        The mean over runs by number of inputs, as drawn.
    """
    values = ranked_matrix(curve)
    mean, spread = style.over_runs(values)
    label = f"ranked ({style.runs(len(values))})"
    _curve(axes, "ranked", mean, (mean - spread, mean + spread), label, zorder=3)
    return mean


def random_curve(axes: Axes, curve: pd.DataFrame) -> None:
    """Draw the metric of inputs drawn at random: mean, and range of all draws and runs.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    curve : DataFrame
        ``seed, selection, draw, inputs, metric``.
    """
    drawn = curve[curve["selection"] == "random"].groupby("inputs")["metric"]
    label = f"random (mean, range, n = {drawn.size().max()})"
    _curve(axes, "random", drawn.mean(), (drawn.min(), drawn.max()), label, zorder=2)


def _curve(
    axes: Axes,
    meaning: str,
    mean: pd.Series,
    band: tuple[pd.Series, pd.Series],
    label: str,
    zorder: int,
) -> None:
    """Draw a line in a band, in the colour of what it means."""
    colour = style.COLOURS[meaning]
    axes.fill_between(mean.index, *band, color=colour, alpha=0.3, linewidth=0)
    axes.plot(mean, color=colour, label=label, zorder=zorder)


def mean_spectrum(axes: Axes, data: Dataset) -> None:
    """Draw the mean of the training spectra above panels with the same wavelengths."""
    wavelength = data.features.astype(float)
    axes.plot(wavelength, data.x_train.mean(axis=0), color="0.35", linewidth=0.6)
    axes.set(ylabel="mean\nflux", yticks=[0.5, 1], ylim=(0.1, 1))
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines["bottom"].set_visible(False)


def lines(
    axes: Axes,
    scores: pd.DataFrame,
    name: str = "normalised eigenvalue",
    colour: str = style.BLACK,
) -> None:
    """Draw the mean of normalised scores as a line at each wavelength.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    scores : DataFrame
        Normalised scores with a row for each run and a column for each wavelength.
    name : str
        What the scores are.
    colour : str
        Of the lines.
    """
    wavelength = scores.columns.to_numpy().astype(float)
    axes.vlines(wavelength, 0, scores.mean(), color=colour, linewidth=0.6)
    axes.set(
        xlabel="wavelength (Å)",
        ylabel=f"{name}\n(mean, n = {len(scores)})",
        xlim=(wavelength[0], wavelength[-1]),
        ylim=(0, None),
    )


def shade(panels: Sequence[Axes], bands: pd.DataFrame) -> None:
    """Shade the bands of line indices, named above the first panel.

    Parameters
    ----------
    panels : sequence of Axes
        Panels that share the axis of wavelengths, from top to bottom.
    bands : DataFrame
        ``index, left, right`` in Å.
    """
    for band in bands.itertuples(index=False):
        labelled = band.index in BAND_LABELS
        for axes in panels:
            axes.axvspan(
                band.left,
                band.right,
                color="0.75" if labelled else "0.92",
                linewidth=0,
                zorder=0 if labelled else -1,
            )
        if labelled:
            panels[0].annotate(
                BAND_LABELS[band.index],
                ((band.left + band.right) / 2, 1),
                xytext=(0, 2),
                xycoords=panels[0].get_xaxis_transform(),
                textcoords="offset points",
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=5.5,
            )


def stacked_lines(
    scores: Mapping[str, pd.DataFrame],
    name: str,
    colours: Sequence[str],
    data: Dataset,
    bands: pd.DataFrame,
) -> Figure:
    """Return a figure with panels of :func:`lines` below the mean spectrum.

    Parameters
    ----------
    scores : mapping
        Normalised scores for each panel, by its title.
    name : str
        What the scores are.
    colours : sequence of str
        Of the lines of each panel.
    data : Dataset
        Spectra, of which the mean is shown.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    """
    height = (24 + 32 * len(scores)) * style.MILLIMETRE
    figure = style.new(style.DOUBLE, height)
    ratios = (0.5, *[1] * len(scores))
    grid = figure.subplots(len(ratios), sharex=True, height_ratios=ratios)
    mean_spectrum(grid[0], data)
    for axes, (title, table), colour in zip(
        grid[1:], scores.items(), colours, strict=True
    ):
        lines(axes, table, name, colour)
        axes.set_title(title, loc="right")
        axes.set_ylim(0, 1.02)
        axes.label_outer()
    shade(grid, bands)
    for axes, letter in zip(grid, "abcdefgh", strict=False):
        style.panel(axes, letter)
    return figure
