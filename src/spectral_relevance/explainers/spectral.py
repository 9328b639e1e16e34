"""The eigenvalues themselves: the method of the paper."""

from typing import cast

import numpy as np
import torch
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.layers import SpectralLinear


def count_examples(dataset: Dataset) -> int:
    """Return 0: no examples enter."""
    return 0


def scores(model: nn.Sequential, dataset: Dataset, seed: int) -> np.ndarray:
    """Return |λ̃_j| = |λ_j| ‖φ_·j‖₂ of each input, shape ``(d,)`` (Methods).

    For a standard network it is the norm of the weights that leave the input, to which
    it corresponds. Neither examples nor randomness enter.
    """
    first = model[0]
    if isinstance(first, SpectralLinear):
        return first.relevance().numpy()
    weight = cast(nn.Linear, first).weight.detach()
    return cast(np.ndarray, torch.linalg.vector_norm(weight, dim=0).numpy())
