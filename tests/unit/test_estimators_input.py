"""What estimators are given: what works, and what is refused in words of its own."""

import datetime
import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import DataConversionWarning, NotFittedError

from spectral_relevance import (
    SpectralClassifier,
    SpectralClassifierCV,
    SpectralRegressor,
    SpectralRegressorCV,
    UserError,
    knockoffs,
    selection,
)
from spectral_relevance.estimators import base
from spectral_relevance.problem import moments, scaled
from spectral_relevance.trainer import Trainer

N = 40
NAMES = ["a", "b", "c", "d"]

FAST: dict[str, Any] = {
    "fdr": None,
    "hidden_layer_sizes": (4,),
    "learning_rate": 0.05,
    "max_steps": 10,
    "random_state": 0,
    "replicas": 2,
}
CHOICE: dict[str, Any] = {"alphas": (0.1, 0.01), "cv": 2}


def estimators() -> list[Any]:
    return [
        SpectralClassifier(**FAST),
        SpectralRegressor(**FAST),
        SpectralClassifierCV(**FAST, **CHOICE),
        SpectralRegressorCV(**FAST, **CHOICE),
    ]


def is_classifier(model: Any) -> bool:
    return hasattr(model, "predict_proba")


def table() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, 4))


def frame() -> pd.DataFrame:
    return pd.DataFrame(table(), columns=NAMES)


def target(model: Any) -> np.ndarray:
    x = table()
    return (x[:, 0] > 0).astype(int) if is_classifier(model) else x[:, 0] + x[:, 1]


@cache
def fitted() -> tuple[Any, ...]:
    """All four, fitted on a DataFrame, with a selection that keeps two inputs."""
    models = tuple(model.fit(frame(), target(model)) for model in estimators())
    for model in models:
        model.selected_ = np.array([True, False, True, False])
    return models


def uses(model: Any) -> list[Callable[[Any], Any]]:
    """What a fitted estimator does with inputs."""
    score = lambda x: model.score(x, target(model))  # noqa: E731
    more = [model.predict_proba] if is_classifier(model) else []
    return [model.predict, model.transform, score, *more]


def refused(action: Callable[[], Any], *parts: str) -> None:
    """Check that there is one message, and what is in it."""
    with pytest.raises(UserError) as caught:
        action()
    for part in parts:
        assert part in str(caught.value)


def with_item(item: Any, kind: Any = object) -> np.ndarray:
    """A table with something else in row 3 of column 1."""
    x = table().astype(kind)
    x[3, 1] = item
    return x


def with_column(values: Any) -> pd.DataFrame:
    return frame().assign(b=values)


def polars_with(values: Any, kind: Any = None) -> pl.DataFrame:
    x = pl.DataFrame(table(), schema=NAMES)
    return x.with_columns(pl.Series("b", values, dtype=kind, strict=False))


# Inputs that are refused ----------------------------------------------------------

PLACE = "row 3, column 1"
DATE = "dates or times", "days since"
TEXT = "found text", "OneHotEncoder"
MISSING = "missing values (NaN)", "SimpleImputer"
CATEGORIES = "categories in 'b'", "get_dummies"
COMPLEX = "Complex data not supported", "real and imaginary"
ONE_BY_ONE = "2020-01-01", "2020-01-02"

