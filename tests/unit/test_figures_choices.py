"""Figure S4: what is drawn is what the tables say."""

import numpy as np
import pytest
from matplotlib.colors import same_color

import figure_tables as tables
from figure_tables import SEEDS, line
from spectral_relevance.replication.figures import choices, style

BLUE = style.COLOURS["spectral"]


@pytest.fixture(scope="module")
def figure():
    return choices.open_settings(**tables.open_settings())


@pytest.fixture(scope="module")
def given():
    return tables.open_settings()


def _points(axes, place, filled):
    """Heights of the markers at a place that are filled, or are not."""
    found = []
    for drawn in axes.lines:
        x, y = tables.data_of(drawn)
        if (
            drawn.get_marker() not in ("None", "")
            and len(x)
            and drawn.get_ls() == "None"
        ):
            white = same_color(drawn.get_markerfacecolor(), "white")
            if white != filled:
                found += [h for w, h in zip(x, y, strict=True) if np.isclose(w, place)]
    return sorted(found)


def test_panels_are_lettered_and_as_wide_as_the_page(figure):
    assert "".join(tables.panels(figure)) == "abcde"
    assert figure.get_figwidth() == pytest.approx(180 / 25.4)
    tables.check_no_spread({"S4": figure})


def test_a_single_run_can_be_drawn():
    choices.open_settings(**tables.open_settings(SEEDS[:1])).draw_without_rendering()


def test_fives_and_nines_by_protocol(figure, given):
    axes = tables.panels(figure)["a"]
    for place, (name, variant) in enumerate(
        (("fives", "base"), ("fives_settings", "b_10"), ("fives_settings", "l1"))
    ):
        table = given[name].query("inputs == 14 and ranking == 'spectral'")
        table = table[table["variant"] == variant]
        for shift, protocol in (
            (-0.25, "masked"),
            (0, "reestimated"),
            (0.25, "retrained"),
        ):
            runs = table.loc[table["protocol"] == protocol, "metric"]
            drawn = _points(axes, place + shift, filled=protocol == "retrained")
            assert drawn == pytest.approx(sorted(runs))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["base", "$b$\n× 10", "L1"]


def test_strengths_of_l1_in_order_with_those_that_fail_open(figure, given):
    accuracy, share = figure.axes[1:3]
    labels = [label.get_text() for label in accuracy.get_xticklabels()]
    assert [label.split("\n")[0] for label in labels] == [
        style.power_of_ten(a) for a in (1e-1, 1e-2, 1e-3)
    ]
    for place, (kind, variant) in enumerate(
        (("l1", "strong"), ("regimes", "l1"), ("l1", "weak"))
    ):
        rows, scores = (
            table[table["variant"] == variant]
            for table in (given[f"{kind}_performance"], given[f"{kind}_relevance"])
        )
        drawn = _points(accuracy, place - 0.15, filled=False)
        assert drawn == pytest.approx(sorted(rows["metric"]))
        drawn = _points(accuracy, place + 0.15, filled=True)
        assert drawn == pytest.approx(sorted(rows["metric_reestimated"]))
        used = (tables.matrix(scores) > 0.01).mean(axis=1)
        good = (rows["metric_reestimated"] >= 0.99).to_numpy()
        assert _points(share, place, filled=True) == pytest.approx(sorted(used[good]))
        assert _points(share, place, filled=False) == pytest.approx(sorted(used[~good]))


def test_pixels_that_standard_networks_use(figure, given):
    axes = tables.panels(figure)["c"]
    lit = (given["images"].first.x_train > 0).any(axis=0)
    for label, variant in (("L2", ("l2_weak", "l2_strong")), ("L1", ("l1_weak",))):
        for words, chosen in (("all", slice(None)), ("lit pixels", lit)):
            means = [
                (tables.matrix(given["mlp"].query("variant == @v"))[:, chosen] > 0.01)
                .mean(axis=1)
                .mean()
                for v in variant
            ]
            drawn = line(axes, f"{label}, {words}")
            np.testing.assert_allclose(drawn.get_ydata(), means)
    assert line(axes, "L2, all").get_xdata().tolist() == [1e-4, 1e-2]
    performance = given["mlp_performance"]
    for variant, (_, kernel) in tables.KERNELS.items():
        rows, scores = (
            table[table["variant"] == variant] for table in (performance, given["mlp"])
        )
        used = tables.matrix(scores) > 0.01
        good = rows["metric"].to_numpy() >= 0.99
        for filled, chosen in ((True, good), (False, ~good)):
            runs = used[chosen]
            expected = [*runs.mean(axis=1), *runs[:, lit].mean(axis=1)]
            assert _points(axes, kernel, filled) == pytest.approx(sorted(expected))


def test_detection_against_the_threshold(figure, given):
    axes = tables.panels(figure)["d"]
    parts = {
        "no penalty": given["penalties"].query("variant == 'plain'"),
        "L1": given["penalties"].query("variant == 'l1_weak'"),
        "spectral": given["detected"].query(
            "variant == 'spectral' and method == 'spectral'"
        ),
    }
    for label, table in parts.items():
        drawn = line(axes, label)
        relevant = np.repeat([True, False], (4, 6))
        for threshold, height in zip(*tables.data_of(drawn), strict=True):
            right = (tables.matrix(table) > threshold) == relevant
            assert height == pytest.approx(right.mean())


def test_agreement_of_runs_beside_that_of_chance(figure, given):
    axes = tables.panels(figure)["e"]
    drawn = line(axes, "MNIST 0/1")
    tops = [
        [
            set(np.argsort(-row, kind="stable")[:n])
            for row in tables.matrix(given["zeros"])
        ]
        for n in (1, 784)
    ]
    for n, sets in zip((1, 784), tops, strict=True):
        pairs = [(sets[i], sets[j]) for i in range(3) for j in range(i)]
        expected = np.mean([len(a & b) / len(a | b) for a, b in pairs])
        place = np.flatnonzero(np.asarray(drawn.get_xdata()) == n).item()
        assert drawn.get_ydata()[place] == pytest.approx(expected)
