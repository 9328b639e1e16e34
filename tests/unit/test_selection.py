"""Selections of inputs where it is known which ones matter."""

import numpy as np
import pytest

from spectral_relevance import memory, selection
from spectral_relevance.errors import UserError
from spectral_relevance.problem import Problem, moments, scaled
from spectral_relevance.selection import Selection, copies_for, select


@pytest.fixture
def x(rng) -> np.ndarray:
    """Eight inputs: the second is correlated with the first, the third is binary."""
    x = rng.normal(size=(200, 8))
    x[:, 1] = 0.7 * x[:, 0] + 0.7 * x[:, 1]
    x[:, 2] = x[:, 2] > 0
    return x


def problem_of(x: np.ndarray, y: np.ndarray) -> Problem:
    inputs = scaled(x, *moments(x, None))
    if y.dtype.kind == "i":
        return Problem(inputs, y, int(y.max()) + 1)
    values = y[:, None]
    return Problem(inputs, scaled(values, *moments(values, None)), 1)


def chosen(x: np.ndarray, y: np.ndarray, fdr: float = 0.1, seed: int = 0) -> Selection:
    return select(problem_of(x, y), x, fdr, seed, "cpu")


TARGETS = {
    "sum": lambda x, noise: x[:, 0] + 2 * x[:, 2] - x[:, 5] + 0.3 * noise,
    "product": lambda x, noise: 2 * x[:, 0] * x[:, 5] + 2 * x[:, 2] + 0.3 * noise,
    "classes": lambda x, noise: (x[:, 0] + 2 * x[:, 2] + x[:, 5] > 1).astype(int),
}


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_matter_are_selected(rng, x, target):
    y = TARGETS[target](x, rng.normal(size=200))
    found = chosen(x, y)
    assert found.support[[0, 2, 5]].all()
    assert not found.support.all()
    own = found.scores[0]
    assert own[[0, 2, 5]].min() > own[[1, 3, 4, 6, 7]].max()
    assert found.support.dtype == bool and found.support.shape == (8,)
    assert ((found.frequency >= 0) & (found.frequency <= 1)).all()
    assert found.frequency[[0, 2, 5]].mean() > 0.8
    assert found.scores.shape == (11, 8)
    assert found.scores.sum() == pytest.approx(1)


def test_of_noise_hardly_anything_is_selected(rng, monkeypatch):
    """At a rate of 0.1, five or more of twelve happen once in 2,000 times."""
    monkeypatch.setattr(selection, "STEPS", 150)
    times = 0
    for k in range(12):
        x, y = rng.normal(size=(100, 6)), rng.integers(0, 2, size=100)
        times += chosen(x, y, seed=k).support.any()
    assert times < 5


def test_selection_depends_on_its_seed_alone(x, monkeypatch):
    monkeypatch.setattr(selection, "STEPS", 100)
    y = (x[:, 0] > 0).astype(int)
    before = np.random.get_state()[1].copy()
    one, again, other = (chosen(x, y, seed=seed) for seed in (3, 3, 4))
    for name in ("support", "frequency", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    assert (one.scores != other.scores).all()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def entered(monkeypatch: pytest.MonkeyPatch, x: np.ndarray, y: np.ndarray) -> Problem:
    """The problem that inputs and copies compete in."""
    seen = []

    def compete(problem: Problem, rng: object, device: str) -> np.ndarray:
        seen.append(problem)
        return np.ones((selection.REPLICAS, problem.x.shape[1]))

    with monkeypatch.context() as patch:
        patch.setattr(selection, "compete", compete)
        chosen(x, y)
    (problem,) = seen
    return problem


def test_copies_know_nothing_of_the_target(rng, x, monkeypatch):
    y = (x[:, 0] > 0).astype(int)
    one, other = (entered(monkeypatch, x, t) for t in (y, rng.permutation(y)))
    assert one.x.shape == (200, 8 * 11)
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.x[:, :8], problem_of(x, y).x)
    # What a copy tells of the target, it tells by the inputs beside it alone.
    signs = np.where(y, 1, -1)
    told = np.abs(one.x.T @ signs / 200).reshape(11, 8)
    assert told[0, 0] > 0.7 and told[1:, 0].mean() < 0.6


def test_copies_keep_the_values_of_their_inputs(x, monkeypatch):
    found = entered(monkeypatch, x, x[:, 0]).x.reshape(200, 11, 8)
    for copy in range(11):
        assert len(np.unique(found[:, copy, 2])) == 2


def test_constant_inputs_are_never_selected(x):
    y = x[:, 0] + x[:, 5]
    x[:, [1, 4]] = 3, 0
    found = chosen(x, y)
    assert found.support[[0, 5]].all() and not found.support[[1, 4]].any()
    assert not found.frequency[[1, 4]].any() and not found.scores[:, [1, 4]].any()


def test_of_nothing_but_constants_nothing_is_selected():
    x = np.full((20, 3), 7.0)
    found = chosen(x, np.arange(20) % 2)
    assert not found.support.any() and not found.frequency.any()


@pytest.mark.parametrize("n", [2, 5, 20])
def test_a_few_examples_are_enough_to_run(rng, n, monkeypatch):
    monkeypatch.setattr(selection, "STEPS", 20)
    for y in (np.arange(n) % 2, rng.normal(size=n)):
        found = chosen(rng.normal(size=(n, 3)), y)
        assert np.isfinite(found.scores).all()


def test_weights_count(rng, x, monkeypatch):
    """Only some examples tell that an input matters."""
    monkeypatch.setattr(selection, "STEPS", 300)
    y = np.where(np.arange(200) < 120, x[:, 0], x[:, 5])
    for weights, matters in (([1, 1e-3], 0), ([1e-3, 1], 5)):
        counted = np.repeat(weights, [120, 80]).astype(np.float32)
        problem = Problem(
            scaled(x, *moments(x, counted)), y[:, None].astype(np.float32), 1, counted
        )
        found = select(problem, x, 0.2, 0, "cpu")
        assert found.support[matters]
        assert found.scores[0, matters] > 3 * found.scores[0, 5 - matters]


@pytest.mark.parametrize("fdr", [0.9, 0.2, 0.1, 0.03])
def test_there_are_copies_enough_for_one_input(fdr):
    copies = copies_for(fdr)
    assert copies >= 5 and copies * fdr >= 1 - 1e-12
    assert copies == 5 or (copies - 1) * fdr < 1


def test_what_does_not_fit_into_memory_is_refused(x, monkeypatch):
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 1000)  # 1 MB in all
    with pytest.raises(
        UserError, match="among 8 inputs .*: expected .* memory, found .*\n.*fdr=None"
    ):
        chosen(np.tile(x, (10, 1)), np.arange(2000) % 2)