TABLES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "NaN": (lambda: with_item(np.nan, float), (*MISSING, PLACE)),
    "NaN in float32": (lambda: with_item(np.nan, np.float32), (*MISSING, PLACE)),
    "NaN in a list": (lambda: with_item(np.nan, float).tolist(), (*MISSING, PLACE)),
    "infinity": (lambda: with_item(np.inf, float), ("found infinity", PLACE)),
    "minus infinity": (lambda: with_item(-np.inf, float), ("-infinity", PLACE)),
    "infinity in float32": (lambda: with_item(np.inf, np.float32), ("inf", PLACE)),
    "almost infinity": (lambda: with_item(1e308, float), ("up to 1e+307", PLACE)),
    "several": (
        lambda: table() - np.diag([np.inf] * N)[:, :4],
        ("row 0, column 0 (4 in all)",),
    ),
    "text": (lambda: np.array([["u", "v"]] * N), (*TEXT, "row 0, column 0")),
    "numbers as text": (lambda: table().astype(str), (*TEXT, "astype(float)")),
    "bytes": (lambda: table().astype(bytes), TEXT),
    "text in a list": (lambda: with_item("u").tolist(), (*TEXT, PLACE)),
    "objects, text": (lambda: with_item("u"), (*TEXT, PLACE)),
    "objects, None": (lambda: with_item(None), (*MISSING, PLACE)),
    "objects, NA": (lambda: with_item(pd.NA), (*MISSING, PLACE)),
    "objects, NaT": (lambda: with_item(pd.NaT), (PLACE,)),
    "objects, dict": (lambda: with_item({}), ("of the type dict", PLACE)),
    "objects, list": (lambda: with_item([1, 2]), ("of the type list", PLACE)),
    "objects, complex": (lambda: with_item(1 + 2j), (*COMPLEX, PLACE)),
    "objects, NumPy's complex": (lambda: with_item(np.complex64(1)), (*COMPLEX, PLACE)),
    "objects, date": (lambda: with_item(datetime.date(2020, 1, 1)), (*DATE, PLACE)),
    "objects, NumPy's date": (lambda: with_item(np.datetime64(0, "D")), (*DATE, PLACE)),
    "objects, Timestamp": (lambda: with_item(pd.Timestamp(0)), (*DATE, PLACE)),
    "objects, Period": (lambda: with_item(pd.Period("2020")), (*DATE, PLACE)),
    "objects, a giant": (lambda: with_item(10**400), ("too large",)),
    "objects, signalling": (lambda: with_item(Decimal("sNaN")), ("signaling",)),
    "complex": (lambda: table() + 0j, COMPLEX),
    "dates": (lambda: np.full((N, 2), np.datetime64("2020-01-01")), DATE),
    "durations": (lambda: np.full((N, 2), np.timedelta64(1, "D")), DATE),
    "records": (lambda: np.zeros((N, 1), [("u", float)]), ("the type void",)),
    "masked": (lambda: np.ma.masked_greater(table(), 1.5), ("masked", "impute")),
    "ragged": (lambda: [[1, 2], [3]] * 20, ("different lengths",)),
    "sparse NaN": (lambda: sparse.csr_matrix(with_item(np.nan, float)), MISSING),
    "sparse complex": (lambda: sparse.csr_matrix(table() * 1j), COMPLEX),
    "sparse giant": (lambda: sparse.csr_matrix((N, 10**11)), ("GB of memory",)),
    "None": (lambda: None, ("expected an array", "NoneType")),
    "a number": (lambda: 3.0, ("expected an array", "float")),
    "a word": (lambda: "table.csv", ("expected an array", "str")),
    "a dict": (lambda: {"a": [1, 2]}, ("expected an array", "dict")),
    "a generator": (lambda: (row for row in table()), ("generator",)),
    "one dimension": (lambda: table()[0], ("shape (4,)", "X.reshape(1, -1)")),
    "a Series": (lambda: frame()["a"], (f"shape ({N},)", "X.reshape(-1, 1)")),
    "three dimensions": (lambda: table()[..., None], (f"shape ({N}, 4, 1)",)),
    "no example": (lambda: table()[:0], ("one example or more",)),
    "an empty list": (lambda: [], ("shape (0,)",)),
}
FRAMES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "NaN": (lambda: with_column(np.nan), (*MISSING, "row 0, column 'b'")),
    "text": (lambda: with_column("u"), (*TEXT, "in 'b'")),
    "objects": (lambda: with_column(["u", 1] * 20), (*TEXT, "row 0, column 'b'")),
    "categories": (lambda: with_column(pd.Categorical([1, 2] * 20)), CATEGORIES),
    "dates": (lambda: with_column(pd.Timestamp(0)), (*DATE, "in 'b'")),
    "dates with a zone": (lambda: with_column(pd.Timestamp(0, tz="UTC")), DATE),
    "durations": (lambda: with_column(pd.Timedelta(1)), (*DATE, "in 'b'")),
    "periods": (lambda: with_column(pd.period_range("2020", periods=N)), DATE),
    "objects, dates": (lambda: with_column(datetime.date(2020, 1, 1)), DATE),
    "intervals": (lambda: with_column(pd.Interval(0, 1)), ("Interval", "'b'")),
    "complex": (lambda: with_column(1j), COMPLEX),
    "Int64": (
        lambda: with_column(pd.array([1, None] * 20, dtype="Int64")),
        (*MISSING, "row 1, column 'b'"),
    ),
    "Float64": (lambda: with_column(pd.array([None, 0.5] * 20, "Float64")), MISSING),
    "boolean": (lambda: with_column(pd.array([None, True] * 20, "boolean")), MISSING),
    "string": (lambda: with_column(pd.array(["u"] * N, "string")), (*TEXT, "'b'")),
    "polars null": (lambda: polars_with([None, 1.0] * 20), (*MISSING, "column 'b'")),
    "polars text": (lambda: polars_with(["u"] * N), (*TEXT, "in 'b'")),
    "polars categories": (lambda: polars_with(["u"] * N, pl.Categorical), CATEGORIES),
    "polars dates": (lambda: polars_with(range(N), pl.Date), (*DATE, "in 'b'")),
    "polars times": (lambda: polars_with(range(N), pl.Datetime), (*DATE, "in 'b'")),
    "polars lists": (lambda: polars_with([[1]] * N), ("'b'",)),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_anything_else_is_refused(name):
    make, parts = TABLES[name]
    for model in estimators():
        refused(lambda model=model: model.fit(make(), target(model)), "X: ", *parts)
        refused(lambda model=model: model.path(make(), target(model)), *parts)
        assert not hasattr(model, "classes_") and not hasattr(model, "alpha_")
    for model in fitted():
        for use in uses(model):
            refused(lambda use=use: use(make()), "X: ", *parts)


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_with_a_column_of_anything_else_is_refused(name):
    make, parts = FRAMES[name]
    for model in estimators():
        refused(lambda model=model: model.fit(make(), target(model)), "X: ", *parts)
    for model in fitted():
        for use in uses(model):
            refused(lambda use=use: use(make()), "X: ", *parts)


def test_many_columns_are_named_by_the_first():
    x = frame().astype(str)
    refused(
        lambda: estimators()[0].fit(x, target(estimators()[0])),
        "found text in 'a', 'b', 'c' and 1 more.",
    )


def test_a_table_without_inputs_is_refused():
    for model in estimators():
        refused(lambda model=model: model.fit(table()[:, :0], target(model)), "0 feat")


def test_columns_have_to_have_names_of_their_own():
    x = frame().set_axis(["a", "b", "a", "d"], axis=1)
    mixed = frame().set_axis(["a", 1, "c", "d"], axis=1)
    for model in estimators():
        y = target(model)
        refused(lambda m=model, y=y: m.fit(x, y), "found 'a' more than once", "rename")
        refused(lambda m=model, y=y: m.fit(mixed, y), "string names")


