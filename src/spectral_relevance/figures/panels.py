"""Panels that more than one figure has."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spectral_relevance.figures import style
from spectral_relevance.statistics import ranked_matrix

BINS = np.linspace(0, 1, 41)


def histogram(axes: Axes, scores: pd.DataFrame, name: str) -> None:
    """Draw how many inputs have which normalised eigenvalue, on a logarithmic axis.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    scores : DataFrame
        Normalised scores with a row for each run.
    name : str
        What the inputs are, in the plural.
    """
    counts = pd.DataFrame([np.histogram(row, BINS)[0] for row in scores.to_numpy()])
    mean, spread = style.over_runs(counts)
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
        ylim=(0.7 / len(scores), 2 * mean.max()),
    )


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
