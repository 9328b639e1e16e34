"""Measures of single runs against scipy, explicit loops and examples by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from score_tables import assert_estimate, dataset
from spectral_relevance.replication import measures
from spectral_relevance.replication.measures import over_seeds


@pytest.fixture
def many_resamples(monkeypatch):
    monkeypatch.setattr(measures, "RESAMPLES", 9999)


def test_over_seeds():
    assert_estimate(over_seeds([1, 2, 4.5]), [1, 2, 4.5])
    single = over_seeds(pd.Series([3.0]))
    assert single.value == 3 and single.n == 1 and np.isnan(single.spread)
    assert all(type(v) is not np.float64 for v in over_seeds([1, 2]))


@pytest.mark.parametrize(("n", "least"), [(3, 0.65), (10, 0.85), (60, 0.9)])
def test_how_often_an_interval_holds_the_truth(many_resamples, rng, n, least):
    """(Monte Carlo) With few runs less often than 95 %: told in docs/deviations.md."""
    intervals = [over_seeds(rng.normal(size=n)) for _ in range(200)]
    share = np.mean([found.low <= 0 <= found.high for found in intervals])
    assert least < share < 0.99


def test_an_interval_is_that_of_scipy_and_the_same_each_time(many_resamples, rng):
    values = rng.exponential(size=12)
    found = over_seeds(values)
    expected = stats.bootstrap(
        (values,), np.mean, rng=np.random.default_rng(0), n_resamples=9999
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=0.05)
    assert found == over_seeds(values)


def test_without_variation_an_interval_is_the_value():
    assert over_seeds([0.1] * 3)[3:] == (pytest.approx(0.1), pytest.approx(0.1))
    assert measures.exact(2, 5) == (
        2.0,
        pytest.approx(np.nan, nan_ok=True),
        5,
        2.0,
        2.0,
    )
    assert all(np.isnan(over_seeds([0.1])[3:]))
    assert all(np.isnan(over_seeds([0.1, np.nan, 1])[3:]))


def test_shares_of_runs_have_the_interval_of_wilson():
    # Newcombe (1998), Table I: 81 of 263, and 0 of 20.
    found = measures.share_of_runs([True] * 81 + [False] * 182)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    found = measures.share_of_runs([False] * 20)
    assert (found.low, found.high) == pytest.approx((0, 0.1611), abs=1e-4)
    assert np.isnan(measures.share_of_runs([]).value)


def test_paired_samples_are_drawn_together(rng):
    a = rng.normal(size=20)

    def difference(x, y):
        return x.mean(axis=-1) - y.mean(axis=-1)

    apart = measures.resampled(difference, a, a + 1)
    together = measures.resampled(difference, a, a + 1, paired=True)
    assert apart.high - apart.low > 0.5
    assert together.high - together.low < 1e-9


def test_rows_are_drawn_as_a_whole(many_resamples, rng):
    rows = rng.normal(size=(8, 5))
    found = measures.resampled(lambda x: x.mean(axis=-2)[..., 2], rows)
    assert found[3:] == pytest.approx(over_seeds(rows[:, 2])[3:], rel=0.01)


def test_pearson_of_single_runs(rng):
    a, b = rng.random((2, 9))
    assert measures.pearson(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)
    assert np.isnan(measures.pearson(a, np.ones(9)))
    assert np.isnan(measures.pearson(np.zeros(9), b))


def test_detection_of_single_runs():
    truth = np.array([0.5, 0, 0, 0.01])
    assert measures.detection(np.array([2.0, 0.1, 0.3, 0.21]), truth, 0.1) == 0.75
    assert measures.detection(np.array([4.0, 1, 1, 0.1]), truth, 0.1) == 0.25
    # Exactly at the threshold is not above it.
    assert measures.detection(np.array([1.0, 0.5, 0, 0]), truth, 0.5) == 0.75
    assert np.isnan(measures.detection(np.zeros(4), truth, 0.1))


def test_auroc_counts_pairs(rng):
    truth = rng.random(30) * (rng.random(30) < 0.5)
    scores = rng.integers(0, 6, 30) + 2.0 * (truth > 0)  # with ties
    pairs = np.sign(scores[truth > 0][:, None] - scores[truth == 0])
    assert measures.auroc(scores, truth) == pytest.approx((pairs.mean() + 1) / 2)
    assert measures.auroc(np.array([1, 3, 2]), np.array([0, 1, 1])) == 1
    assert np.isnan(measures.auroc(scores, np.zeros(30)))
    assert np.isnan(measures.auroc(scores, np.ones(30)))


def test_correlation_strength(rng):
    x = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3))
    pairs = [stats.pearsonr(x[:, i], x[:, j])[0] for i, j in ((0, 1), (0, 2), (1, 2))]
    found = measures.correlation_strength(dataset(x))
    assert found == pytest.approx(np.mean(pairs))
    same = x[:, :1] * [1, 2, 3] + [0, 5, 1]
    assert measures.correlation_strength(dataset(same)) == pytest.approx(1)
