"""The estimators of this package."""

import numpy as np

from spectral_relevance.estimators import SpectralClassifier, SpectralRegressor


def select(x: np.ndarray, y: np.ndarray, fdr: float, seed: int) -> np.ndarray:
    """Return what an estimator selects by default, at the false discovery rate.

    The selection depends neither on the strength nor on the replicas of the ranking, so
    that a single short one will do.
    """
    is_label = np.issubdtype(y.dtype, np.integer)
    kind = SpectralClassifier if is_label else SpectralRegressor
    model = kind(fdr=fdr, replicas=1, max_steps=1, random_state=seed)
    return model.fit(x, y).selected_
