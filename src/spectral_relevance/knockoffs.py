"""Copies of inputs that compete with them: multiple Gaussian knockoffs.

A copy is related to the other inputs as its original is, but knows nothing of the
target. An input that does not matter, given the others, and its copies are
exchangeable: their scores have the same distribution. How many copies reach a score
tells how many inputs do so by chance (Candès et al., JRSS B 2018,
https://doi.org/10.1111/rssb.12265; several copies: Gimenez and Zou, AISTATS 2019,
https://proceedings.mlr.press/v89/gimenez19b.html).
"""

from typing import Any

import numpy as np
from scipy import linalg
from scipy.special import ndtr, ndtri
from scipy.stats import false_discovery_control
from sklearn.covariance import ledoit_wolf_shrinkage

Array = np.ndarray[Any, np.dtype[Any]]

SLACK = 0.999
"""Share of the largest admissible distance between inputs and copies that is used."""

TIES = 0.05
"""Share of the examples with one value from which on their order is drawn with care."""

SWEEPS = 40
"""How often it is drawn, until the random one that comes first hardly counts.

Of binary inputs with correlations of 0.4, their copies have 0.4; of 0.27 where only one
example in 20 has the rarer value, 0.25."""

FAR = 37.0
"""Standard deviations beyond which the normal distribution has no digits."""


def knockoffs(x: Array, copies: int, rng: np.random.Generator) -> Array:
    """Return copies of inputs: multiple knockoffs under a Gaussian copula.

    Each input is turned into normal scores by its ranks (:func:`normal_scores`,
    :func:`order_ties`). Their correlations Σ are estimated (:func:`shrunk`). Copies are
    drawn from the conditional distribution for which the covariances of input and copy
    are Σ − diag(s), and given the values of the input by their ranks, so that each copy
    has the same values in another order. The distances s_j are proportional to the
    variance of input j given the others, the choice of Ke, Liu and Ma
    (https://arxiv.org/abs/2010.08132), as large as they can be.

    Parameters
    ----------
    x : (n, d) array
        Inputs; at least two examples.
    copies : int
        How many copies m of each.
    rng : Generator
        Where the numbers come from.

    Returns
    -------
    (m, n, d) array
        The copies. Of an input that is constant they are the same constant.
    """
    n, d = x.shape
    scores = order_ties(x, normal_scores(x, rng), rng)
    correlations = shrunk(scores)
    precision = linalg.inv(correlations)
    alone = 1 / np.diag(precision)
    scaled = correlations / np.sqrt(np.outer(alone, alone))
    smallest = linalg.eigvalsh(scaled, subset_by_index=[0, 0])[0]
    room = 1 + 1 / copies
    distance = np.minimum(1, SLACK * room * max(smallest, 0) * alone)
    # Noise that the copies share, and noise of each that sums to zero over them.
    shared = room * np.diag(distance) - distance[:, None] * precision * distance
    values, vectors = linalg.eigh(shared)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    centre = scores - (scores @ precision) * distance
    centre += rng.standard_normal((n, d)) @ root.T
    own = rng.standard_normal((copies, n, d))
    own -= own.mean(0)
    drawn = centre + np.sqrt(distance) * own
    # By their ranks, not by the quantiles that they are: a copy that has an outlier
    # twice, or not at all, does not compete with its original on equal terms.
    ranks = drawn.argsort(axis=1).argsort(axis=1)
    in_order = np.sort(x, axis=0)
    return np.stack([np.take_along_axis(in_order, r, axis=0) for r in ranks])


def normal_scores(x: Array, rng: np.random.Generator) -> Array:
    """Return the normal score of each value among those of its input, ``(n, d)``.

    They have mean 0 and variance 1. The order of ties is drawn.
    """
    n, d = x.shape
    ranks = np.empty((n, d))
    for j in range(d):
        ranks[np.lexsort((rng.random(n), x[:, j])), j] = np.arange(n)
    scores = ndtri((ranks + 0.5) / n)
    scaled: Array = scores / scores.std(0)
    return scaled


