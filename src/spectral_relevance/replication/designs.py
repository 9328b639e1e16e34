"""Simulated problems of which it is known which inputs matter (docs/selection.md)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

BLOCK = 5
"""Inputs of a block that are correlated with one another."""


class Simulated(NamedTuple):
    """Examples, and the truth.

    Attributes
    ----------
    x : (n, d) array
        Inputs.
    y : (n,) array
        Labels 0 and 1, or values.
    relevant : (d,) bool array
        Which inputs y depends on.
    """

    x: np.ndarray
    y: np.ndarray
    relevant: np.ndarray


def independent(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return independent standard normal scores."""
    return rng.standard_normal((n, d))


def equicorrelated(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return normal scores with correlation 0.5 of any two inputs."""
    return np.sqrt(0.5) * (rng.standard_normal((n, d)) + rng.standard_normal((n, 1)))


def blocks(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return normal scores with correlation 0.7 of any two inputs of a block."""
    common = rng.standard_normal((n, -(-d // BLOCK))).repeat(BLOCK, axis=1)[:, :d]
    return np.sqrt(0.3) * rng.standard_normal((n, d)) + np.sqrt(0.7) * common


INPUTS = {
    "independent": independent,
    "equicorrelated": equicorrelated,
    "blocks": blocks,
    "skewed": independent,
}
"""Normal scores of the inputs; skewed ones are exp of them."""


def linear(scores: np.ndarray) -> np.ndarray:
    """Return the sum of the inputs, with signs that alternate."""
    signs = np.resize([1.0, -1.0], scores.shape[1])
    return scores @ signs / np.sqrt(scores.shape[1])


def friedman(scores: np.ndarray) -> np.ndarray:
    """Return Friedman's first function of uniform inputs (Ann. Stat. 19, 1, 1991)."""
    u = norm.cdf(scores).T
    value = 10 * np.sin(np.pi * u[0] * u[1]) + 20 * (u[2] - 0.5) ** 2
    return (value + 10 * u[3] + 5 * u[4]) / 5


def product(scores: np.ndarray) -> np.ndarray:
    """Return the product of three inputs, each by the root of its magnitude."""
    return (np.sign(scores) * np.sqrt(np.abs(scores))).prod(axis=1)


def noise(scores: np.ndarray) -> np.ndarray:
    """Return 0: no input matters."""
    return np.zeros(len(scores))


class Response(NamedTuple):
    """How targets depend on inputs.

    Attributes
    ----------
    value : callable
        From the scores of the inputs that matter.
    relevant : int
        How many matter; of fewer than 40 inputs a quarter, if that is less.
    noise : float
        Standard deviation of what is added.
    """

    value: Callable[[np.ndarray], np.ndarray]
    relevant: int
    noise: float


RESPONSES = {
    "linear": Response(linear, 10, 0.7),
    "friedman": Response(friedman, 5, 0.2),
    "product": Response(product, 3, 0.2),
    "noise": Response(noise, 0, 1.0),
}


def draw(
    *, inputs: str, response: str, task: str, n: int, d: int, seed: int
) -> Simulated:
    """Draw a problem of a design.

    Parameters
    ----------
    inputs, response : str
        Names of :data:`INPUTS` and :data:`RESPONSES`.
    task : str
        ``regression``, or ``classification``: whether a value exceeds the median.
    n, d : int
        Numbers of examples and of inputs.
    seed : int
        Seed of everything.
    """
    rng = np.random.default_rng([seed, n, d])
    scores = INPUTS[inputs](n, d, rng)
    kind = RESPONSES[response]
    count = min(kind.relevant, d // 4) if response == "linear" else kind.relevant
    chosen = rng.choice(d, size=count, replace=False)
    y = kind.value(scores[:, chosen]) + kind.noise * rng.standard_normal(n)
    if task == "classification":
        y = (y > np.median(y)).astype(np.int64)
    relevant = np.zeros(d, dtype=bool)
    relevant[chosen] = True
    return Simulated(np.exp(scores) if inputs == "skewed" else scores, y, relevant)
