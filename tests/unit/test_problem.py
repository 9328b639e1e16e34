"""Tables as problems: autograd, a solver that is slow and plain, and numpy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from spectral_relevance.networks import Network
from spectral_relevance.problem import (
    Problem,
    batch_and_epochs,
    held_out,
    moments,
    scaled,
)

PROBLEMS = {
    "two classes": (2, False),
    "four classes": (4, False),
    "four classes, weighted": (4, True),
    "one value": (1, False),
    "three values": (3, False),
    "three values, weighted": (3, True),
}
EVERY_PROBLEM = pytest.mark.parametrize("kind", PROBLEMS)


def problem_of(kind: str, rng: np.random.Generator, n: int = 80) -> Problem:
    outputs, weighted = PROBLEMS[kind]
    weights = rng.uniform(0.1, 3, size=n).astype(np.float32) if weighted else None
    x = rng.normal(size=(n, 6)) + rng.normal(size=(n, 1))
    values = x[:, :outputs] + x[:, -1:] + rng.normal(size=(n, outputs))
    y: Any = values.argmax(axis=1)
    if "value" in kind:
        y = scaled(values, *moments(values, weights))
    return Problem(scaled(x, *moments(x, weights)), y, outputs, weights)


# The unit of strength -------------------------------------------------------------


def linear_loss(
    problem: Problem, weight: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """The loss that training minimises, of a linear model in double precision."""
    outputs = torch.from_numpy(problem.x).double() @ weight.T + bias
    targets = torch.from_numpy(problem.y)
    if problem.is_classification:
        each = functional.cross_entropy(outputs, targets, reduction="none")
    else:
        each = functional.mse_loss(outputs, targets.double(), reduction="none").mean(1)
    counted = np.ones(len(problem.x)) if problem.weights is None else problem.weights
    share = torch.from_numpy(counted / counted.sum())
    return (each * share).sum()


def best_constants(problem: Problem) -> torch.Tensor:
    """The biases of the least loss with no weights, by search."""
    bias = torch.zeros(problem.outputs, dtype=torch.float64, requires_grad=True)
    weight = torch.zeros(problem.outputs, problem.x.shape[1], dtype=torch.float64)
    search = torch.optim.LBFGS(
        [bias], max_iter=200, tolerance_grad=1e-12, tolerance_change=0
    )

    def closure() -> torch.Tensor:
        search.zero_grad()
        loss = linear_loss(problem, weight, bias)
        loss.backward()
        return loss

    search.step(closure)
    return bias.detach()


@EVERY_PROBLEM
def test_the_unit_is_the_largest_slope_at_no_weights(rng, kind):
    problem = problem_of(kind, rng)
    problem = replace(problem, x=problem.x + np.float32(0.5))
    weight = torch.zeros(problem.outputs, 6, dtype=torch.float64, requires_grad=True)
    linear_loss(problem, weight, best_constants(problem)).backward()
    expected = max(np.linalg.norm(column) for column in weight.grad.numpy().T)
    assert problem.unit == pytest.approx(expected, rel=1e-5)


def linear_group_lasso(problem: Problem, strength: float) -> np.ndarray:
    """Norms of the columns of weights, by proximal gradient steps until they stand."""
    weight = torch.zeros(problem.outputs, 6, dtype=torch.float64)
    bias = torch.zeros(problem.outputs, dtype=torch.float64)
    for _ in range(3000):
        both = [weight.requires_grad_(), bias.requires_grad_()]
        by_weight, by_bias = torch.autograd.grad(linear_loss(problem, *both), both)
        with torch.no_grad():
            bias = bias - 0.1 * by_bias
            moved = weight - 0.1 * by_weight
            lengths = moved.norm(dim=0)
            kept = (1 - 0.1 * strength / lengths.clamp_min(1e-300)).clamp_min(0)
            before, weight = weight, moved * kept
        if (weight - before).abs().max() < 1e-9 and by_bias.abs().max() < 1e-9:
            break
    return weight.norm(dim=0).numpy()


@EVERY_PROBLEM
def test_a_linear_model_keeps_nothing_from_alpha_1_on(rng, kind):
    problem = problem_of(kind, rng)
    for alpha, keeps in ((1.02, False), (0.98, True)):
        penalty = problem.penalty(alpha, units=50)
        strength = 2 * np.sqrt(penalty.eigenvalues * penalty.eigenvectors)
        assert linear_group_lasso(problem, strength).any() == keeps


def test_a_penalty_is_in_balance_from_the_start(rng, generator):
    problem = problem_of("four classes", rng)
    penalty = problem.penalty(0.3, units=400)
    strength = 2 * np.sqrt(penalty.eigenvalues * penalty.eigenvectors)
    assert penalty.norm == "l2" and strength == pytest.approx(0.3 * problem.unit)
    first = Network(6, {"hidden": [{"units": 400}], "outputs": 4}, 1).first
    first.reset_parameters([generator])
    of_values = penalty.eigenvalues * first.eigenvalues[0].square()
    of_vectors = penalty.eigenvectors * first.eigenvectors[0].square().sum(0)
    ratios = (of_values / of_vectors).detach().numpy()
    np.testing.assert_allclose(ratios, 1, atol=0.2)


def test_the_kind_of_targets_tells_the_loss(rng):
    assert problem_of("two classes", rng).loss == "cross_entropy"
    assert problem_of("one value", rng).loss == "mean_squared_error"


# Standardisation ------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_those_of_numpy(rng, weighted):
    """The weight of an example is the number of its copies."""
    x = rng.normal(size=(50, 4)) * [1, 1e-5, 1e7, 3] + [0, 1, 1e7, -4]
    counts = rng.integers(1, 4, size=50) if weighted else np.ones(50, int)
    mean, spread = moments(x, counts.astype(np.float32) if weighted else None)
    copies = np.repeat(x, counts, axis=0)
    np.testing.assert_allclose(mean, copies.mean(axis=0))
    np.testing.assert_allclose(spread, copies.std(axis=0))
    result = scaled(x, mean, spread)
    assert result.dtype == np.float32 and result.flags.c_contiguous
    again = np.repeat(result.astype(float), counts, axis=0)
    np.testing.assert_allclose(again.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(again.std(axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e300, 1e-300, 1 / 3])
def test_a_constant_is_none_but_for_rounding(rng, constant):
    x = np.c_[np.full(30, constant), rng.normal(size=30)]
    x[::2, 0] *= 1 + np.finfo(float).eps
    mean, spread = moments(x, None)
    assert spread[0] == 0 and spread[1] > 0
    result = scaled(x, mean, spread)
    assert (result[:, 0] == 0).all() and result[:, 1].any()


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_inputs_of_any_size_are_standardised(rng, size):
    x = rng.normal(size=(40, 2))
    expected = scaled(x, *moments(x, None))
    found = scaled(x * size, *moments(x * size, None))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_copies_are_put_beside_their_inputs_in_their_units(rng):
    problem = problem_of("three values, weighted", rng)
    copies = rng.normal(size=(2, 80, 6)) * 100 + 7
    found = problem.with_copies(copies)
    assert found.x.shape == (80, 18) and found.x.dtype == np.float32
    np.testing.assert_array_equal(found.x[:, :6], problem.x)
    for m in (0, 1):
        for j in range(6):
            own = copies[m, :, j]
            mean = np.average(own, weights=problem.weights)
            spread = np.sqrt(np.average((own - mean) ** 2, weights=problem.weights))
            expected = (own - mean) / spread
            np.testing.assert_allclose(found.x[:, 6 * (m + 1) + j], expected, atol=1e-5)
    assert found.y is problem.y and found.weights is problem.weights


# Divisions ------------------------------------------------------------------------


def labelled(counts: list[int], rng: np.random.Generator) -> Problem:
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return Problem(np.zeros((len(y), 1), np.float32), y, len(counts))


def test_a_division_has_every_row_once(rng):
    for problem in (labelled([5, 20, 1], rng), problem_of("one value", rng, n=26)):
        for count in range(26):
            rows, held = held_out(problem, count, rng)
            assert len(held) == count
            assert sorted([*rows, *held]) == list(range(26))
            assert (np.diff(rows) > 0).all() and (np.diff(held) > 0).all()


def test_divisions_differ_and_are_those_of_their_generator(seed):
    problem = labelled([20, 20], np.random.default_rng(0))
    one, again, other = (
        held_out(problem, 8, np.random.default_rng(s))[1]
        for s in (seed, seed, seed + 1)
    )
    assert one.tolist() == again.tolist() != other.tolist()


def test_every_example_is_held_out_as_often_as_another(rng):
    problems = labelled([30, 60], rng), problem_of("one value", rng, n=90)
    for problem in problems:
        times = np.zeros(90)
        for _ in range(500):
            times[held_out(problem, 30, rng)[1]] += 1
        # 500 draws with a probability of 1/3.
        assert np.abs(times - 500 / 3).max() < 5 * np.sqrt(500 * 2 / 9)


def test_classes_are_held_out_in_proportion(rng):
    counts = np.array([600, 300, 100])
    for problem in (labelled(counts.tolist(), rng) for _ in range(5)):
        held = held_out(problem, 200, rng)[1]
        found = np.bincount(problem.y[held], minlength=3)
        np.testing.assert_allclose(found, counts / 5, atol=2)


@pytest.mark.parametrize(
    "counts", [[1, 1, 30], [2, 9], [1] * 10 + [10], [1, 1], [0, 3]]
)
def test_no_class_is_held_out_as_a_whole(rng, counts):
    """Unless fewer examples are left than there are classes; then all left differ."""
    problem = labelled(counts, rng)
    n, present = sum(counts), np.count_nonzero(counts)
    for count in range(n):
        rows = held_out(problem, count, rng)[0]
        assert len(np.unique(problem.y[rows])) == min(present, n - count)


@pytest.mark.parametrize("lengths", [[10], [640, 655], [64, 70], [1]])
@pytest.mark.parametrize("steps", [1, 100, 1500])
def test_a_batch_fits_and_epochs_make_about_so_many_steps(lengths, steps):
    rows = [np.arange(length) for length in lengths]
    batch, epochs = batch_and_epochs(rows, 64, steps)
    assert batch == min(64, *lengths)
    in_epoch = min(lengths) // batch
    assert epochs >= 1
    assert epochs == 1 or abs(epochs * in_epoch - steps) <= in_epoch / 2
