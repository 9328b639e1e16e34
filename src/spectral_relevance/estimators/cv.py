"""Estimators that choose the strength of the penalty by cross-validation."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from spectral_relevance.errors import UserError
from spectral_relevance.estimators.base import ALPHAS, SpectralEstimator, as_alphas
from spectral_relevance.estimators.classifier import BaseClassifier
from spectral_relevance.estimators.regressor import BaseRegressor
from spectral_relevance.estimators.settings import Settings
from spectral_relevance.problem import Problem

Array = np.ndarray[Any, np.dtype[Any]]


class CrossValidated(SpectralEstimator):
    """What chooses the strength, before the replicas are trained with it."""

    alphas: Any
    cv: int

    def _choose_alpha(
        self, problem: Problem, settings: Settings, rng: np.random.Generator
    ) -> float:
        """Train strengths × folds side by side; apply the one-standard-error rule."""
        tried = ALPHAS if self.alphas is None else self.alphas
        alphas = as_alphas(tried, f"{type(self).__name__}.alphas")
        folds = self._folds(problem, rng)
        runs = self._runs(problem, settings, alphas, folds, rng)
        trained = self._train(problem, settings, runs)
        loss = trained.loss.reshape(len(alphas), len(folds)).astype(float)
        mean = loss.mean(axis=1)
        error = loss.std(axis=1, ddof=1) / np.sqrt(len(folds))
        self.cv_results_ = {
            "alpha": alphas,
            "loss": loss,
            "mean_loss": mean,
            "std_error": error,
        }
        best = int(mean.argmin())
        # They are sorted from the largest.
        good = mean <= mean[best] + error[best]
        return float(alphas[good.argmax()])

    def _folds(
        self, problem: Problem, rng: np.random.Generator
    ) -> Sequence[tuple[Array, Array]]:
        n, name = len(problem.x), f"{type(self).__name__}.cv"
        if (
            not isinstance(self.cv, Integral)
            or isinstance(self.cv, bool)
            or self.cv < 2
        ):
            raise UserError(
                f"{name}: expected a number of folds of at least 2, found {self.cv!r}."
            )
        if self.cv > n:
            raise UserError(
                f"{name}: expected at most {n} folds, as there are n_samples={n} "
                f"examples, found {self.cv}."
            )
        seed = int(rng.integers(2**31))
        how: dict[str, Any] = {"shuffle": True, "random_state": seed}
        # Also a class of fewer examples than folds is learnt from in some of them.
        if problem.is_classification and np.bincount(problem.y).min() >= self.cv:
            return list(StratifiedKFold(self.cv, **how).split(problem.x, problem.y))
        return list(KFold(self.cv, **how).split(problem.x))


class SpectralClassifierCV(CrossValidated, BaseClassifier):
    """Classify as :class:`SpectralClassifier` does, with a strength that is chosen.

    Strengths × folds are trained side by side. Chosen is the largest strength whose
    mean loss is within one standard error of the smallest one. Then replicas are
    trained with it on all examples: predictions and importances are theirs.

    Parameters
    ----------
    alphas : sequence of float, optional
        The strengths that are tried; by default 12 from 1 to 0.001. See ``alpha`` of
        :class:`SpectralClassifier`, where all other parameters are told, too.
    cv : int
        Number of folds; classes are in proportion in each.
    hidden_layer_sizes, replicas, fdr, class_weight, max_steps, batch_size
        As for :class:`SpectralClassifier`.
    learning_rate, ridge, validation_fraction, device, random_state
        As for :class:`SpectralClassifier`.

    Attributes
    ----------
    alpha_ : float
        The strength that was chosen.
    cv_results_ : dict
        ``alpha``, from the largest, and for each ``loss``, the cross-entropy on each
        fold, ``mean_loss`` and ``std_error``, its mean and the standard error of it.
    feature_importances_, importances_std_, selected_, selection_frequency_
        As of :class:`SpectralClassifier`, with the other attributes.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> model = SpectralClassifierCV(fdr=None, cv=3, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9 and 0.001 < model.alpha_ < 1)
    True
    """

    def __init__(
        self,
        alphas: Any = None,
        *,
        cv: int = 5,
        hidden_layer_sizes: tuple[int, ...] = (100, 50),
        replicas: int = 10,
        fdr: float | None = 0.1,
        class_weight: Any = None,
        max_steps: int = 1000,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        ridge: float = 1e-4,
        validation_fraction: float = 0.1,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.hidden_layer_sizes = hidden_layer_sizes
        self.replicas = replicas
        self.fdr = fdr
        self.class_weight = class_weight
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.ridge = ridge
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state


class SpectralRegressorCV(CrossValidated, BaseRegressor):
    """Predict values as :class:`SpectralRegressor` does, with a chosen strength.

    Strengths × folds are trained side by side. Chosen is the largest strength whose
    mean loss is within one standard error of the smallest one. Then replicas are
    trained with it on all examples: predictions and importances are theirs.

    Parameters
    ----------
    alphas : sequence of float, optional
        The strengths that are tried; by default 12 from 1 to 0.001. See ``alpha`` of
        :class:`SpectralRegressor`, where all other parameters are told, too.
    cv : int
        Number of folds.
    hidden_layer_sizes, replicas, fdr, max_steps, batch_size
        As for :class:`SpectralRegressor`.
    learning_rate, ridge, validation_fraction, device, random_state
        As for :class:`SpectralRegressor`.

    Attributes
    ----------
    alpha_ : float
        The strength that was chosen.
    cv_results_ : dict
        ``alpha``, from the largest, and for each ``loss``, the mean squared error of
        standardised values on each fold, ``mean_loss`` and ``std_error``, its mean and
        the standard error of it.
    feature_importances_, importances_std_, selected_, selection_frequency_
        As of :class:`SpectralRegressor`, with the other attributes.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = SpectralRegressorCV(fdr=None, cv=3, random_state=0).fit(X, y)
    >>> sorted(X.columns[model.feature_importances_.argsort()[-3:]])
    ['bmi', 'bp', 's5']
    """

    def __init__(
        self,
        alphas: Any = None,
        *,
        cv: int = 5,
        hidden_layer_sizes: tuple[int, ...] = (100, 50),
        replicas: int = 10,
        fdr: float | None = 0.1,
        max_steps: int = 1000,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        ridge: float = 1e-4,
        validation_fraction: float = 0.1,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.hidden_layer_sizes = hidden_layer_sizes
        self.replicas = replicas
        self.fdr = fdr
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.ridge = ridge
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state
