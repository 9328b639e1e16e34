"""Integrated gradients from a zero baseline (section 3; Sundararajan et al. 2017)."""

import numpy as np
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.errors import extra
from spectral_relevance.explainers.shared.examples import (
    CHUNK,
    count_examples,
    draw,
    mean_magnitude,
)
from spectral_relevance.layers import standard

with extra("explain"):
    from captum.attr import IntegratedGradients

__all__ = ["count_examples", "scores"]


def scores(
    model: nn.Sequential,
    dataset: Dataset,
    seed: int,
    *,
    examples: int | None,
    steps: int,
) -> np.ndarray:
    """Return the mean of |x_j ∫₀¹ ∂f(t x)/∂x_j dt| over test examples, shape ``(d,)``.

    Parameters
    ----------
    model : nn.Sequential
        The network f.
    dataset : Dataset
        Its test examples are explained.
    seed : int
        Seed of the choice of the examples.
    examples : int or None
        How many are averaged; None for all of them.
    steps : int
        Nodes of the Gauss–Legendre rule for the integral.
    """
    integrated = IntegratedGradients(standard(model))
    return mean_magnitude(
        lambda x, target: integrated.attribute(
            x, baselines=0, target=target, n_steps=steps, internal_batch_size=CHUNK
        ),
        *draw(model, dataset, seed, examples),
    )
