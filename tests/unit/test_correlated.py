"""The paired Gaussians against their own description."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.correlated import correlated

SETTINGS = {
    "examples": 40_000,
    "probabilities": [0.7, 0.8, 0.4, 0.6],
    "irrelevant": 2,
    "sigma": 0.5,
    "test_fraction": 0.2,
}


def make(seed: int, **changes: Any) -> Dataset:
    return correlated(**SETTINGS | changes, seed=seed)


@pytest.fixture
def data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All inputs and labels."""
    made = make(seed)
    return np.vstack([made.x_train, made.x_test]), np.r_[made.y_train, made.y_test]


def opposite(x: np.ndarray) -> np.ndarray:
    """Whether the members of each pair differ in sign, shape (n, 4)."""
    return np.stack([x[:, j] * x[:, j + 1] < 0 for j in (0, 2, 4, 6)], axis=1)


def test_pairs_are_equal_but_for_the_sign(data):
    x, y = data
    for j in (0, 2, 4, 6):
        np.testing.assert_array_equal(np.abs(x[:, j]), np.abs(x[:, j + 1]))
    flips = opposite(x)
    assert not flips[y == 0].any()
    rates = flips[y == 1].mean(axis=0)
    expected = np.array(SETTINGS["probabilities"])
    error = np.sqrt(expected * (1 - expected) / (y == 1).sum())
    assert (np.abs(rates - expected) < 5 * error).all()
    # The pairs flip independently of one another, and of the sign of the first.
    signs = x[y == 1][:, [0, 2, 4, 6]] > 0
    flips_and_signs = np.hstack([flips[y == 1], signs])
    coupling = np.corrcoef(flips_and_signs.T) - np.eye(8)
    assert np.abs(coupling).max() < 5.5 / np.sqrt((y == 1).sum())


def test_no_feature_tells_the_classes_apart_on_its_own(data):
    x, y = data
    for feature in x.T:
        # Kolmogorov and Smirnov: exceeded with probability 2 exp(-2 · 2.5²) = 7e-6.
        distance = ks_2samp(feature[y == 0], feature[y == 1]).statistic
        assert distance < 2.5 / np.sqrt(len(y) / 4)
        assert abs(feature.mean()) < 5 * 0.5 / np.sqrt(len(y))
        assert abs(feature.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * len(y))


def test_different_pairs_and_irrelevant_features_are_independent(data):
    x, y = data
    for label in (0, 1):
        firsts = x[y == label][:, [0, 2, 4, 6, 8, 9]]
        for values in (firsts, np.abs(firsts)):
            correlation = np.corrcoef(values.T) - np.eye(6)
            assert np.abs(correlation).max() < 5.5 / np.sqrt(len(values))


def test_the_best_rule_has_the_accuracy_that_was_derived(data):
    x, y = data
    accuracy = np.mean(opposite(x).any(axis=1) == y)
    expected = 1 - 0.5 * 0.3 * 0.2 * 0.6 * 0.4
    assert expected == pytest.approx(0.9928)
    assert abs(accuracy - expected) < 5 * np.sqrt(expected * (1 - expected) / len(y))


def test_truth(seed):
    assert make(seed).truth.tolist() == [0.7, 0.7, 0.8, 0.8, 0.4, 0.4, 0.6, 0.6, 0, 0]
    other = make(seed, probabilities=[0.0, 1.0], irrelevant=1)
    assert other.truth.tolist() == [0, 0, 1, 1, 0]
    x, y = other.x_train, other.y_train
    np.testing.assert_array_equal(x[:, 1], x[:, 0])
    np.testing.assert_array_equal(x[:, 3], np.where(y == 1, -x[:, 2], x[:, 2]))
    assert make(seed, irrelevant=0).x_test.shape == (8000, 8)