CHANGED: dict[str, tuple[Callable[[], Any], str]] = {
    "names": (lambda: frame().rename(columns={"a": "z"}), "unseen at fit time:\n- z"),
    "order": (lambda: frame()[["d", "c", "b", "a"]], "same order"),
    "fewer": (lambda: frame()[["a", "b"]], "now missing:\n- c\n- d"),
    "more": (lambda: frame().assign(e="text"), "unseen at fit time:\n- e"),
    "polars": (lambda: pl.DataFrame(table(), schema=["b", *"acd"]), "same order"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_columns_have_to_be_those_of_fit(name):
    make, part = CHANGED[name]
    for model in fitted():
        for use in uses(model):
            refused(lambda use=use: use(make()), "X: ", part, "that fit was given")


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("columns", [2, 6])
def test_there_have_to_be_as_many_inputs_as_in_fit(columns):
    x = np.resize(table(), (N, columns))
    for model in fitted():
        for use in uses(model):
            refused(lambda use=use: use(x), f"X has {columns} features", "expecting 4")


def test_values_beyond_float32_are_refused_where_they_are_used():
    for model in fitted():
        x = frame()
        x.loc[3, "b"] = 1e300
        refused(lambda m=model, x=x: m.predict(x), "1e+300 in row 3, column 1", "stand")


def test_one_example_is_too_few():
    for model in estimators():
        y = target(model)[:1]
        refused(lambda m=model, y=y: m.fit(table()[:1], y), "two examples or more")


def test_inputs_have_to_vary():
    x = np.full((N, 3), 0.1)
    for model in estimators():
        refused(lambda m=model: m.fit(x, target(m)), "inputs that vary", "found 3")


# Inputs that work -----------------------------------------------------------------


def whole() -> np.ndarray:
    return (table() * 4).round()


SAME: dict[str, Callable[[], Any]] = {
    "list": lambda: whole().tolist(),
    "tuples": lambda: tuple(map(tuple, whole())),
    "objects": lambda: whole().astype(object),
    "int objects": lambda: whole().astype(int).astype(object),
    "decimals": lambda: np.vectorize(Decimal, [object])(whole().astype(object)),
    "fractions": lambda: np.vectorize(Fraction, [object])(whole().astype(object)),
    "float16": lambda: whole().astype(np.float16),
    "float32": lambda: whole().astype(np.float32),
    "longdouble": lambda: whole().astype(np.longdouble),
    "int8": lambda: whole().astype(np.int8),
    "big-endian": lambda: whole().astype(">f8"),
    "Fortran": lambda: np.asfortranarray(whole()),
    "strided": lambda: np.repeat(whole(), 2, axis=1)[:, ::2],
    "nothing masked": lambda: np.ma.masked_greater(whole(), 99),
    "tensor": lambda: torch.from_numpy(whole()).requires_grad_(),
    "bfloat16": lambda: torch.from_numpy(whole()).to(torch.bfloat16),
    "csr": lambda: sparse.csr_matrix(whole()),
    "csc array": lambda: sparse.csc_array(whole()),
    "coo": lambda: sparse.coo_matrix(whole()),
    "Int64": lambda: pd.DataFrame(whole()).astype("Int64"),
    "Float64": lambda: pd.DataFrame(whole()).astype("Float64"),
    "pandas objects": lambda: pd.DataFrame(whole()).astype(object),
    "pandas sparse": lambda: pd.DataFrame(whole()).astype(pd.SparseDtype(float, 0)),
    "polars Int8": lambda: pl.DataFrame(whole()).cast(pl.Int8),
    "polars Decimal": lambda: pl.DataFrame(whole()).cast(pl.Decimal(10, 2)),
}


@cache
def of_whole() -> tuple[np.ndarray, np.ndarray]:
    model = SpectralRegressor(**FAST).fit(whole(), target(None))
    return model.feature_importances_, model.predict(whole())


@pytest.mark.parametrize("name", SAME)
def test_tables_of_any_kind_are_the_same_numbers(name):
    x = SAME[name]()
    model = SpectralRegressor(**FAST).fit(x, target(None))
    importances, predicted = of_whole()
    assert_array_equal(model.feature_importances_, importances)
    assert_array_equal(model.predict(x), predicted)


def test_truth_values_are_zeros_and_ones():
    x = table() > 0
    for model in estimators():
        found = model.fit(x, target(model)).feature_importances_
        assert_array_equal(
            found, model.fit(x * 1.0, target(model)).feature_importances_
        )


def test_nothing_is_changed_in_place_and_nothing_has_to_be_writable(tmp_path):
    for model in estimators():
        x, y, weights = table(), target(model), np.linspace(0, 1, N)
        arrays = []
        for name, values in {"x": x, "y": y, "weights": weights}.items():
            np.save(tmp_path / f"{name}.npy", values)
            arrays.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
        before = [values.tobytes() for values in (x, y, weights)]
        found = model.fit(x, y, weights).feature_importances_
        model.path(x, y, weights, alphas=[0.1])
        predicted = model.predict(x)
        assert [values.tobytes() for values in (x, y, weights)] == before
        again = type(model)(**model.get_params()).fit(*arrays)
        assert_array_equal(again.feature_importances_, found)
        assert_array_equal(again.predict(arrays[0]), predicted)


def test_rows_belong_together_by_their_place():
    for model in estimators():
        y = pd.Series(target(model))
        shifted = y.set_axis(range(100, 100 + N))
        found = [
            model.fit(frame(), values).feature_importances_
            for values in (y, shifted, y.set_axis(range(N)[::-1]))
        ]
        assert_array_equal(found[0], found[1])
        assert_array_equal(found[0], found[2])


def test_one_input_is_enough(monkeypatch):
    monkeypatch.setattr(selection, "STEPS", 5)
    for model in estimators():
        model.set_params(fdr=0.1).fit(table()[:, :1], target(model))
        assert model.feature_importances_ == [1]
        assert model.selected_.shape == model.selection_frequency_.shape == (1,)
        assert np.isfinite(model.selection_frequency_).all()


def test_two_examples_are_enough_for_values():
    model = SpectralRegressor(**FAST).fit([[1.0, 2], [2, 1]], [1, 2])
    assert np.isfinite(model.predict([[1.0, 1]])).all()


def test_constant_inputs_have_no_importance_whatever_they_are_later(monkeypatch):
    monkeypatch.setattr(selection, "STEPS", 5)
    x = np.insert(table(), [0, 2], [1e9, 0], axis=1)
    for model in estimators():
        model.set_params(fdr=0.5).fit(x, target(model))
        constant = np.array([True, False, False, True, False, False])
        assert (model.feature_importances_[constant] == 0).all()
        assert (model.feature_importances_[~constant] > 0).all()
        assert_allclose(model.feature_importances_.sum(), 1)
        assert not model.selected_[constant].any()
        assert not model.selection_frequency_[constant].any()
        other = x + 7.0 * constant
        assert_array_equal(model.predict(other), model.predict(x))


# Numbers of any size --------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 1e300,
        lambda x: x * 1e-300,
        lambda x: x * [1e300, 1, 1e-300, 1e-30],
        lambda x: x + 1e9,
        lambda x: x + 1e12,
        lambda x: 1 + x * 1e-9,
        lambda x: (x * 2**50).astype(np.int64) * 2**8,
        lambda x: [[int(v * 2**40) * 2**40 for v in row] for row in x],
    ],
    ids=["large", "small", "both", "offset", "far", "nearly", "int64", "giants"],
)
def test_units_and_offsets_do_not_matter(change, monkeypatch):
    monkeypatch.setattr(selection, "STEPS", 5)
    x, y = table(), target(None)
    model = SpectralRegressor(**FAST | {"fdr": 0.5})
    plain = model.fit(x, y).feature_importances_, model.predict(x)
    other = model.fit(change(x), y).feature_importances_, model.predict(change(x))
    assert_allclose(other[0], plain[0], rtol=0.01)
    assert_allclose(other[1], plain[1], atol=0.01)
    assert np.isfinite(model.selection_frequency_).all()


