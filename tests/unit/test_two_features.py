"""The two features of Appendix A against closed forms."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.two_features import two_features

SETTINGS = {
    "examples": 40_000,
    "distance": 1.0,
    "sigma": 0.5,
    "correlation": 0.8,
    "test_fraction": 0.2,
}


def make(seed: int, **changes: Any) -> Dataset:
    return two_features(**SETTINGS | changes, seed=seed)


@pytest.mark.parametrize("correlation", [0, 0.8, -0.3])
def test_means_and_covariances_of_the_classes(seed, correlation):
    data = make(seed, correlation=correlation)
    x, y = np.vstack([data.x_train, data.x_test]), np.r_[data.y_train, data.y_test]
    for label, mean in ((0, [0, -0.5]), (1, [0, 0.5])):
        examples = x[y == label].astype(float)
        error = 1 / np.sqrt(len(examples))
        assert np.abs(examples.mean(axis=0) - mean).max() < 5 * 0.5 * error
        found = np.cov(examples.T)
        expected = 0.25 * np.array([[1, correlation], [correlation, 1]])
        # The error of a variance; that of a covariance is smaller.
        assert np.abs(found - expected).max() < 5 * 0.25 * np.sqrt(2) * error


@pytest.mark.parametrize("correlation", [0, 0.8])
def test_what_the_best_linear_rule_uses_and_reaches(seed, correlation):
    data = make(seed, correlation=correlation)
    x, y = data.x_train.astype(float), data.y_train
    classes = [x[y == label] for label in (0, 1)]
    means = [examples.mean(axis=0) for examples in classes]
    pooled = sum(np.cov(examples.T) for examples in classes) / 2
    weights = np.linalg.solve(pooled, means[1] - means[0])
    # Both matter with the correlation, only the second without.
    assert weights[0] / weights[1] == pytest.approx(-correlation, abs=0.05)
    guess = (data.x_test - (means[0] + means[1]) / 2) @ weights > 0
    expected = norm.cdf(1.0 / 0.5 / np.sqrt(1 - correlation**2) / 2)
    error = np.sqrt(expected * (1 - expected) / len(guess))
    assert abs(np.mean(guess == data.y_test) - expected) < 5 * error
    assert data.truth.tolist() == [correlation != 0, 1]
