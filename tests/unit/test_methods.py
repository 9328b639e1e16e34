"""Relevance methods: how they are found, and each against another way to get it."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

import spectral_relevance.methods
from spectral_relevance.datasets.base import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.methods import METHODS, relevance
from spectral_relevance.methods.lasso import scores as lasso
from spectral_relevance.networks import Network


@pytest.fixture
def network(description, generator) -> Network:
    network = Network(5, description, replicas=2)
    network.reset_parameters([generator] * 2)
    return network.eval()


def test_methods_are_the_modules_of_the_package():
    folder = Path(spectral_relevance.methods.__file__).parent
    assert set(METHODS) == {p.stem for p in folder.glob("*.py")} - {"__init__"}
    assert {"spectral", "lasso"} <= set(METHODS)


def test_spectral_scores_are_those_of_the_network(classes, network):
    table = relevance("spectral", classes, network, [8, 3], {})
    assert table.columns.tolist() == ["seed", "feature", "score"]
    assert table["seed"].tolist() == [8] * 5 + [3] * 5
    assert table["feature"].tolist() == ["x1", "x2", "x3", "x4", "x5"] * 2
    expected = [
        np.linalg.norm(network.replica(r)[0].weight.detach().numpy(), axis=0)
        for r in (0, 1)
    ]
    np.testing.assert_allclose(table["score"], np.concatenate(expected), rtol=1e-5)


def test_an_unknown_method(classes, network):
    with pytest.raises(UserError, match="found 'oracle'.\nHint: .* lasso.*spectral"):
        relevance("oracle", classes, network, [0, 1], {})


# The lasso ------------------------------------------------------------------------

SETTINGS = {"strengths": 7, "folds": 3}


def make_noisy(rng: np.random.Generator, offset: float) -> Dataset:
    """Two classes that the first two of six inputs tell apart, the first one better.

    With an offset, the boundary is far from the origin and the intercept matters.
    """
    y = rng.permutation(np.arange(400) % 2)
    x = rng.normal(0, 1, size=(400, 6))
    x[:, 0] += np.where(y == 1, 0.8, -0.8)
    x[:, 1] += np.where(y == 1, -0.4, 0.4) + offset
    x = x.astype(np.float32)
    names = np.array([f"x{j + 1}" for j in range(6)])
    return Dataset(x, y, x[:0], y[:0], names, np.zeros(6))


@pytest.fixture
def noisy(rng: np.random.Generator) -> Dataset:
    return make_noisy(rng, offset=0)


@pytest.mark.parametrize(
    "offset",
    [
        0,
        2,
    ],
)
def test_lasso_is_the_regression_of_least_cross_validated_loss(rng, seed, offset):
    noisy = make_noisy(rng, offset)

    # Another solver, whose intercept is not penalised, and an explicit loop.
    def fit(strength: float, rows: np.ndarray) -> LogisticRegression:
        model = LogisticRegression(
            C=strength, l1_ratio=1, solver="saga", tol=1e-6, max_iter=5000,
            random_state=0,
        )  # fmt: skip
        return model.fit(noisy.x_train[rows].astype(float), noisy.y_train[rows])

    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    losses = {}
    for strength in np.logspace(-4, 2, 30):
        parts = folds.split(noisy.x_train, noisy.y_train)
        losses[strength] = np.mean(
            [
                log_loss(
                    noisy.y_train[test],
                    fit(strength, train).predict_proba(noisy.x_train[test]),
                )
                for train, test in parts
            ]
        )
    best = min(losses, key=losses.get)
    everything = np.arange(len(noisy.y_train))
    expected = np.abs(fit(best, everything).coef_[0])
    found = lasso(None, 0, noisy, seed, strengths=30, folds=3)
    assert found.shape == (6,)
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert found[0] > found[1] > 3 * found[2:].max()


def test_lasso_drops_pure_noise(seed):
    """With a single strength, far below what noise can earn, nothing is left of it."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(2000) % 2)
    x = rng.normal(size=(2000, 6)).astype(np.float32)
    x[:, 0] += 2 * y - 1
    names = np.arange(6).astype(str)
    data = Dataset(x, y, x[:0], y[:0], names, np.zeros(6))
    one_strength = lasso(None, 0, data, seed, strengths=1, folds=2)  # C = 1e-4
    assert (one_strength == 0).all()
    found = lasso(None, 0, data, seed, **SETTINGS)
    assert found[0] > 1 and found[1:].max() < 0.15 * found[0]


def test_lasso_scores_each_seed(noisy, network):
    table = relevance("lasso", noisy, network, [5, 6], SETTINGS)
    assert table["seed"].tolist() == [5] * 6 + [6] * 6
    assert (table["score"] >= 0).all() and np.isfinite(table["score"]).all()


def test_lasso_is_deterministic(noisy):
    np.random.seed(1)
    one = lasso(None, 0, noisy, 4, **SETTINGS)
    np.random.seed(2)
    np.testing.assert_array_equal(one, lasso(None, 0, noisy, 4, **SETTINGS))
