"""Which inputs matter, at a stated false discovery rate: a contest with their copies.

A network is trained on the inputs and on copies of them that know nothing of the
target (:mod:`spectral_relevance.knockoffs`), side by side in one first layer. An input
is selected where its relevance is one that copies hardly ever reach.
``docs/selection.md`` tells why this way was chosen, and how well it does.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spectral_relevance import memory
from spectral_relevance.knockoffs import knockoffs, selected
from spectral_relevance.networks import Architecture, Hidden
from spectral_relevance.problem import Problem, batch_and_epochs, held_out
from spectral_relevance.runs import Run, Training
from spectral_relevance.sidebyside import importances, train

Array = np.ndarray[Any, np.dtype[Any]]

ALPHA = 0.03
"""Strength of the penalty in the contest, in units of :attr:`Problem.unit`.

One for all, whatever an estimator's own: chosen by measurement (docs/selection.md)."""

UNITS = (100, 50)
REPLICAS = 5
STEPS = 600
BATCH_SIZE = 64
LEARNING_RATE = 3e-3
RIDGE = 1e-4

SHARE = 0.8
"""Share of the examples that each replica of the contest is trained on."""


@dataclass(frozen=True)
class Selection:
    """What a contest has decided.

    Parameters
    ----------
    support : (d,) bool array
        Which inputs are selected.
    frequency : (d,) array
        The share of replicas, each trained on a part of the examples of its own, that
        alone would have selected an input.
    scores : (1 + m, d) array
        Mean share of the relevance of all, for the inputs and for each set of copies.
    """

    support: Array
    frequency: Array
    scores: Array


def select(
    problem: Problem, x: Array, fdr: float, seed: int, device: str = "auto"
) -> Selection:
    """Let the inputs of a problem compete with copies of them.

    Parameters
    ----------
    problem : Problem
        Standardised examples.
    x : (n, d) array
        Its inputs as they were given, with their ties.
    fdr : float
        The false discovery rate, above 0 and below 1.
    seed : int
        Determines the copies and the training.
    device : str
        As for :func:`~spectral_relevance.training.fit`.

    Raises
    ------
    UserError
        If the machine has too little memory for the correlations of so many inputs.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 8)).astype(np.float32)
    >>> y = (x[:, 2] + x[:, 5] > 0).astype(int)
    >>> select(Problem(x, y, 2), x, fdr=0.1, seed=0).support.nonzero()[0]
    array([2, 5])
    """
    copies = copies_for(fdr)
    check_memory(x, fdr)
    rng = np.random.default_rng(seed)
    varies = problem.varies
    scores = np.zeros((REPLICAS, 1 + copies, x.shape[1]))
    if varies.any():
        beside = knockoffs(x[:, varies].astype(float), copies, rng)
        kept = replace(problem, x=problem.x[:, varies])
        found = compete(kept.with_copies(beside), rng, device)
        scores[:, :, varies] = found.reshape(REPLICAS, 1 + copies, -1)
    each = [selected(own, fdr) for own in scores]
    mean = scores.mean(axis=0)
    return Selection(selected(mean, fdr), np.mean(each, axis=0), mean)


def compete(problem: Problem, rng: np.random.Generator, device: str) -> Array:
    """Train replicas and return each one's shares of relevance, ``(replicas, inputs)``.

    Parameters
    ----------
    problem : Problem
        With the copies among its inputs.
    rng : Generator
        What draws parts of the examples and the seeds.
    device : str
        Where.
    """
    n = len(problem.x)
    penalty = problem.penalty(ALPHA, UNITS[0])
    left_out = n - math.ceil(SHARE * n)
    runs = [
        Run(held_out(problem, left_out, rng)[0], None, int(seed), penalty)
        for seed in rng.integers(2**31, size=REPLICAS)
    ]
    batch, epochs = batch_and_epochs([run.rows for run in runs], BATCH_SIZE, STEPS)
    hidden = [Hidden(units) for units in UNITS]
    network, _ = train(
        problem,
        runs,
        Architecture(hidden, problem.outputs, parametrisation="spectral_first"),
        Training(epochs, batch, LEARNING_RATE, problem.loss, records=1, ridge=RIDGE),
        device,
    )
    return importances(network, problem)


def copies_for(fdr: float) -> int:
    """Return how many copies let a single input be selected, at least five."""
    return max(5, math.ceil(1 / fdr))


def check_memory(x: Array, fdr: float) -> None:
    """Raise where the memory of the machine cannot hold what a contest needs.

    Parameters
    ----------
    x : (n, d) array
        The inputs.
    fdr : float
        The false discovery rate.

    Raises
    ------
    UserError
        If it cannot.
    """
    (n, d), copies = x.shape, copies_for(fdr)
    # As measured: so many d × d matrices in double precision, so many sets of copies.
    memory.check(
        8 * (7.0 * d**2 + 7.0 * copies * n * d),
        f"selecting among {d} inputs at a false discovery rate",
        "fdr=None leaves the selection out; or rank first, and select among fewer.",
    )
