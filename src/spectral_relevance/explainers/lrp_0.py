"""LRP-0: relevance is divided as the contributions are (section 3)."""

import numpy as np
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.explainers.shared import lrp
from spectral_relevance.explainers.shared.examples import count_examples

__all__ = ["count_examples", "scores"]


def scores(
    model: nn.Sequential, dataset: Dataset, seed: int, *, examples: int | None
) -> np.ndarray:
    """Return the mean of |R_j| over test examples, shape ``(d,)``.

    In all linear layers, R_j = Σ_k a_j w_jk / Σ_j a_j w_jk · R_k, where a bias is one
    more input j.

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
    """
    return lrp.scores(model, dataset, seed, examples, lrp.rules.Epsilon(lrp.EXACT))
