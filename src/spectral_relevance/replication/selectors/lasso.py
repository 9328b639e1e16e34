"""L1-penalised logistic regression, a linear benchmark (section 2.1)."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from spectral_relevance.errors import UserError


def count_examples(x: np.ndarray, y: np.ndarray, **settings) -> int:
    """Return the number of training examples: all of them are used.

    Raises
    ------
    UserError
        If there are not exactly two classes.
    """
    classes = len(np.unique(y))
    are_labels = np.issubdtype(y.dtype, np.integer)
    if not are_labels or classes != 2:
        found = f"{classes} classes" if are_labels else "a regression"
        raise UserError(
            f"expected two classes, found {found}.",
            "leave this method out of the experiment.",
        )
    return len(x)


def scores(
    x: np.ndarray, y: np.ndarray, seed: int, *, strengths: int, folds: int
) -> np.ndarray:
    """Return the magnitude of the coefficient of each input, shape ``(d,)``.

    The inputs are taken as the network receives them. The strength of the penalty is
    the one with the best cross-validated log-loss.

    Parameters
    ----------
    x : (n, d) array
        Inputs.
    y : (n,) array
        Two classes.
    seed : int
        Seed of the folds and of the solver.
    strengths : int
        Number of inverse penalty strengths C between 1e-4 and 10.
    folds : int
        Folds of the cross-validation.
    """
    search = GridSearchCV(
        # liblinear penalises the intercept; a large scale makes that negligible.
        LogisticRegression(
            l1_ratio=1, solver="liblinear", intercept_scaling=100, random_state=seed
        ),
        {"C": np.logspace(-4, 1, strengths)},
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
        scoring="neg_log_loss",
    )
    search.fit(x, y)
    return np.abs(search.best_estimator_.coef_[0])