def shrunk(scores: Array) -> Array:
    """Return correlations with the shrinkage of Ledoit and Wolf, ``(d, d)``."""
    n, d = scores.shape
    standard = (scores - scores.mean(0)) / scores.std(0)
    shrinkage = ledoit_wolf_shrinkage(standard, assume_centered=True)
    correlations: Array = (1 - shrinkage) * (standard.T @ standard) / n
    # The floor is for as many copies of one input as there are examples.
    correlations[np.diag_indices(d)] = 1 + 1e-6
    return correlations


def order_ties(x: Array, scores: Array, rng: np.random.Generator) -> Array:
    """Return normal scores with the ties in an order that fits the other inputs.

    In random order, those of binary inputs, say, would be correlated far less than what
    stands behind the inputs, and so would their copies. Therefore the scores of an
    input with a value that many examples have are drawn given those of the other
    inputs, between the limits of each value, again and again, while the correlations
    follow: the Gibbs sampler of Hoff (https://doi.org/10.1214/07-AOAS107).

    Parameters
    ----------
    x : (n, d) array
        Inputs.
    scores : (n, d) array
        Their normal scores, with ties in any order.
    rng : Generator
        What draws.
    """
    n, scores = len(x), scores.copy()
    limits = {}
    for j, values in enumerate(x.T):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        if counts.max() > max(1, TIES * n):
            ends = np.concatenate([[0], counts.cumsum()]) / n
            limits[j] = ndtri(ends[place]), ndtri(ends[place + 1])
    for _ in range(SWEEPS if limits else 0):
        precision = linalg.inv(shrunk(scores))
        for j, (low, high) in limits.items():
            spread = 1 / np.sqrt(precision[j, j])
            centre = scores[:, j] - spread**2 * (scores @ precision[:, j])
            between = (low - centre) / spread, (high - centre) / spread
            scores[:, j] = centre + spread * truncated_normal(*between, rng)
    return scores


def truncated_normal(low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Return numbers of the standard normal distribution between limits."""
    # In the lower tail, where the distribution function has all its digits.
    turned = low > 0
    low, high = np.where(turned, -high, low), np.where(turned, -low, high)
    below = ndtr(low)
    drawn = ndtri(below + (ndtr(high) - below) * rng.random(low.shape))
    drawn = np.clip(drawn, np.maximum(low, -FAR), np.minimum(high, FAR))
    result: Array = np.where(turned, -drawn, drawn)
    return result


def p_values(scores: Array) -> Array:
    """Return how likely a copy of some input scores at least as high as each input.

    Parameters
    ----------
    scores : (1 + m, d) array
        Scores of the inputs, then of each set of copies; none below 0, so that one of 0
        is reached by all copies.

    Returns
    -------
    (d,) array
        (1 + number of copies, of all inputs, with at least this score) / (1 + m d).

    Examples
    --------
    >>> p_values(np.array([[9.0, 2.0], [1.0, 3.0], [2.0, 1.0]]))
    array([0.2, 0.6])
    """
    copies = np.sort(scores[1:], axis=None)
    reached = len(copies) - np.searchsorted(copies, scores[0])
    shares: Array = (1 + reached) / (1 + len(copies))
    return shares


def selected(scores: Array, fdr: float) -> Array:
    """Return which inputs are selected: by Benjamini and Hochberg on their p-values.

    For any score t, of the inputs that do not matter as many reach it on average as of
    one set of their copies. All copies that reach it, divided by m, are therefore no
    less than the false selections on average, also where inputs differ in how their
    scores are distributed; the procedure bounds this number by `fdr` times that of the
    inputs that reach t.

    Parameters
    ----------
    scores : (1 + m, d) array
        As for :func:`p_values`.
    fdr : float
        The false discovery rate: the expected share of inputs that do not matter among
        those that are selected.

    Returns
    -------
    (d,) bool array
        At least about 1 / (fdr × m) of them are True, or none.

    Examples
    --------
    >>> scores = np.array([[9.0, 8.0, 1.0], [1.0, 2.0, 3.0], [2.0, 1.0, 1.0]])
    >>> selected(scores, 0.3)
    array([ True,  True, False])
    >>> selected(scores, 0.2)
    array([False, False, False])
    """
    values = p_values(scores)
    # Benjamini and Hochberg, JRSS B 1995.
    adjusted: Array = false_discovery_control(values, method="bh")
    found: Array = adjusted <= fdr
    return found
