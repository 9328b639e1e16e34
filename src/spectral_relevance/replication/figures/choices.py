"""Settings that the paper leaves open (Fig. S4)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import panels, style
from spectral_relevance.replication.measures import detection, shares_above
from spectral_relevance.replication.stability import jaccard, jaccard_by_chance
from spectral_relevance.replication.tables import select

TOP_59 = 14
"""Pixels that suffice to tell fives from nines, as the paper says."""

ACCURATE = 0.99
"""Accuracy on 0/1 below which a network is no example of what the paper trains."""

PROTOCOLS = {
    "masked": ("o", "white", "others set to 0"),
    "reestimated": ("D", "white", "the same, re-estimated"),
    "retrained": ("s", None, "new models"),
}
"""How few inputs are judged: marker, its face (None: filled), and the words for it."""

NORMS = {"l1": style.INDIGO, "l2": style.TEAL, "group_lasso": style.BROWN}
"""Colours of the penalties of a standard network."""

WRITTEN = {"l1": "L1", "l2": "L2", "group_lasso": "group lasso"}
"""How they are written."""

BELOW: dict[str, Any] = {
    "loc": "upper center",
    "bbox_to_anchor": (0.45, -0.27),
    "ncols": 2,
    "columnspacing": 1,
    "fontsize": 6,
}
"""Where the legend of a panel stands."""

THRESHOLDS = np.geomspace(0.005, 0.5, 41)
"""Shares of the largest score above which an input counts as found."""


@style.styled
def open_settings(
    *,
    fives: pd.DataFrame,
    fives_settings: pd.DataFrame,
    l1_performance: pd.DataFrame,
    l1_relevance: pd.DataFrame,
    regimes_performance: pd.DataFrame,
    regimes_relevance: pd.DataFrame,
    mlp_performance: pd.DataFrame,
    mlp: pd.DataFrame,
    penalties_performance: pd.DataFrame,
    penalties: pd.DataFrame,
    detected: pd.DataFrame,
    zeros: pd.DataFrame,
    stars: pd.DataFrame,
    fives_relevance: pd.DataFrame,
    images: Datasets,
) -> Figure:
    """Draw what becomes of claims under other settings than ours.

    Parameters
    ----------
    fives, fives_settings : DataFrame
        ``variant, seed, ranking, protocol, draw, inputs, metric`` of 5 against 9.
    l1_performance, regimes_performance : DataFrame
        ``variant, seed, metric, metric_reestimated, regularisation.eigenvalues,
        regularisation.eigenvectors`` on 0/1; of the second the variant ``l1``.
    l1_relevance, regimes_relevance : DataFrame
        ``variant, seed, feature, score`` of the same.
    mlp_performance, penalties_performance : DataFrame
        ``variant, seed, metric, regularisation.norm, regularisation.kernel`` of
        standard networks on 0/1 and on the data of appendix C.
    mlp, penalties : DataFrame
        ``variant, seed, method, examples, feature, truth, score`` of the same, with the
        method ``shap``.
    detected : DataFrame
        The same of appendix C, with the method ``spectral`` of the variant
        ``spectral``.
    zeros, fives_relevance, stars : DataFrame
        ``seed, feature, score`` of 0/1, of 5/9 and of the stars.
    images : Datasets
        Zeros and ones.

    Returns
    -------
    Figure
        a, accuracy on 5/9 with few pixels for several settings; b, accuracy and share
        of pixels for strengths of an L1 penalty on 0/1; c, share of pixels that
        standard networks use against the strength of their penalty; d, detection
        against its threshold; e, agreement of rankings between runs.
    """
    figure = style.new(style.DOUBLE, 150 * style.MILLIMETRE)
    grid = figure.subplots(2, 3)
    (settings, accuracy, share), (used, detections, stability) = grid
    _settings(settings, fives, fives_settings)
    _stability(
        stability,
        {"MNIST 0/1": zeros, "MNIST 5/9": fives_relevance, "stars": stars},
    )
    regime = select(regimes_performance, variant="l1")
    performance = pd.concat([l1_performance, regime])
    scores = pd.concat([l1_relevance, select(regimes_relevance, variant="l1")])
    _strengths(accuracy, share, performance, scores)
    dataset = images.first
    lit = dataset.features[(dataset.x_train > 0).any(axis=0)]
    _used(used, mlp, mlp_performance, set(lit))
    _detections(detections, penalties, penalties_performance, detected)
    places = (settings, accuracy, used, detections, stability)
    for axes, letter in zip(places, "abcde", strict=True):
        style.panel(axes, letter, left=28)
    return figure


def _settings(axes: Axes, base: pd.DataFrame, others: pd.DataFrame) -> None:
    """Draw each run of each variant, by the protocols beside one another."""
    table = select(
        pd.concat([base, others]), ranking="spectral", inputs=TOP_59
    ).reset_index()
    names = {"base": "base", "two_outputs": "2\noutputs", "b_10": "$b$\n× 10"}
    names |= {"ab_10": "$a$, $b$\n× 10", "l1": "L1"}
    variants = table["variant"].unique()
    colour = style.COLOURS["spectral"]
    for shift, (protocol, (marker, face, _)) in zip(
        (-0.25, 0, 0.25), PROTOCOLS.items(), strict=True
    ):
        for place, variant in enumerate(variants):
            runs = select(table, protocol=protocol, variant=variant)["metric"]
            axes.plot(
                np.full(len(runs), place + shift),
                runs,
                marker,
                color=colour,
                markerfacecolor=face or colour,
                markersize=3,
                markeredgewidth=0.6,
            )
    axes.set_xticks(range(len(variants)), [names.get(v, v) for v in variants])
    axes.set(
        title=f"5 against 9, the top {TOP_59} pixels",
        ylabel="accuracy on the test images (%)",
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            color=colour,
            markerfacecolor=face or colour,
            label=words,
        )
        for marker, face, words in PROTOCOLS.values()
    ]
    axes.legend(handles=handles, **BELOW)


def _stability(axes: Axes, relevance: Mapping[str, pd.DataFrame]) -> None:
    """Draw the Jaccard index of the top n, mean over pairs, and that of chance."""
    colours = colormaps["viridis"](np.linspace(0, 0.8, len(relevance)))
    for (name, table), colour in zip(relevance.items(), colours, strict=True):
        inputs = table["feature"].nunique()
        counts = np.unique(np.geomspace(1, inputs, 40).round().astype(int)).tolist()
        index = jaccard(table, counts)
        axes.fill_between(
            counts, index.min(), index.max(), color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(counts, index.mean(), color=colour, label=name)
        chance = [jaccard_by_chance(inputs, n) for n in counts]
        axes.plot(counts, chance, color=colour, linestyle=":", linewidth=0.8)
    axes.set(
        title="agreement of runs on the top $n$",
        xscale="log",
        xlabel="number of inputs $n$",
        ylabel="Jaccard index (mean, range)",
        ylim=(0, 1.02),
    )
    axes.plot([], [], color="0.5", linestyle=":", linewidth=0.8, label="chance")
    axes.legend(**BELOW)


def _strengths(
    accuracy: Axes, share: Axes, performance: pd.DataFrame, relevance: pd.DataFrame
) -> None:
    """Draw accuracy and share of pixels for each L1 strength, a dot for each run."""
    keys = ["regularisation.eigenvalues", "regularisation.eigenvectors"]
    strengths = performance.groupby("variant")[keys].first()
    strengths = strengths.sort_values(keys, ascending=False)
    colour = style.COLOURS["spectral"]
    good = performance["metric_reestimated"] >= ACCURATE
    accurate = performance.assign(good=good).set_index(["variant", "seed"])["good"]
    for place, variant in enumerate(strengths.index):
        rows = select(performance, variant=variant)
        for shift, metric, face in (
            (-0.15, "metric", "white"),
            (0.15, "metric_reestimated", colour),
        ):
            _dots(accuracy, rows[metric], place + shift, colour, face)
        used = shares_above(select(relevance, variant=variant), panels.USED)
        kept = accurate[variant].reindex(used.index, fill_value=False)
        _dots(share, used[kept], place, colour, colour)
        _dots(share, used[~kept], place, colour, "white")
    labels = [
        f"{style.power_of_ten(a)}\n{style.power_of_ten(b)}"
        for a, b in strengths.itertuples(index=False)
    ]
    for axes in (accuracy, share):
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_xlabel("penalty $a$ (above) and $b$ (below)")
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    accuracy.axhline(ACCURATE, color="0.6", linewidth=0.8, linestyle=":")
    accuracy.set(
        title="0/1 with L1 penalties", ylabel="accuracy on the test images (%)"
    )
    share.set(
        title="0/1 with L1 penalties",
        ylabel=f"pixels above {100 * panels.USED:g} %\nof the largest (%)",
        ylim=(0, None),
    )
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=colour, **look)
        for look in (
            {"markerfacecolor": "white", "label": "as trained"},
            {"label": "re-estimated"},
        )
    ]
    accuracy.legend(handles=handles, **BELOW)
    share.legend(
        handles=[
            Line2D([], [], linestyle="none", marker="o", color=colour, **look)
            for look in (
                {"label": f"accuracy {100 * ACCURATE:g} % (re-estimated)"},
                {"markerfacecolor": "white", "label": "less"},
            )
        ],
        **BELOW,
    )


def _dots(axes: Axes, values: pd.Series, place: float, colour: str, face: str) -> None:
    axes.plot(
        np.full(len(values), place),
        values,
        "o",
        color=colour,
        markerfacecolor=face,
        markersize=3,
        markeredgewidth=0.6,
    )


def _used(
    axes: Axes, mlp: pd.DataFrame, performance: pd.DataFrame, lit: set[str]
) -> None:
    """Draw the share of all pixels and of those ever lit that SHAP says are used."""
    shap = select(mlp, method="shap", examples="largest")
    accuracy = performance.set_index(["variant", "seed"])["metric"]
    of_lit = shap[shap["feature"].isin(lit)]
    for norm, kernels in _penalties(performance).items():
        for table, line, words in ((shap, "-", "all"), (of_lit, "--", "lit pixels")):
            parts = {
                kernel: shares_above(select(table, variant=variant), panels.USED)
                for variant, kernel in kernels.items()
            }
            means = pd.Series({kernel: share.mean() for kernel, share in parts.items()})
            label = f"{WRITTEN[norm]}, {words}"
            axes.plot(means, line, color=NORMS[norm], linewidth=0.8, label=label)
            for variant, kernel in kernels.items():
                bad = accuracy[variant].reindex(parts[kernel].index) < ACCURATE
                for chosen, face in ((bad, "white"), (~bad, NORMS[norm])):
                    _dots(axes, parts[kernel][chosen], kernel, NORMS[norm], face)
    plain = [
        shares_above(select(table, variant="plain"), panels.USED).mean()
        for table in (shap, of_lit)
    ]
    for height, line in zip(plain, ("-", "--"), strict=True):
        axes.axhline(height, color="0.5", linewidth=0.8, linestyle=line, zorder=0)
    axes.plot([], [], color="0.5", linewidth=0.8, label="no penalty")
    axes.set(
        title="0/1, SHAP of standard networks",
        xscale="log",
        xlabel="strength of the penalty",
        ylabel=f"pixels above {100 * panels.USED:g} %\nof the largest (%)",
        ylim=(0, 1),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axes.legend(**BELOW)


def _detections(
    axes: Axes,
    penalties: pd.DataFrame,
    performance: pd.DataFrame,
    detected: pd.DataFrame,
) -> None:
    """Draw the share of inputs on the right side of a threshold against it."""
    shap = select(penalties, method="shap", examples="largest")
    spectral = select(detected, variant="spectral", method="spectral")
    axes.plot(
        THRESHOLDS,
        _right(spectral),
        color=style.COLOURS["spectral"],
        linewidth=1.6,
        label="spectral",
    )
    axes.plot(
        THRESHOLDS,
        _right(select(shap, variant="plain")),
        color="0.5",
        label="no penalty",
    )
    for norm, kernels in _penalties(performance).items():
        widths = np.linspace(0.5, 1.4, len(kernels))
        for (variant, kernel), width in zip(kernels.items(), widths, strict=True):
            axes.plot(
                THRESHOLDS,
                _right(select(shap, variant=variant)),
                color=NORMS[norm],
                linewidth=width,
                label=f"{WRITTEN[norm]}, {style.power_of_ten(kernel)}",
            )
    axes.set(
        title="appendix C, SHAP of standard networks",
        xscale="log",
        xlabel="threshold / largest score (%)",
        ylabel="accuracy of detection (%)",
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axes.legend(**BELOW)


def _penalties(performance: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the strengths of the variants of each norm, the weakest first."""
    keys = ["regularisation.norm", "regularisation.kernel"]
    settings = performance.groupby("variant")[keys].first().dropna()
    settings = settings.sort_values("regularisation.kernel")
    return {
        norm: settings["regularisation.kernel"][settings[keys[0]] == norm].to_dict()
        for norm in NORMS
        if norm in set(settings[keys[0]])
    }


def _right(table: pd.DataFrame) -> np.ndarray:
    """Return the share of inputs on the right side of each threshold, mean of runs."""
    runs = [
        [detection(run["score"], run["truth"], threshold) for threshold in THRESHOLDS]
        for _, run in table.groupby("seed")
    ]
    return np.mean(runs, axis=0)
