"""How fast training is, what a step is spent on, and how time and memory grow."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from spectral_relevance.figures import style
from spectral_relevance.statistics import select

SYSTEMS = {
    "this project": style.BLUE,
    "this project, one process": style.SKY,
    "plain PyTorch": style.GREEN,
    "Keras": style.ORANGE,
}
"""What was timed, and its colours."""

PARTS = (
    style.BLUE,
    style.SKY,
    style.GREEN,
    style.ORANGE,
    style.BROWN,
    style.GREY,
)
"""Colours of the parts of a step."""

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
        ``workflow/benchmark/benchmark.py`` writes them.

    Returns
    -------
    Figure
        a, the time of a step of one replica; b, what a step is spent on, and the share
        of it that its matrix products take at their fastest; c to f, time and memory of
        one process against the number of replicas, inputs, hidden units and examples.
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
    grid[0, 0].set_ylabel("ms per replica\nand step")
    grid[1, 0].set_ylabel("memory [MiB]")
    style.panel(times, "a", left=26)
    style.panel(parts, "b", left=50)
    return figure


def _times(axes: Axes, table: pd.DataFrame) -> None:
    measured = [system for system in SYSTEMS if system in set(table["system"])]
    width = 0.8 / len(measured)
    for place, system in enumerate(measured):
        rows = select(table, system=system).set_index(["quantity", "network"])
        time = rows.loc["time"].loc[list(NETWORKS)]
        ratio = rows.loc["relative to ours"].loc[list(NETWORKS), "value"]
        x = [i + (place - (len(measured) - 1) / 2) * width for i in range(len(time))]
        axes.bar(
            x,
            time["value"],
            width * 0.92,
            yerr=time["spread"],
            color=SYSTEMS[system],
            error_kw={"elinewidth": 0.8},
            label=system,
        )
        if system in ("plain PyTorch", "Keras"):
            top = time["value"] + time["spread"].fillna(0)
            for where, height, times in zip(x, top, ratio, strict=True):
                axes.annotate(
                    f"{times:.1f}×",
                    (where, height),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=6,
                )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.set_xticks(range(len(NETWORKS)), NETWORKS.values())
    axes.tick_params(axis="x", length=0)
    n = int(table["n"].max())
    axes.set_ylabel(
        "ms per replica and step\n" + (f"(median, n = {n})" if n > 1 else "(n = 1)")
    )
    axes.margins(y=0.15)
    axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def _parts(axes: Axes, table: pd.DataFrame) -> None:
    profile = select(table, part="profile")
    shares = profile.pivot(index="network", columns="quantity", values="value")
    shares = shares.loc[list(NETWORKS), list(dict.fromkeys(profile["quantity"]))]
    left = pd.Series(0.0, shares.index)
    for colour, (name, share) in zip(PARTS, shares.items(), strict=True):
        axes.barh(range(len(share)), share, 0.62, left, color=colour, label=name)
        left += share
    peak = select(table, part="products", quantity="share of the peak")
    peak = peak.set_index("network")["value"].loc[list(NETWORKS)]
    axes.plot(
        peak,
        range(len(peak)),
        "D",
        color="white",
        markeredgecolor="black",
        markeredgewidth=0.7,
        label="products at their fastest",
    )
    axes.set_yticks(range(len(NETWORKS)), NETWORKS.values())
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of a step")
    axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(-0.3, 1), borderaxespad=0.2)


def _growth(column: list[Axes], table: pd.DataFrame) -> None:
    for axes, quantity in zip(column, ("time", "memory"), strict=True):
        rows = select(table, quantity=quantity)
        axes.plot(rows["size"], rows["value"], "o-", color=style.BLUE)
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(rows["size"].unique())
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
