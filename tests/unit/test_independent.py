"""The Gaussian dataset against its own description."""

from typing import Any

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.independent import independent

SETTINGS = {
    "examples": 20_000,
    "features": 12,
    "relevant": 7,
    "sigma": 0.5,
    "largest_distance": 1.4,
    "test_fraction": 0.2,
}


def make(seed: int, **changes: Any) -> Dataset:
    return independent(**SETTINGS | changes, seed=seed)


def test_means_and_deviations_are_those_of_the_description(seed):
    data = make(seed)
    relevant = data.truth > 0
    assert relevant.sum() == 7
    assert data.truth.max() <= 1.4
    x = np.concatenate([data.x_train, data.x_test]).astype(float)
    y = np.concatenate([data.y_train, data.y_test])
    means = [np.where(relevant, -0.5, 0), np.where(relevant, data.truth - 0.5, 0)]
    for label in (0, 1):
        examples = x[y == label]
        assert len(examples) == 10_000
        # A bound of 5 standard errors fails once in 70,000 runs of 24 comparisons.
        error = 0.5 / np.sqrt(len(examples))
        assert np.abs(examples.mean(axis=0) - means[label]).max() < 5 * error
        deviation = examples.std(axis=0)
        assert np.abs(deviation - 0.5).max() < 5 * error / np.sqrt(2)
        # Nothing but the diagonal of the correlation matrix.
        correlation = np.corrcoef(examples.T) - np.eye(12)
        assert np.abs(correlation).max() < 5.5 / np.sqrt(len(examples))


def test_distances_are_uniform_and_positions_random(seed):
    many = [make(1000 * seed + k, examples=10) for k in range(300)]
    distances = np.concatenate([data.truth[data.truth > 0] for data in many])
    assert len(distances) == 300 * 7
    ranks = np.sort(distances) / 1.4
    # Kolmogorov and Smirnov: 1.95 / √n is exceeded once in a thousand seeds.
    uniform = np.arange(1, len(ranks) + 1) / len(ranks)
    assert np.abs(ranks - uniform).max() < 1.95 / np.sqrt(len(ranks)) + 1 / len(ranks)
    chosen = np.mean([data.truth > 0 for data in many], axis=0)
    error = np.sqrt(7 / 12 * 5 / 12 / 300)
    assert np.abs(chosen - 7 / 12).max() < 5 * error


def test_the_seed_decides_what_is_relevant(seed):
    assert (make(seed).truth != make(seed + 1).truth).any()


def test_all_or_some_features_may_be_relevant(seed):
    assert (make(seed, relevant=12).truth > 0).all()
    assert (make(seed, relevant=1).truth > 0).sum() == 1
