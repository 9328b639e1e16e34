"""Arrays that come from outside: checked, and in the types that training takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spectral_relevance.errors import UserError

Rows = np.ndarray[Any, np.dtype[np.int64]]
"""Positions of examples, shape ``(n,)``."""


def as_inputs(x: Any) -> Tensor:
    """Return inputs in torch's default precision, shape ``(n, d)``.

    Parameters
    ----------
    x : (n, d) array, tensor or DataFrame
        Numbers of any type.

    Raises
    ------
    UserError
        If there is anything but finite numbers in two dimensions.
    """
    return _floats(x, "x", dimensions=2)


def as_targets(y: Any, n: int, loss: str, outputs: int) -> Tensor:
    """Return targets as the loss takes them.

    Parameters
    ----------
    y : (n,) or (n, outputs) array or tensor
        Labels 0 … outputs − 1, or values.
    n : int
        How many there should be.
    loss : str
        The loss that they enter; labels are for ``cross_entropy``.
    outputs : int
        Number of outputs of the network.

    Returns
    -------
    Tensor, shape (n,) or (n, outputs)
        Labels (int64), or values in torch's default precision.

    Raises
    ------
    UserError
        If the number, the type or the range does not fit.
    """
    is_label = loss == "cross_entropy"
    values = _labels(y, outputs) if is_label else _values(y, outputs)
    if len(values) != n:
        raise UserError(
            f"y: expected {n} targets, as many as there are rows of x, found "
            f"{len(values)}."
        )
    return values


def _labels(y: Any, outputs: int) -> Tensor:
    labels = _array(y, "y")
    hint = "number the classes from 0: np.unique(y, return_inverse=True) does."
    if labels.dtype.kind not in "iub":
        raise UserError(
            f"y: expected whole numbers as labels, found the type {labels.dtype}.", hint
        )
    if labels.ndim != 1:
        raise UserError(f"y: expected labels of shape (n,), found {labels.shape}.")
    labels = labels.astype(np.int64)
    foreign = np.unique(labels[(labels < 0) | (labels >= outputs)])
    if len(foreign):
        raise UserError(
            f"y: expected labels from 0 to {outputs - 1}, one for each output of the "
            f"network, found {', '.join(map(str, foreign[:3]))}.",
            hint,
        )
    return torch.from_numpy(labels)


def _values(y: Any, outputs: int) -> Tensor:
    values = _floats(y, "y")
    if values.dim() == 1:
        values = values.unsqueeze(1)
    if values.dim() != 2 or values.shape[1] != outputs:
        raise UserError(
            f"y: expected values of shape (n, {outputs}), one for each output of the "
            f"network, found {tuple(np.shape(y))}."
        )
    return values


def as_weights(weights: Any, n: int) -> Tensor:
    """Return the weights of examples in torch's default precision, shape ``(n,)``.

    Raises
    ------
    UserError
        If there are not `n` finite numbers of at least 0.
    """
    result = _floats(weights, "weights", dimensions=1)
    if len(result) != n:
        raise UserError(
            f"weights: expected {n}, one for each row of x, found {len(result)}."
        )
    if (result < 0).any():
        row = int(result.argmin())
        raise UserError(
            f"weights: expected numbers of at least 0, found {result[row].item():g} "
            f"in row {row}."
        )
    return result


def as_rows(rows: Any, what: str) -> Rows:
    """Return positions of examples.

    Parameters
    ----------
    rows : sequence of int
        The positions, from 0.
    what : str
        What to call them in messages.

    Raises
    ------
    UserError
        If there are none, or anything but whole numbers of at least 0.
    """
    result = _array(rows, what)
    if result.ndim == 1 and result.dtype == bool:
        raise UserError(
            f"{what}: expected positions of rows, found truth values.",
            "np.flatnonzero turns a mask into positions.",
        )
    if result.ndim != 1 or not len(result):
        raise UserError(
            f"{what}: expected at least one row, found the shape {result.shape}."
        )
    if result.dtype.kind not in "iu":
        raise UserError(
            f"{what}: expected whole numbers, found the type {result.dtype}."
        )
    if result.min() < 0:
        raise UserError(
            f"{what}: expected numbers of at least 0, found {result.min()}."
        )
    return result.astype(np.int64)


def check_rows(rows: Rows, n: int, what: str) -> None:
    """Raise unless all positions are those of examples.

    Raises
    ------
    UserError
        If one is `n` or larger.
    """
    if rows.max() >= n:
        raise UserError(
            f"{what}: expected rows from 0 to {n - 1}, as x has {n} of them, found "
            f"{rows.max()}."
        )


def _array(values: Any, what: str) -> np.ndarray[Any, Any]:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise UserError(f"{what}: expected an array of numbers: {error}.") from None


def _floats(values: Any, what: str, dimensions: int | None = None) -> Tensor:
    """Return finite numbers in torch's default precision."""
    array = _array(values, what)
    if array.dtype.kind not in "fiub":
        raise UserError(f"{what}: expected numbers, found the type {array.dtype}.")
    if dimensions is not None and array.ndim != dimensions or 0 in array.shape:
        raise UserError(
            f"{what}: expected {'an array' if dimensions is None else 'a table'} "
            f"with {dimensions or 'one or two'} dimensions and something in it, found "
            f"the shape {array.shape}."
        )
    dtype = np.dtype(str(torch.get_default_dtype()).removeprefix("torch."))
    with np.errstate(over="ignore"):  # what is too large becomes infinite
        # A copy, unless nothing has to change: torch does not share what is read-only.
        result = torch.from_numpy(np.require(array, dtype, ["C", "W"]))
    wrong = ~torch.isfinite(result)
    if wrong.any():
        place = tuple(wrong.nonzero()[0].tolist())
        kind = array[place]
        raise UserError(
            f"{what}: expected finite numbers, found {kind} "
            f"({_place(place)}; {int(wrong.sum())} in all).",
            "impute what is missing, or leave these rows or columns out.",
        )
    return result


def _place(position: Sequence[int]) -> str:
    names = ("row", "column")
    parts = zip(names, position, strict=False)
    return ", ".join(f"{name} {number}" for name, number in parts)
