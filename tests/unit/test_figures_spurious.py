"""Figures 17 and 18: what is drawn is what the tables say."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

import figure_tables as tables
from figure_tables import SEEDS
from spectral_relevance.replication.figures import spurious, style


def _all(seeds=SEEDS):
    data, relevance, lasso = tables.two_features(seeds)
    many, found = tables.several_features(seeds)
    return {
        "17": spurious.two_features(data=data, relevance=relevance, lasso=lasso),
        "18": spurious.several_features(
            data=many, relevance=found, l2=found.assign(score=found["score"] + 0.05)
        ),
    }


@pytest.fixture(scope="module")
def figures():
    return _all()


def test_panels_are_lettered_and_as_wide_as_the_page(figures):
    counts = {"17": 3, "18": 4}
    for number, figure in figures.items():
        assert "".join(tables.panels(figure)) == "abcdef"[: counts[number]]
        assert figure.get_figwidth() == pytest.approx(180 / 25.4)


def test_a_single_run_has_no_spread():
    tables.check_no_spread(_all(seeds=(7,)))


def test_contours_hold_their_share_of_a_class(figures):
    data, *_ = tables.two_features()
    panels = tables.panels(figures["17"])
    for letter, variant in (("b", "independent"), ("c", "correlated")):
        dataset = data.of(variant, 3)
        assert panels[letter].get_title() == variant
        lines = panels[letter].collections[1::2]
        for label, contours in zip((0, 1), lines, strict=True):
            colour = style.COLOURS[f"class {label}"]
            assert same_color(contours.get_edgecolor()[0], colour)
            x = dataset.x_train[dataset.y_train == label]
            shares = [path.contains_points(x).mean() for path in contours.get_paths()]
            np.testing.assert_allclose(shares, spurious.MASSES, atol=0.02)


def test_marginals_show_either_feature_of_both_variants(figures):
    data, *_ = tables.two_features()
    marginals = [a for a in figures["17"].axes if "density" in a.get_ylabel()]
    for j, axes in enumerate(marginals):
        assert axes.get_xlabel().startswith(f"x{j + 1} ")
        drawn = {patch.get_label(): patch for patch in axes.patches}
        for variant in ("independent", "correlated"):
            dataset = data.of(variant, 3)
            for label in (0, 1):
                corners = drawn[f"class {label}, {variant}"].get_xy()
                edges = np.unique(corners[:, 0])
                values = dataset.x_train[dataset.y_train == label, j]
                expected = np.histogram(values, edges, density=True)[0]
                assert corners[:, 1].max() == pytest.approx(expected.max())


def test_bars_are_shares_and_their_texts_the_values(figures):
    _, relevance, lasso = tables.two_features()
    below = {axes.get_title(): axes for axes in figures["17"].axes}
    assert set(below) == {"", "independent", "correlated"}
    bars = [axes for axes in figures["17"].axes if "larger" in axes.get_xlabel()]
    for axes, variant in zip(bars, ("independent", "correlated"), strict=True):
        widths, texts = [], []
        (contours,) = [a for a in figures["17"].axes if a.get_title() == variant]
        for table in (relevance, lasso):
            part = table[table["variant"] == variant]
            scores = part["score"].to_numpy().reshape(3, 2)
            widths += list((scores / scores.max(axis=1, keepdims=True)).mean(axis=0))
            texts += [
                f"{mean:.2f} ± {spread:.2f}"
                for mean, spread in zip(
                    scores.mean(axis=0), scores.std(axis=0, ddof=1), strict=True
                )
            ]
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(widths)
        (written,) = [t.get_text() for t in contours.texts if "lasso" in t.get_text()]
        assert re.findall(r"x[12]: (.*)", written) == texts
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == ["x1", "x2"] and "3 runs" in axes.get_xlabel()


def test_spurious_features_by_correlation_strength(figures):
    data, relevance = tables.several_features()
    rows = []
    for (variant, seed), run in relevance.groupby(["variant", "seed"]):
        x = pd.DataFrame(data.of(variant, seed).x_train)
        strength = (x.corr().to_numpy().sum() - 4) / 12
        score = run["score"].to_numpy()
        feature = score.argmax() + 1 if score.any() else np.nan
        number = sum(value > 0.05 * score.max() for value in score)
        rows.append((max(1 - strength, 1e-3), feature, score.max(), number))
    expected = pd.DataFrame(rows, columns=["distance", *"abc"])
    assert set(expected["c"]) == {0, 1, 2} and set(expected["a"].dropna()) == {1, 3}
    for letter in "abc":
        true, other = tables.panels(figures["18"])[letter].lines
        assert same_color(true.get_color(), style.COLOURS["relevant"])
        assert same_color(other.get_color(), style.COLOURS["irrelevant"])
        for line, chosen in ((true, expected["a"] == 1), (other, expected["a"] != 1)):
            drawn = sorted(zip(*tables.data_of(line), strict=True))
            table = expected.loc[chosen, ["distance", letter]].to_numpy()
            np.testing.assert_allclose(drawn, table[table[:, 0].argsort()])


def test_the_l2_penalty_stands_beside_it(figures):
    _, relevance = tables.several_features()
    counts = {True: [], False: []}
    for _, run in relevance.groupby(["variant", "seed"]):
        score = run["score"].to_numpy() + 0.05
        found = sum(value > 0.05 * score.max() for value in score)
        counts[score.argmax() == 0].append(found)
    panel = tables.panels(figures["18"])["d"]
    for line, true in zip(panel.lines, (True, False), strict=True):
        assert sorted(tables.data_of(line)[1]) == sorted(counts[true])
    assert "L2" in panel.get_ylabel() and len(set(counts[True] + counts[False])) > 1
