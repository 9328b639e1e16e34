"""The Gaussians of Appendix C against their own description."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.nonisotropic import nonisotropic

SETTINGS = {
    "examples": 40_000,
    "features": 15,
    "separated": 5,
    "correlated": 4,
    "smallest_distance": 0.1,
    "largest_distance": 0.3,
    "sigma": 0.5,
    "correlation": 0.8,
    "test_fraction": 0.2,
}


def make(seed: int, **changes: Any) -> Dataset:
    return nonisotropic(**SETTINGS | changes, seed=seed)


def classes(data: Dataset) -> list[np.ndarray]:
    x, y = np.vstack([data.x_train, data.x_test]), np.r_[data.y_train, data.y_test]
    return [x[y == label].astype(float) for label in (0, 1)]


def distances(seed: int, **changes: Any) -> np.ndarray:
    """Differences of the class means, from examples that hardly scatter."""
    zeros, ones = classes(make(seed, sigma=1e-9, examples=8, **changes))
    np.testing.assert_allclose(zeros[:, :5], -0.5, atol=1e-6)
    np.testing.assert_allclose(zeros[:, 5:], 0, atol=1e-6)
    return ones.mean(axis=0) - zeros.mean(axis=0)


def test_means_and_covariances_of_the_classes(seed):
    zeros, ones = classes(make(seed))
    mean = np.where(np.arange(15) < 5, -0.5, 0)
    expected = np.eye(15)
    for j in range(4):
        expected[j, 5 + j] = expected[5 + j, j] = 0.8
    for examples, shift in ((zeros, 0), (ones, distances(seed))):
        error = 1 / np.sqrt(len(examples))
        assert np.abs(examples.mean(axis=0) - mean - shift).max() < 5 * 0.5 * error
        found = np.cov(examples.T) / 0.25
        # The error of a variance; that of a covariance is smaller.
        assert np.abs(found - expected).max() < 5.5 * np.sqrt(2) * error


def test_distances_are_uniform(seed):
    many = np.array([distances(1000 * seed + k) for k in range(100)])
    np.testing.assert_allclose(many[:, 5:], 0, atol=1e-6)
    # 2.5 / √n is exceeded with probability 2 exp(-2 · 2.5²) = 7e-6.
    statistic = kstest(many[:, :5].ravel(), "uniform", (0.1, 0.2)).statistic
    assert statistic < 2.5 / np.sqrt(500)


def test_the_truth_is_what_the_best_linear_rule_uses(seed):
    data = make(seed, separated=4)
    assert data.truth.tolist() == [1] * 8 + [0] * 7
    zeros, ones = classes(data)
    pooled = (np.cov(zeros.T) + np.cov(ones.T)) / 2
    difference = ones.mean(axis=0) - zeros.mean(axis=0)
    weights = np.abs(np.linalg.solve(pooled, difference))
    # Of a weight that is zero: the scatter of both means, and that of the covariance.
    scatter = 4 / 0.25 * (1 + weights @ pooled @ weights / 4)
    error = np.sqrt(scatter / SETTINGS["examples"])
    assert weights[8:].max() < 5 * error
    assert weights[:8].min() > 10 * error
    # The partner of a separated feature is weighted by the correlation.
    np.testing.assert_allclose(weights[4:8] / weights[:4], 0.8, atol=0.15)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"correlated": 6}, "correlated: expected at most 5.*found 6"),
        ({"features": 8}, "expected at most 8 together.*found 5 and 4"),
    ],
)
def test_parts_that_do_not_fit(changes, message):
    with pytest.raises(UserError, match=message):
        make(0, **changes)


def test_parts_may_be_empty_or_all(seed):
    assert make(seed, correlated=0).truth.sum() == 5
    assert make(seed, features=9).truth.all()
