"""Statistics against scipy, explicit loops and examples worked out by hand."""

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from score_tables import assert_estimate, assert_resampled, dataset, scores_table
from spectral_relevance import sources
from spectral_relevance.errors import UserError
from spectral_relevance.replication import statistics
from spectral_relevance.replication.claims import STATISTICS
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.measures import Estimate
from spectral_relevance.replication.tables import select

# Scores and truth -----------------------------------------------------------------


def test_detection_accuracy():
    # Above a tenth of the largest: 1, 0, 1, 1, then 1, 1, 1, 0.
    scores = [[2.0, 0.1, 0.3, 0.21], [4, 1, 1, 0.1]]
    table = scores_table(scores, truth=[0.5, 0, 0, 0.01])
    found = statistics.detection_accuracy(table, threshold=0.1)
    assert_estimate(found, [3 / 4, 1 / 4])
    # Each seed may have a truth of its own.
    table = scores_table(scores, truth=[[0.5, 0, 0, 0.01], [1, 1, 1, 0]])
    found = statistics.detection_accuracy(table, threshold=0.1)
    assert_estimate(found, [3 / 4, 1])
    without = scores_table([[1.0, 0], [0, 0]], truth=[1, 0])
    assert np.isnan(statistics.detection_accuracy(without, threshold=0.1).value)


def test_pearson_with_truth(rng):
    scores, truth = rng.random((2, 4, 12))
    found = statistics.pearson_with_truth(scores_table(scores, truth=truth[0]))
    assert_estimate(found, [np.corrcoef(row, truth[0])[0, 1] for row in scores])
    found = statistics.pearson_with_truth(scores_table(scores, truth=truth))
    pairs = zip(scores, truth, strict=True)
    assert_estimate(found, [np.corrcoef(a, b)[0, 1] for a, b in pairs])
    perfect = statistics.pearson_with_truth(
        scores_table(3 * truth[:1] + 1, truth=truth[0])
    )
    assert perfect.value == pytest.approx(1) and np.isnan(perfect.spread)


def test_exponent_of_truth():
    truth = np.array([0.5, 0.75, 1, 0])
    scores = np.stack([3 * truth, 2 * truth**1.5])
    found = statistics.exponent_of_truth(
        scores_table(scores + [0, 0, 0, 9], truth=truth)
    )
    assert_estimate(found, [1, 1.5])
    none = statistics.exponent_of_truth(scores_table([[1.0, 0, 2, 1]], truth=truth))
    assert np.isnan(none.value)


@pytest.fixture
def variants() -> tuple[pd.DataFrame, list[float], list[float]]:
    """Scores of two variants, and their correlations with a truth of each run."""
    rng = np.random.default_rng(5)
    truth = rng.random((2, 3, 8))
    scores = truth + rng.random((2, 3, 8)) * [[[0.2]], [[2.0]]]
    table = pd.concat(
        scores_table(s, truth=t, variant=v)
        for s, t, v in zip(scores, truth, ("good", "bad"), strict=True)
    )
    each = [
        [np.corrcoef(s, t)[0, 1] for s, t in zip(scores[v], truth[v], strict=True)]
        for v in (0, 1)
    ]
    assert np.mean(each[0]) > np.mean(each[1]) + 0.1
    return table, *each


def test_lowest_pearson_with_truth(variants):
    table, _, bad = variants
    lowest = statistics.lowest_pearson_with_truth(table)
    assert_resampled(lowest, np.mean(bad), 3)
    undefined = table.assign(score=table["score"].where(table["variant"] == "bad", 1))
    assert np.isnan(statistics.lowest_pearson_with_truth(undefined).value)


@pytest.mark.parametrize(("sizes", "sign"), [((9, 100), -1), ((100, 9), 1)])
def test_pearson_against_a_setting(variants, sizes, sign):
    # As text, 100 would precede 9.
    table, good, bad = variants
    performance = pd.DataFrame(
        {
            "variant": ["good", "bad", "bad", "unrelated"],
            "dataset.examples": [*sizes, sizes[1], 10**6],
        }
    )
    gain = [sign * (a - b) for a, b in zip(good, bad, strict=True)]
    arguments = {"setting": "dataset.examples"}
    assert_estimate(statistics.pearson_gain(table, performance, **arguments), gain)
    assert_estimate(
        statistics.pearson_at_largest(table, performance, **arguments),
        good if sign > 0 else bad,
    )


def test_difference_within_pairs():
    truth = [0.7, 0.7, 0.4, 0.4, 0, 0]
    scores = [[2, 3, 1, 1, 0, 9], [5, 5, 0, 1, 1, 0], [4, 4, 0, 0, 1, 1]]
    table = scores_table(scores, truth=truth)
    # |2 − 3| / 2.5 and 0; 0 and 1 / 0.5; 0, and the second pair has no scores.
    found = statistics.difference_within_pairs(table)
    assert_estimate(found, [0.2, 1, 0])


