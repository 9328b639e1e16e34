"""The lasso with a strength from cross-validation: coefficients that are not zero."""

import numpy as np
from sklearn.linear_model import LassoCV, LogisticRegressionCV

from spectral_relevance.problem import standardised


def select(x: np.ndarray, y: np.ndarray, fdr: float, seed: int) -> np.ndarray:
    """Return the inputs with a coefficient; it knows no false discovery rate."""
    inputs = standardised(x).astype(float)
    if np.issubdtype(y.dtype, np.integer):
        model = LogisticRegressionCV(
            l1_ratios=(1,),
            solver="liblinear",
            cv=5,
            random_state=seed,
            scoring="neg_log_loss",
            use_legacy_attributes=False,
        )
    else:
        model = LassoCV(cv=5, random_state=seed)
    return (np.atleast_2d(model.fit(inputs, y).coef_) != 0).any(axis=0)
