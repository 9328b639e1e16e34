"""The estimators among the tools of scikit-learn, against computations by hand."""

import os
import pickle
import random
import signal
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.feature_selection import RFECV, SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, MultiTaskLasso
from sklearn.metrics import r2_score, recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectral_relevance import (
    SpectralClassifier,
    SpectralClassifierCV,
    SpectralRegressor,
    SpectralRegressorCV,
    UserError,
    selection,
)
from spectral_relevance.estimators import base
from spectral_relevance.problem import Problem, held_out
from spectral_relevance.sidebyside import Trained

FAST: dict[str, Any] = {
    "fdr": None,
    "hidden_layer_sizes": (12,),
    "learning_rate": 0.05,
    "max_steps": 40,
    "random_state": 0,
    "replicas": 3,
}
CHOICE: dict[str, Any] = {"alphas": (1, 0.1, 0.01), "cv": 3}
NAMES = ["a", "b", "c", "d", "e"]

CLASSIFIER, REGRESSOR = (
    kind(alpha=0.03, **FAST) for kind in (SpectralClassifier, SpectralRegressor)
)
CLASSIFIER_CV = SpectralClassifierCV(**FAST, **CHOICE)
REGRESSOR_CV = SpectralRegressorCV(**FAST, **CHOICE)


def for_each(*models: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("model", models, ids=lambda m: type(m).__name__)


TWO = for_each(CLASSIFIER, REGRESSOR)
CHOOSING = for_each(CLASSIFIER_CV, REGRESSOR_CV)
ALL = for_each(CLASSIFIER, CLASSIFIER_CV, REGRESSOR, REGRESSOR_CV)


@pytest.fixture
def x(rng) -> np.ndarray:
    """Five inputs in units of their own, the third one constant."""
    table = rng.normal(size=(120, 5)) * [1, 30, 0, 0.2, 5] + [0, 10, 7, 0, -3]
    return table.round(3)


@pytest.fixture
def values(x) -> np.ndarray:
    """What depends on the fourth input, and less on the second."""
    return 50 * x[:, 3] + 0.15 * x[:, 1]


@pytest.fixture
def y(values, model) -> np.ndarray:
    """The values, or for a classifier in which half they are."""
    if hasattr(model, "class_weight"):
        return np.where(values > np.median(values), "high", "low")
    return values


@pytest.fixture
def small_contest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STEPS": 20, "REPLICAS": 2, "UNITS": (4,)}.items():
        monkeypatch.setattr(selection, name, value)


def answers(model: Any, x: Any) -> np.ndarray:
    return (model.predict_proba if hasattr(model, "classes_") else model.predict)(x)


def assert_same(model: Any, other: Any, x: Any, rtol: float = 0) -> None:
    """Compare importances and answers, by default to the bit."""
    for name in ("feature_importances_", "importances_std_"):
        assert_allclose(getattr(model, name), getattr(other, name), rtol)
    assert_allclose(answers(model, x), answers(other, x), rtol)


def parameters(model: Any) -> list[np.ndarray]:
    """λ, φ and bias of the first layer, then weights and bias of the second."""
    return [v.double().numpy() for v in model._network.state_dict().values()]


# What is learnt -------------------------------------------------------------------


@ALL
def test_importances_are_shares_in_the_order_of_the_inputs(model, x, y):
    model = clone(model).fit(x, y)
    found = model.feature_importances_
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert found[2] == 0
    assert found.argsort()[::-1][:2].tolist() == [3, 1]
    moved = clone(model).fit(x[:, ::-1], y).feature_importances_
    assert moved.argsort()[::-1][:2].tolist() == [1, 3]


@TWO
def test_importances_are_norms_of_weights_by_hand(model, x, y):
    model = clone(model).fit(x, y)
    each = []
    for own, vectors in zip(*parameters(model)[:2], strict=True):
        norms = [np.linalg.norm(own[j] * vectors[:, j]) for j in range(5)]
        norms[2] = 0  # the constant
        each.append(np.array(norms) / sum(norms))
    assert len(each) == 3
    assert_allclose(model.feature_importances_, np.mean(each, axis=0), rtol=1e-5)
    assert_allclose(model.importances_std_, np.std(each, axis=0), rtol=1e-4)
    assert (np.delete(model.importances_std_, 2) > 0).all()


@TWO
def test_predictions_are_means_over_the_networks_by_hand(model, x, y):
    model = clone(model).fit(x, y)
    spread = x.std(axis=0)
    inputs = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    each = []
    for own, vectors, bias, weights, last in zip(*parameters(model), strict=True):
        hidden = np.maximum(inputs @ (own * vectors).T + bias.ravel(), 0)
        each.append(hidden @ weights.T + last.ravel())
    if hasattr(model, "classes_"):
        expected = np.mean([softmax(outputs, axis=1) for outputs in each], axis=0)
        assert_allclose(model.predict_proba(x), expected, rtol=1e-4)
        labels = [["high", "low"][k] for k in expected.argmax(axis=1)]
        assert model.predict(x).tolist() == labels
        score = np.mean(y == labels)
    else:
        expected = np.mean(each, axis=0)[:, 0] * y.std() + y.mean()
        assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-4)
        score = r2_score(y, expected)
    assert model.score(x, y) == pytest.approx(score)
    assert score > 0.9


