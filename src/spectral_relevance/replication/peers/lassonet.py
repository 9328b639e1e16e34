"""LassoNet: the inputs of the model that its cross-validation chooses."""

import numpy as np
from lassonet import LassoNetClassifierCV, LassoNetRegressorCV

from spectral_relevance.problem import standardised


def select(x: np.ndarray, y: np.ndarray, fdr: float, seed: int) -> np.ndarray:
    """Return the inputs of the best model; it knows no false discovery rate."""
    return model(x, y, seed).best_selected_.numpy().astype(bool)


def model(
    x: np.ndarray, y: np.ndarray, seed: int, **settings
) -> LassoNetClassifierCV | LassoNetRegressorCV:
    """Return LassoNet's cross-validated model of standardised examples."""
    inputs = standardised(x)
    how = {"verbose": 0, "random_state": seed, "torch_seed": seed, **settings}
    if np.issubdtype(y.dtype, np.integer):
        return LassoNetClassifierCV(**how).fit(inputs, y)
    values = y[:, None]
    return LassoNetRegressorCV(**how).fit(inputs, standardised(values))
