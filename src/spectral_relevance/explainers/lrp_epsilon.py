"""LRP-ε: LRP-0 with a stabiliser, which keeps some of the relevance (section 3)."""

import numpy as np
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.explainers.shared import lrp
from spectral_relevance.explainers.shared.examples import count_examples

__all__ = ["count_examples", "scores"]


def scores(
    model: nn.Sequential,
    dataset: Dataset,
    seed: int,
    *,
    examples: int | None,
    epsilon: float,
) -> np.ndarray:
    """Return the mean of |R_j| over test examples, shape ``(d,)``.

    In all linear layers, R_j = Σ_k a_j w_jk / (z_k + ε sign z_k) · R_k with
    z_k = Σ_j a_j w_jk, where a bias is one more input j.

    Parameters
    ----------
    model : nn.Sequential
        The network.
    dataset : Dataset
        Its test examples are explained.
    seed : int
        Seed of the choice of the examples.
    examples : int or None
        How many are averaged; None for all of them.
    epsilon : float
        The stabiliser ε.
    """
    stabilizer = lrp.Stabilizer(epsilon)
    rule = lrp.rules.Epsilon(stabilizer)
    return lrp.scores(model, dataset, seed, examples, rule, stabilizer)
