"""Figures 20 and S1: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

import figure_tables as tables
from figure_tables import SEEDS
from spectral_relevance.replication.figures import robustness, style


def _all(seeds=SEEDS):
    by_setting, settings = tables.sizes_and_penalties(seeds)
    by_architecture, accuracy = tables.architectures(seeds)
    return {
        "20": robustness.settings(relevance=by_setting, performance=settings),
        "S1": robustness.architectures(relevance=by_architecture, performance=accuracy),
    }


@pytest.fixture(scope="module")
def figures():
    return _all()


def test_panels_are_lettered_and_as_wide_as_the_page(figures):
    counts = {"20": 4, "S1": 3}
    for number, figure in figures.items():
        assert "".join(tables.panels(figure)) == "abcdef"[: counts[number]]
        assert figure.get_figwidth() == pytest.approx(180 / 25.4)


def test_a_single_run_has_no_spread():
    tables.check_no_spread(_all(seeds=(7,)))


def test_settings_are_those_of_the_performance_table(figures):
    relevance, _ = tables.sizes_and_penalties()
    panels = tables.panels(figures["20"])
    small = figures["20"].axes[: len(tables.SIZES)]
    magnitudes = [panels["b"]] * len(tables.PENALTIES)
    for above, below, settings, factor in (
        (small, panels["c"], tables.SIZES, 0.8),
        (magnitudes, panels["d"], tables.PENALTIES, 1),
    ):
        bars = tables.errorbars(below)
        order = sorted(settings, key=settings.get)
        assert len(bars) == len(order) and below.get_xscale() == "log"
        for axes, variant, container in zip(above, order, bars, strict=True):
            runs = relevance[relevance["variant"] == variant].groupby("seed")
            r = [np.corrcoef(run["score"], run["truth"])[0, 1] for _, run in runs]
            ((x,), (y,)) = tables.data_of(container[0])
            assert (x, y) == pytest.approx((factor * settings[variant], np.mean(r)))
            assert tables.half_lengths(container) == pytest.approx([np.std(r, ddof=1)])
            colour = container[0].get_color()
            points, means = [
                line for line in axes.lines if same_color(line.get_color(), colour)
            ]
            run = relevance[relevance["variant"] == variant]
            np.testing.assert_array_equal(points.get_xdata(), run["truth"])
            np.testing.assert_array_equal(points.get_ydata(), run["score"])
            irrelevant = run.loc[run["truth"] == 0, "score"].mean()
            assert means.get_xdata()[0] == 0
            assert means.get_ydata()[0] == pytest.approx(irrelevant)
    titles = [axes.get_title() for axes in small]
    assert titles == ["48 examples", "400 examples", "7,200 examples"]
    labels = [text.get_text() for text in panels["b"].get_legend().get_texts()]
    assert labels == ["$10^{−8}$", "$10^{−4}$"]
    assert panels["c"].get_ylim() == panels["d"].get_ylim()


def test_a_run_without_any_eigenvalue_has_no_correlation():
    relevance, performance = tables.sizes_and_penalties()
    relevance.loc[relevance["variant"] == "examples_60", "score"] = 0.0
    figure = robustness.settings(relevance=relevance, performance=performance)
    first = tables.errorbars(tables.panels(figure)["c"])[0]
    assert np.isnan(tables.data_of(first[0])[1]).all()


def test_architectures_side_by_side(figures):
    relevance, performance = tables.architectures()
    panels = tables.panels(figures["S1"])
    small = figures["S1"].axes[:3]
    first = relevance[relevance["variant"] == "base"]
    reference = first.groupby("feature")["score"].mean()
    assert [axes.get_title() for axes in small] == ["base", "shallow", "no batch norm"]
    for place, (axes, variant) in enumerate(
        zip(small, tables.ARCHITECTURES, strict=True)
    ):
        part = relevance[relevance["variant"] == variant]
        drawn = {}
        for container in tables.errorbars(axes):
            x, y = tables.data_of(container[0])
            kind = container.get_label()
            assert same_color(container[0].get_color(), style.COLOURS[kind])
            assert set(x) == ({2, 3, 5} if kind == "relevant" else {1, 4})
            drawn |= dict(zip((f"x{i:.0f}" for i in x), y, strict=True))
        mean = part.groupby("feature")["score"].mean()
        assert drawn == pytest.approx(mean.to_dict())
        (steps,) = [line for line in axes.lines if line.get_label() == "mean of base"]
        np.testing.assert_allclose(steps.get_ydata(), reference)
        runs = part.groupby("seed")
        r = [np.corrcoef(run["score"], run["truth"])[0, 1] for _, run in runs]
        accuracy = performance.loc[performance["variant"] == variant, "metric"] * 100
        for letter, values in (("b", r), ("c", accuracy)):
            container = tables.errorbars(panels[letter])[place]
            assert tables.data_of(container[0])[0] == pytest.approx(np.mean(values))
            assert tables.half_lengths(container) == pytest.approx(
                [np.std(values, ddof=1)]
            )
    assert "(%)" in panels["c"].get_xlabel()
    labels = [label.get_text() for label in panels["b"].get_yticklabels()]
    assert labels == ["base", "shallow", "no batch norm"]


def test_more_architectures_than_fit_in_a_row():
    rng = np.random.default_rng(5)
    names = [f"variant_{i}" for i in range(7)]
    truth = np.array([0, 0.5, 1.0])
    figure = robustness.architectures(
        relevance=pd.concat(
            [tables.noisy(rng, name, s, truth) for name in names for s in (0, 1)]
        ),
        performance=pd.DataFrame(
            [(name, s, 0.9) for name in names for s in (0, 1)],
            columns=["variant", "seed", "metric"],
        ),
    )
    grid = figure.axes[:10]
    assert [axes.get_visible() for axes in grid] == [True] * 7 + [False] * 3
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in grid[:7]]
    assert labelled == [False, False, True, True, True, True, True]
