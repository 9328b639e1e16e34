"""LRP-γ: positive contributions are favoured (section 3)."""

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
    gamma: float,
) -> np.ndarray:
    """Return the mean of |R_j| over test examples, shape ``(d,)``.

    In all linear layers, R_j = Σ_k a_j ρ(w_jk) / Σ_j a_j ρ(w_jk) · R_k with
    ρ(w) = w + γ max(w, 0), where a bias is one more input j. This rule is made for
    a_j ≥ 0 and z_k = Σ_j a_j w_jk > 0. zennit generalises it (Andéol et al. 2021): γ
    favours those contributions a_j w_jk that have the sign of z_k.

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
    gamma : float
        The preference γ.
    """
    rule = lrp.rules.Gamma(gamma, lrp.EXACT)
    return lrp.scores(model, dataset, seed, examples, rule)
