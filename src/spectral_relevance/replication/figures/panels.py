"""Panels that more than one figure has."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from spectral_relevance.data import Dataset
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.measures import (
    Estimate,
)
from spectral_relevance.replication.tables import ranked_matrix, select

BINS = np.linspace(0, 1, 41)

SIDE = 28
"""Pixels along a side of the images of MNIST."""

USED = 0.01
"""Share of the largest score of a run above which an input counts as used in it."""

HIT = 0.1
"""Mean relative score of a wavelength from which on it hits the bands it lies in."""

PEAKS = 10
"""How many peaks are named."""

LABEL_WIDTH = 52.0
"""Å that the name of a peak or a band takes along the axis."""

PEAK_DISTANCE = 5.0
"""Å; nearer than this, the lower of two wavelengths is part of the other's peak."""

NAMES = {
    "CaHK": "Ca H,K",
    "HDeltaA": "Hδ",
    "HDeltaF": "Hδ",
    "CN1": "CN",
    "CN2": "CN",
    "HGammaA": "Hγ",
    "HGammaF": "Hγ",
    "C24668": "C$_2$4668",
    "Hb": "Hβ",
    "Mgb": "Mg$b$",
    "NaD": "Na D",
}
"""How line indices are written whose names in the tables are not what people write."""

