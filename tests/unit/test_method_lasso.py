"""The lasso: another solver, explicit folds, and what is known to be noise."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from spectral_relevance.data import Dataset
from spectral_relevance.replication.selectors.lasso import count_examples, scores

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
    found = scores(noisy.x_train, noisy.y_train, seed, strengths=30, folds=3)
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
    examples = data.x_train, data.y_train
    one_strength = scores(*examples, seed, strengths=1, folds=2)  # C = 1e-4
    assert (one_strength == 0).all()
    found = scores(*examples, seed, **SETTINGS)
    assert found[0] > 1 and found[1:].max() < 0.15 * found[0]


def test_lasso_uses_the_training_examples(noisy):
    assert count_examples(noisy.x_train, noisy.y_train, **SETTINGS) == 400


def test_lasso_is_deterministic(noisy):
    np.random.seed(1)
    one = scores(noisy.x_train, noisy.y_train, 4, **SETTINGS)
    np.random.seed(2)
    np.testing.assert_array_equal(
        one, scores(noisy.x_train, noisy.y_train, 4, **SETTINGS)
    )
