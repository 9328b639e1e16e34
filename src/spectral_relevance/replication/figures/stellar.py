"""Spectra of stars and their metallicity (Fig. 10, 11 and 16)."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from spectral_relevance.data import Dataset
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
    select,
)

QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)
"""Of [Fe/H]; a star near each of them is shown."""

NEIGHBOURS = 40
"""Of the stars nearest in [Fe/H], the one closest to their median spectrum is shown."""

OFFSET = 0.9
"""Vertical distance of the spectra, in units of their maximum."""

TOLERANCE = 0.01
"""How far above the minimum error, relative to it, counts as reaching it."""


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
    controls: pd.DataFrame,
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
        ``seed, selection, draw, inputs, metric, metric_reestimated``; errors in dex,
        the second with the statistics of batch normalisation re-estimated.
    controls : DataFrame
        ``seed, ranking, protocol, draw, inputs, metric``.
    mlp : DataFrame
        ``seed, metric, metric_reestimated`` of the standard network.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    data : Datasets
        Spectra, of which the mean is shown.

    Returns
    -------
    Figure
        a, a histogram of the normalised eigenvalues; b, the error against the number of
        wavelengths: the others set to 0, and new models of these alone; c, the
        eigenvalues along the wavelengths.
    """
    scores = normalised(score_matrix(relevance))
    figure = style.new(style.DOUBLE, 148 * style.MILLIMETRE)
    above, below = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    histogram, error, anew = above.subplots(1, 3, width_ratios=(0.9, 1.3, 0.8))
    spectrum, lines = below.subplots(2, sharex=True, height_ratios=(0.45, 1.2))
    panels.histogram(histogram, scores, "wavelengths")
    _error_curve(error, curve, controls, mlp, data.first)
    panels.retrained(anew, controls)
    anew.set(title="new models of $n$ wavelengths", xlabel="number of wavelengths $n$")
    handles = error.get_legend_handles_labels()
    above.legend(*handles, loc="outside lower center", ncols=3)
    panels.wavelengths(
        (spectrum, lines),
        [scores],
        [style.RELATIVE],
        [style.COLOURS["spectral"]],
        data.first,
        bands,
    )
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
        [style.RELATIVE] * len(trainings),
        [style.COLOURS["spectral"]] * len(trainings),
        data.first,
        bands,
    )


def _used(relevance: pd.DataFrame) -> str:
    """Say how many wavelengths are in use."""
    share = over_seeds(shares_above(relevance, panels.USED))
    inputs = relevance["feature"].nunique()
    spread = f" ± {inputs * share.spread:.0f}" if share.n > 1 else ""
    return (
        f"{inputs * share.value:.0f}{spread} wavelengths "
        f"above {100 * panels.USED:g} % of the largest"
    )


def _error_curve(
    axes: Axes,
    curve: pd.DataFrame,
    controls: pd.DataFrame,
    mlp: pd.DataFrame,
    data: Dataset,
) -> None:
    mean = panels.ranked_curve(axes, curve)
    ranked = select(curve, selection="ranked").groupby("inputs")
    axes.plot(
        ranked["metric_reestimated"].mean(),
        color=style.COLOURS["spectral"],
        linestyle="--",
        linewidth=0.8,
        label="by eigenvalue, re-estimated (mean)",
        zorder=4,
    )
    panels.random_curve(axes, curve, best="min")
    panels.other_rankings(axes, controls)
    level, width = (each.item() for each in style.over_runs(mlp[["metric"]]))
    colour = style.COLOURS["mlp"]
    axes.axhspan(level - width, level + width, color=colour, alpha=0.2, linewidth=0)
    for height, line, label in (
        (level, "-", "MLP (mean ± s.d.)" if len(mlp) > 1 else "MLP"),
        (mlp["metric_reestimated"].mean(), "--", "MLP, re-estimated (mean)"),
    ):
        axes.axhline(height, color=colour, linestyle=line, linewidth=0.8, label=label)
    constant = np.abs(data.y_test - np.median(data.y_train)).mean() * data.target_scale
    panels.level(axes, constant, "no inputs", "the median, whatever the spectrum")
    needed = inputs_needed(errors=mean.to_frame().T, tolerance=TOLERANCE).item()
    inputs = len(data.features)
    axes.plot(
        needed,
        mean[needed],
        "o",
        color=style.COLOURS["spectral"],
        markeredgecolor="white",
        zorder=5,
        label=f"minimum: $n$ = {needed} ({100 * needed / inputs:.1f} %)",
    )
    axes.set(
        title="the other wavelengths set to 0",
        xscale="log",
        yscale="log",
        xlabel="number of wavelengths $n$",
        ylabel="mean absolute test error (dex)",
        xlim=(1, mean.index.max()),
    )
    ticks = (0.1, 0.2, 0.3, 0.5, 1, 2)
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in ticks if low <= tick <= high])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