@for_each(CLASSIFIER)
@pytest.mark.parametrize(
    "made",
    [
        lambda y: y.tolist(),
        lambda y: y.astype(object),
        lambda y: y == "low",
        lambda y: np.where(y == "low", 7, -2),
        lambda y: pd.Series(y, dtype="string"),
        lambda y: pd.Series(y, dtype="category"),
        lambda y: pl.Series(y.tolist()),
    ],
    ids=["list", "object", "bool", "int", "pandas", "pandas category", "polars"],
)
def test_labels_of_any_kind_are_the_same_classes(model, x, y, made):
    expected, found = clone(model).fit(x, y), clone(model).fit(x, made(y))
    assert_same(found, expected, x)
    assert found.classes_.tolist() == sorted(set(np.asarray(made(y)).tolist()))
    assert found.score(x, made(y)) == expected.score(x, y)
    labels = found.classes_[np.where(expected.predict(x) == "low", 1, 0)]
    assert found.predict(x).tolist() == labels.tolist()


@for_each(REGRESSOR, REGRESSOR_CV)
def test_several_values_are_predicted_in_their_units(model, x, y):
    both = np.stack([y, 1000 + 3 * x[:, 0] - y], axis=1)
    model = clone(model).fit(x, both)
    assert model.predict(x).shape == (120, 2)
    assert min(r2_score(both, model.predict(x), multioutput="raw_values")) > 0.8
    other = clone(model).fit(x, both * [1, 1024])
    assert_array_equal(other.predict(x), model.predict(x) * [1, 1024])
    column = clone(model).fit(x, both[:, :1])
    assert_array_equal(column.predict(x)[:, 0], clone(model).fit(x, y).predict(x))


@for_each(CLASSIFIER, CLASSIFIER_CV)
def test_a_rare_class_is_predicted(model, x, values, y):
    y = np.where(values > np.quantile(values, 0.93), "rare", "usual")
    model = clone(model).set_params(max_steps=200).fit(x, y)
    assert recall_score(y, model.predict(x), pos_label="rare") > 0.4


def test_classes_are_held_out_in_proportion(rng):
    labels = np.repeat([0, 1, 2], [3, 20, 37])
    problem = Problem(np.zeros((60, 1)), labels, 3)
    counts = []
    for _ in range(400):
        rows, held = held_out(problem, 6, rng)
        assert sorted([*rows, *held]) == list(range(60))
        counts.append(np.bincount(labels[held], minlength=3))
    # On average over replicas also one that is too rare to be in each.
    assert_allclose(np.mean(counts, axis=0), [0.3, 2, 3.7], atol=0.15)
    assert np.abs(np.array(counts) - [0.3, 2, 3.7]).max() <= 1
    _, held = held_out(problem, 57, rng)
    assert np.bincount(labels[held]).tolist() == [2, 19, 36]