@pytest.mark.parametrize("scale, offset", [(1e300, 0), (1e-300, 0), (1e-300, 1e9)])
def test_units_and_offsets_of_the_target_do_not_matter(scale, offset):
    x, y = table(), target(None)
    plain = SpectralRegressor(**FAST).fit(x, y)
    model = SpectralRegressor(**FAST).fit(x, (y + offset) * scale)
    assert_allclose(model.feature_importances_, plain.feature_importances_, rtol=1e-3)
    found = model.predict(x) / scale - offset
    assert_allclose(found, plain.predict(x), atol=1e-3)


def test_what_varies_by_rounding_alone_is_constant():
    noise = np.sign(table())
    for kind in (np.float32, np.float64):
        step = 2 * np.finfo(kind).eps
        x = np.where([True, True, False, False], table(), 0.1 * (1 + step * noise))
        model = SpectralRegressor(**FAST).fit(x.astype(kind), target(None))
        assert (model.feature_importances_[2:] == 0).all()
        assert (model.feature_importances_[:2] > 0).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "x",
    [
        [1e12, 1e12 + 1, 1e12 + 4],
        [-9e306, 9e306, 1],
        [1e-300, 2e-300, 5e-300],
        [1, 2, 2],
    ],
    ids=str,
)
def test_moments_are_those_of_exact_arithmetic(x, weighted):
    weights = [Fraction(w) for w in ([0.5, 2, 1] if weighted else [1, 1, 1])]
    exact = [Fraction(v) for v in x]
    mean = sum(w * v for w, v in zip(weights, exact, strict=True)) / sum(weights)
    square = sum(w * (v - mean) ** 2 for w, v in zip(weights, exact, strict=True))
    size = max(exact) - min(exact)
    spread = float(square / sum(weights) / size**2) ** 0.5 * float(size)
    given = np.array(weights, float) if weighted else None
    found = moments(np.array(x)[:, None], given)
    error = abs(Fraction(float(found[0][0])) - mean)
    assert error <= max(4 * np.finfo(float).eps * abs(mean), Fraction(spread) / 10**4)
    assert_allclose(found[1], [spread], rtol=1e-12)
    standard = scaled(np.array(x)[:, None], *found)
    expected = [float((v - mean) / size) * float(size) / spread for v in exact]
    assert_allclose(standard[:, 0], expected, atol=1e-4)


# Inputs that say the same ---------------------------------------------------------


def test_inputs_that_say_the_same_share_what_one_has_alone(rng):
    x = rng.normal(size=(200, 4))
    y = x[:, 0] + x[:, 1] + rng.normal(0, 0.1, size=200)
    settings = {"learning_rate": 0.01, "max_steps": 300, "hidden_layer_sizes": (20,)}
    model = SpectralRegressor(**settings, replicas=20, fdr=None, random_state=0)
    alone = model.fit(x, y).feature_importances_
    first, second, *others = model.fit(x[:, [0, 0, 1, 2, 3]], y).feature_importances_
    assert abs(first - second) < 0.1 < min(first, second)
    assert_allclose(first + second, alone[0], atol=0.06)
    assert_allclose(others, alone[1:], atol=0.06)


