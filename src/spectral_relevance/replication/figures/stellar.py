"""Spectra of stars and their metallicity (Fig. 10, 11 and 16)."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import panels, style
from spectral_relevance.replication.measures import (
    inputs_needed,
    over_seeds,
    shares_above,
)
from spectral_relevance.replication.tables import (
    normalised,
    score_matrix,
)

QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)
"""Of [Fe/H]; a star near each of them is shown."""

NEIGHBOURS = 40
"""Of the stars nearest in [Fe/H], the one closest to their median spectrum is shown."""

OFFSET = 0.9
"""Vertical distance of the spectra, in units of their maximum."""

TOLERANCE = 0.01
"""How far above the minimum error, relative to it, counts as reaching it."""

THRESHOLD = 0.01
"""Share of the largest eigenvalue above which a wavelength counts as used."""


@style.styled
def spectra(*, data: Datasets) -> Figure:
    """Draw spectra of stars that differ in metallicity.

    Parameters
    ----------
    data : Datasets
        Spectra and [Fe/H].

    Returns
    -------
    Figure
        Spectra above one another, the poorest in metals at the bottom.
    """
    dataset = data.first
    metallicity = dataset.y_train * dataset.target_scale
    wavelength = dataset.features.astype(float)
    levels = np.quantile(metallicity, QUANTILES)
    colour = Normalize(levels[0], levels[-1])
    figure = style.new(style.DOUBLE, 80 * style.MILLIMETRE)
    axes = figure.subplots()
    for place, quantile in enumerate(levels):
        star = _typical_star(dataset.x_train, np.abs(metallicity - quantile))
        flux = dataset.x_train[star] + OFFSET * place
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
    data: Datasets,
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
    data : Datasets
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
    panels.mean_spectrum(spectrum, data.first)
    panels.lines(lines, scores)
    panels.shade((spectrum, lines), bands)
    style.panel(histogram, "a")
    style.panel(error, "b")
    style.panel(spectrum, "c")
    return figure


@style.styled
def few_epochs(
    *,
    relevance: pd.DataFrame,
    full: pd.DataFrame,
    bands: pd.DataFrame,
    data: Datasets,
) -> Figure:
    """Draw which wavelengths are relevant after a short training.

    Parameters
    ----------
    relevance, full : DataFrame
        ``seed, feature, score`` after the short and after the full training; the
        features are wavelengths in Å.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    data : Datasets
        Spectra, of which the mean is shown.

    Returns
    -------
    Figure
        a, the mean spectrum; b, the eigenvalues along the wavelengths after the short
        training; c, after the full one.
    """
    trainings = {"short training": relevance, "full training (Fig. 11)": full}
    return panels.stacked_lines(
        {
            f"{name}: {_used(table)}": normalised(score_matrix(table))
            for name, table in trainings.items()
        },
        "eigenvalue / largest",
        [style.BLACK] * len(trainings),
        data.first,
        bands,
    )


def _used(relevance: pd.DataFrame) -> str:
    """Say how many wavelengths are in use."""
    share = over_seeds(shares_above(relevance, THRESHOLD))
    inputs = relevance["feature"].nunique()
    spread = f" ± {inputs * share.spread:.0f}" if share.n > 1 else ""
    return (
        f"{inputs * share.value:.0f}{spread} wavelengths "
        f"above {100 * THRESHOLD:g} % of the largest"
    )


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
