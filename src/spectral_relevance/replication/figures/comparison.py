"""The eigenvalues beside the scores of other methods (Fig. 12 to 14 and 19)."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import panels, style
from spectral_relevance.replication.measures import (
    auroc,
    detection,
    over_seeds,
    pearson_by_seed,
    shares_above,
    time_exponents,
)
from spectral_relevance.replication.tables import (
    normalised,
    score_matrix,
    select,
    truth_of,
)

FOUND = 0.05
"""The same for one that counts as found, in appendix C."""

ACCURATE = 0.99
"""Accuracy on 0/1 below which a network shows nothing about what telling them needs."""

BESIDE = 1.12
"""Factor between the places of two methods with the same number of examples."""

COMPARED = ("spectral", "saliency", "integrated_gradients", "shap")
"""The methods of appendix C."""


@style.styled
def shap_on_mnist(*, comparison: pd.DataFrame) -> Figure:
    """Draw eigenvalues and SHAP of the same networks, and the time that they take.

    Parameters
    ----------
    comparison : DataFrame
        ``variant, seed, method, examples, feature, score, seconds`` of the pixels, with
        the methods ``spectral`` and ``shap``; SHAP for several numbers of examples.

    Returns
    -------
    Figure
        a and b, maps of the scores, those of SHAP for the largest number of examples;
        c, the two against one another; d, the time against the number of examples.
    """
    eigenvalues = select(comparison, method="spectral")
    shap = select(comparison, method="shap", examples="largest")
    scores = [normalised(score_matrix(table)) for table in (eigenvalues, shap)]
    figure = style.new(style.DOUBLE * 0.85, 122 * style.MILLIMETRE)
    (spectral_map, shap_map), (scatter, times) = figure.subplots(2, 2)
    titles = (
        "spectral: eigenvalues",
        f"SHAP: mean of {_examples(shap)} test images",
    )
    largest = max(score.mean().max() for score in scores)
    for axes, score, title in zip(
        (spectral_map, shap_map), scores, titles, strict=True
    ):
        image = panels.pixel_map(axes, score.mean(), vmax=largest)
        axes.set_title(title)
    bar = figure.colorbar(image, ax=(spectral_map, shap_map), shrink=0.95)
    bar.set_label(f"{style.SCORE} ({style.runs(len(scores[0]), 'mean')})")
    _scatter(scatter, *scores)
    panels.print_pearson(scatter, over_seeds(pearson_by_seed(eigenvalues, shap)))
    _times(times, eigenvalues, select(comparison, method="shap"))
    for axes, letter in zip(
        (spectral_map, shap_map, scatter, times), "abcd", strict=True
    ):
        style.panel(axes, letter)
    return figure


@style.styled
def sparsity(
    *,
    mlp: pd.DataFrame,
    mlp_performance: pd.DataFrame,
    l1: pd.DataFrame,
    l1_performance: pd.DataFrame,
    paper: pd.DataFrame,
    paper_performance: pd.DataFrame,
) -> Figure:
    """Draw how many pixels standard and spectral networks use.

    Runs that do not tell the digits are left out, and named.

    Parameters
    ----------
    mlp : DataFrame
        ``variant, seed, method, examples, feature, score`` of standard networks, whose
        variants are ``plain`` and ``penalised``, with the method ``shap``.
    l1 : DataFrame
        ``variant, seed, feature, score`` of spectral networks, whose variant ``l1`` has
        an L1 penalty.
    paper : DataFrame
        ``variant, seed, feature, score`` of the spectral networks with the penalty of
        the paper.
    mlp_performance, l1_performance, paper_performance : DataFrame
        ``variant, seed, metric`` of the same; the accuracy.

    Returns
    -------
    Figure
        a to c, maps of the scores of one run; d, the share of pixels that are used.
    """
    shap = select(mlp, method="shap", examples="largest")
    groups = {
        "SHAP, standard MLP": (shap, mlp_performance, "plain"),
        "SHAP, penalised MLP": (shap, mlp_performance, "penalised"),
        "spectral, L2": (paper, paper_performance, "base"),
        "spectral, L1": (l1, l1_performance, "l1"),
    }
    tables, left_out = {}, {}
    for name, (table, performance, variant) in groups.items():
        tables[name], left_out[name] = _accurate(
            select(table, variant=variant), select(performance, variant=variant)
        )
    shown = [name for name in tables if name != "spectral, L2"]
    figure = style.new(style.DOUBLE, 94 * style.MILLIMETRE)
    above, below = figure.subfigures(2, height_ratios=(1.7, 1))
    grid = above.subplots(1, len(shown))
    colours = colormaps["viridis"].with_extremes(under="white", bad="white")
    for axes, letter, name in zip(grid, "abc", shown, strict=True):
        scores = normalised(score_matrix(tables[name]))
        image = panels.pixel_map(
            axes, scores.iloc[0], cmap=colours, vmin=None, norm=LogNorm(panels.USED, 1)
        )
        axes.set_title(f"{name} (seed {scores.index[0]})")
        style.panel(axes, letter)
    bar = above.colorbar(image, ax=grid, extend="min")
    bar.set_label(f"{style.SCORE} (one run)")
    bars = below.subplots()
    _shares(bars, tables, left_out)
    style.panel(bars, "d")
    return figure


@style.styled
def stellar_methods(
    *, comparison: pd.DataFrame, bands: pd.DataFrame, data: Datasets
) -> Figure:
    """Draw which wavelengths three methods find, and how long they take.

    Parameters
    ----------
    comparison : DataFrame
        ``variant, seed, method, examples, feature, score, seconds`` of the wavelengths,
        with the methods ``spectral``, ``saliency`` and ``integrated_gradients``.
    bands : DataFrame
        ``index, left, right`` in Å of the known line indices.
    data : Datasets
        Spectra, of which the mean is shown.

    Returns
    -------
    Figure
        a, the mean spectrum; b to d, the scores along the wavelengths, those of
        saliency and integrated gradients for the largest number of examples.
    """
    eigenvalues = select(comparison, method="spectral")
    scores = {f"spectral: {_duration(eigenvalues)}": eigenvalues}
    methods = ("spectral", "saliency", "integrated_gradients")
    for method in methods[1:]:
        table = select(comparison, method=method, examples="largest")
        agreement = panels.correlation(over_seeds(pearson_by_seed(eigenvalues, table)))
        title = (
            f"{style.METHODS[method]}: {_duration(table)} for {_examples(table)} "
            f"spectra; Pearson {agreement} with the eigenvalues"
        )
        scores[title] = table
    return panels.stacked_lines(
        {title: normalised(score_matrix(table)) for title, table in scores.items()},
        [style.RELATIVE, *[style.SCORE] * len(methods[1:])],
        [style.COLOURS[method] for method in methods],
        data.first,
        bands,
    )


@style.styled
def methods_compared(*, comparison: pd.DataFrame) -> Figure:
    """Draw how well and how fast methods tell relevant features from the others.

    Parameters
    ----------
    comparison : DataFrame
        ``variant, seed, method, examples, feature, truth, score, seconds`` of the
        variants ``spectral`` and ``mlp``.

    Returns
    -------
    Figure
        Against the number of examples averaged, all methods on the spectral network
        (left) and the others on the standard one (right): a and b, accuracy of the
        detection; c and d, time; e and f, area under the receiver's curve.
    """
    keys = ["variant", "method", "examples", "seed"]
    compared = comparison[comparison["method"].isin(COMPARED)]
    runs = pd.DataFrame(
        [
            {
                **dict(zip(keys, key, strict=True)),
                "accuracy": detection(run["score"], run["truth"], FOUND),
                "seconds": run["seconds"].iloc[0],
                "auroc": auroc(run["score"], run["truth"]),
            }
            for key, run in compared.groupby(keys)
        ]
    )
    irrelevant = 1 - (truth_of(comparison) > 0).mean()
    figure = style.new(style.DOUBLE, 140 * style.MILLIMETRE)
    grid = figure.subplots(3, 2, sharex=True, sharey="row")
    for axes, letter in zip(grid.flat, "abcdef", strict=True):
        style.panel(axes, letter, left=28 if letter in "ace" else 8)
    titles = {
        "spectral": "all on the spectral network",
        "mlp": "the others on a standard network",
    }
    for column, (variant, title) in zip(grid.T, titles.items(), strict=True):
        for axes, quantity in zip(
            column, ("accuracy", "seconds", "auroc"), strict=True
        ):
            _against_examples(axes, runs, variant, quantity)
        accuracy, time, area = column
        accuracy.axhline(irrelevant, color="0.6", linewidth=0.8, linestyle=":")
        area.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
        accuracy.set_title(title)
        time.set_yscale("log")
        area.set(xscale="log", xlabel="number of examples averaged")
    grid[0, 0].set_ylabel("accuracy of detection (%)")
    grid[0, 0].yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    grid[1, 0].set_ylabel("computing time (s)")
    grid[2, 0].set_ylabel("area under ROC curve")
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(COMPARED),
        title=style.runs(runs["seed"].nunique(), "mean and range"),
    )
    return figure


def _scatter(axes: Axes, eigenvalues: pd.DataFrame, other: pd.DataFrame) -> None:
    """Draw normalised SHAP values against normalised eigenvalues."""
    (x, x_spread), (y, y_spread) = map(style.over_runs, (eigenvalues, other))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.6, zorder=0)
    axes.errorbar(
        x,
        y,
        y_spread,
        x_spread,
        linestyle="none",
        marker="o",
        markersize=2,
        color=style.BLACK,
        ecolor="0.85",
        elinewidth=0.4,
        capsize=0,
    )
    axes.set(
        xlabel=style.RELATIVE,
        ylabel=f"SHAP / largest\n({style.runs(len(eigenvalues))})",
    )


def _times(axes: Axes, eigenvalues: pd.DataFrame, shap: pd.DataFrame) -> None:
    """Draw the time of SHAP against the number of examples, above the spectral one."""
    seconds = _seconds(shap)
    exponent = over_seeds(time_exponents(shap))
    spread = rf" \pm {exponent.spread:.2f}" if exponent.n > 1 else ""
    colour = style.COLOURS["shap"]
    axes.plot(
        seconds.T, "o", color=colour, alpha=0.4, markersize=2.5, markeredgewidth=0
    )
    measured = style.runs(len(seconds), "median and each")
    label = rf"SHAP: $\propto E^{{{exponent.value:.2f}{spread}}}$"
    axes.plot(seconds.median(), color=colour, label=label)
    fastest = _seconds(eigenvalues)
    level = fastest.median().item()
    axes.axhspan(
        fastest.min().item(),
        fastest.max().item(),
        color=style.COLOURS["spectral"],
        alpha=0.25,
        linewidth=0,
    )
    axes.axhline(
        level,
        color=style.COLOURS["spectral"],
        label=f"spectral: {_duration(eigenvalues)}",
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="number of test images $E$",
        ylabel=f"time for all pixels (s)\n({measured})",
    )
    axes.legend(loc="center left", bbox_to_anchor=(0, 0.4))


def _accurate(
    table: pd.DataFrame, performance: pd.DataFrame
) -> tuple[pd.DataFrame, str]:
    """Return the scores of the runs that tell the digits, and words on the others."""
    good = set(performance.loc[performance["metric"] >= ACCURATE, "seed"])
    others = sorted(set(table["seed"]) - good)
    limit = f"accuracy below {100 * ACCURATE:g} %"
    if not others:
        return table, ""
    if not good:
        return table, f"; {limit} in all"
    few = "seed" if len(others) == 1 else "seeds"
    named = ", ".join(map(str, others))
    return table[table["seed"].isin(good)], f"; without {few} {named}: {limit}"


def _shares(
    axes: Axes, tables: dict[str, pd.DataFrame], left_out: dict[str, str]
) -> None:
    """Draw the share of inputs above the threshold for several tables of scores."""
    for place, (name, table) in enumerate(tables.items()):
        share = over_seeds(shares_above(table, panels.USED))
        percent, spread = 100 * share.value, 100 * share.spread
        axes.barh(place, percent, color=style.COLOURS[name.split(",")[0].lower()])
        axes.errorbar(percent, place, xerr=spread, color=style.BLACK, elinewidth=0.8)
        axes.annotate(
            f"{percent:.1f} % ({style.runs(share.n)}{left_out[name]})",
            (percent + np.nan_to_num(spread), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(tables)), tables)
    axes.invert_yaxis()
    axes.set(
        xlabel=f"pixels above {100 * panels.USED:g} % of the largest score (%)",
        xlim=(0, 100),
    )


def _seconds(table: pd.DataFrame) -> pd.DataFrame:
    """Return times: a row for each seed, a column for each number of examples."""
    return table.pivot_table("seconds", index="seed", columns="examples")


def _duration(table: pd.DataFrame) -> str:
    """Return the median time over the runs with its unit, to two digits."""
    seconds = _seconds(table).median().item()
    return EngFormatter("s")(float(f"{seconds:.2g}"))


def _examples(table: pd.DataFrame) -> str:
    """Return the number of examples that a table was made from."""
    return f"{table['examples'].max():,}"


def _against_examples(
    axes: Axes, runs: pd.DataFrame, variant: str, quantity: str
) -> None:
    for place, method in enumerate(COMPARED):
        # No examples enter the eigenvalues, and the standard network has none.
        alone = method == "spectral"
        part = select(runs, variant="spectral" if alone else variant, method=method)
        values = part.pivot(index="seed", columns="examples", values=quantity)
        mean, low, high = values.mean(), values.min(), values.max()
        look = {"color": style.COLOURS[method], "label": style.METHODS[method]}
        if alone:
            axes.axhspan(
                low.item(), high.item(), color=look["color"], alpha=0.25, linewidth=0
            )
            axes.axhline(mean.item(), **look)
        else:
            # Beside one another, as most of them coincide.
            beside = mean.index * BESIDE ** (place - 2)
            # A mean of equal values may lie beyond them by rounding.
            ends = ((mean - low).clip(lower=0), (high - mean).clip(lower=0))
            axes.errorbar(beside, mean, ends, marker="o", elinewidth=0.8, **look)