def test_inputs_that_say_the_same_leave_the_selection_of_others_alone(rng):
    x = rng.normal(size=(200, 8))
    y = 2 * x[:, 0] + 2 * x[:, 1]
    # Twice the same, turned round, in other units, and a sum of others.
    beside = [x[:, 0], -x[:, 2], 3 * x[:, 3] + 5, x[:, 4] + x[:, 5]]
    x = np.column_stack([x, *beside])
    model = SpectralRegressor(**FAST | {"fdr": 0.2, "random_state": 0}).fit(x, y)
    assert model.selected_[1]
    assert not model.selected_[2:8].any() and not model.selected_[9:].any()
    assert np.isfinite(model.selection_frequency_).all()


def test_copies_of_inputs_that_say_the_same_are_finite(rng):
    x = rng.normal(size=(30, 3))
    for same in (x[:, [0, 0, 0, 0]], np.tile(x, (1, 20)), np.sort(x, axis=0)):
        assert np.isfinite(knockoffs.knockoffs(same, 5, rng)).all()


# Many inputs ----------------------------------------------------------------------

MANY = """
import resource
import numpy as np
from spectral_relevance import SpectralClassifier
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
x = np.random.default_rng(0).normal(size=(50, 10**5))
model = SpectralClassifier(fdr=None, max_steps=1, replicas=5, device="cpu")
model.fit(x, x[:, 0] > 0).predict(x)
assert np.isfinite(model.feature_importances_).all()
print(peak() - before)
"""


def test_a_hundred_thousand_inputs_fit_into_two_gibibytes():
    found = subprocess.run(
        [sys.executable, "-c", MANY],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    # One network is trained after the other: the usual 10 take 0.2 GiB more.
    assert int(found.stdout) < 0.75 * 2**20


def test_a_training_holds_no_memory_when_it_is_over():
    def trainers() -> int:
        return sum(type(thing) is Trainer for thing in gc.get_objects())

    before = trainers()
    gc.disable()  # which would come to it some time
    try:
        SpectralRegressor(**FAST).fit(table(), target(None))
        assert trainers() == before
    finally:
        gc.enable()


def test_a_selection_says_how_much_memory_it_needs_before_it_trains(monkeypatch):
    def train(*_: Any) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(base, "train", train)
    memory_of(monkeypatch, 64e9)
    x = np.random.default_rng(0).normal(size=(50, 10**5))
    for model in estimators():
        y = x[:, 0] > 0 if is_classifier(model) else x[:, 0]
        refused(
            lambda m=model, y=y: m.set_params(fdr=0.1).fit(x, y),
            "100000 inputs",
            "562.8 GB of memory, found 64.0 GB",
            "fdr=None",
        )


def memory_of(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    answers = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": int(size / 4096)}
    monkeypatch.setattr(os, "sysconf", answers.__getitem__)


def test_memory_is_that_of_the_machine(monkeypatch):
    x = np.broadcast_to(0.0, (1000, 1000))
    needed = 8 * (7 * 1000**2 + 7 * 10 * 1000**2)  # 0.616 GB
    memory_of(monkeypatch, 1.01 * needed)
    selection.check_memory(x, 0.1)
    memory_of(monkeypatch, 0.99 * needed)
    refused(lambda: selection.check_memory(x, 0.1), "1000 inputs", "0.6 GB")
    selection.check_memory(x, 0.2)  # with 5 copies of each

    def unknown(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    selection.check_memory(np.broadcast_to(0.0, (10, 10**7)), 0.1)
    monkeypatch.delattr(os, "sysconf")
    selection.check_memory(np.broadcast_to(0.0, (10, 10**7)), 0.1)


def test_copies_need_no_more_memory_than_is_said(monkeypatch, rng):
    for n, d, copies in ((50, 400, 5), (2000, 20, 10)):
        x = rng.normal(size=(n, d))
        tracemalloc.start()
        knockoffs.knockoffs(x, copies, rng)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 0.5 < peak / (8 * (7 * d**2 + 7 * copies * n * d)) < 1.1


def test_networks_that_do_not_fit_are_refused_before_anything_is_made(monkeypatch):
    memory_of(monkeypatch, 1e9)
    x = np.random.default_rng(0).normal(size=(N, 10))
    for model in estimators():
        y = target(model)
        for setting in ({"hidden_layer_sizes": (10**8,)}, {"replicas": 10**9}):
            changed = model.set_params(**FAST).set_params(**setting)
            refused(
                lambda m=changed, y=y: m.fit(x, y), "found 1.0 GB", "fewer replicas"
            )


# Targets --------------------------------------------------------------------------


def days(kind: str) -> np.ndarray:
    return np.resize(["2020-01-01", "2020-01-02"], N).astype(kind)


def replaced(y: Any, item: Any, kind: Any = object) -> np.ndarray:
    y = np.array(y, dtype=kind)
    y[3] = item
    return y


WITHOUT = "without a target"

TARGETS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "NaN": (lambda y: replaced(y, np.nan, float), ("NaN", "row 3", WITHOUT)),
    "infinity": (lambda y: replaced(y, np.inf, float), ("infinity", "row 3")),
    "None": (lambda y: replaced(y, None), ("NaN", "row 3", WITHOUT)),
    "NA": (lambda y: replaced(y, pd.NA), ("NaN", "row 3", WITHOUT)),
    "Int64": (lambda y: pd.array([0, None] * 20, "Int64"), ("NaN", "row 1", WITHOUT)),
    "masked": (lambda y: np.ma.masked_less(y, 0.5), ("masked",)),
    "complex": (lambda y: y + 1j, ("Complex data not supported", "real part")),
    "complex list": (lambda y: (y + 1j).tolist(), ("Complex data not supported",)),
    "complex objects": (lambda y: replaced(y, 1j), ("Complex", "row 3")),
    "dates": (lambda y: days("M8[D]"), DATE),
    "durations": (lambda y: days("M8[D]") - np.datetime64(0, "D"), DATE),
    "date objects": (lambda y: [datetime.date(2020, 1, 1)] * N, DATE),
    "pandas dates": (lambda y: pd.Series(pd.to_datetime(days("U"))), DATE),
    "dates with a zone": (lambda y: pd.to_datetime(days("U"), utc=True), DATE),
    "periods": (lambda y: pd.Series(pd.PeriodIndex(days("U"), freq="D")), DATE),
    "polars dates": (lambda y: pl.Series(range(N)).cast(pl.Date), DATE),
    "dicts": (lambda y: replaced(y, {}), ("dict", "row 3")),
    "ragged": (lambda y: [[1], [1, 2]] * 20, ("different lengths",)),
    "short": (lambda y: y[:-1], ("expected 40", "found 39")),
    "long": (lambda y: [*y, 1], ("expected 40", "found 41")),
    "empty": (lambda y: [], ("found",)),
    "a number": (lambda y: 1, ("expected an array", "int")),
    "a word": (lambda y: "species", ("expected an array", "str")),
    "None at all": (lambda y: None, ("requires y to be passed",)),
    "three dimensions": (lambda y: y[:, None, None], ("found", "(40, 1, 1)")),
}
LABELS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "one class": (lambda y: np.full(N, "only"), ("found 1 class, 'only'",)),
    "one each": (lambda y: np.arange(N), ("fewer classes than examples", "regressors")),
    "values": (lambda y: table()[:, 0], ("continuous", "such as 0.12573", "regress")),
    "bytes": (lambda y: np.array([b"u", b"v"] * 20), ("found bytes", "np.char.decode")),
    "a mixture": (lambda y: replaced(y, "u"), ("text and numbers", "astype(str)")),
    "a mixed list": (lambda y: replaced(y, "u").tolist(), ("text and numbers",)),
    "text and NaN": (lambda y: replaced(["u", "v"] * 20, np.nan), ("NaN", "row 3")),
    "two columns": (lambda y: np.c_[y, y], ("(40, 2)", "MultiOutputClassifier")),
}
VALUES: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "constant": (lambda y: np.full(N, 0.3), ("values that vary", "0.3")),
    "constant but for rounding": (
        lambda y: 0.3 * (1 + 2e-16 * np.sign(y)),
        ("values that vary", "0.3"),
    ),
    "constant column": (lambda y: np.c_[y, y * 0 + 2], ("constant in column 1, 2.",)),
    "text": (lambda y: ["u", "v"] * 20, ("found text", "classifiers")),
    "numbers as text": (lambda y: y.astype(str), ("found text", "astype(float)")),
    "categories": (lambda y: pd.Series(["u", "v"] * 20, dtype="category"), ("text",)),
    "almost infinity": (lambda y: np.sign(y) * 1e308, ("up to 1e+307",)),
    "a giant": (lambda y: [10**400] * N, ("too large",)),
}


