"""Targets and weights that people bring; what can be none is refused by what it is."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Number, Real
from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from spectral_relevance.errors import UserError
from spectral_relevance.estimators.tables import (
    COMPLEX,
    DATES,
    HINTS,
    INFINITE,
    MISSING,
    TEXT,
    as_array,
    as_numbers,
    kind_of,
)

Array = np.ndarray[Any, np.dtype[Any]]

OF_TARGETS = {
    TEXT: "the classifiers take text; numbers that are written as text become some by "
    "astype(float).",
    DATES: HINTS[DATES],
    COMPLEX: "take the real part or the magnitude.",
    MISSING: "leave out the examples without a target.",
    INFINITE: "leave out these examples.",
}
OF_WEIGHTS = {MISSING: "0 leaves an example out."}
"""What to do about what is no finite number among targets, and among weights."""


def as_values(y: Any, n: int) -> Array:
    """Return values that are to be predicted, ``(n,)`` or ``(n, k)``.

    Parameters
    ----------
    y : (n,) or (n, k) array
        Finite numbers.
    n : int
        How many examples there are.

    Raises
    ------
    UserError
        If they are anything else.
    """
    values = as_numbers(y, "y", OF_TARGETS).astype(np.float64)
    if values.ndim > 2 or not values.size:
        raise UserError(
            f"y: expected values of the shape (n,) or (n, k), found {values.shape}."
        )
    _check_number(values, n, "y")
    return values


def as_labels(y: Any, n: int) -> Array:
    """Return labels of classes, ``(n,)``: text, whole numbers or truth values.

    Parameters
    ----------
    y : (n,) array
        The labels.
    n : int
        How many examples there are.

    Raises
    ------
    UserError
        If they are anything else.
    """
    found = as_array(y, "y")
    if found.ndim > 2 or found.ndim == 2 and found.shape[1] != 1:
        raise UserError(
            "y should be a 1d array of one label for each example, found the shape "
            f"{found.shape}.",
            "a classifier for each column: sklearn.multioutput.MultiOutputClassifier.",
        )
    _check_number(found, n, "y")
    if found.dtype.kind not in "OTUbiuf":
        raise _no_labels(found.ravel())
    labels: Array = column_or_1d(found, warn=True)
    if labels.dtype.kind == "T":
        labels = labels.astype(object)
    if labels.dtype.kind in "iubU":
        return labels
    if labels.dtype.kind == "O":
        items = labels.tolist()
        if all(isinstance(item, str) for item in items):
            return labels
        if all(isinstance(item, Integral | np.bool_) for item in items):
            return np.array(items)
        if not all(isinstance(item, Real) for item in items):
            raise _no_labels(items)
    numbers = as_numbers(labels, "y", OF_TARGETS)
    fractions = numbers[numbers % 1 != 0]
    if len(fractions):
        raise UserError(
            f"y: expected classes, found continuous values, such as {fractions[0]:g} "
            "(Unknown label type: continuous).",
            "the regressors predict values.",
        )
    return numbers


def _no_labels(items: Sequence[Any] | Array) -> UserError:
    """Return the error for labels of which one is none, or that do not go together."""
    for place, item in enumerate(items):
        kind = kind_of(item)
        if isinstance(item, bytes):
            hint = "np.char.decode(y, 'utf-8') makes text of them."
            return UserError(f"y: expected classes, found bytes in row {place}.", hint)
        if kind in (None, TEXT):
            continue
        message = f"expected classes, found {kind} in row {place}"
        if kind == COMPLEX:
            message = f"Complex data not supported: {message}"
        return UserError(f"y: {message}.", OF_TARGETS.get(str(kind)))
    return UserError(
        "y: expected classes of one kind, found text and numbers among them.",
        "make all of them text, by astype(str).",
    )


def weights_of_classes(given: Any, labels: Sequence[Any]) -> Array:
    """Return the weight of each class, the largest being 1.

    Parameters
    ----------
    given : mapping
        Weights by labels. A label that `y` lacks, as parts of the examples may, has to
        come along with all that it has; else labels that are left out have weight 1.
    labels : sequence
        The labels of `y`.

    Raises
    ------
    UserError
        If it is no mapping of labels to numbers of at least 0, one of them above.
    """
    if not isinstance(given, Mapping):
        raise UserError(
            "class_weight: expected a dict of labels and their weights, 'balanced' or "
            f"None, found {given!r}."
        )
    unknown = [label for label in given if label not in labels]
    missing = [label for label in labels if label not in given]
    if unknown and missing:
        raise UserError(
            f"class_weight: expected labels of y, found {unknown[0]!r}, and none for "
            f"{missing[0]!r}."
        )
    numbers = [given.get(label, 1) for label in labels]
    weights = as_numbers(numbers, "class_weight", OF_WEIGHTS)
    if (weights < 0).any() or not weights.any():
        raise UserError(
            "class_weight: expected numbers of at least 0, one of them above, found "
            f"{given!r}."
        )
    relative: Array = weights / weights.max()
    return relative


def as_weights(weights: Any, n: int) -> Array:
    """Return weights of examples, ``(n,)``, the largest being 1.

    Parameters
    ----------
    weights : (n,) array or number
        A single number is that of all.
    n : int
        How many examples there are.

    Raises
    ------
    UserError
        If there are not `n` finite numbers of at least 0, one of them above.
    """
    if isinstance(weights, Number) and not isinstance(weights, bool):
        weights = [weights] * n
    values = as_numbers(weights, "sample_weight", OF_WEIGHTS).astype(np.float64)
    if values.ndim != 1:
        raise UserError(
            "sample_weight: expected one number for each example, found the shape "
            f"{values.shape}."
        )
    _check_number(values, n, "sample_weight")
    if (values < 0).any():
        raise UserError(
            f"sample_weight: expected numbers of at least 0, found {values.min():g} in "
            f"row {values.argmin()}."
        )
    if not values.any():
        raise UserError("sample_weight: expected one above 0, found nothing but zeros.")
    relative: Array = values / values.max()
    return relative


def _check_number(values: Array, n: int, what: str) -> None:
    if len(values) != n:
        raise UserError(
            f"{what}: expected {n}, one for each example (row of X), found "
            f"{len(values)}."
        )
