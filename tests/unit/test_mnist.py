"""The digits, read back from IDX files of known content."""

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.mnist import mnist
from tiny_data import write_mnist


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("mnist")
    return folder, write_mnist(folder / "MNIST" / "raw", train=12, test=4, seed=3)


def made(
    folder: Path, files: dict[str, str], digits: list[int], **changes: Any
) -> Dataset:
    settings = {"labels": "digits", "train_examples": None, "seed": 0} | changes
    return mnist(folder=folder, files=files, digits=digits, **settings)


def _images(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    raw = folder / "MNIST" / "raw"
    images = (raw / f"{part}-images-idx3-ubyte").read_bytes()[16:]
    labels = (raw / f"{part}-labels-idx1-ubyte").read_bytes()[8:]
    return (
        np.frombuffer(images, np.uint8).reshape(-1, 784),
        np.frombuffer(labels, np.uint8),
    )


def test_the_chosen_digits_in_the_order_of_the_file(tiny):
    folder, files = tiny
    data = made(folder, files, [5, 9])
    for part, x, y in (
        ("train", data.x_train, data.y_train),
        ("t10k", data.x_test, data.y_test),
    ):
        images, labels = _images(folder, part)
        kept = (labels == 5) | (labels == 9)
        np.testing.assert_array_equal(y, labels[kept])
        np.testing.assert_allclose(x, images[kept] / 255, rtol=1e-6)
        assert x.dtype == np.float32 and y.dtype == np.int64
    assert data.y_train.size == 24 and data.y_test.size == 8
    assert data.is_classification and data.target_scale == 1
    assert np.isnan(data.truth).all() and data.truth.shape == (784,)


def test_features_are_named_by_row_and_column(tiny):
    folder, files = tiny
    data = made(folder, files, [1])
    assert data.features[[0, 27, 28, 783]].tolist() == [
        "r00c00",
        "r00c27",
        "r01c00",
        "r27c27",
    ]
    # A one is a bar: high and narrow about the centre.
    lit = data.x_train.mean(axis=0) > 0.3
    rows = {name[1:3] for name in data.features[lit]}
    columns = {name[4:6] for name in data.features[lit]}
    assert len(rows) > 3 * len(columns) and "14" in columns


def test_the_training_part_is_drawn_by_the_seed(tiny):
    folder, files = tiny

    def drawn(count: int | None, seed: int) -> list[bytes]:
        data = made(folder, files, [0, 1], train_examples=count, seed=seed)
        # A bar covers the centre, a ring does not: labels stayed with their images.
        np.testing.assert_array_equal(data.x_train[:, 14 * 28 + 14] > 0.4, data.y_train)
        return [row.tobytes() for row in data.x_train]

    assert drawn(10, 1) == drawn(10, 1) != drawn(10, 2)
    assert len(set(drawn(10, 1))) == 10
    assert set(drawn(10, 1)) < set(drawn(None, 1)) == set(drawn(24, 1))


def test_more_examples_than_there_are(tiny):
    folder, files = tiny
    with pytest.raises(UserError, match="at most 24.*found 25"):
        made(folder, files, [0, 1], train_examples=25)


def test_a_digit_that_does_not_occur(tiny):
    folder, files = tiny
    with pytest.raises(UserError, match=r"found \[11\]"):
        made(folder, files, [0, 11])


@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_altered_and_missing_files_are_named(tmp_path, name):
    raw = tmp_path / "MNIST" / "raw"
    files = write_mnist(raw, train=2, test=2)
    content = bytearray((raw / name).read_bytes())
    content[-1] ^= 1
    (raw / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: expected sha256 {files[name]}"):
        made(tmp_path, files, [0])
    (raw / name).unlink()
    with pytest.raises(UserError, match=f"{name}: expected a file, found none"):
        made(tmp_path, files, [0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not IDX", "could not read them"),
        (struct.pack(">2I", 0x801, 3) + b"\0\1\0", "found 20 and 3"),
    ],
)
def test_unreadable_files_are_named(tmp_path, content, message):
    raw = tmp_path / "MNIST" / "raw"
    files = write_mnist(raw, train=2, test=2)
    (raw / "train-labels-idx1-ubyte").write_bytes(content)
    files["train-labels-idx1-ubyte"] = hashlib.sha256(content).hexdigest()
    with pytest.raises(UserError, match=f"train-labels-idx1-ubyte.*{message}"):
        made(tmp_path, files, [0])


def test_labels_may_be_the_positions_of_the_digits(tiny):
    folder, files = tiny
    data = {
        labels: made(folder, files, [9, 5], labels=labels)
        for labels in ("digits", "positions")
    }
    for part in ("y_train", "y_test"):
        digits, places = (getattr(data[k], part) for k in ("digits", "positions"))
        np.testing.assert_array_equal(np.array([9, 5])[places], digits)
