"""Spectra of stars and their metallicity (Fig. 10 and 11)."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.figures import panels, style
from spectral_relevance.statistics import inputs_needed, normalised, score_matrix

QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)
"""Of [Fe/H]; a star near each of them is shown."""

NEIGHBOURS = 40
"""Of the stars nearest in [Fe/H], the one closest to their median spectrum is shown."""

OFFSET = 0.9
"""Vertical distance of the spectra, in units of their maximum."""

TOLERANCE = 0.01
"""How far above the minimum error, relative to it, counts as reaching it."""

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
"""The indices that the paper discusses, and how they are written."""


@style.styled
def spectra(*, data: Dataset) -> Figure:
    """Draw spectra of stars that differ in metallicity.

    Parameters
    ----------
    data : Dataset
        Spectra and [Fe/H].

    Returns
    -------
    Figure
        Spectra above one another, the poorest in metals at the bottom.
    """
    metallicity = data.y_train * data.target_scale
    wavelength = data.features.astype(float)
    levels = np.quantile(metallicity, QUANTILES)
    colour = Normalize(levels[0], levels[-1])
    figure = style.new(style.DOUBLE, 80 * style.MILLIMETRE)
    axes = figure.subplots()
    for place, quantile in enumerate(levels):
        star = _typical_star(data.x_train, np.abs(metallicity - quantile))
        flux = data.x_train[star] + OFFSET * place
        axes.plot(
            wavelength,
            flux,
            color=colormaps["viridis"](0.85 * colour(metallicity[star])),
            linewidth=0.6,
        )
        label = f"{metallicity[star]:+.2f}".replace("-", "−")
        axes.text(wavelength[-1] + 30, flux[-100:].mean(), label, va="center")
    axes.set(
        xlabel="wavelength (Å)",
        ylabel="flux / maximum + constant",
        yticks=[],
        xlim=(wavelength[0], wavelength[-1]),
    )
    axes.text(
        1.01,
        1,
        "[Fe/H]\n(dex)",
        transform=axes.transAxes,
        va="center",
    )
    return figure


def _typical_star(spectra: np.ndarray, distance: np.ndarray) -> int:
    near = np.argsort(distance, kind="stable")[:NEIGHBOURS]
    median = np.median(spectra[near], axis=0)
    return int(near[np.abs(spectra[near] - median).sum(axis=1).argmin()])


@style.styled
def eigenvalues(
    *,
    relevance: pd.DataFrame,
    curve: pd.DataFrame,
    mlp: pd.DataFrame,
    bands: pd.DataFrame,
    data: Dataset,
) -> Figure:
    """Draw which wavelengths are relevant and how many are needed.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, feature, score``; the features are wavelengths in Å.
    curve : DataFrame
        ``seed, selection, draw, inputs, metric``; the error in dex.
    mlp : DataFrame
        ``seed, metric`` of the standard network.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    data : Dataset
        Spectra, of which the mean is shown.

    Returns
    -------
    Figure
        a, a histogram of the normalised eigenvalues; b, the error against the number of
        wavelengths; c, the eigenvalues along the wavelengths.
    """
    scores = normalised(score_matrix(relevance))
    figure = style.new(style.DOUBLE, 118 * style.MILLIMETRE)
    grid = figure.add_gridspec(3, 2, height_ratios=(1.5, 0.45, 1))
    histogram = figure.add_subplot(grid[0, 0])
    error = figure.add_subplot(grid[0, 1])
    spectrum = figure.add_subplot(grid[1, :])
    lines = figure.add_subplot(grid[2, :], sharex=spectrum)
    panels.histogram(histogram, scores, "wavelengths")
    _error_curve(error, curve, mlp, scores.shape[1])
    wavelength = scores.columns.to_numpy().astype(float)
    spectrum.plot(wavelength, data.x_train.mean(axis=0), color="0.35", linewidth=0.6)
    spectrum.set(ylabel="mean\nflux", yticks=[0.5, 1], ylim=(0.1, 1))
    spectrum.tick_params(bottom=False, labelbottom=False)
    spectrum.spines["bottom"].set_visible(False)
    lines.vlines(wavelength, 0, scores.mean(), color=style.BLACK, linewidth=0.6)
    lines.set(
        xlabel="wavelength (Å)",
        ylabel=f"normalised eigenvalue\n(mean, n = {len(scores)})",
        xlim=(wavelength[0], wavelength[-1]),
        ylim=(0, None),
    )
    _shade(spectrum, lines, bands)
    style.panel(histogram, "a")
    style.panel(error, "b")
    style.panel(spectrum, "c")
    return figure


def _error_curve(
    axes: Axes, curve: pd.DataFrame, mlp: pd.DataFrame, inputs: int
) -> None:
    mean = panels.ranked_curve(axes, curve)
    panels.random_curve(axes, curve)
    level, width = style.over_runs(mlp[["metric"]])
    colour = style.COLOURS["mlp"]
    axes.axhspan(
        level.item() - width.item(),
        level.item() + width.item(),
        color=colour,
        alpha=0.25,
        linewidth=0,
    )
    axes.axhline(
        level.item(),
        color=colour,
        linestyle="--",
        linewidth=0.8,
        label=f"MLP ({style.runs(len(mlp))})",
    )
    needed = inputs_needed(errors=mean.to_frame().T, tolerance=TOLERANCE).item()
    colour = style.COLOURS["ranked"]
    axes.plot(
        needed,
        mean[needed],
        "o",
        color=colour,
        markeredgecolor="white",
        zorder=4,
        label=f"minimum: $n$ = {needed} ({100 * needed / inputs:.1f} %)",
    )
    axes.set_xscale("log")
    axes.set(
        xlabel="number of wavelengths $n$",
        ylabel="mean absolute test error (dex)",
        xlim=(1, mean.index.max()),
        ylim=(0, None),
    )
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        columnspacing=1,
        fontsize=6,
        borderaxespad=0.2,
    )


def _shade(spectrum: Axes, lines: Axes, bands: pd.DataFrame) -> None:
    for band in bands.itertuples(index=False):
        labelled = band.index in BAND_LABELS
        for axes in (spectrum, lines):
            axes.axvspan(
                band.left,
                band.right,
                color="0.75" if labelled else "0.92",
                linewidth=0,
                zorder=0 if labelled else -1,
            )
        if labelled:
            spectrum.annotate(
                BAND_LABELS[band.index],
                ((band.left + band.right) / 2, 1),
                xytext=(0, 2),
                xycoords=spectrum.get_xaxis_transform(),
                textcoords="offset points",
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=5.5,
            )