def check_targets(cases: dict[str, Any], name: str, classification: bool) -> None:
    make, parts = cases[name]
    for model in estimators():
        if is_classifier(model) == classification:
            y = make(target(model))
            refused(lambda m=model, y=y: m.fit(table(), y), "y", *parts)
            refused(lambda m=model, y=y: m.path(table(), y), "y", *parts)


@pytest.mark.parametrize("classification", [True, False])
@pytest.mark.parametrize("name", TARGETS)
def test_targets_of_anything_else_are_refused(name, classification):
    check_targets(TARGETS, name, classification)


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_are_none_are_refused(name):
    check_targets(LABELS, name, classification=True)


@pytest.mark.parametrize("name", VALUES)
def test_values_that_are_none_are_refused(name):
    check_targets(VALUES, name, classification=False)


LABELLED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "int": (lambda y: y, [0, 1]),
    "list": (lambda y: y.tolist(), [0, 1]),
    "int8": (lambda y: y.astype(np.int8), [0, 1]),
    "uint64": (lambda y: y.astype(np.uint64) * 2**63, [0, 2**63]),
    "giants": (lambda y: [10**400 * int(v) for v in y], [0, 10**400]),
    "bool": (lambda y: y == 1, [False, True]),
    "float": (lambda y: y * 2.0, [0.0, 2.0]),
    "objects": (lambda y: y.astype(object), [0, 1]),
    "bool objects": (lambda y: (y == 1).astype(object), [False, True]),
    "text": (lambda y: np.where(y, "u", "v"), ["u", "v"]),
    "text objects": (lambda y: np.where(y, "u", "v").astype(object), ["u", "v"]),
    "variable text": (
        lambda y: np.where(y, "u", "v").astype(np.dtypes.StringDType()),
        ["u", "v"],
    ),
    "categories": (
        lambda y: pd.Series(np.where(y, "u", "v")).astype("category"),
        ["u", "v"],
    ),
    "Int64": (lambda y: pd.Series(y).astype("Int64"), [0, 1]),
    "boolean": (lambda y: pd.Series(y).astype("boolean"), [False, True]),
    "string": (lambda y: pd.Series(np.where(y, "u", "v")).astype("string"), ["u", "v"]),
    "polars": (lambda y: pl.Series(np.where(y, "u", "v")), ["u", "v"]),
    "tensor": (lambda y: torch.from_numpy(y), [0, 1]),
    "nothing masked": (lambda y: np.ma.masked_greater(y, 7), [0, 1]),
}