DISCUSSED = (
    *("CaHK", "HDeltaA", "HGammaA", "Fe4383", "Hb", "Fe5015"),
    *("Mgb", "Fe5270", "Fe5335", "NaD"),
)
"""The line indices that the paper discusses."""


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
        color=style.COLOURS["spectral"],
        edgecolor="white",
        linewidth=0.3,
        label=label,
    )
    centres = (BINS[:-1] + BINS[1:]) / 2
    axes.errorbar(
        centres[filled],
        mean[filled],
        style.upwards(spread[filled]),
        linestyle="none",
        color=style.BLACK,
        elinewidth=0.6,
        capsize=1,
    )
    axes.set_yscale("log")
    axes.set(
        xlabel=style.RELATIVE,
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


def ranked_curve(axes: Axes, curve: pd.DataFrame, runs: bool = False) -> pd.Series:
    """Draw the metric against the number of inputs taken by rank.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    curve : DataFrame
        ``seed, selection, draw, inputs, metric``.
    runs : bool
        Whether each run is a thin line, instead of all of them a band.

    Returns
    -------
    Series
        The mean over runs by number of inputs, as drawn.
    """
    values = ranked_matrix(curve)
    mean, spread = style.over_runs(values)
    colour = style.COLOURS["spectral"]
    if runs:
        axes.plot(values.T, color=colour, linewidth=0.5, alpha=0.5, zorder=3)
    else:
        _band(axes, mean - spread, mean + spread, colour)
    what = style.runs(len(values), "mean and each" if runs else "mean ± s.d.")
    label = f"{style.RANKINGS['spectral']} ({what})"
    axes.plot(mean, color=colour, label=label, zorder=4)
    return mean


def other_rankings(axes: Axes, controls: pd.DataFrame) -> None:
    """Draw the mean metric against the number of inputs taken by other rankings.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    controls : DataFrame
        ``seed, ranking, protocol, draw, inputs, metric``.
    """
    masked = select(controls, protocol="masked")
    for ranking in ("norms", "univariate"):
        metric = select(masked, ranking=ranking).groupby("inputs")["metric"]
        colour, label = style.COLOURS[ranking], style.RANKINGS[ranking]
        axes.plot(metric.mean(), color=colour, label=f"{label} (mean)", zorder=3)


def retrained(axes: Axes, controls: pd.DataFrame) -> dict[str, pd.Series]:
    """Draw the metric of new models that see the chosen inputs alone.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    controls : DataFrame
        ``seed, ranking, protocol, draw, inputs, metric``.

    Returns
    -------
    dict
        The mean by number of inputs for each ranking, as drawn. Bars are standard
        deviations, of random inputs the central 90 % of the sets.
    """
    table = select(controls, protocol="retrained")
    means = {}
    for place, ranking in enumerate(style.RANKINGS):
        metric = select(table, ranking=ranking).groupby("inputs")["metric"]
        means[ranking] = mean = metric.mean()
        ends = [metric.std()] * 2
        if ranking == "random":
            ends = [mean - metric.quantile(0.05), metric.quantile(0.95) - mean]
        axes.errorbar(
            mean.index * 1.03 ** (place - 1.5),  # beside one another
            mean,
            [end.clip(lower=0) for end in ends],
            color=style.COLOURS[ranking],
            marker="o",
            markersize=2.5,
            linewidth=0.8,
            elinewidth=0.6,
            zorder=4 if ranking == "spectral" else 3,
        )
    axes.set_xscale("log")
    axes.minorticks_off()
    counts = sorted(table["inputs"].unique())
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.set_xlim(counts[0] / 1.3, counts[-1] * 1.3)
    return means


def random_curve(axes: Axes, curve: pd.DataFrame, best: str) -> None:
    """Draw the metric of inputs drawn at random, over all draws and runs.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    curve : DataFrame
        ``seed, selection, draw, inputs, metric``.
    best : {"max", "min"}
        Which metric is the best, drawn as a thin line; mean and central 90 % are a line
        in a band.
    """
    drawn = curve[curve["selection"] == "random"].groupby("inputs")["metric"]
    colour = style.COLOURS["random"]
    _band(axes, drawn.quantile(0.05), drawn.quantile(0.95), colour)
    label = f"random (mean, 5–95 %, {drawn.size().max()} sets)"
    axes.plot(drawn.mean(), color=colour, label=label, zorder=2)
    label = "best random set"
    axes.plot(drawn.agg(best), color=colour, linewidth=0.5, label=label, zorder=2)


def _band(axes: Axes, low: pd.Series, high: pd.Series, colour: str) -> None:
    axes.fill_between(low.index, low, high, color=colour, alpha=0.3, linewidth=0)


def level(axes: Axes, height: float, meaning: str, label: str) -> None:
    """Draw the metric of a network with all inputs, or of none, across a panel.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    height : float
        The metric.
    meaning : {"all inputs", "no inputs"}
        What it is.
    label : str
        What the legend says.
    """
    axes.axhline(
        height,
        color=style.COLOURS[meaning],
        linestyle={"all inputs": "--", "no inputs": ":"}[meaning],
        linewidth=0.8,
        label=label,
        zorder=1,
    )


def wavelengths(
    grid: Sequence[Axes],
    scores: Sequence[pd.DataFrame],
    names: Sequence[str],
    colours: Sequence[str],
    data: Dataset,
    bands: pd.DataFrame,
) -> None:
    """Draw scores along the wavelengths below the mean spectrum.

    A wavelength is the paler, the fewer runs use it. The highest peaks are named, with
    the number of these runs in brackets; so are bands that are hit, which are dark, and
    those that the paper discusses.

    Parameters
    ----------
    grid : sequence of Axes
        Panels that share the axis of wavelengths: of the mean spectrum, then one for
        each of the scores.
    scores : sequence of DataFrame
        Normalised scores with a row for each run and a column for each wavelength.
    names, colours : sequence of str
        What the scores are, and the colours of their lines.
    data : Dataset
        Spectra, of which the mean is shown.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    """
    spectrum, *below = grid
    wavelength = data.features.astype(float)
    spectrum.plot(wavelength, data.x_train.mean(axis=0), color="0.35", linewidth=0.6)
    spectrum.set(ylabel="mean\nflux", yticks=[0.5, 1], ylim=(0.1, 1))
    spectrum.set_xlim(wavelength[0], wavelength[-1])
    spectrum.tick_params(bottom=False, labelbottom=False)
    spectrum.spines["bottom"].set_visible(False)
    found: set[str] = set()
    for axes, table, name, colour in zip(below, scores, names, colours, strict=True):
        _lines(axes, table, name, colour)
        hit = {band.index for band in bands.itertuples() if hits(table, band)}
        _shade(axes, bands, hit)
        found |= hit
    _shade(spectrum, bands, found)
    _name_bands(spectrum, bands, found)
    below[-1].set_xlabel("wavelength (Å)")


def hits(scores: pd.DataFrame, band: Any) -> bool:
    """Say whether a band holds a wavelength of high mean score."""
    wavelength = scores.columns.to_numpy().astype(float)
    inside = (wavelength >= band.left) & (wavelength <= band.right)
    return bool((scores.mean()[inside] >= HIT).any())


def peaks(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the highest peaks of the mean score.

    Parameters
    ----------
    scores : DataFrame
        Normalised scores with a row for each run and a column for each wavelength.

    Returns
    -------
    DataFrame
        ``wavelength, height, runs``, the highest first; `runs` is how many use it.
    """
    wavelength = scores.columns.to_numpy().astype(float)
    mean = scores.mean().to_numpy()
    used = (scores > USED).sum().to_numpy()
    found: list[tuple[float, float, int]] = []
    for place in np.argsort(-mean, kind="stable"):
        near = [abs(wavelength[place] - other) < PEAK_DISTANCE for other, *_ in found]
        if mean[place] > 0 and not any(near):
            found.append((wavelength[place], mean[place], used[place]))
        if len(found) == PEAKS:
            break
    return pd.DataFrame(found, columns=["wavelength", "height", "runs"])


def _lines(axes: Axes, scores: pd.DataFrame, name: str, colour: str) -> None:
    wavelength = scores.columns.to_numpy().astype(float)
    share = (scores > USED).mean().to_numpy()
    colours = [to_rgba(colour, 0.25 + 0.75 * each) for each in share]
    axes.vlines(wavelength, 0, scores.mean(), color=colours, linewidth=0.8)
    axes.set(
        ylabel=f"{name}\n({style.runs(len(scores), 'mean')})",
        ylim=(0, 1.65),  # above 1 stand the names of the peaks
        yticks=(0, 0.5, 1),
    )
    axes.spines["left"].set_bounds(0, 1)
    named = peaks(scores)
    for place, peak in zip(
        style.spread_out(named["wavelength"], LABEL_WIDTH),
        named.itertuples(),
        strict=True,
    ):
        axes.plot(
            [peak.wavelength, place],
            [peak.height + 0.02, 1.03],
            color="0.6",
            linewidth=0.4,
            zorder=0,
        )
        axes.text(
            place,
            1.05,
            f"{peak.wavelength:.0f} ({peak.runs:.0f})",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=5.5,
        )


def _shade(axes: Axes, bands: pd.DataFrame, hit: set[str]) -> None:
    for band in bands.itertuples(index=False):
        dark = band.index in hit
        axes.axvspan(
            band.left,
            band.right,
            color="0.8" if dark else "0.94",
            linewidth=0,
            zorder=0 if dark else -1,
        )


def _name_bands(axes: Axes, bands: pd.DataFrame, hit: set[str]) -> None:
    """Write names above the mean spectrum, in black those that the paper discusses."""
    named = bands[bands["index"].isin(hit.union(DISCUSSED))]
    middles = named.assign(
        name=[NAMES.get(index, index) for index in named["index"]],
        discussed=named["index"].isin(DISCUSSED),
        middle=(named["left"] + named["right"]) / 2,
    ).drop_duplicates("name")
    places = style.spread_out(middles["middle"], LABEL_WIDTH)
    for place, band in zip(places, middles.itertuples(), strict=True):
        axes.annotate(
            band.name,
            (place, 1),
            xytext=(0, 2),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=5.5,
            color=style.BLACK if band.discussed else "0.45",
        )


def stacked_lines(
    scores: Mapping[str, pd.DataFrame],
    names: Sequence[str],
    colours: Sequence[str],
    data: Dataset,
    bands: pd.DataFrame,
) -> Figure:
    """Return a figure of scores along the wavelengths, as :func:`wavelengths` has them.

    Parameters
    ----------
    scores : mapping
        Normalised scores for each panel, by its title.
    names, colours : sequence of str
        What the scores are, and the colours of their lines.
    data : Dataset
        Spectra, of which the mean is shown.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    """
    height = (24 + 38 * len(scores)) * style.MILLIMETRE
    figure = style.new(style.DOUBLE, height)
    ratios = (0.4, *[1] * len(scores))
    grid = figure.subplots(len(ratios), sharex=True, height_ratios=ratios)
    wavelengths(grid, list(scores.values()), names, colours, data, bands)
    for axes, title in zip(grid[1:], scores, strict=True):
        axes.set_title(title, loc="right")
    for axes, letter in zip(grid, "abcdefgh", strict=False):
        style.panel(axes, letter)
    return figure
