"""The common look of the figures, and how they are written."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import ScalarFormatter
from scipy.optimize import isotonic_regression

from spectral_relevance.files import replacing

MILLIMETRE = 1 / 25.4
SINGLE = 88 * MILLIMETRE
"""Width of one column of the paper, in inches."""
DOUBLE = 180 * MILLIMETRE
"""Width of two columns of the paper, in inches."""

# Seaborn's palette after Okabe and Ito and, as that has too few, Paul Tol's muted one;
# both are told apart by people with any colour vision.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, _, GREY, _, SKY = seaborn.color_palette(
    "colorblind"
).as_hex()
WINE, OLIVE, TEAL, INDIGO = "#882255", "#999933", "#44AA99", "#332288"
BLACK = "#000000"

COLOURS = {
    # Methods and rankings; a standard network is ranked by the norms of its columns.
    "spectral": BLUE,
    "mlp": WINE,
    "norms": WINE,
    "univariate": OLIVE,
    "random": GREY,
    "shap": PURPLE,
    "saliency": ORANGE,
    "integrated_gradients": GREEN,
    "lrp_0": TEAL,
    "lrp_epsilon": BROWN,
    "lrp_gamma": INDIGO,
    "lasso": BLACK,
    # What is ranked by them.
    "relevant": BLUE,
    "irrelevant": GREY,
    "class 0": SKY,
    "class 1": VERMILION,
    # What is compared with.
    "all inputs": BLACK,
    "no inputs": "0.45",
    "full training": BLACK,
}
"""One colour for each meaning, the same in all figures."""

METHODS = {
    "spectral": "spectral",
    "shap": "SHAP",
    "saliency": "saliency",
    "integrated_gradients": "integrated gradients",
    "lrp_0": "LRP-0",
    "lrp_epsilon": "LRP-ε",
    "lrp_gamma": "LRP-γ",
    "lasso": "lasso",
}
"""How the methods are written."""

RANKINGS = {
    "spectral": "by eigenvalue",
    "norms": "by the norms of an MLP",
    "univariate": "by a univariate score",
    "random": "random",
}
"""How it is written what inputs are chosen by."""

EIGENVALUE = r"eigenvalue $|\tilde\lambda_j|$"
"""How the relevance that the spectral method gives is written."""

RELATIVE = "eigenvalue / largest"
"""The same, divided by the largest of its run."""

SCORE = "score / largest"
"""The relevance that any method gives, divided by the largest of its run."""

STYLE: dict[str, Any] = {
    # The one font that comes with matplotlib, so that every machine draws the same.
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 3,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.5,
    "pdf.fonttype": 42,
    "image.interpolation": "nearest",
}

HALO = [withStroke(linewidth=2, foreground="white")]
"""Path effects of a text that stands on top of lines or areas."""

styled = matplotlib.rc_context(STYLE)
"""Decorator of functions that draw: the style holds inside them, nowhere else."""


def new(width: float, height: float) -> Figure:
    """Return an empty figure of the given size in inches, unknown to pyplot."""
    return Figure(figsize=(width, height), layout="constrained")


def panel(axes: Axes, letter: str, left: float = 24) -> None:
    """Write the bold letter of a panel outside its top left corner.

    Parameters
    ----------
    axes : Axes
        The panel.
    letter : str
        Its letter.
    left : float
        Distance from the left edge of the panel, in points.
    """
    axes.annotate(
        letter,
        (0, 1),
        xytext=(-left, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
        fontweight="bold",
    )


def over_runs(values: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return mean and standard deviation (n − 1) over the rows; NaN for a single row.

    What is drawn from a NaN is empty, so that one run has no error bars.
    """
    return values.mean(), values.std(ddof=1)


def runs(n: int, what: str = "mean ± s.d.") -> str:
    """Say what a point and its error bar are, with the number of runs."""
    return f"{what}, {n} runs" if n > 1 else "1 run"


def upwards(spread: pd.Series) -> list[pd.Series]:
    """Return error bars that point upwards only.

    Downwards they would run through the floor of a logarithmic axis wherever the
    standard deviation exceeds the mean.
    """
    return [0 * spread, spread]


def spread_out(places: Sequence[float], distance: float) -> np.ndarray:
    """Move places apart, as little as it takes, until no two of them are too close.

    Parameters
    ----------
    places : sequence of float
        Where labels would stand, in any order.
    distance : float
        What two of them need at least.

    Returns
    -------
    ndarray
        Where they stand, in the order of `places`.
    """
    order = np.argsort(places, kind="stable")
    # Less the distances that labels need, places only have to be in order: the nearest
    # such sequence pools neighbours that are not, and each pool lies at its mean.
    rank = np.arange(len(order)) * distance
    pooled = isotonic_regression(np.asarray(places, dtype=float)[order] - rank).x
    moved = np.empty(len(order))
    moved[order] = pooled + rank
    return moved


def power_of_ten(value: float) -> str:
    """Write a number as a power of ten, with a factor where it needs one."""
    return f"${ScalarFormatter(useMathText=True).format_data(value)}$"


def save(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and as PNG; equal figures give equal bytes."""
    # It tells of every glyph that goes into a PDF.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    with matplotlib.rc_context(STYLE):
        with replacing(pdf) as temporary:
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
        with replacing(png) as temporary:
            figure.savefig(temporary, format="png", dpi=200)
