"""Tables that people bring, as arrays; what cannot be one is refused by its name."""

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from numbers import Number, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from torch import Tensor

from spectral_relevance import memory
from spectral_relevance.errors import UserError

Array = np.ndarray[Any, np.dtype[Any]]

LARGEST = 1e307
"""The largest number that is taken: differences of two are finite."""

COMPLEX_TYPES = complex, np.complexfloating

SHOWN = 3
"""How many columns a message names."""

CATEGORIES = "categories"
TEXT = "text"
DATES = "dates or times"
COMPLEX = "complex numbers"
MISSING = "missing values (NaN)"
INFINITE = "infinity"

HINTS = {
    CATEGORIES: "code them, by pandas.get_dummies or "
    "sklearn.preprocessing.OneHotEncoder.",
    TEXT: "code it, by sklearn.preprocessing.OneHotEncoder say, or leave it out; "
    "numbers that are written as text become some by astype(float).",
    DATES: "turn them into numbers, such as the days since the first of them.",
    COMPLEX: "take real and imaginary parts, or magnitudes.",
    MISSING: "impute them, by sklearn.impute.SimpleImputer say, or leave out these "
    "rows or columns.",
    INFINITE: "leave out these rows or columns.",
}
"""What is no finite number, and what to do about it among inputs."""


class NotNumbers(UserError, TypeError):
    """Values of a type that holds no numbers: scikit-learn asks for a TypeError."""


def as_table(estimator: BaseEstimator, x: Any, *, reset: bool = False) -> Array:
    """Return inputs as an array, checked against those of `fit`.

    Parameters
    ----------
    estimator : estimator
        Whose inputs they are.
    x : (n, d) array, DataFrame or sparse matrix
        Finite numbers.
    reset : bool
        Whether these are the inputs of `fit`.

    Returns
    -------
    (n, d) array
        Dense, float64 or float32 as given.

    Raises
    ------
    UserError
        If there is anything but finite numbers in two dimensions, or the columns are
        not those of `fit`.
    """
    names = None
    if hasattr(x, "columns") and hasattr(x, "dtypes"):
        names = [str(name) for name in x.columns]
        if not reset:
            _compare(estimator, x, reset)
        _check_columns(names, list(map(str, x.dtypes)))
    table = as_numbers(x, "X", HINTS, names)
    if table.ndim != 2:
        raise UserError(
            "X: expected a table of examples × inputs, found an array of the shape "
            f"{table.shape}.",
            "Reshape your data: X.reshape(-1, 1) for a single input, X.reshape(1, -1) "
            "for a single example."
            if table.ndim == 1
            else None,
        )
    if not table.shape[0]:
        raise UserError("X: expected one example or more, found none.")
    if not table.shape[1]:
        raise UserError(
            f"X: expected one input or more, found 0 feature(s) (shape={table.shape}) "
            "while a minimum of 1 is required."
        )
    if reset or names is None:
        _compare(estimator, table if names is None else x, reset)
    return table


def _compare(estimator: BaseEstimator, x: Any, reset: bool) -> None:
    """Note names and number of the inputs of `fit`, or raise where others are found."""
    try:
        validate_data(estimator, x, reset=reset, skip_check_array=True)
    except (TypeError, ValueError) as error:
        hint = "give the columns that fit was given, in the same order."
        raise UserError(f"X: {str(error).strip()}", None if reset else hint) from error


def _check_columns(names: list[str], dtypes: list[str]) -> None:
    """Raise where columns of a DataFrame share a name, or hold no numbers."""
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(
            f"X: expected columns with names of their own, found {_listed(twice)} more "
            "than once.",
            "rename or drop the others.",
        )
    kinds = [_kind_of_dtype(dtype) for dtype in dtypes]
    for kind in filter(None, kinds):
        found = [name for name, own in zip(names, kinds, strict=True) if own == kind]
        raise UserError(
            f"X: expected columns of numbers, found {kind} in {_listed(found)}.",
            HINTS[kind],
        )


def _kind_of_dtype(dtype: str) -> str | None:
    """Return what a dtype of pandas or polars holds where it holds no numbers."""
    name = dtype.lower()
    if name.startswith(("categor", "enum", "dictionary")):
        return CATEGORIES
    if name in ("str", "utf8") or name.startswith("string"):
        return TEXT
    if name.startswith(("date", "time", "duration", "period")):
        return DATES
    return None


