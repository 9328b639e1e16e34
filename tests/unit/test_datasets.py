"""What all kinds of made datasets share, and collections of datasets on disk."""

import importlib
import os
from typing import Any

import numpy as np
import pytest

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication import datasets
from spectral_relevance.replication.datasets.base import Datasets

KINDS = {
    "independent": {
        "features": 12,
        "relevant": 7,
        "sigma": 0.5,
        "largest_distance": 1.4,
    },
    "correlated": {"probabilities": [0.7, 0.4], "irrelevant": 8, "sigma": 0.5},
    "two_features": {"distance": 1.0, "sigma": 0.5, "correlation": 0.8},
    "spurious": {
        "components": 12,
        "slopes": [0.5, 1.5],
        "offsets": [-0.5, 0.5],
        "spread": 0.2,
    },
    "nonisotropic": {
        "features": 12,
        "separated": 4,
        "correlated": 3,
        "smallest_distance": 0.1,
        "largest_distance": 0.3,
        "sigma": 0.5,
        "correlation": 0.8,
    },
}


def settings(kind: str, seed: int | None, **changes: Any) -> dict[str, Any]:
    shared = {"kind": kind, "examples": 1001, "test_fraction": 0.3, "seed": seed}
    return KINDS[kind] | shared | changes


def make(kind: str, seed: int, **changes: Any) -> Dataset:
    return datasets.make({"": settings(kind, seed, **changes)}, [0], {}).first


def assert_same(found: Dataset, expected: Dataset) -> None:
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(vars(found)[name], values)
        assert np.asarray(vars(found)[name]).dtype == np.asarray(values).dtype, name


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_types_and_names(seed, kind):
    data = make(kind, seed)
    width = 2 if kind == "two_features" else 12
    assert data.x_train.shape == (701, width) and data.x_test.shape == (300, width)
    assert data.y_train.shape == (701,) and data.y_test.shape == (300,)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.y_test.dtype == np.int64
    assert data.features.tolist() == [f"x{j}" for j in range(1, width + 1)]
    assert data.truth.shape == (width,) and data.truth.dtype == np.float64
    assert data.is_classification and data.target_scale == 1


@pytest.mark.parametrize("kind", KINDS)
def test_both_classes_in_random_order_in_both_parts(seed, kind):
    data = make(kind, seed)
    for y in (data.y_train, data.y_test):
        assert set(y) == {0, 1}
        assert abs(y.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(y))
        assert 0.3 < np.mean(y[1:] != y[:-1]) < 0.7
    if kind != "spurious":  # whose labels follow from a random input
        assert data.y_train.sum() + data.y_test.sum() == 500


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_everything(seed, kind):
    one, same, other = make(kind, seed), make(kind, seed), make(kind, seed + 1)
    assert_same(one, same)
    for name in ("x_train", "x_test"):
        assert not np.isclose(vars(one)[name], vars(other)[name]).all(axis=1).any()
    assert (one.y_train != other.y_train).any()
    # An example of one seed says nothing about that of another.
    width = one.truth.size
    found = np.corrcoef(one.x_train.T, other.x_train.T)[:width, width:]
    assert np.abs(found).max() < 5 / np.sqrt(len(one.x_train))


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_names_the_function(seed, kind):
    function = getattr(importlib.import_module(f"{datasets.__name__}.{kind}"), kind)
    arguments = settings(kind, seed)
    del arguments["kind"]
    assert_same(make(kind, seed), function(**arguments))
    # What belongs to the raw data is handed on as well.
    with pytest.raises(TypeError, match="folder"):
        datasets.make({"": settings(kind, 0)}, [0], {"folder": "data"})


def test_a_dataset_with_a_seed_serves_all_runs():
    variants = {"a": settings("spurious", 5), "b": settings("spurious", 5, spread=0)}
    made = datasets.make(variants, [3, 4], {})
    assert list(made.entries) == [("a", None), ("b", None)]
    assert_same(made.of("a", 4), make("spurious", 5))
    assert_same(made.of("b", 3), make("spurious", 5, spread=0))


def test_without_a_seed_each_run_draws_its_own():
    variants = {
        "a": settings("two_features", None),
        "b": settings("two_features", None, correlation=0),
    }
    made = datasets.make(variants, [3, 0], {})
    assert list(made.entries) == [("a", 3), ("a", 0), ("b", 3), ("b", 0)]
    for seed in (0, 3):
        assert_same(made.of("a", seed), make("two_features", seed))
        assert_same(made.of("b", seed), make("two_features", seed, correlation=0))


def test_variants_that_agree_share_their_examples(tmp_path):
    same = settings("two_features", None)
    others = {"b": dict(reversed(same.items())), "c": same | {"sigma": 1.0}}
    made = datasets.make({"a": same, **others}, [0, 1], {})
    made.save(tmp_path / "data.npz")
    for found in (made, Datasets.load(tmp_path / "data.npz")):
        assert found.of("a", 0) is found.of("b", 0)
        assert found.of("a", 1) is found.of("b", 1)
        assert len({id(dataset) for dataset in found.entries.values()}) == 4
    with np.load(tmp_path / "data.npz") as arrays:
        assert sum(name.endswith("/x_train") for name in arrays) == 4


def test_a_run_gets_the_dataset_that_is_closest_to_it():
    many = [make("two_features", seed) for seed in range(4)]
    own, variant, seed, all_others = many
    found = Datasets(
        {
            ("", None): all_others,
            ("", 1): seed,
            ("", 2): seed,
            ("a", None): variant,
            ("a", 1): own,
        }
    )
    assert found.of("a", 1) is own
    assert found.of("a", 2) is variant
    assert found.of("b", 1) is seed
    assert found.of("b", 3) is all_others
    assert found.first is all_others
    assert list(found.entries.values()) == [all_others, seed, seed, variant, own]


def test_a_run_without_a_dataset_is_named(classes):
    found = Datasets({("a", 1): classes, ("b", None): classes})
    assert found.of("b", 7) is classes
    for variant, seed in (("a", 2), ("c", 1)):
        with pytest.raises(UserError, match=f"variant '{variant}', seed {seed}"):
            found.of(variant, seed)


def test_datasets_are_read_back_to_the_bit(tmp_path, classes, values):
    entries = {
        ("b", 3): values,
        ("", None): classes,
        ("a", None): make("independent", 0),
        ("a", 0): make("two_features", 0),
    }
    Datasets(entries).save(tmp_path / "new" / "data.npz")
    assert os.listdir(tmp_path / "new") == ["data.npz"]
    again = Datasets.load(tmp_path / "new" / "data.npz")
    assert list(again.entries) == list(entries)
    for run, data in entries.items():
        assert_same(again.entries[run], data)
    assert again.first.target_scale == 2.5
    assert type(again.first.target_scale) is float
    assert not again.first.is_classification
    assert again.of("b", 4).is_classification
    assert all(type(seed) in (int, type(None)) for _, seed in again.entries)
    # What was read can be written again.
    again.save(tmp_path / "data.npz")
    assert list(Datasets.load(tmp_path / "data.npz").entries) == list(entries)


@pytest.mark.parametrize("content", ["text", "half", "other", "nothing"])
def test_a_file_without_datasets(tmp_path, content):
    path = tmp_path / "data.npz"
    Datasets({("", None): make("two_features", 0)}).save(path)
    if content == "text":
        path.write_text("mine")
    elif content == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif content == "other":
        np.savez(path, x=np.zeros(3))
    else:
        path.write_bytes(b"")
    message = r"data\.npz: expected datasets.*\nHint: delete"
    with pytest.raises(UserError, match=message):
        Datasets.load(path)