def test_largest_irrelevant():
    scores = [[2, 4, 1, 0.5], [1, 2, 3, 5]]
    table = scores_table(scores, truth=[[0.1, 1, 0, 0], [0, 0, 1, 1]])
    assert_estimate(statistics.largest_irrelevant(table), [1 / 4, 2 / 5])
    none = scores_table(np.zeros((1, 4)), truth=[1, 1, 0, 0])
    assert np.isnan(statistics.largest_irrelevant(none).value)


def test_smallest_to_largest():
    found = statistics.smallest_to_largest(scores_table([[1, 4], [3, 2]]))
    assert_estimate(found, [1 / 4, 2 / 3])
    none = statistics.smallest_to_largest(scores_table([[0, 0], [3, 2]]))
    assert np.isnan(none.value)


def test_share_of_runs_with_one_input():
    scores = [[10, 0.5, 0], [10, 0.51, 0], [0, 0, 0], [0, 0, 3]]
    found = statistics.share_of_runs_with_one_input(
        scores_table(scores), threshold=0.05
    )
    assert_estimate(found, [1, 0, 0, 1])


def test_share_of_runs_that_find_it(rng):
    weak = dataset(rng.normal(size=(200, 3)))
    strong = dataset(rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 3)))
    perfect = dataset(rng.normal(size=(200, 1)) * [1, 2, 3])
    table = pd.concat(
        [
            scores_table([[5, 1, 1], [1, 5, 1]], truth=[1, 0, 0], variant="a"),
            scores_table([[1, 0, 0], [0, 0, 0]], truth=[1, 0, 0], variant="b"),
        ]
    )
    data = Datasets({("a", 20): weak, ("a", 21): strong, ("b", None): perfect})

    def share(smallest: float, largest: float) -> Estimate:
        return statistics.share_of_runs_that_find_it(
            table, data, strength=[smallest, largest]
        )

    assert_estimate(share(-1, 1), [1, 0, 1, 0])  # without scores nothing is found
    assert_estimate(share(-1, 0.999), [1, 0])
    assert_estimate(share(0.999, 1), [1, 0])
    assert share(-1, 0.5)[:3:2] == (1, 1)
    assert share(0.5, 0.999)[:3:2] == (0, 1)
    nothing = share(0.6, 0.7)
    assert np.isnan(nothing.value) and nothing.n == 0


def test_detection_deficit():
    truth = [1, 1, 0, 0]
    reference = scores_table([[1, 1, 0, 0], [1, 1, 1, 0]], truth=truth)  # 1, 3/4
    table = pd.concat(
        [
            scores_table([[1, 0, 0, 0], [1, 1, 0, 0]], truth=truth, method="good"),
            scores_table([[1, 0, 1, 0], [0, 0, 1, 0]], truth=truth, method="poor"),
        ]
    )  # 3/4 and 1, 1/2 and 1/4
    worst, best = (
        statistics.detection_deficit(table, reference, threshold=0.05, of=of)
        for of in ("worst", "best")
    )
    assert_resampled(worst, 1 / 2, 2)
    assert_resampled(best, 0, 2)
    lowest = statistics.lowest_detection_deficit(
        table, reference, thresholds=[0.05, 0.2]
    )
    assert_resampled(lowest, 0, 2)
    undefined = table.assign(score=table["score"].where(table["method"] == "good", 0))
    for of in ("worst", "best"):
        assert np.isnan(
            statistics.detection_deficit(
                undefined, reference, threshold=0.05, of=of
            ).value
        )


# Two methods or models ------------------------------------------------------------


def test_pearson_with_method(rng):
    scores, others = rng.random((2, 4, 12))
    # The rows of a file need not be in order.
    other = scores_table(others)[::-1]
    found = statistics.pearson_with_method(scores_table(scores), other)
    pairs = zip(scores, others, strict=True)
    assert_estimate(found, [np.corrcoef(a, b)[0, 1] for a, b in pairs])
    fewer = scores_table(others[1:])
    missing = statistics.pearson_with_method(scores_table(scores), fewer)
    assert np.isnan(missing.value)


def test_lowest_pearson_with_variant(rng):
    base, near, far = rng.random((3, 2, 6))
    near = base + 0.01 * near
    table = pd.concat(
        scores_table(s, variant=v)
        for s, v in ((far, "far"), (base, "base"), (near, "near"))
    ).sample(frac=1, random_state=1)
    base, near, far = (
        np.array([row / row.max() for row in scores]) for scores in (base, near, far)
    )
    found = statistics.lowest_pearson_with_variant(table, base="base")
    reference = base.mean(axis=0)
    assert_resampled(found, np.corrcoef(far.mean(axis=0), reference)[0, 1], 2)
    nearer = statistics.lowest_pearson_with_variant(
        select(table, variant=["base", "near"]), base="base"
    )
    assert nearer.value > 0.99 > found.value


