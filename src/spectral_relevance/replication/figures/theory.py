"""The eigenvalues in layer-wise propagation and as a group lasso (Fig. S2 and S3)."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from spectral_relevance.replication.figures import style
from spectral_relevance.replication.tables import (
    score_matrix,
    select,
)

CASES = {"positive": r"all $\lambda_j \geq 0$", "negative": r"some $\lambda_j < 0$"}
"""The signs of the eigenvalues, and how they are written."""

LEVELS = {"local": "o", "global": "D"}
"""Relevance for one example or averaged over examples, and the markers of the two."""

GROUP_LASSO = "group_lasso"
"""The variant whose penalty is the explicit group lasso."""


@style.styled
def lrp_factorisation(*, lrp: pd.DataFrame) -> Figure:
    """Draw relevances by layer-wise propagation against λ_j times the remainder.

    Parameters
    ----------
    lrp : DataFrame
        ``seed, case, rule, level, feature, eigenvalue, measured, predicted``; the
        prediction is λ_j times the expression without λ_j (eq. 5 to 7).

    Returns
    -------
    Figure
        Above, with eigenvalues that are not negative, the measured relevance; below,
        where some are negative, what it exceeds the prediction by. A column for each
        rule; the points are those of the first run.
    """
    rules = lrp["rule"].unique()
    figure = style.new(style.DOUBLE, 128 * style.MILLIMETRE)
    grid = figure.subplots(len(CASES), len(rules), sharex=True, sharey="row")
    for row, (case, signs) in zip(grid, CASES.items(), strict=True):
        for axes, rule in zip(row, rules, strict=True):
            _against_prediction(axes, select(lrp, case=case, rule=rule))
            axes.set_title(f"{style.METHODS[rule]}, {signs}")
    bottom, top = grid[1, 0].get_ylim()
    grid[1, 0].set_ylim(bottom, top + 0.35 * (top - bottom))  # room for the numbers
    grid[0, 0].set_ylabel("measured relevance\n/ largest predicted")
    grid[1, 0].set_ylabel("measured − predicted\n/ largest predicted")
    for axes in grid[-1]:
        axes.set_xlabel(r"predicted, $\lambda_j$ × remainder / largest")
    for axes, letter in zip(grid.flat, "abcdef", strict=True):
        style.panel(axes, letter, left=28 if letter in "ad" else 20)
    _signs_and_levels(figure)
    return figure


def _against_prediction(axes: Axes, table: pd.DataFrame) -> None:
    colour = style.COLOURS[table["rule"].iloc[0]]
    difference = table["case"].iloc[0] == "negative"
    number = table["seed"].nunique()
    lines = [f"largest deviation ({number} run{'s' * (number > 1)})"]
    for level, marker in LEVELS.items():
        part = select(table, level=level)
        magnitudes = part["predicted"].abs().groupby(part["seed"])
        unit = magnitudes.transform("max")
        deviation = (part["measured"] - part["predicted"]) / unit
        lines.append(f"{level}: {deviation.abs().max():.1e}")
        drawn = deviation if difference else part["measured"] / unit
        run = part["seed"] == part["seed"].iloc[0]
        negative = part["eigenvalue"] < 0
        for chosen, face in ((run & ~negative, colour), (run & negative, "white")):
            axes.plot(
                (part["predicted"] / unit)[chosen],
                drawn[chosen],
                marker,
                color=colour,
                markerfacecolor=face,
                markersize=2.5,
                markeredgewidth=0.6,
            )
    axes.axline(
        (0, 0), slope=0 if difference else 1, color="0.6", linewidth=0.6, zorder=0
    )
    axes.text(
        0.04,
        0.97,
        "\n".join(lines),
        transform=axes.transAxes,
        va="top",
        path_effects=style.HALO,
    )


def _signs_and_levels(figure: Figure) -> None:
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            color="0.3",
            markerfacecolor="white" if sign == "<" else "0.3",
            markeredgewidth=0.7,
            label=rf"{level}, $\lambda_j {sign} 0$",
        )
        for level, marker in LEVELS.items()
        for sign in (r"\geq", "<")
    ]
    handles.append(Line2D([], [], color="0.6", linewidth=0.6, label="equality"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


@style.styled
def group_lasso(*, relevance: pd.DataFrame, performance: pd.DataFrame) -> Figure:
    """Draw column norms under the spectral penalty and under the group lasso.

    Parameters
    ----------
    relevance : DataFrame
        ``variant, seed, feature, score``; the score is the norm of the weights that
        leave the input.
    performance : DataFrame
        ``variant, seed, loss, regularisation.eigenvalues,
        regularisation.eigenvectors, regularisation.kernel``.

    Returns
    -------
    Figure
        a, the norm of each feature for each variant; b, the spectral variants against
        the group lasso; c, the test loss.
    """
    settings = performance.groupby("variant")[
        ["regularisation.eigenvalues", "regularisation.kernel"]
    ].first()
    penalties = settings["regularisation.eigenvalues"].drop(GROUP_LASSO).sort_values()
    strength = settings["regularisation.kernel"][GROUP_LASSO]
    labels = {
        name: f"$a$ = {style.power_of_ten(value)}" for name, value in penalties.items()
    }
    labels[GROUP_LASSO] = f"group lasso,\n{style.power_of_ten(strength)}"
    colours = [
        *colormaps["viridis"](np.linspace(0, 0.92, len(penalties))),
        style.BLACK,
    ]
    norms = {name: score_matrix(select(relevance, variant=name)) for name in labels}
    n = relevance["seed"].nunique()
    figure = style.new(style.DOUBLE, 62 * style.MILLIMETRE)
    grid = figure.subplots(1, 3, width_ratios=(1.7, 1.2, 1))
    reference, uncertainty = style.over_runs(norms[GROUP_LASSO])
    position = np.arange(1, len(reference) + 1)
    shifts = np.linspace(-0.3, 0.3, len(labels))
    deviations = []
    for place, (name, colour) in enumerate(zip(labels, colours, strict=True)):
        explicit = name == GROUP_LASSO
        look = {
            "color": colour,
            "marker": "D" if explicit else "o",
            "markersize": 2.5,
            "linestyle": "none",
            "elinewidth": 0.8,
        }
        mean, spread = style.over_runs(norms[name])
        grid[0].errorbar(position + shifts[place], mean, spread, **look)
        if not explicit:
            grid[1].errorbar(reference, mean, spread, uncertainty, **look)
            deviations.append((mean - reference).abs().max() / reference.max())
        loss = select(performance, variant=name)["loss"]
        grid[2].errorbar(loss.mean(), place, xerr=loss.std(), **look)
    grid[1].axline((0, 0), slope=1, color="0.6", linewidth=0.6, zorder=0)
    grid[1].text(
        0.04,
        0.97,
        f"largest deviation:\n{100 * max(deviations):.2g} % of the largest norm",
        transform=grid[1].transAxes,
        va="top",
        path_effects=style.HALO,
    )
    step = max(1, len(position) // 5)
    grid[0].set_xticks(position[::step], reference.index[::step])
    grid[0].set(xlabel="feature", ylabel=f"norm of the weights\n({style.runs(n)})")
    grid[1].set(xlabel="norm, group lasso", ylabel="norm, spectral penalty")
    grid[2].set_xlabel(f"test loss\n({style.runs(n)})")
    grid[2].set_yticks(range(len(labels)), labels.values())
    grid[2].invert_yaxis()
    grid[2].margins(y=0.15)
    for axes, letter, left in zip(grid, "abc", (26, 22, 50), strict=True):
        style.panel(axes, letter, left)
    return figure
