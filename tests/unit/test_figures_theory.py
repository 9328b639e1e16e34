"""Figures S2 and S3: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from spectral_relevance.replication.figures import style, theory

RULES = ("lrp_0", "lrp_epsilon", "lrp_gamma")
SEEDS = (3, 5, 8)
PENALTIES = {"ab_1": 1e-4, "ab_2": 1e-6, "group_lasso": np.nan}


def _lrp(seeds=SEEDS):
    rng = np.random.default_rng(0)
    tables = []
    for seed in seeds:
        for case in ("positive", "negative"):
            for rule in RULES:
                for level in ("local", "global"):
                    eigenvalue = rng.uniform(0, 2, 6)
                    eigenvalue[1::2] *= 1 if case == "positive" else -1
                    predicted = rng.normal(size=6) * (5 if level == "local" else 1)
                    noise = 1 if (case, rule) == ("negative", "lrp_gamma") else 1e-9
                    tables.append(
                        pd.DataFrame(
                            {
                                "seed": seed,
                                "case": case,
                                "rule": rule,
                                "level": level,
                                "feature": [f"x{j}" for j in range(6)],
                                "eigenvalue": eigenvalue,
                                "measured": predicted + rng.normal(0, noise, 6),
                                "predicted": predicted,
                            }
                        )
                    )
    return pd.concat(tables, ignore_index=True)


def _group_lasso(seeds=SEEDS):
    rng = np.random.default_rng(1)
    runs = [(variant, seed) for variant in PENALTIES for seed in seeds]
    relevance = pd.concat(
        [
            pd.DataFrame(
                {
                    "variant": variant,
                    "seed": seed,
                    "feature": ["x1", "x2", "x3", "x4"],
                    "score": np.array([0, 1, 0.5, 2]) + rng.uniform(0, 0.1, 4),
                }
            )
            for variant, seed in runs
        ]
    )
    performance = pd.DataFrame(runs, columns=["variant", "seed"])
    performance["loss"] = rng.uniform(0.1, 0.2, len(runs))
    performance["regularisation.eigenvalues"] = performance["variant"].map(PENALTIES)
    performance["regularisation.eigenvectors"] = (
        1e-8 / performance["regularisation.eigenvalues"]
    )
    explicit = performance["variant"] == "group_lasso"
    performance["regularisation.kernel"] = np.where(explicit, 2e-4, np.nan)
    return relevance, performance


def _all(seeds=SEEDS):
    relevance, performance = _group_lasso(seeds)
    return {
        "S2": theory.lrp_factorisation(lrp=_lrp(seeds)),
        "S3": theory.group_lasso(relevance=relevance, performance=performance),
    }


def _data(line):
    return np.array(line.get_data(orig=False), dtype=float)


@pytest.fixture(scope="module")
def figures():
    return _all()


def test_panels_are_lettered_and_as_wide_as_the_page(figures):
    for number, count in (("S2", 6), ("S3", 3)):
        letters = [
            text.get_text()
            for axes in figures[number].axes
            for text in axes.texts
            if text.get_fontweight() == "bold"
        ]
        assert letters == list("abcdef")[:count]
        assert figures[number].get_figwidth() == pytest.approx(180 / 25.4)


def test_a_single_run_has_no_spread():
    for number, figure in _all(seeds=(7,)).items():
        figure.draw_without_rendering()
        for axes in figure.axes:
            texts = [axes.get_xlabel(), axes.get_ylabel()]
            texts += [text.get_text() for text in axes.texts]
            assert not any("±" in text or "nan" in text for text in texts), number
            assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()


def test_relevances_of_the_first_run_and_deviations_of_all(figures):
    table = _lrp()
    panels = [(case, rule) for case in ("positive", "negative") for rule in RULES]
    for axes, (case, rule) in zip(figures["S2"].axes, panels, strict=True):
        assert axes.get_title().startswith(style.METHODS[rule])
        printed = [
            text.get_text() for text in axes.texts if "3 runs" in text.get_text()
        ]
        for level, marker in (("local", "o"), ("global", "D")):
            part = table[
                (table["case"] == case)
                & (table["rule"] == rule)
                & (table["level"] == level)
            ]
            deviations = [
                np.max(np.abs(run["measured"] - run["predicted"]))
                / np.max(np.abs(run["predicted"]))
                for _, run in part.groupby("seed")
            ]
            assert f"{level}: {max(deviations):.1e}" in printed[0]
            run = part[part["seed"] == SEEDS[0]]
            unit = np.max(np.abs(run["predicted"]))
            drawn = {}
            for line in axes.lines:
                if line.get_marker() != marker:
                    continue
                assert same_color(line.get_color(), style.COLOURS[rule])
                filled = not same_color(line.get_markerfacecolor(), "white")
                for x, y in zip(*line.get_data(), strict=True):
                    drawn[x] = (y, filled)
            less = case == "negative"
            expected = {
                predicted / unit: (
                    (measured - less * predicted) / unit,
                    eigenvalue >= 0,
                )
                for predicted, measured, eigenvalue in zip(
                    run["predicted"], run["measured"], run["eigenvalue"], strict=True
                )
            }
            assert drawn == expected
    open_markers = [
        line
        for axes in figures["S2"].axes[:3]
        for line in axes.lines
        if same_color(line.get_markerfacecolor(), "white") and line.get_xdata().size
    ]
    assert not open_markers


def test_norms_are_set_against_the_group_lasso(figures):
    relevance, performance = _group_lasso()
    by_feature, scatter, losses = figures["S3"].axes
    mean = relevance.groupby(["variant", "feature"])["score"].mean()
    spread = relevance.groupby(["variant", "feature"])["score"].std()
    order = ["ab_2", "ab_1", "group_lasso"]
    for place, variant in enumerate(order):
        points, _, (bars,) = by_feature.containers[place]
        x, y = _data(points)
        np.testing.assert_allclose(y, mean[variant])
        np.testing.assert_array_equal(np.round(x), [1, 2, 3, 4])
        heights = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, spread[variant])
        loss = performance.loc[performance["variant"] == variant, "loss"]
        point, _, (bar,) = losses.containers[place]
        assert _data(point) == pytest.approx(np.array([[loss.mean()], [place]]))
        (segment,) = bar.get_segments()
        assert np.ptp(segment[:, 0]) / 2 == pytest.approx(loss.std())
        assert same_color(point.get_color(), points.get_color())
    for container, variant in zip(scatter.containers, order[:2], strict=True):
        x, y = _data(container[0])
        np.testing.assert_allclose(x, mean["group_lasso"])
        np.testing.assert_allclose(y, mean[variant])
    deviation = max(
        np.max(np.abs(mean[variant] - mean["group_lasso"])) for variant in order[:2]
    )
    expected = f"{100 * deviation / mean['group_lasso'].max():.2g} %"
    assert any(expected in text.get_text() for text in scatter.texts)
    labels = [label.get_text() for label in losses.get_yticklabels()]
    assert labels == [
        "$a$ = $10^{−6}$",
        "$a$ = $10^{−4}$",
        "group lasso,\n$2 \\times 10^{−4}$",
    ]


@pytest.mark.parametrize(
    ("value", "written"), [(1e-6, "$10^{−6}$"), (2.5e-4, r"$2.5 \times 10^{−4}$")]
)
def test_powers_of_ten(value, written):
    assert style.power_of_ten(value) == written
