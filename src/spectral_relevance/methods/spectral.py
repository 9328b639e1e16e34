"""The eigenvalues themselves: the method of the paper."""

import numpy as np

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.networks import Network


def scores(network: Network, index: int, dataset: Dataset, seed: int) -> np.ndarray:
    """Return |λ̃_j| = |λ_j| ‖φ_·j‖₂ of each input, shape ``(d,)`` (Methods).

    Neither examples nor randomness enter.
    """
    return network.relevance()[index].numpy()