def as_numbers(
    values: Any,
    what: str,
    hints: Mapping[str, str],
    names: Sequence[str] | None = None,
) -> Array:
    """Return numbers as an array of any dimension.

    Parameters
    ----------
    values : array, tensor, DataFrame, sparse matrix or nested list
        Finite real numbers of any type.
    what : str
        What to call them in messages.
    hints : mapping of str to str
        What to do about what is no number, by its kind.
    names : sequence of str, optional
        Names of the columns.

    Returns
    -------
    array
        float64, or float32 as given. It may share the memory of `values`.

    Raises
    ------
    UserError
        If there is anything else.
    """
    array = as_array(values, what)
    kind = array.dtype.kind
    if kind in "OSTUMmcV":
        _check_items(array, what, hints, names)
    if not (kind == "f" and array.dtype.itemsize in (4, 8)):
        try:
            with np.errstate(over="ignore"):  # what is too large becomes infinite
                array = array.astype(np.float64)
        except (OverflowError, TypeError, ValueError) as error:
            raise UserError(
                f"{what}: expected numbers up to {LARGEST:g} in size, found one that "
                f"is none ({error})."
            ) from error
    _check_finite(array, what, hints, names)
    return array


def as_array(values: Any, what: str) -> Array:
    """Return values of any type as an array without masked ones.

    Raises
    ------
    UserError
        If they are no array, or some are masked.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        if values.is_floating_point() and values.element_size() == 2:  # bfloat16, too
            values = values.float()
    if sparse.issparse(values):
        memory.check(
            8.0 * np.prod(values.shape, dtype=float),
            f"{what}: as a dense table of {' × '.join(map(str, values.shape))}",
            "choose among its columns first.",
        )
        values = values.toarray()
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        masked = int(np.ma.getmaskarray(values).sum())
        raise UserError(
            f"{what}: expected a value everywhere, found {masked} that are masked.",
            "impute them or leave them out.",
        )
    try:
        array = np.asarray(values)
        if array.dtype.kind in "SU" and isinstance(values, list | tuple):
            # Numbers beside text were turned into text.
            array = np.array(values, dtype=object)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{what}: expected an array, found rows of different lengths or items that "
            f"are no numbers ({error})."
        ) from error
    if not array.ndim:
        raise UserError(
            f"{what}: expected an array, found one item of the type "
            f"{type(values).__name__}."
        )
    return array


def _check_items(
    array: Array, what: str, hints: Mapping[str, str], names: Sequence[str] | None
) -> None:
    """Raise where an item of an array of objects, texts or dates is no number."""
    if array.dtype == object:
        # At once, as there may be many.
        types = set(map(type, array.ravel().tolist()))
        if all(
            issubclass(t, Number) and not issubclass(t, COMPLEX_TYPES) for t in types
        ):
            return
    for place in np.ndindex(array.shape):
        item = array[place]
        kind = kind_of(item)
        if kind is None:
            continue
        message = f"expected numbers, found {kind}{_place(place, names)}"
        if kind == COMPLEX:
            message = f"Complex data not supported: {message}"
        if kind in HINTS:
            raise UserError(f"{what}: {message}.", hints.get(kind))
        reason = ""
        try:
            float(item)
        except (TypeError, ValueError) as error:
            reason = f" ({error})"
        raise NotNumbers(f"{what}: {message}{reason}.")


def kind_of(item: Any) -> str | None:
    """Return what an item is called, None for a number."""
    if item is None or item is pd.NA or isinstance(item, Real) and item != item:
        return MISSING
    if isinstance(item, str | bytes):
        return TEXT
    if isinstance(item, date | time | timedelta | np.datetime64 | np.timedelta64):
        return DATES
    if isinstance(item, pd.Period):
        return DATES
    if isinstance(item, COMPLEX_TYPES):
        return COMPLEX
    if isinstance(item, Number | np.bool_):
        return None
    return f"a value of the type {type(item).__name__}"


def _check_finite(
    array: Array, what: str, hints: Mapping[str, str], names: Sequence[str] | None
) -> None:
    if not array.size or (
        -LARGEST <= float(array.min()) <= float(array.max()) <= LARGEST
    ):
        return
    wrong = ~(np.abs(array) <= np.float64(LARGEST))
    place = tuple(map(int, np.argwhere(wrong)[0]))
    value = array[place]
    expected, kind, found = "finite numbers", INFINITE, f"{value:g}"
    if np.isnan(value):
        kind = found = MISSING
    elif np.isinf(value):
        found = found.replace("inf", INFINITE)
    else:
        expected = f"numbers up to {LARGEST:g} in size"
    more = f" ({wrong.sum()} in all)" if wrong.sum() > 1 else ""
    raise UserError(
        f"{what}: expected {expected}, found {found}{_place(place, names)}{more}.",
        hints.get(kind),
    )


def _place(place: Sequence[int], names: Sequence[str] | None) -> str:
    """Return where an item is, as a part of a message."""
    parts = [f"row {place[0]}"]
    if len(place) > 1:
        column = repr(names[place[1]]) if names else str(place[1])
        parts.append(f"column {column}")
    return f" in {', '.join(parts)}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN]))
    more = len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