def test_range_of_magnitudes():
    table = pd.concat(
        scores_table(np.array(scores), variant=variant)
        for variant, scores in {
            "a": [[1.0, 3], [2, 2]],
            "b": [[1, 1], [0, 1]],
            "c": [[1, 2], [2, 3]],
        }.items()
    )
    assert_estimate(statistics.range_of_magnitudes(table), [2 / 1, 2 / 0.5])


# How sparse scores are ------------------------------------------------------------


def test_share_below_and_above():
    table = scores_table([[2.0, 0.1, 0.3, 0.21], [4, 1, 1, 0.1]])
    found = statistics.share_below(table, threshold=0.11)
    assert_estimate(found, [2 / 4, 1 / 4])
    found = statistics.share_above(table, threshold=0.11)
    assert_estimate(found, [2 / 4, 3 / 4])
    at = scores_table([[1.0, 0.5, 0, 0]])
    assert statistics.share_above(at, threshold=0.5).value == 1 / 4
    assert statistics.share_below(at, threshold=0.5).value == 2 / 4


def test_runs_that_classify_badly_do_not_count():
    table = scores_table([[1.0, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
    other = scores_table([[1.0, 1, 1, 1]] * 2)
    performance = pd.DataFrame({"seed": [20, 21, 22], "metric": [0.99, 0.7, 1.0]})
    found = statistics.ratio_of_shares_above_where_accurate(
        table, other, performance, threshold=0.01, accuracy=0.99
    )
    assert_resampled(found, 0.375, 2)
    found = statistics.ratio_of_shares_above_where_accurate(
        table, other, performance, threshold=0.01, accuracy=1.1
    )
    assert np.isnan(found.value)
    found = statistics.share_of_accurate_runs(performance, accuracy=0.99)
    assert_estimate(found, [1, 0, 1])


def test_share_of_lit_inputs_above():
    data = dataset(np.array([[0.0, 0.2, 0, 1], [0, 0, 0, 0.1]]))
    table = scores_table([[1.0, 0.5, 0.9, 0.1], [1, 0.1, 0.9, 0]])
    found = statistics.share_of_lit_above(
        table, Datasets({("", None): data}), threshold=0.05
    )
    assert_estimate(found, [1, 1 / 2])


def test_bimodal_runs(rng):
    one = rng.normal(size=(1, 400))
    two = np.concatenate([rng.normal(0, 1, 200), rng.normal(8, 1, 200)])[None]
    table = scores_table(np.concatenate([one, two]))
    found = statistics.share_of_bimodal_runs(table, level=0.05)
    assert_estimate(found, [0, 1])


def test_the_lowest_share_with_one_input():
    table = pd.concat(
        [
            scores_table([[10, 0.5, 0], [10, 0.51, 0]], variant="a"),
            scores_table([[0, 0, 3], [0, 3, 0]], variant="b"),
        ]
    )
    found = statistics.lowest_share_with_one_input(table, threshold=0.05)
    assert_estimate(found, [1, 0])


def test_ratio_of_shares_above():
    table = scores_table([[2.0, 0.1, 0.3, 0.21], [4, 1, 1, 0.1]])
    other = scores_table([[1.0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
    found = statistics.ratio_of_shares_above(table, other, threshold=0.11)
    # The shares are 0.5 and 0.75, and 0.2, 0.4 and 0.6; both are resampled.
    assert_resampled(found, 0.625 / 0.4, 2)
    assert found.low < 0.5 / 0.4 and found.high > 0.75 / 0.4
    found = statistics.ratio_of_shares_above(table, table, threshold=1)
    assert np.isnan(found.value)


# Time -----------------------------------------------------------------------------


def test_time_ratio():
    times = {"slow": [8.0, 9.0], "fast": [2.0, 10.0]}
    table = pd.concat(
        scores_table(np.ones((2, 3)), method=method, seconds=np.repeat(seconds, 3))
        for method, seconds in times.items()
    )
    other = scores_table(np.ones((2, 5)), seconds=np.repeat([0.5, 0.1], 5))
    assert_estimate(statistics.time_ratio(table, other), [2 / 0.5, 9 / 0.1])
    later = other[other["seed"] == 21]
    assert np.isnan(statistics.time_ratio(table, later).value)


def times_table(numbers: list[int], seconds: list[list[float]]) -> pd.DataFrame:
    """Times of seeds (rows) for numbers of examples (columns), in no order."""
    parts = [
        scores_table(np.ones((len(seconds), 2)), examples=n, seconds=np.repeat(row, 2))
        for n, row in zip(numbers, zip(*seconds, strict=True), strict=True)
    ]
    return pd.concat(parts[::-1])


def test_time_exponent():
    numbers = [1, 2, 10, 30, 100]
    powers = [[5.0, 5.0, *(3 * n**p for n in (10, 30, 100))] for p in (1, 1.5)]
    found = statistics.time_exponent(times_table(numbers, powers))
    assert_estimate(found, [1, 1.5])
    # Two points have a straight line; of four, the last three count.
    found = statistics.time_exponent(times_table([1, 100], [[1, 10], [1, 1]]))
    assert_estimate(found, [0.5, 0])
    four = times_table([1, 2, 4, 8], [[99, 2, 4, 8], [99, 4, 16, 64]])
    assert_estimate(statistics.time_exponent(four), [1, 2])
    noisy = [1.0, 1.3, 2.2, 4.1]
    found = statistics.time_exponent(times_table([1, 2, 4, 8], [noisy] * 2))
    slope = stats.linregress(np.log([2, 4, 8]), np.log(noisy[1:])).slope
    assert_estimate(found, [slope, slope])
    single = statistics.time_exponent(times_table([10], [[1], [2]]))
    assert np.isnan(single.value) and single.n == 2


def test_largest_exponent_error():
    nan = np.nan
    complexity = pd.DataFrame(
        {
            "method": ["spectral", "shap", "saliency"],
            "exponent_N0": [1.1, 9.0, 0.8],
            "exponent_N0_error": [0.01, 0.02, 0.03],
            "theory_N0": [1, nan, 1],
            "exponent_N1": [0.9, nan, 1.25],
            "exponent_N1_error": [0.04, nan, 0.05],
            "theory_N1": [1, 1, 1],
            "exponent_E": [0.01, 1.02, 1.0],
            "exponent_E_error": [0.06, 0.07, 0.08],
            "counted_N0": [1.0, 9.0, 0.99],
            "counted_N1": [1.0, nan, 1.0],
            "counted_E": [0.0, 0.97, 1.0],
            "theory_E": [nan, 1, 1],
        }
    )
    found = statistics.largest_exponent_error(complexity, of="exponent")
    assert found[:3] == (pytest.approx(0.25), 0.05, 6)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.05, rel=1e-3)
    below = complexity.assign(exponent_E=[0.01, 0.6, 1.0])
    found = statistics.largest_exponent_error(below, of="exponent")
    assert found[:3] == (pytest.approx(0.4), 0.07, 6)
    found = statistics.largest_exponent_error(complexity, of="counted")
    assert found.value == found.low == found.high == pytest.approx(0.03)
    nothing = statistics.largest_exponent_error(complexity.assign(
        theory_N0=nan, theory_N1=nan, theory_E=nan), of="counted")  # fmt: skip
    assert np.isnan(nothing.value)


def test_counts_of_operations():
    """They are the same in each run, and have no interval but themselves."""
    tables = [
        scores_table(np.ones((2, 3)), method="shap", examples=e, operations=100 * e)
        for e in (1, 2, 4, 8)
    ]
    shap = pd.concat(tables[::-1])
    found = statistics.operations_exponent(shap)
    assert found.value == pytest.approx(1) and found.low == found.value == found.high
    spectral = scores_table(np.ones((2, 3)), operations=20)
    found = statistics.operations_ratio(shap, spectral)
    assert found.value == found.low == found.high == 5 and found.n == 2


# Theory ---------------------------------------------------------------------------


def test_largest_deviation():
    rows = [
        ("lrp_0", "local", 0, 1.0, 1.1),
        ("lrp_0", "local", 0, -5.0, -5.0),  # a tenth of 5
        ("lrp_0", "local", 1, 5e6, 5e6),  # another run, on a scale of its own
        ("lrp_0", "global", 0, 0.1, 0.1),
        ("lrp_0", "global", 0, 0.04, 0.01),  # 0.03 of 0.1
        ("lrp_gamma", "local", 0, 10.0, 10.0),
    ]
    columns = ["rule", "level", "seed", "measured", "predicted"]
    theory = pd.DataFrame(rows, columns=columns)
    found = statistics.largest_deviation(theory)
    assert found.value == pytest.approx(0.3)
    assert found.n == 3 and np.isnan(found.spread)
    found = statistics.largest_deviation(theory[theory["level"] == "local"])
    assert found.value == pytest.approx(0.02) and found.n == 2
    theory.loc[0, "measured"] = np.nan
    assert np.isnan(statistics.largest_deviation(theory).value)


# Performance ----------------------------------------------------------------------


def test_metrics_of_two_experiments():
    one = pd.DataFrame({"seed": [0, 1, 2], "metric": [1.0, 2, 6]})
    other = pd.DataFrame({"seed": [0, 1], "metric": [1.0, 4]})
    assert_estimate(statistics.test_metric(one), [1, 2, 6])
    found = statistics.ratio_of_metrics(one, other)
    assert found.n == 2 and found.value == pytest.approx(3 / 2.5)
    assert_resampled(found, 3 / 2.5, 2)
    found = statistics.difference_of_metrics(one, other)
    assert_resampled(found, 0.5, 2)
    again = one.assign(metric=0, metric_reestimated=one["metric"])
    chosen = {"measured": "metric_reestimated"}
    assert_estimate(statistics.test_metric(again, **chosen), [1, 2, 6])
    lowest = statistics.lowest_metric(one)
    assert lowest.value == lowest.low == lowest.high == 1 and lowest.n == 3


def test_extremes_over_the_same_runs_are_resampled_together(rng):
    """Two variants that differ by a constant: the lower one alone decides."""
    truth = rng.random((6, 9))
    scores = truth + rng.random((6, 9))
    tables = [scores_table(scores, truth=truth, variant=v) for v in ("a", "b")]
    both = statistics.lowest_pearson_with_truth(pd.concat(tables))
    one = statistics.pearson_with_truth(tables[0])
    assert (both.low, both.high) == pytest.approx((one.low, one.high), abs=0.02)


def test_both_experiments_of_a_ratio_are_resampled(rng):
    """(Monte Carlo) Its interval is as wide as repetitions of both spread."""
    a, b = rng.normal(2, 0.3, size=(2, 4000, 30))
    one, other = (pd.DataFrame({"metric": x[0]}) for x in (a, b))
    found = statistics.ratio_of_metrics(one, other)
    spread = np.std(a.mean(1) / b.mean(1))
    assert (found.high - found.low) / (2 * 1.96 * spread) == pytest.approx(1, abs=0.35)


# Few inputs -----------------------------------------------------------------------


@pytest.fixture
def curve() -> pd.DataFrame:
    rows = [
        *((s, "ranked", 0, n, 10 * s + n) for s in (0, 1) for n in (1, 20)),
        *((0, "random", k, 20, metric) for k, metric in enumerate([0.1, 0.7, 0.4])),
        *((1, "random", k, 20, metric) for k, metric in enumerate([0.2, 0.3, 0.1])),
        (0, "random", 0, 1, 99),
    ]
    columns = ["seed", "selection", "draw", "inputs", "metric"]
    return pd.DataFrame(rows, columns=columns)


def test_metric_at(curve):
    found = statistics.metric_at(curve, inputs=20, selection="ranked")
    assert_estimate(found, [20, 30])
    found = statistics.metric_at(curve, inputs=20, selection="random")
    assert_estimate(found, [0.4, 0.2])


def test_share_of_random_sets_close(curve):
    """Each set beside the ranked inputs of its own run, 20 and 30 there."""
    curve = curve.assign(variant="base")
    curve["metric"] = curve["metric"].where(curve["selection"] == "ranked",
                                            curve["metric"] * 10 + 20)  # fmt: skip
    # 21, 27, 24 beside 20; 22, 23, 21 beside 30.
    found = statistics.share_of_random_sets_close(curve, inputs=20, margin=7.5)
    assert found.value == pytest.approx(4 / 6) and found.n == 6
    test = stats.binomtest(4, 6).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((test.low, test.high))


@pytest.fixture
def rankings() -> pd.DataFrame:
    metrics = {
        ("spectral", 0): [0.9, 0.8],
        ("norms", 0): [0.7, 0.9],
        ("univariate", 0): [0.85, 0.8],
        ("random", 0): [0.5, 0.6],
        ("random", 1): [0.7, 0.4],
    }
    rows = [
        ("base", seed, ranking, protocol, draw, n, metric - (protocol == "masked") / 10)
        for (ranking, draw), both in metrics.items()
        for seed, metric in enumerate(both)
        for protocol in ("masked", "retrained")
        for n in (5, 20)
    ]
    columns = ["variant", "seed", "ranking", "protocol", "draw", "inputs", "metric"]
    return pd.DataFrame(rows, columns=columns)


def test_metrics_of_rankings(rankings):
    chosen = {"protocol": "retrained", "inputs": 20}
    found = statistics.metric_of(rankings, ranking="random", **chosen)
    assert_estimate(found, [0.6, 0.5])
    masked = {"protocol": "masked", "inputs": 5}
    found = statistics.metric_of(rankings, ranking="norms", **masked)
    assert_estimate(found, [0.6, 0.8])
    # 0.9 − 0.7 and 0.8 − 0.9; 0.9 − 0.85 and 0.
    found = statistics.lowest_advantage(
        rankings, rankings=["norms", "univariate"], **chosen
    )
    assert_resampled(found, 0.025, 2)
    # 0.9 − 0.7 and 0.8 − 0.6: of random sets the best of each run counts.
    found = statistics.lowest_advantage(rankings, rankings=["random"], **chosen)
    assert found.value == found.low == found.high == pytest.approx(0.2)
    # 0.7 beside 0.9, 0.9 beside 0.8; at random 0.5 and 0.7, 0.6 and 0.4.
    close = {"margin": 0.2 + 1e-9, **chosen}
    found = statistics.share_of_sets_close(rankings, ranking="norms", **close)
    assert_estimate(found, [1, 1])
    found = statistics.share_of_sets_close(rankings, ranking="random", **close)
    assert_estimate(found, [0, 1, 1, 0])
    with pytest.raises(UserError, match="ranking 'best'"):
        statistics.metric_of(rankings, ranking="best", **chosen)


def test_best_metric_at(curve):
    found = statistics.best_metric_at(curve, inputs=20, selection="random")
    assert found.value == 0.7 and found.n == 2
    assert found.low <= 0.7 == found.high


@pytest.mark.parametrize("function", ["metric_at", "best_metric_at"])
def test_a_missing_point_of_a_curve(curve, function):
    with pytest.raises(UserError, match="no point with 7 ranked inputs.\nHint: raise"):
        getattr(statistics, function)(curve, inputs=7, selection="ranked")


def test_share_of_inputs_needed():
    rows = []
    for s, errors in {
        0: {1: 9.0, 2: 1.04, 10: 1.0, 40: 1.2},  # 2 are enough
        1: {1: 9.0, 2: 2.11, 10: 2.09, 40: 2.0},  # 10 are
    }.items():
        # The rows of a file need not be in order.
        for n, error in reversed(errors.items()):
            rows += [(s, "ranked", 0, n, error), (s, "random", 0, n, 0.001)]
    columns = ["seed", "selection", "draw", "inputs", "metric"]
    curve = pd.DataFrame(rows, columns=columns)
    relevance = scores_table(np.ones((2, 40)))
    found = statistics.share_of_inputs_needed(curve, relevance, tolerance=0.05)
    assert_estimate(found, [2 / 40, 10 / 40])
    found = statistics.share_of_inputs_needed(curve, relevance, tolerance=0)
    assert_estimate(found, [10 / 40, 40 / 40])
    curve["metric"] = curve["metric"].where(curve["seed"] == 0)
    found = statistics.share_of_inputs_needed(curve, relevance, tolerance=0)
    assert np.isnan(found.value)


def test_inputs_within_the_error_of_the_test():
    errors = {0: {1: 9.0, 2: 1.3, 10: 1.0}, 1: {1: 2.4, 2: 2.2, 10: 2.0}}
    rows = [
        (s, "ranked", 0, n, error)
        for s, each in errors.items()
        for n, error in each.items()
    ]
    columns = ["seed", "selection", "draw", "inputs", "metric"]
    curve = pd.DataFrame(rows, columns=columns)
    performance = pd.DataFrame({"seed": [1, 0], "metric_error": [0.5, 0.2]})
    arguments = curve, scores_table(np.ones((2, 40))), performance
    found = statistics.share_of_inputs_within_error(*arguments, errors=1)
    assert_estimate(found, [10 / 40, 1 / 40])
    found = statistics.share_of_inputs_within_error(*arguments, errors=2)
    assert_estimate(found, [2 / 40, 1 / 40])
    curve["metric_reestimated"] = curve["metric"]
    performance["metric_error_reestimated"] = 2 * performance["metric_error"]
    found = statistics.share_of_inputs_within_error(
        *arguments, errors=1, reestimated=True
    )
    assert_estimate(found, [2 / 40, 1 / 40])


def ranked_curve(metrics: dict[int, list[float]]) -> pd.DataFrame:
    """Ranked metrics of seeds for n = 3, 7, 50, …, with random ones of 0.25 ± 0.05."""
    rows = []
    for seed, values in metrics.items():
        for n, value in zip((3, 7, 50, 99), values, strict=False):
            rows += [
                (seed, "ranked", 0, n, value),
                (seed, "random", 0, n, 0.3),
                (seed, "random", 1, n, 0.2),
            ]
    columns = ["seed", "selection", "draw", "inputs", "metric"]
    return pd.DataFrame(rows[::-1], columns=columns)


def test_rise_with_inputs():
    values = {0: [0.1, 0.2, 0.5, 0.9], 1: [0.1, 0.3, 0.2, 0.9], 2: [4, 3, 2, 1]}
    found = statistics.rise_with_inputs(ranked_curve(values))
    expected = [stats.spearmanr(range(4), row).statistic for row in values.values()]
    assert expected == pytest.approx([1, 0.8, -1])
    assert_estimate(found, expected)
    flat = statistics.rise_with_inputs(ranked_curve({0: [1, 1, 1]}))
    assert np.isnan(flat.value)


def test_advantage_over_random():
    curve = ranked_curve({0: [0.25, 0.5, 0.75], 1: [0.25, 0.1, 0.25]})
    assert_estimate(statistics.advantage_over_random(curve), [0.25, -0.05])


# Images ---------------------------------------------------------------------------


def images(ring: np.ndarray, bar: np.ndarray, rng: np.random.Generator) -> Datasets:
    y = rng.permutation(np.repeat([0, 1], 30))
    pictures = np.stack([ring, bar])
    x = (pictures[y] + rng.normal(0, 0.05, size=(60, *ring.shape))).reshape(60, -1)
    return Datasets({("", None): dataset(x, y)})


def test_zeros_surround_ones_on_a_ring_and_a_bar(rng):
    rows, columns = np.mgrid[:9, :9] - 4
    ring = ((np.hypot(rows, columns) > 2.5) & (np.hypot(rows, columns) < 3.6)) * 1.0
    bar = (np.hypot(rows, columns) < 1.5) * 1.0
    data = images(ring, bar, rng)
    lit = int(ring.sum() + bar.sum())
    scores = (ring + bar + rng.uniform(0, 0.1, size=(3, 9, 9))).reshape(3, 81)
    table = scores_table(scores)

    def share(**settings: int) -> Estimate:
        return statistics.zeros_surround_ones(table, data, **settings)

    assert_estimate(share(inputs=lit, inner=1, outer=0), [1, 1, 1])
    assert_estimate(share(inputs=lit, inner=0, outer=1), [0, 0, 0])
    # Over all pixels it is the common-language effect size of Mann and Whitney.
    means = [
        data.first.x_train[data.first.y_train == digit].mean(axis=0) for digit in (0, 1)
    ]
    outside = means[0] > means[1]
    distance = np.hypot(rows, columns).ravel()
    u = stats.mannwhitneyu(distance[outside], distance[~outside]).statistic
    expected = u / (outside.sum() * (~outside).sum())
    assert 0.2 < expected < 0.95
    assert_estimate(share(inputs=81, inner=1, outer=0), [expected] * 3)


def test_zeros_surround_ones_takes_the_highest_ranked_pixels_of_each_seed(rng):
    ring, bar = np.zeros((3, 3)), np.zeros((3, 3))
    ring[0, 0] = ring[1, 1] = 1  # √2 and 0 from the centre
    bar[0, 1] = bar[2, 1] = 1  # both 1
    data = images(ring, bar, rng)
    scores = np.full((4, 9), 0.0)
    scores[0, [0, 1]] = 2, 1  # a corner of the ring further out than the bar
    scores[1, [4, 1]] = 2, 1  # the centre, for zeros, within it
    scores[2, [0, 4, 1, 7]] = 4, 3, 2, 1  # only two of these are taken: both of zeros
    scores[3, [7, 0]] = 1, 2
    found = statistics.zeros_surround_ones(
        scores_table(scores), data, inputs=2, inner=1, outer=0
    )
    assert_estimate(found, [1, 0, 0, 1])


def test_share_in_region():
    image = np.zeros((2, 4, 4))
    image[0, 0, 3] = image[0, 1, 2] = image[0, 2, 2] = 2
    image[0, 0, 1] = 1  # the fourth
    image[1] = 1 - np.arange(16).reshape(4, 4) / 100  # in reading order
    table = scores_table(image.reshape(2, 16))
    region = {"rows": [0, 1], "columns": [2, 3]}
    found = statistics.share_in_region(table, inputs=4, **region)
    assert_estimate(found, [2 / 4, 2 / 4])
    found = statistics.share_in_region(table, inputs=3, **region)
    assert_estimate(found, [2 / 3, 1 / 3])
    found = statistics.share_in_region(table, inputs=3, rows=[2, 2], columns=[0, 2])
    assert_estimate(found, [1 / 3, 0])


# Bands ----------------------------------------------------------------------------

WAVELENGTHS = np.arange(120) * 0.9 + 4000
BANDS = pd.DataFrame(
    {
        "index": ["A", "B", "NaD"],
        "left": [4010.0, 4060.3, 4090],
        "right": [4017.2, 4070, 4099],
    }
)


def spectra(scores: np.ndarray) -> pd.DataFrame:
    return scores_table(scores, [f"{value:.1f}" for value in WAVELENGTHS])


def inside_bands() -> np.ndarray:
    steps = np.arange(len(WAVELENGTHS))
    return ((steps >= 12) & (steps <= 19)) | ((steps >= 67) & (steps <= 77))


def test_band_alignment_is_an_explicit_permutation_test(rng):
    scores = rng.random((4, 120)) ** 3
    inside = inside_bands()
    assert inside.sum() == 8 + 11  # from 4010.8 to 4017.1 and from 4060.3 to 4069.3

    def p_value(row: np.ndarray) -> float:
        observed = row[inside].sum()
        shifts = [np.roll(row, k)[inside].sum() for k in range(len(row))]
        return np.mean([total >= observed - 1e-12 for total in shifts])

    found = statistics.band_alignment_p_value(spectra(scores), BANDS, names=["A", "B"])
    shares = scores / scores.max(axis=1, keepdims=True)
    each = [p_value(row) for row in scores]
    assert found.value == pytest.approx(p_value(shares.mean(axis=0)))
    assert found.spread == pytest.approx(np.std(each, ddof=1)) and found.n == 4
    assert np.isnan([found.low, found.high]).all()


def test_alignment_over_shifts_is_the_p_value_as_an_effect(rng):
    inside = inside_bands()
    names = {"names": ["A", "B"], "within": 3.0}
    for strength in (0, 0.1, 0.3, 1):
        scores = rng.random((4, 120)) ** 3 + strength * inside
        mean = (scores / scores.max(axis=1, keepdims=True)).mean(axis=0)
        sums = [np.roll(mean, k)[inside].sum() for k in range(-3, 4)]
        ratio = mean[inside].sum() / np.quantile(sums, 0.95)
        found = statistics.alignment_over_shifts(spectra(scores), BANDS, **names)
        assert_resampled(found, ratio, 4)
    one = statistics.alignment_over_shifts(spectra(np.zeros((2, 120))), BANDS, **names)
    assert np.isnan(one.value)


def test_aligned_bands_have_the_smallest_p_value(rng):
    scores = rng.random((2, 120)) * 0.01 + inside_bands()
    found = statistics.band_alignment_p_value(spectra(scores), BANDS, names=["A", "B"])
    assert found[:3] == (pytest.approx(1 / 120), pytest.approx(0), 2)
    opposite = statistics.band_alignment_p_value(
        spectra(1.01 - scores.clip(max=1)), BANDS, names=["A", "B"]
    )
    assert opposite.value > 0.9
    flat = statistics.band_alignment_p_value(
        spectra(np.ones((2, 120))), BANDS, names=["A"]
    )
    assert flat.value == 1


def test_shifts_within_a_distance_keep_a_trend(rng):
    """With a trend every band at its end is hit, among near shifts it is not."""
    scores = np.exp(-np.arange(120) / 20) * np.ones((2, 1))
    bands = pd.DataFrame({"index": ["blue"], "left": [4003.0], "right": [4009.0]})
    inside = (WAVELENGTHS >= 4003) & (WAVELENGTHS <= 4009)
    far, near = (
        statistics.band_alignment_p_value(
            spectra(scores), bands, names=["blue"], within=within
        ).value
        for within in (None, 2.0)
    )
    assert far < 0.06 and near > 0.3
    # 2 Å are two steps to either side.
    sums = [np.roll(scores[0], k)[inside].sum() for k in (0, 1, 2, -1, -2)]
    assert near == pytest.approx(np.mean([total >= sums[0] - 1e-12 for total in sums]))


def test_enrichment_is_relevance_for_the_width_of_a_band(rng):
    scores = rng.random((3, 120))
    steps = np.arange(120)
    a, b = (steps >= 12) & (steps <= 19), (steps >= 67) & (steps <= 77)

    def each(inside: np.ndarray) -> np.ndarray:
        return scores[:, inside].sum(1) / scores.sum(1) / (inside.sum() / 120)

    both = sorted([each(a).mean(), each(b).mean()])
    names = {"names": ["A", "B"]}
    found = statistics.lowest_enrichment(spectra(scores), BANDS, **names)
    assert_resampled(found, both[0], 3)
    found = statistics.highest_enrichment(spectra(scores), BANDS, **names)
    assert_resampled(found, both[1], 3)
    flat = spectra(np.ones((2, 120)))
    assert statistics.lowest_enrichment(flat, BANDS, **names).value == pytest.approx(1)


def test_enrichment_of_the_highest_ranked_inputs(rng):
    inside = inside_bands()
    scores = rng.random((3, 120)) * 0.1
    scores[0, inside] += 1  # all 19 of the bands are the highest
    scores[1, ~inside] += 1  # none is
    scores[2, np.flatnonzero(inside)[:5]] += 1
    scores[2, np.flatnonzero(~inside)[:5]] += 1
    names = {"names": ["A", "B"], "inputs": 10}
    found = statistics.enrichment_of_top(spectra(scores), BANDS, **names)
    each = np.array([1, 0, 0.5]) / (19 / 120)
    assert_estimate(found, each.tolist())
    found = statistics.ratio_of_top_enrichments(
        spectra(scores), spectra(scores[:1]), BANDS, **names
    )
    assert_resampled(found, 0.5, 1)


def test_p_values_of_scores_without_alignment_are_uniform(rng):
    # Scores in clusters, like those of neighbouring wavelengths.
    noise = rng.random((300, 120))
    smooth = np.stack([np.convolve(np.tile(row, 2), np.ones(5), "same")[60:180]
                       for row in noise])  # fmt: skip
    values = [
        statistics.band_alignment_p_value(
            spectra(row[None]), BANDS, names=["A", "B"]
        ).value
        for row in smooth
    ]
    # It happens once in a thousand seeds that p < 0.001.
    assert stats.kstest(values, "uniform", method="exact").pvalue > 0.001


def test_no_relevance_at_all_is_not_alignment():
    found = statistics.band_alignment_p_value(
        spectra(np.zeros((2, 120))), BANDS, names=["A"]
    )
    assert not found.value < 0.05


def test_every_statistic_takes_tables_first_and_settings_by_keyword():
    tables = {
        *("relevance", "other", "curve", "controls", "performance", "data"),
        *("bands", "complexity", "theory"),
    }
    for name, function in STATISTICS.items():
        signature = inspect.signature(function)
        assert signature.return_annotation is Estimate, name
        for parameter in signature.parameters.values():
            by_keyword = parameter.kind is parameter.KEYWORD_ONLY
            assert (parameter.name not in tables) is by_keyword, (name, parameter)


def test_no_figure_depends_on_the_statistics_of_claims():
    figures = sources.PACKAGE / "replication/figures"
    for path in figures.glob("*.py"):
        assert "replication/statistics.py" not in sources.sources(path), path.name
    assert "replication/statistics.py" in sources.sources("replication/claims.py")