@pytest.mark.parametrize("name", LABELLED)
def test_labels_of_any_kind_are_classes(name):
    make, labels = LABELLED[name]
    model = SpectralClassifier(**FAST)
    y = target(model)
    model.fit(table(), make(y))
    assert model.classes_.tolist() == labels
    kinds = {type(label) for label in labels}
    assert set(map(type, model.classes_.tolist())) == kinds
    assert set(map(type, model.predict(table()).tolist())) == kinds
    codes = 1 - y if labels == ["u", "v"] else y
    other = SpectralClassifier(**FAST).fit(table(), codes)
    assert_array_equal(model.feature_importances_, other.feature_importances_)


@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda y: y.astype(object),
        lambda y: y.astype(np.float32).astype(np.longdouble),
        lambda y: pd.Series(y, dtype="Float64"),
        lambda y: pl.Series(y),
        lambda y: torch.from_numpy(y).requires_grad_(),
    ],
    ids=["list", "objects", "longdouble", "Float64", "polars", "tensor"],
)
def test_values_of_any_kind_are_numbers(make):
    model = SpectralRegressor(**FAST)
    y = target(None).astype(np.float32).astype(float)
    expected = model.fit(table(), y).predict(table())
    assert_array_equal(model.fit(table(), make(y)).predict(table()), expected)


def test_a_column_is_one_label_for_each_example_or_one_value():
    for model in estimators():
        y = target(model)
        plain = model.fit(table(), y)
        importances, predicted = plain.feature_importances_, plain.predict(table())
        if is_classifier(model):
            with pytest.warns(DataConversionWarning, match="column-vector"):
                model.fit(table(), y[:, None])
            assert_array_equal(model.predict(table()), predicted)
        else:
            model.fit(table(), y[:, None])
            assert_array_equal(model.predict(table()), predicted[:, None])
        assert_array_equal(model.feature_importances_, importances)


# Weights and classes --------------------------------------------------------------

WEIGHTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "zeros": (np.zeros(N), ("one above 0", "zeros")),
    "a zero": (0.0, ("one above 0", "zeros")),
    "negative": (replaced(np.ones(N), -1, float), ("at least 0", "-1 in row 3")),
    "sum of zero": (np.resize([1, -1], N), ("at least 0", "-1 in row 1")),
    "NaN": (replaced(np.ones(N), np.nan, float), ("NaN", "row 3", "0 leaves an")),
    "infinity": (replaced(np.ones(N), np.inf, float), ("infinity", "row 3")),
    "short": (np.ones(N - 1), ("expected 40", "found 39")),
    "a table": (np.ones((N, 1)), ("one number for each example", "(40, 1)")),
    "text": (["1"] * N, ("found text",)),
    "complex": (np.ones(N) + 1j, ("Complex",)),
    "dates": (days("M8[D]"), ("dates",)),
    "Nones": ([None] * N, ("NaN", "row 0")),
    "a word": ("balanced", ("expected an array",)),
    "masked": (np.ma.masked_less(np.arange(N), 5), ("5 that are masked",)),
    "of one example": (np.eye(N)[0], ("two examples or more", "found 1")),
    "of one above all": (replaced(np.ones(N), 1e300, float), ("two examples or more",)),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_none_are_refused(name):
    weights, parts = WEIGHTS[name]
    for model in estimators():
        y = target(model)
        refused(
            lambda m=model, y=y: m.fit(table(), y, weights), "sample_weight: ", *parts
        )


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_weights_count_relative_to_one_another(size):
    for model in estimators():
        y, weights = target(model), np.resize([1.0, 2.0], N)
        if is_classifier(model):
            model.set_params(class_weight={1: 3})
        expected = model.fit(table(), y, weights).feature_importances_
        found = model.fit(table(), y, weights * size).feature_importances_
        assert_allclose(found, expected, rtol=1e-5)


def test_one_weight_is_that_of_all_examples():
    for model in estimators():
        y = target(model)
        expected = model.fit(table(), y, np.ones(N)).feature_importances_
        assert_array_equal(model.fit(table(), y, 3).feature_importances_, expected)


def test_weights_have_to_leave_two_classes():
    for model in estimators():
        if is_classifier(model):
            y = target(model)
            refused(
                lambda m=model, y=y: m.fit(table(), y, y),
                "y: expected two classes or more with a weight above 0, found 1",
            )


CLASS_WEIGHTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "a word": ("foo", ("'balanced'", "found 'foo'")),
    "a list": ([1, 2], ("a dict", "found [1, 2]")),
    "unknown": ({0: 1, 5: 2}, ("found 5", "none for 1")),
    "labels as text": ({"0": 1, "1": 1}, ("found '0'", "none for 0")),
    "negative": ({0: -1, 1: 1}, ("at least 0", "{0: -1, 1: 1}")),
    "zeros": ({0: 0, 1: 0}, ("one of them above",)),
    "NaN": ({0: np.nan, 1: 1}, ("NaN",)),
    "infinity": ({0: np.inf, 1: 1}, ("infinity",)),
    "text": ({0: "a", 1: 1}, ("found text",)),
}


@pytest.mark.parametrize("name", CLASS_WEIGHTS)
def test_weights_of_classes_that_are_none_are_refused(name):
    weights, parts = CLASS_WEIGHTS[name]
    for model in estimators():
        if is_classifier(model):
            changed = model.set_params(class_weight=weights)
            y = target(model)
            refused(lambda m=changed, y=y: m.fit(table(), y), "class_weight: ", *parts)


