"""A table as a problem that training takes: standardised, with a unit of strength."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from spectral_relevance.penalty import Penalty

Array = np.ndarray[Any, np.dtype[Any]]


ROUNDING = 16
"""How many times the precision of its type a column has to vary by."""


@dataclass(frozen=True)
class Problem:
    """Standardised examples, and what is to be learnt of them.

    Parameters
    ----------
    x : (n, d) float32 array
        Inputs with mean 0 and variance 1; 0 where one is constant.
    y : (n,) int array or (n, outputs) float32 array
        Labels from 0, or values with mean 0 and variance 1.
    outputs : int
        Number of classes, or of values.
    weights : (n,) float32 array, optional
        What each example counts.
    """

    x: Array
    y: Array
    outputs: int
    weights: Array | None = None

    @property
    def is_classification(self) -> bool:
        """Whether the targets are labels."""
        return self.y.ndim == 1

    @property
    def loss(self) -> str:
        """The loss that is minimised: cross-entropy or mean squared error."""
        return "cross_entropy" if self.is_classification else "mean_squared_error"

    def constant_loss(self, rows: Any) -> float:
        """Return the mean loss over some examples of outputs that are all 0."""
        if self.is_classification:
            return float(np.log(self.outputs))
        weights = None if self.weights is None else self.weights[rows]
        squares = np.square(self.y[rows]).mean(axis=1)
        return float(np.average(squares, weights=weights))

    def with_copies(self, copies: Array) -> "Problem":
        """Return the problem with copies of its inputs beside them.

        Parameters
        ----------
        copies : (m, n, d) array
            They are standardised anew.
        """
        beside = [standardised(own, self.weights) for own in copies]
        return replace(self, x=np.concatenate([self.x, *beside], axis=1))

    @cached_property
    def varies(self) -> Array:
        """Which inputs are not constant, shape ``(d,)``."""
        found: Array = (self.x != 0).any(axis=0)
        return found

    @cached_property
    def unit(self) -> float:
        """The strength at which a linear start keeps nothing: alpha = 1.

        Of a linear model with weights 0 and the best constants, it is the largest
        ‖∂ loss / ∂ w_·j‖₂ over the inputs j. A group lasso of that strength keeps all
        weights at 0 (``docs/group_lasso.md``).
        """
        if self.is_classification:
            residuals = np.eye(self.outputs)[self.y]
        else:
            residuals = 2 / self.outputs * self.y.astype(float)
        weights = np.ones(len(self.x)) if self.weights is None else self.weights
        share = weights / weights.sum()
        residuals = residuals - share @ residuals
        slopes = (self.x * share[:, None].astype(np.float32)).T @ residuals
        return float(np.linalg.norm(slopes, axis=1).max())

    def penalty(self, alpha: float, units: int) -> Penalty:
        """Return the penalty of a strength, in balance from the start.

        Parameters
        ----------
        alpha : float
            Strength 2 √(ab) in units of :attr:`unit`.
        units : int
            Number of units N2 of the first hidden layer. With λ = 1 and Glorot φ,
            ‖φ_·j‖² is 2 N2 / (N1 + N2) on average, which is to be a / b.
        """
        strength = alpha * self.unit
        balance = np.sqrt(2 * units / (self.x.shape[1] + units))
        return Penalty(
            "l2",
            eigenvalues=float(strength * balance / 2),
            eigenvectors=float(strength / balance / 2),
        )


def moments(x: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return mean and standard deviation of each column; 0 where it is constant.

    A column whose values differ by no more than rounding does is one.
    """
    values = x.astype(float)
    precision = np.finfo(x.dtype if x.dtype.kind == "f" else float).eps
    size = np.abs(values).max(axis=0)
    # From a value among them on, in units of their range: neither a large offset nor
    # squares of large or small numbers lose anything.
    first = values[0].copy()
    values -= first
    width = np.ptp(values, axis=0)
    varies = width > ROUNDING * precision * size
    width[width == 0] = 1
    values /= width
    mean = np.average(values, axis=0, weights=weights)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    return first + mean * width, np.where(varies, spread * width, 0)


def scaled(x: Array, mean: Array, spread: Array) -> Array:
    """Return columns with mean 0 and variance 1 as float32; 0 where one is constant.

    A value that is too far off for float32 becomes infinite.
    """
    with np.errstate(over="ignore"):
        values = (x - mean) / np.where(spread > 0, spread, 1)
        result = np.where(spread > 0, values, 0).astype(np.float32)
    return np.ascontiguousarray(result)


def standardised(x: Array, weights: Array | None = None) -> Array:
    """Return columns with mean 0 and variance 1, see :func:`scaled`."""
    return scaled(x, *moments(x, weights))


def held_out(
    problem: Problem, count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the rows of a random division: those to train on, and those held out.

    Classes are held out in proportion, and none as a whole, unless fewer examples are
    left than there are classes.

    Parameters
    ----------
    problem : Problem
        The examples.
    count : int
        How many to hold out.
    rng : Generator
        What draws.
    """
    order = rng.permutation(len(problem.x))
    if problem.is_classification:
        # In turns, from a random point on, so that a class of too few examples to be in
        # each part is in as many of them as it should; the last of each stays.
        labels = problem.y[order]
        place = np.empty(len(order))
        for label in range(problem.outputs):
            own = np.flatnonzero(labels == label)
            place[own] = (np.arange(len(own)) + rng.random()) / len(own)
            place[own[-1:]] = 1
        order = order[np.argsort(place, kind="stable")]
    return np.sort(order[count:]), np.sort(order[:count])


def batch_and_epochs(rows: Sequence[Sized], batch: int, steps: int) -> tuple[int, int]:
    """Return the size of a batch and the number of epochs that make so many steps."""
    smallest = min(map(len, rows))
    size = min(batch, smallest)
    return size, max(1, round(steps / (smallest // size)))
