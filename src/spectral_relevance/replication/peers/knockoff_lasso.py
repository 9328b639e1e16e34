"""Knockoffs with lasso statistics, by knockpy."""

import numpy as np
from knockpy.knockoff_filter import KnockoffFilter


def select(x: np.ndarray, y: np.ndarray, fdr: float, seed: int) -> np.ndarray:
    """Return what the knockoff filter selects at the false discovery rate.

    Gaussian knockoffs, of which the covariance is estimated, and differences of the
    coefficients of a cross-validated lasso, logistic for two classes.
    """
    # knockpy draws from NumPy's global generator.
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        found = KnockoffFilter(ksampler="gaussian", fstat="lasso").forward(
            X=x, y=y, fdr=fdr
        )
    finally:
        np.random.set_state(state)
    return np.asarray(found) > 0
