"""L1-penalised logistic regression, a linear benchmark (section 2.1)."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.networks import Network


def scores(
    network: Network,
    index: int,
    dataset: Dataset,
    seed: int,
    *,
    strengths: int,
    folds: int,
) -> np.ndarray:
    """Return the magnitude of the coefficient of each input, shape ``(d,)``.

    The inputs are taken as the network receives them. The strength of the penalty is
    the one with the best cross-validated log-loss.

    Parameters
    ----------
    network, index
        Not used: the regression knows nothing of the network.
    dataset : Dataset
        Two classes; the training examples are used.
    seed : int
        Seed of the folds and of the solver.
    strengths : int
        Number of inverse penalty strengths C between 1e-4 and 1e2.
    folds : int
        Folds of the cross-validation.
    """
    search = GridSearchCV(
        # liblinear penalises the intercept; a large scale makes that negligible.
        LogisticRegression(
            l1_ratio=1, solver="liblinear", intercept_scaling=100, random_state=seed
        ),
        {"C": np.logspace(-4, 2, strengths)},
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
        scoring="neg_log_loss",
    )
    search.fit(dataset.x_train, dataset.y_train)
    return np.abs(search.best_estimator_.coef_[0])
