"""Measures of single runs against scipy, explicit loops and examples by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from score_tables import assert_estimate, dataset
from spectral_relevance.replication import measures
from spectral_relevance.replication.measures import over_seeds


def test_over_seeds():
    assert_estimate(over_seeds([1, 2, 4.5]), [1, 2, 4.5])
    single = over_seeds(pd.Series([3.0]))
    assert single.value == 3 and single.n == 1 and np.isnan(single.spread)
    assert all(type(v) is not np.float64 for v in over_seeds([1, 2]))


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