# The strength ---------------------------------------------------------------------


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is trained, as (problem, runs)."""
    seen: list[Any] = []

    def train(problem: Any, runs: Any, *rest: Any) -> Trained:
        seen.append((problem, runs))
        return trained(problem, runs, *rest)

    trained = base.train
    monkeypatch.setattr(base, "train", train)
    return seen


def strength(run: Any) -> float:
    return 2 * np.sqrt(run.penalty.eigenvalues * run.penalty.eigenvectors)


def test_with_alpha_1_a_linear_model_keeps_no_input(x, values, trainings):
    y = np.stack([values, 1000 + 3 * x[:, 0] - values], axis=1)
    clone(REGRESSOR).set_params(alpha=0.5).fit(x, y)
    [(_, runs)] = trainings
    unit = strength(runs[0]) / 0.5
    inputs, targets = (StandardScaler().fit_transform(values) for values in (x, y))
    # Its squared error is halved, and summed over both values instead of averaged.
    for share, kept in ((1.001, 0), (0.999, 1)):
        model = MultiTaskLasso(alpha=share * unit, tol=1e-8).fit(inputs, targets)
        assert np.any(model.coef_, axis=0).sum() == kept


def test_with_alpha_1_no_slope_of_a_linear_classifier_exceeds_it(
    x, values, rng, trainings
):
    y = np.digitize(values, np.quantile(values, [0.5, 0.8]))
    weights = rng.uniform(0.1, 3, size=120)
    clone(CLASSIFIER).set_params(alpha=0.5).fit(x, y, weights)
    [(_, runs)] = trainings
    mean = np.average(x, axis=0, weights=weights)
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights))
    inputs = (x - mean) / np.where(spread > 0, spread, 1)
    shares = [weights[y == k].sum() / weights.sum() for k in range(3)]

    def loss(slopes: np.ndarray) -> float:
        p = softmax(inputs @ slopes + np.log(shares), axis=1)
        return -np.average(np.log(p[np.arange(120), y]), weights=weights)

    gradient = np.zeros((5, 3))
    for place in np.ndindex(5, 3):
        step = np.zeros((5, 3))
        step[place] = 1e-5
        gradient[place] = (loss(step) - loss(-step)) / 2e-5
    largest = np.linalg.norm(gradient, axis=1).max()
    assert strength(runs[0]) == pytest.approx(0.5 * largest, rel=1e-4)


@for_each(CLASSIFIER, REGRESSOR, REGRESSOR_CV)
def test_units_of_inputs_and_values_change_nothing(model, x, y):
    expected = clone(model).fit(x, y)
    # Powers of two are exact.
    exact = clone(model).fit(1024 * x, y)
    rounded = clone(model).fit(1000 * x + 77, y)
    assert exact.alpha_ == rounded.alpha_ == expected.alpha_
    shares = expected.feature_importances_
    assert_array_equal(exact.feature_importances_, shares)
    assert_array_equal(answers(exact, 1024 * x), answers(expected, x))
    assert_allclose(rounded.feature_importances_, shares, atol=1e-3)
    if y.dtype.kind == "f":
        exact = clone(model).fit(x, 1024 * y)
        rounded = clone(model).fit(x, 1000 * y + 77)
        assert exact.alpha_ == rounded.alpha_ == expected.alpha_
        assert_array_equal(exact.feature_importances_, shares)
        assert_array_equal(exact.predict(x), 1024 * expected.predict(x))
        assert_allclose(rounded.feature_importances_, shares, atol=1e-3)


@TWO
def test_a_path_goes_along_strengths_and_changes_nothing(model, x, y):
    model = clone(model)
    before = dict(vars(model))
    path = model.path(x, y, alphas=[0.01, 10, 0.1])
    assert vars(model) == before
    assert path.alphas.tolist() == [10, 0.1, 0.01]
    assert_allclose(path.importances.sum(axis=1), 1)
    assert path.importances.shape == path.importances_std.shape == (3, 5)
    assert path.validation_loss.argmax() == 0
    # The same networks as those of a fit.
    fitted = clone(model).set_params(alpha=0.1).fit(x, y)
    assert_allclose(path.importances[1], fitted.feature_importances_, rtol=1e-4)
    assert_allclose(path.importances_std[1], fitted.importances_std_, rtol=1e-3)
    assert path.validation_loss[1] == pytest.approx(fitted.validation_loss_.mean())
    assert len(model.path(x, y).alphas) == 12


# The choice of a strength ---------------------------------------------------------


@CHOOSING
def test_the_chosen_strength_is_the_largest_within_one_standard_error(model, x, y):
    model = clone(model).set_params(alphas=[0.01, 0.3, 0.03, 1, 0.1]).fit(x, y)
    results = model.cv_results_
    assert results["alpha"].tolist() == [1, 0.3, 0.1, 0.03, 0.01]
    means, errors = [], []
    for losses in results["loss"]:
        mean = sum(losses) / 3
        variance = sum((loss - mean) ** 2 for loss in losses) / 2
        means.append(mean)
        errors.append((variance / 3) ** 0.5)
    assert_allclose(results["mean_loss"], means)
    assert_allclose(results["std_error"], errors)
    best = means.index(min(means))
    for alpha, mean in zip(results["alpha"], means, strict=True):
        if mean <= means[best] + errors[best]:
            assert model.alpha_ == alpha
            break


@for_each(REGRESSOR_CV)
@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ([[3, 3], [1.2, 1.4], [1.0, 1.4]], 0.1),  # 1.3 is within 1.2 ± 0.2
        ([[3, 3], [1.4, 1.6], [1.0, 1.4]], 0.01),  # 1.5 is not
        ([[1, 1], [1, 1], [1, 1]], 1),
    ],
)
def test_a_strength_is_chosen_as_by_hand(model, x, y, monkeypatch, losses, chosen):
    trained = base.train

    def train(problem: Any, runs: Any, *rest: Any) -> Trained:
        found = trained(problem, runs, *rest)
        return found._replace(loss=np.ravel(losses)) if len(runs) == 6 else found

    monkeypatch.setattr(base, "train", train)
    assert clone(model).set_params(cv=2).fit(x, y).alpha_ == chosen


@CHOOSING
def test_folds_part_the_examples_and_classes_in_proportion(model, x, y, trainings):
    clone(model).fit(x, y)
    (problem, runs), _ = trainings
    assert len(runs) == 9
    for strengths in (runs[:3], runs[3:6], runs[6:]):
        held = np.concatenate([run.validation for run in strengths])
        assert sorted(held) == list(range(120))
        for run in strengths:
            assert sorted([*run.rows, *run.validation]) == list(range(120))
            if y.dtype.kind == "U":
                assert problem.y[run.validation].mean() == 0.5
    units = [strength(run) for run in runs[::3]] / np.array(CHOICE["alphas"])
    assert_allclose(units, units[0])


@pytest.mark.parametrize(
    ("model", "plain"),
    [(CLASSIFIER_CV, CLASSIFIER), (REGRESSOR_CV, REGRESSOR)],
    ids=["classes", "values"],
)
def test_what_is_fitted_is_of_the_chosen_strength(model, plain, x, y, small_contest):
    # With 10 nothing is kept, and a constant is predicted.
    model = clone(model).set_params(alphas=(10, 0.1, 0.01), fdr=0.1).fit(x, y)
    assert model.alpha_ < 10
    plain = clone(plain).set_params(alpha=model.alpha_, fdr=0.1).fit(x, y)
    assert_same(model, plain, x)
    assert_array_equal(model.validation_loss_, plain.validation_loss_)
    assert_array_equal(model.selection_frequency_, plain.selection_frequency_)
    assert len(set(model.predict(x))) > 1
    assert model.score(x, y) > 0.8


# Weights --------------------------------------------------------------------------


@TWO
def test_examples_of_weight_0_are_left_out(model, x, y, rng):
    weights = rng.choice([0, 1, 2.5], size=120)
    kept = weights > 0
    x[~kept], y[~kept] = 1e3, y[0]
    expected = clone(model).fit(x[kept], y[kept], weights[kept])
    assert_same(clone(model).fit(x, y, weights), expected, x)
    assert_same(clone(model).fit(x, y, pd.Series(4 * weights)), expected, x)
    other = clone(model).fit(x[kept], y[kept])
    assert (answers(other, x) != answers(expected, x)).any()


@TWO
def test_what_weighs_more_is_learnt(model, x, y):
    order = y.argsort()
    contrary = y[order[::-1]][order.argsort()]  # the largest where the smallest was
    twice, both = np.vstack([x, x]), np.r_[y, contrary]
    for weights, true in (((9, 1), y), ((1, 9), contrary)):
        found = clone(model).fit(twice, both, np.repeat(weights, 120))
        assert found.score(x, true) > 0.5


@for_each(CLASSIFIER)
def test_weights_of_classes_are_those_of_their_examples(model, x, values, y, rng):
    y = np.where(values > np.quantile(values, 0.8), "high", "low")
    of_class = clone(model).set_params(class_weight={"high": 8, "low": 0.5})
    expected = clone(model).fit(x, y, np.where(y == "high", 8, 0.5))
    assert_same(of_class.fit(x, y), expected, x)
    weights = rng.choice([0, 1, 2.5], size=120)
    expected = clone(model).fit(x, y, np.where(y == "high", 8, 0.5) * weights)
    assert_same(clone(of_class).fit(x, y, weights), expected, x)

    balanced = clone(model).set_params(class_weight="balanced")
    by_hand = {"high": 120 / 2 / 24, "low": 120 / 2 / 96}
    expected = clone(model).set_params(class_weight=by_hand).fit(x, y)
    assert_same(clone(balanced).fit(x, y), expected, x, rtol=1e-2)
    kept = weights > 0
    expected = clone(balanced).fit(x[kept], y[kept], weights[kept])
    assert_same(clone(balanced).fit(x, y, weights), expected, x)


@for_each(CLASSIFIER, CLASSIFIER_CV)
def test_early_stopping_and_choice_go_by_the_weights(model, x, y, rng):
    y = rng.permutation(y)  # nothing is known but the weights
    heavy = clone(model).set_params(class_weight={"high": 30, "low": 1}).fit(x, y)
    # About 30 / 31, while without weights training would end where it started.
    assert np.median(heavy.predict_proba(x)[:, 0]) > 0.9


# What is drawn, and what is left behind -------------------------------------------


@for_each(REGRESSOR, CLASSIFIER_CV)
def test_the_same_state_gives_the_same_bits(model, x, y, small_contest):
    model = clone(model).set_params(fdr=0.5)
    expected = clone(model).fit(x, y)
    again = clone(model).fit(x, y)
    assert_same(again.fit(x, y), expected, x)
    model.random_state = np.random.RandomState(0)
    assert_same(model.fit(x, y), expected, x)
    assert_array_equal(model.selected_, expected.selected_)
    assert_array_equal(model.selection_frequency_, expected.selection_frequency_)
    # The state has gone on, as that of other estimators does.
    assert (answers(model.fit(x, y), x) != answers(expected, x)).any()


def global_state() -> dict[str, Any]:
    small = torch.full((64,), 1e-40)
    return {
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "precision": torch.get_float32_matmul_precision(),
        "denormal numbers": (small * 0.5).tolist(),
        "gradients": torch.is_grad_enabled(),
        "torch's random state": torch.get_rng_state().tolist(),
        "numpy's random state": pickle.dumps(np.random.get_state()),
        "python's random state": random.getstate(),
        "numpy's errors": np.geterr(),
        "warnings": list(warnings.filters),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ),
    }


@CHOOSING
def test_no_global_state_is_left_behind(model, x, y, small_contest):
    before = global_state()
    assert before["denormal numbers"][0] > 0
    model = clone(model).set_params(fdr=0.5).fit(x, y)
    model.path(x, y, alphas=[0.1])
    answers(model, x)
    after = global_state()
    for name, value in before.items():
        assert after[name] == value, name


@TWO
def test_the_precision_of_torch_is_that_of_the_fit(model, x, y, double):
    fitted = clone(model).fit(x, y)
    expected = answers(fitted, x)
    torch.set_default_dtype(torch.float32)
    assert_array_equal(answers(fitted, x), expected)


# Tables ---------------------------------------------------------------------------

MISSING, CATEGORIES = "missing values .*'b'", "categories .*'b'"


@TWO
def test_a_data_frame_is_its_numbers_and_names(model, x, y):
    x[:, 1] = x[:, 1].round()
    expected = clone(model).fit(x, y)
    assert not hasattr(expected, "feature_names_in_")
    plain = pd.DataFrame(x, columns=NAMES)
    nullable = plain.astype({"b": "Int64", "c": "Int64", "d": "Float64"})
    arrow = pl.DataFrame(x, schema=NAMES).cast({"b": pl.Int32, "c": pl.UInt8})
    for table, targets in (
        (plain, pd.Series(y, index=range(7, 127))),
        (nullable, y.tolist()),
        (arrow, pl.Series(y.tolist())),
    ):
        found = clone(model).fit(table, targets)
        assert found.feature_names_in_.tolist() == NAMES
        assert found.n_features_in_ == 5
        assert_array_equal(found.feature_importances_, expected.feature_importances_)
        assert_array_equal(answers(found, table), answers(expected, x))


@for_each(REGRESSOR)
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Series([1, None, 3, 4], dtype="Int64"), MISSING),
        (pd.Series([0.5, None, 3, 4], dtype="Float64"), MISSING),
        (pd.Series([0.5, None, 3, 4]), MISSING),
        (pd.Series(["u", "v", "u", "w"], dtype="category"), CATEGORIES),
        (pl.Series([1, None, 3, 4]), MISSING),
        (pl.Series(["u", "v", "u", "w"], dtype=pl.Categorical), CATEGORIES),
    ],
    ids=["Int64", "Float64", "float", "category", "polars", "polars category"],
)
def test_columns_that_are_no_numbers_are_refused(model, column, message):
    library = pl if isinstance(column, pl.Series) else pd
    table = library.DataFrame({"a": [1, 2, 3, 5], "b": column})
    with pytest.raises(UserError, match=message):
        clone(model).fit(table, [1, 2, 3, 4])
    numbers = library.DataFrame({"a": [1, 2, 3, 5], "b": [1, 4, 2, 2]})
    fitted = clone(model).fit(numbers, [1, 2, 3, 4])
    with pytest.raises(UserError, match=message):
        fitted.predict(table)


@TWO
@pytest.mark.parametrize(
    "made",
    [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array],
)
def test_a_sparse_table_is_its_dense_one(model, x, y, made):
    x[np.abs(x) < 5] = 0
    x[:, 3] = np.arange(120) % 4
    expected, found = clone(model).fit(x, y), clone(model).fit(made(x), y)
    assert_same(found, expected, x)
    assert_array_equal(answers(found, made(x)), answers(expected, x))


# Tools ----------------------------------------------------------------------------


@pytest.fixture
def second_and_fourth(monkeypatch: pytest.MonkeyPatch) -> None:
    def select(*_: Any) -> selection.Selection:
        support = np.isin(range(5), (1, 3))
        return selection.Selection(support, support * 0.5, np.ones((6, 5)))

    monkeypatch.setattr(base, "select", select)


@TWO
def test_transform_keeps_what_is_selected(model, x, y, second_and_fourth):
    table = pd.DataFrame(x, columns=NAMES)
    model = clone(model).set_params(fdr=0.1)
    assert_array_equal(model.fit_transform(table, y), x[:, [1, 3]])
    assert model.selected_.tolist() == model.get_support().tolist()
    assert model.get_support(indices=True).tolist() == [1, 3]
    assert model.selection_frequency_.tolist() == [0, 0.5, 0, 0.5, 0]
    assert model.get_feature_names_out().tolist() == ["b", "d"]
    for library, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        found = model.set_output(transform=library).transform(table)
        assert isinstance(found, kind)
        assert list(found.columns) == ["b", "d"]
        assert_array_equal(found.to_numpy(), x[:, [1, 3]])


@TWO
def test_without_a_rate_nothing_is_selected(model, x, y):
    model = clone(model).fit(x, y)
    assert model.selected_ is model.selection_frequency_ is None
    for ask in (model.get_support, lambda: model.transform(x)):
        with pytest.raises(UserError, match="expected a selection, found none"):
            ask()


@TWO
def test_copies_are_clones_or_the_same(model, x, y):
    fitted = clone(model).fit(x, y)
    assert_same(pickle.loads(pickle.dumps(fitted)), fitted, x)
    other = clone(fitted)
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "feature_importances_")


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_fits_in_parallel_are_those_one_by_one(x, values, backend):
    models = [clone(REGRESSOR).set_params(random_state=seed) for seed in range(4)]
    alone = [clone(model).fit(x, values) for model in models]
    together = Parallel(n_jobs=2, backend=backend)(
        delayed(model.fit)(x, values) for model in models
    )
    for one, other in zip(alone, together, strict=True):
        assert_same(other, one, x)


@TWO
def test_the_last_step_of_a_pipeline(model, x, y, rng):
    weights = rng.uniform(0.1, 2, size=120)
    pipeline = make_pipeline(StandardScaler(), clone(model))
    name = pipeline.steps[-1][0]
    pipeline.fit(x, y, **{f"{name}__sample_weight": weights})
    scaled = StandardScaler().fit_transform(x)
    assert_same(pipeline[-1], clone(model).fit(scaled, y, weights), scaled)
    assert_array_equal(answers(pipeline, x), answers(pipeline[-1], scaled))


@TWO
def test_a_step_that_selects(model, x, values, y, second_and_fourth):
    pipeline = make_pipeline(clone(model).set_params(fdr=0.1), LinearRegression())
    numbers = y if y.dtype.kind == "f" else y == "low"
    pipeline.fit(x, numbers)
    assert pipeline[-1].coef_.shape == (2,)
    expected = LinearRegression().fit(x[:, [1, 3]], numbers).predict(x[:, [1, 3]])
    assert_allclose(pipeline.predict(x), expected)


@for_each(CLASSIFIER, REGRESSOR_CV)
def test_a_grid_search_finds_what_learns(model, x, y):
    name = "alpha" if "alpha" in model.get_params() else "alphas"
    grid = [0.02, 5.0] if name == "alpha" else [[0.02], [5.0]]
    search = GridSearchCV(clone(model), {name: grid}, cv=2).fit(x, y)
    assert search.best_params_ == {name: grid[0]}
    assert search.best_estimator_.alpha_ == 0.02
    assert search.best_score_ > 0.7


@TWO
def test_select_from_model_keeps_what_is_important(model, x, y):
    search = SelectFromModel(clone(model), threshold="1.1*mean").fit(x, y)
    assert search.get_support(indices=True).tolist() == [1, 3]
    search = SelectFromModel(clone(model), threshold=-np.inf, max_features=1).fit(x, y)
    assert search.get_support(indices=True).tolist() == [3]


@TWO
def test_recursive_elimination_keeps_what_is_important(model, x, y):
    search = RFECV(clone(model), cv=2).fit(x, y)
    assert search.support_[[1, 3]].all()
    # What is left when three are eliminated still tells the target.
    assert search.cv_results_["n_features"].tolist() == [1, 2, 3, 4, 5]
    assert search.cv_results_["mean_test_score"][1] > 0.7


@TWO
def test_permutations_find_what_is_important(model, x, y):
    found = permutation_importance(
        clone(model).fit(x, y), x, y, n_repeats=3, random_state=0
    )
    assert found.importances_mean.argsort()[::-1][:2].tolist() == [3, 1]
    assert found.importances_mean[2] == 0
