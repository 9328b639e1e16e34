"""How fast training is, what a step is spent on, and how time and memory grow."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, PercentFormatter

from spectral_relevance.replication.figures import style
from spectral_relevance.replication.tables import (
    select,
)

SYSTEMS = {
    "this project": style.BLUE,
    "this project, one process": style.SKY,
    "before": style.GREY,
    "plain PyTorch": style.GREEN,
    "Keras": style.ORANGE,
}
"""What was timed, and its colours."""

SIDES = {"plain PyTorch": (-5, "right"), "Keras": (5, "left")}
"""Whose ratios are written, and where: beside the point, away from the other one."""

PARTS = {
    "matrix products": style.BLUE,
    "Adam and what is fused with it": style.GREEN,
    "gathering of batches": style.ORANGE,
    "other kernels": style.SKY,
    "entering compiled code": style.PURPLE,
    "dropout masks": style.BROWN,
    "the rest": style.GREY,
}
"""What a step is spent on, and its colours."""

FLOORS = {
    "share of the peak": ("D", "products at their fastest"),
    "share of the attainable": ("o", "attainable"),
}
"""What a step cannot do without, its marks and how they are called."""

NETWORKS = {
    "independent": "independent",
    "correlated": "correlated",
    "mnist_01": "MNIST 0/1",
    "stellar": "stellar",
}
"""How the networks are written."""


@style.styled
def benchmark(*, table: pd.DataFrame) -> Figure:
    """Draw times, the parts of a step, and how time and memory grow.

    Parameters
    ----------
    table : DataFrame
        ``part, network, system, quantity, value, spread, varied, size`` as
        ``speed/benchmark.py`` writes them.

    Returns
    -------
    Figure
        a, the time of a step of one replica; b, what a step is spent on, and the share
        of it that its matrix products take at their fastest, and these in the order of
        a step with the moving of all other arrays; c to f, time of an epoch per run and
        memory of one process against the number of runs, inputs, hidden units and
        examples.
    """
    figure = style.new(style.DOUBLE, 128 * style.MILLIMETRE)
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.15))
    times, parts = above.subplots(1, 2, width_ratios=(1.25, 1))
    _times(times, select(table, part="speed"))
    _parts(parts, table)
    growth = select(table, part="growth")
    varied = growth["varied"].unique()
    grid = below.subplots(2, len(varied), sharex="col", sharey="row")
    for column, name, letter in zip(grid.T, varied, "cdef", strict=True):
        _growth(column, select(growth, varied=name))
        column[1].set_xlabel(name)
        style.panel(column[0], letter, left=26 if letter == "c" else 10)
    grid[0, 0].set_ylabel("ms per run\nand epoch")
    grid[1, 0].set_ylabel("memory (MiB)")
    style.panel(times, "a", left=26)
    style.panel(parts, "b", left=50)
    return figure


def _times(axes: Axes, table: pd.DataFrame) -> None:
    measured = [system for system in SYSTEMS if system in set(table["system"])]
    for place, system in enumerate(measured):
        rows = select(table, system=system).set_index(["quantity", "network"])
        time = rows.loc["time"].loc[list(NETWORKS)]
        ratios = rows.loc["relative to ours"].loc[list(NETWORKS), "value"]
        x = np.arange(len(time)) + (place - (len(measured) - 1) / 2) * 0.18
        axes.errorbar(
            x,
            time["value"],
            time["spread"],
            fmt="o",
            color=SYSTEMS[system],
            elinewidth=0.8,
            label=system,
        )
        if system in SIDES:
            offset, alignment = SIDES[system]
            for where, value, ratio in zip(x, time["value"], ratios, strict=True):
                axes.annotate(
                    f"{ratio:.1f}×",
                    (where, value),
                    xytext=(offset, 0),
                    textcoords="offset points",
                    ha=alignment,
                    va="center",
                    fontsize=6,
                    path_effects=style.HALO,
                )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xticks(range(len(NETWORKS)), NETWORKS.values())
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(NETWORKS) - 0.5)
    axes.margins(y=0.12)
    n = int(select(table, quantity="time")["n"].max())
    axes.set_ylabel(
        "ms per replica and step\n" + (f"(median of {n})" if n > 1 else "(one)")
    )
    axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def _parts(axes: Axes, table: pd.DataFrame) -> None:
    profile = select(table, part="profile")
    shares = profile.pivot(index="network", columns="quantity", values="value")
    shares = shares.loc[list(NETWORKS)]
    left = pd.Series(0.0, shares.index)
    for name in profile["quantity"].unique():
        look = {"color": PARTS[name], "label": name}
        axes.barh(range(len(shares)), shares[name], 0.62, left, **look)
        left += shares[name]
    for quantity, (marker, label) in FLOORS.items():
        floor = select(table, part="products", quantity=quantity)
        axes.plot(
            floor.set_index("network")["value"].loc[list(NETWORKS)],
            range(len(NETWORKS)),
            marker,
            color="white",
            markeredgecolor="black",
            markeredgewidth=0.7,
            label=label,
        )
    axes.set_yticks(range(len(NETWORKS)), NETWORKS.values())
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of a step")
    axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(-0.08, 1), borderaxespad=0.2)


def _growth(column: Sequence[Axes], table: pd.DataFrame) -> None:
    for axes, quantity in zip(column, ("time", "memory"), strict=True):
        rows = table[table["quantity"] == quantity]
        axes.plot(rows["size"], rows["value"], "o-", color=style.BLUE)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    column[1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