def test_weights_of_classes_may_name_some_classes_or_more():
    model = SpectralClassifier(**FAST)
    y = target(model)
    plain = model.fit(table(), y).predict_proba(table())
    for same in ({}, {0: 1.0}, {0: 1, 1: 1, 2: 5}, {np.int64(1): 1, 0: True}):
        model.set_params(class_weight=same).fit(table(), y)
        assert_allclose(model.predict_proba(table()), plain, atol=1e-6)
    model.set_params(class_weight={1: 5}).fit(table(), y)
    assert (model.predict_proba(table())[:, 1] > plain[:, 1]).mean() > 0.9


# Settings -------------------------------------------------------------------------

COUNTS = [0, -1, 2.5, "a", None, True]
STRENGTHS = [-1, np.nan, np.inf, "0.1", None, [0.1], True, 1j, 10**400]

SETTINGS: dict[str, list[Any]] = {
    "alpha": STRENGTHS,
    "alphas": [[], [-1, 0.1], [np.nan], "ab", 0.1, [[0.1]], ["0.1"], {0.1}, [True]],
    "batch_size": COUNTS,
    "cv": [0, 1, -1, N + 1, 10**30, 2.5, "a", None, True, [2]],
    "device": ["gpu", "", "meta", None, 3, ["cpu"]],
    "fdr": [0, 1, 1.5, -0.1, np.nan, "a", True, [0.1]],
    "hidden_layer_sizes": [
        *((), (0,), (-1,), (2.5,), (4, "a"), (True,), ({"units": 4},), [[4]]),
        *("50", 50, None, {4: 1}, np.array([4, 4])),
    ],
    "learning_rate": [0, -1, np.nan, np.inf, "a", None, [0.1]],
    "max_steps": COUNTS,
    "random_state": ["a", -1, 1.5, 2**40, [1], np.random.default_rng(0)],
    "replicas": COUNTS,
    "ridge": [-1, np.nan, np.inf, "a", None],
    "validation_fraction": [0, 1, -0.1, 1.5, np.nan, "a", None],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_make_no_sense_are_refused_by_their_names(name):
    models = [model for model in estimators() if name in model.get_params()]
    assert models
    for model in models:
        y, what = target(model), type(model).__name__
        for value in SETTINGS[name]:
            changed = model.set_params(**FAST).set_params(**{name: value})
            where = "device" if name == "device" else f"{what}.{name}"
            found = "found" if name == "hidden_layer_sizes" else f"found {value!r}"
            found = found.replace("found [True]", "found True")
            with pytest.raises(UserError) as caught:
                changed.fit(table(), y)
            message = str(caught.value)
            assert where in message and ": expected " in message, value
            single = isinstance(value, list) and len(value) == 1
            assert found in message or single and f"found {value[0]!r}" in message
            assert "Settings" not in message and "Hidden" not in message


def test_strengths_of_a_path_are_checked():
    for model in estimators():
        for value in ([], [-1], "ab", 0.1):
            refused(
                lambda m=model, v=value: m.path(table(), target(m), alphas=v),
                f"{type(model).__name__}.path: alphas: expected",
            )


def test_strengths_may_come_in_any_order():
    model = SpectralRegressorCV(**FAST, cv=2)
    found = [
        model.set_params(alphas=alphas).fit(table(), target(None)).cv_results_
        for alphas in ([0.01, 1, 0.1], (1, 0.1, 0.01), np.array([0.1, 0.01, 1]))
    ]
    for results in found:
        assert results["alpha"].tolist() == [1, 0.1, 0.01]
        assert_array_equal(results["loss"], found[0]["loss"])


def test_there_have_to_be_as_many_examples_as_folds():
    for model in estimators()[2:]:
        y = np.array([0, 1, 0, 1])
        model.set_params(cv=5)
        refused(
            lambda m=model, y=y: m.fit(table()[:4], y), "at most 4 folds", "found 5"
        )
        assert model.set_params(cv=4).fit(table()[:4], y).predict(table()).shape == (N,)


@pytest.mark.parametrize("rate", [1e6, 1e30, 1e300])
def test_a_training_that_diverges_is_told_by_its_settings(rate):
    for model in estimators():
        y = np.random.default_rng(0).permutation(target(model))
        changed = model.set_params(learning_rate=rate)
        refused(
            lambda m=changed, y=y: m.fit(table(), y),
            f"{type(model).__name__}: expected a smaller loss",
            f"learning_rate={rate!r}",
            "lower the learning rate; the default is 0.003",
        )


# Before and after fit -------------------------------------------------------------


def test_nothing_can_be_asked_before_fit(tmp_path):
    for model in estimators():
        asked = [
            *uses(model),
            lambda _, m=model: m.get_support(),
            lambda _, m=model: m.get_feature_names_out(),
            lambda _, m=model: m.save(tmp_path / "model"),
        ]
        for ask in asked:
            with pytest.raises(NotFittedError, match="not fitted yet"):
                ask(table())


def test_without_a_rate_nothing_is_selected():
    for model in estimators():
        model.fit(table(), target(model))
        for ask in (model.get_support, lambda m=model: m.transform(table())):
            refused(ask, type(model).__name__, "fdr was None", "fdr=0.1", "SelectFrom")


def test_a_fit_that_fails_leaves_nothing_behind():
    for model in estimators():
        model.fit(table(), target(model))
        with pytest.raises(UserError):
            model.fit(table() * 7, np.zeros(N))
        for use in (model.predict, model.transform):
            with pytest.raises(NotFittedError):
                use(table())


def test_a_path_leaves_the_estimator_as_it_was():
    for model in estimators():
        model.fit(table(), target(model))
        before = dict(vars(model))
        model.path(table()[:, :2] * 3, target(model), alphas=[0.1])
        assert vars(model) == before
