"""The common look of the figures, and how they are written."""

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import ScalarFormatter

from spectral_relevance.files import replacing

MILLIMETRE = 1 / 25.4
SINGLE = 88 * MILLIMETRE
"""Width of one column of the paper, in inches."""
DOUBLE = 180 * MILLIMETRE
"""Width of two columns of the paper, in inches."""

# Seaborn's palette after Okabe and Ito, told apart by people with any colour vision.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, _, GREY, _, SKY = seaborn.color_palette(
    "colorblind"
).as_hex()
BLACK = "#000000"

COLOURS = {
    "relevant": BLUE,
    "irrelevant": GREY,
    "ranked": BLUE,
    "random": ORANGE,
    "class 0": SKY,
    "class 1": VERMILION,
    "lit": VERMILION,
    "mlp": GREEN,
    "all inputs": BLACK,
    "full training": VERMILION,
    "spectral": BLUE,
    "shap": PURPLE,
    "saliency": ORANGE,
    "integrated_gradients": GREEN,
    "lrp_0": SKY,
    "lrp_epsilon": VERMILION,
    "lrp_gamma": BROWN,
    "lasso": BLACK,
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


def runs(n: int) -> str:
    """Say what a point and its error bar are, with the number of runs."""
    return f"mean ± s.d., n = {n}" if n > 1 else "n = 1"


def power_of_ten(value: float) -> str:
    """Write a number as a power of ten, with a factor where it needs one."""
    return f"${ScalarFormatter(useMathText=True).format_data(value)}$"


def save(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and as PNG; equal figures give equal bytes."""
    with matplotlib.rc_context(STYLE):
        with replacing(pdf) as temporary:
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
        with replacing(png) as temporary:
            figure.savefig(temporary, format="png", dpi=200)
