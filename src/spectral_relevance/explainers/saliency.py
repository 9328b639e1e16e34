"""Saliency: the gradient of the output with respect to the inputs (section 3)."""

import numpy as np
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.errors import extra
from spectral_relevance.explainers.shared.examples import (
    count_examples,
    draw,
    mean_magnitude,
)
from spectral_relevance.layers import standard

with extra("explain"):
    from captum.attr import Saliency

__all__ = ["count_examples", "scores"]


def scores(
    model: nn.Sequential, dataset: Dataset, seed: int, *, examples: int | None
) -> np.ndarray:
    """Return the mean of |∂f/∂x_j| over test examples, shape ``(d,)``.

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
    """
    saliency = Saliency(standard(model))
    return mean_magnitude(
        lambda x, target: saliency.attribute(x.requires_grad_(), target),
        *draw(model, dataset, seed, examples),
    )
