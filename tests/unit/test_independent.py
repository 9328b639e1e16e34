"""The Gaussian dataset against its own description, and datasets on disk."""

import os
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectral_relevance import datasets
from spectral_relevance.datasets.base import Dataset
from spectral_relevance.datasets.independent import independent

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


def test_shapes_types_and_names(seed):
    data = make(seed, examples=1001, test_fraction=0.3)
    assert data.x_train.shape == (701, 12) and data.x_test.shape == (300, 12)
    assert data.y_train.shape == (701,) and data.y_test.shape == (300,)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.y_test.dtype == np.int64
    assert data.features.tolist() == [f"x{j}" for j in range(1, 13)]
    assert data.is_classification and data.target_scale == 1
    # Both classes, in random order, in both parts.
    for y in (data.y_train, data.y_test):
        assert abs(y.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(y))
        assert 0.3 < np.mean(y[1:] != y[:-1]) < 0.7


def test_the_seed_decides_everything(seed):
    one, same, other = make(seed), make(seed), make(seed + 1)
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, vars(same)[name])
    assert not np.isclose(one.x_train, other.x_train).all()
    assert (one.truth != other.truth).any()
    assert (one.y_train != other.y_train).any()


def test_all_or_some_features_may_be_relevant(seed):
    assert (make(seed, relevant=12).truth > 0).all()
    assert (make(seed, relevant=1).truth > 0).sum() == 1


def test_make_dispatches_by_kind(seed):
    found = datasets.make({**SETTINGS, "kind": "independent", "seed": seed}, {})
    expected = make(seed)
    np.testing.assert_array_equal(found.x_train, expected.x_train)
    # What belongs to the raw data is handed on as well.
    with pytest.raises(TypeError, match="folder"):
        datasets.make(
            {**SETTINGS, "kind": "independent", "seed": seed}, {"folder": "data"}
        )


@pytest.mark.parametrize("name", ["classes", "values"])
def test_datasets_are_read_back(tmp_path, classes, values, name):
    data = {"classes": classes, "values": values}[name]
    data.save(tmp_path / "data.npz", tmp_path / "features.csv")
    assert sorted(os.listdir(tmp_path)) == ["data.npz", "features.csv"]
    again = Dataset.load(tmp_path / "data.npz")
    for key, values in vars(data).items():
        found = vars(again)[key]
        np.testing.assert_array_equal(found, values)
        assert np.asarray(found).dtype == np.asarray(values).dtype, key
    assert type(again.target_scale) is float
    assert again.is_classification is (name == "classes")
    table = pd.read_csv(tmp_path / "features.csv")
    assert table["feature"].tolist() == data.features.tolist()
    np.testing.assert_array_equal(table["truth"], data.truth)


def test_the_truth_is_written_to_the_bit(tmp_path, seed):
    data = make(seed, examples=10)
    data.save(tmp_path / "data.npz", tmp_path / "features.csv")
    table = pd.read_csv(tmp_path / "features.csv")
    np.testing.assert_array_equal(table["truth"], data.truth)
