"""What all estimators share: a scikit-learn estimator over the engine."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from spectral_relevance.errors import UserError
from spectral_relevance.estimators.persistence import save
from spectral_relevance.estimators.settings import Settings
from spectral_relevance.estimators.tables import as_table
from spectral_relevance.estimators.targets import as_weights
from spectral_relevance.evaluation import predict
from spectral_relevance.networks import Network
from spectral_relevance.problem import Problem, held_out, moments, scaled
from spectral_relevance.runs import Run
from spectral_relevance.selection import check_memory, select
from spectral_relevance.sidebyside import (
    Trained,
    at_once,
    check_size,
    importances,
    train,
)
from spectral_relevance.training import Diverged

Array = np.ndarray[Any, np.dtype[Any]]

ALPHAS = tuple(float(alpha) for alpha in np.geomspace(1, 1e-3, 12))
"""The strengths that are tried by default."""


NEGLIGIBLE = 1e-9
"""Share of the largest weight up to which an example does not count: with it, it may be
any number of standard deviations away."""

ABSURD = 100
"""How many times the loss of a constant that of a network may be."""


class Path(NamedTuple):
    """Importances along strengths of the penalty.

    Attributes
    ----------
    alphas : (k,) array
        The strengths, from the largest.
    importances : (k, d) array
        Importances at each, as ``feature_importances_`` has them.
    importances_std : (k, d) array
        Their standard deviation over the replicas.
    validation_loss : (k,) array
        Mean loss of the replicas on the examples that each held out.
    """

    alphas: Array
    importances: Array
    importances_std: Array
    validation_loss: Array


class SpectralEstimator(SelectorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A network whose first layer is spectral, in replicas; see the subclasses."""

    alpha: float
    fdr: float | None
    replicas: int
    learning_rate: float
    ridge: float
    device: str
    random_state: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train replicas, rank the inputs and select among them.

        Parameters
        ----------
        X : (n, d) array, DataFrame or sparse matrix
            Inputs: finite numbers in any units.
        y : (n,) or (n, k) array
            Classes, or values.
        sample_weight : (n,) array, optional
            What each example counts, from 0.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        UserError
            If a setting, the data or their combination is not allowed.
        """
        settings = self._settings()
        # Where this fit fails, there is no estimator of what two of them found.
        self.__dict__.pop("_network", None)
        x, problem = self._problem(X, y, sample_weight)
        if self.fdr is not None:
            check_memory(x, self.fdr)
        ranking, choosing, selecting = self._generators()
        self.alpha_ = self._choose_alpha(problem, settings, choosing)
        runs = self._replicas(problem, settings, [self.alpha_], ranking)
        trained = self._train(problem, settings, runs)
        self.validation_loss_ = trained.loss
        shares = importances(trained.network, problem)
        self.feature_importances_ = shares.mean(axis=0)
        self.importances_std_ = shares.std(axis=0)
        self.selected_ = self.selection_frequency_ = None
        if self.fdr is not None:
            seed = int(selecting.integers(2**31))
            found = select(problem, x, self.fdr, seed, self.device)
            self.selected_ = found.support
            self.selection_frequency_ = found.frequency
        self._network = trained.network
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether a fit has succeeded."""
        return hasattr(self, "_network")

    def path(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        alphas: Sequence[float] = ALPHAS,
    ) -> Path:
        """Return the importances along strengths; nothing of the estimator changes.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`.
        alphas : sequence of float
            The strengths, see ``alpha``.

        Raises
        ------
        UserError
            As :meth:`fit` does.
        """
        settings = self._settings()
        tried = as_alphas(alphas, f"{type(self).__name__}.path: alphas")
        # A clone, which takes what is found of X and y.
        other = type(self)(**self.get_params())
        _, problem = other._problem(X, y, sample_weight)
        ranking, _, _ = other._generators()
        runs = other._replicas(problem, settings, tried, ranking)
        trained = other._train(problem, settings, runs)
        shares = importances(trained.network, problem)
        by_alpha = shares.reshape(len(tried), self.replicas, -1)
        loss = trained.loss.reshape(len(tried), self.replicas).mean(axis=1)
        return Path(tried, by_alpha.mean(axis=1), by_alpha.std(axis=1), loss)

    def transform(self, X: Any) -> Any:
        """Return the inputs that are selected.

        Parameters
        ----------
        X : (n, d) array, DataFrame or sparse matrix
            Inputs, the columns that `fit` was given.

        Raises
        ------
        UserError
            If the columns are not those of `fit`, there is anything but finite numbers,
            or there was no selection.
        """
        check_is_fitted(self)
        as_table(self, X)
        return super().transform(X)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator into one file, without pickle.

        It is a zip of JSON and NumPy arrays, which
        :func:`spectral_relevance.load` reads. The same estimator is the same bytes. A
        RandomState among the settings is left out.

        Parameters
        ----------
        path : path
            The file; what was there is replaced when the new one is complete.

        Raises
        ------
        UserError
            If a setting or a label is none that can be written.
        """
        save(self, path)

    def _settings(self) -> Settings:
        """Check the constructor's arguments and return those of the training."""
        names = {field.name for field in fields(Settings)} - {"owner"}
        given = self.get_params(deep=False)
        return Settings(type(self).__name__, **{name: given[name] for name in names})

    def _generators(self) -> list[np.random.Generator]:
        """Return what draws for the ranking, the choice of alpha and the selection.

        Independent streams, so that none depends on what another one draws: with a
        chosen alpha the ranking is the one that the same alpha has when it is given.
        """
        try:
            state = check_random_state(self.random_state)
        except ValueError as error:
            raise UserError(
                f"{type(self).__name__}.random_state: expected a whole number from 0 "
                "to 2**32 - 1, a numpy.random.RandomState or None, found "
                f"{self.random_state!r}."
            ) from error
        stream = np.random.SeedSequence(state.randint(2**31 - 1))
        return [np.random.default_rng(own) for own in stream.spawn(3)]

    def _problem(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Problem]:
        """Return inputs as they were given and as training takes them."""
        if y is None:
            raise UserError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        x = as_table(self, X, reset=True)
        if len(x) < 2:
            raise UserError(
                "X: expected two examples or more, found n_samples=1 (1 sample)."
            )
        y = self._encoded(y, len(x))
        weights = self._weights(sample_weight, y)
        if weights is not None:
            weights = (weights / (weights.max() or 1)).astype(np.float32)
            counted = weights > NEGLIGIBLE
            x, y, weights = x[counted], y[counted], weights[counted]
            if len(x) < 2:
                raise UserError(
                    "sample_weight: expected two examples or more with weights that "
                    f"count beside the largest one, found {len(x)}."
                )
            weights = weights / weights.mean()
        self._centre, self._spread = moments(x, weights)
        if not self._spread.any():
            raise UserError(
                f"X: expected inputs that vary, found {x.shape[1]} that are constant."
            )
        targets, outputs = self._targets(y, weights)
        inputs = scaled(x, self._centre, self._spread)
        return x, Problem(inputs, targets, outputs, weights)

    def _weights(self, sample_weight: Any, y: Array) -> Array | None:
        if sample_weight is None:
            return self._class_weights(y, np.ones(len(y)))
        weights = as_weights(sample_weight, len(y))
        of_classes = self._class_weights(y, weights)
        combined: Array = weights if of_classes is None else weights * of_classes
        return combined

    def _class_weights(self, y: Array, weights: Array) -> Array | None:
        """Return what each example counts by its class; None where all count 1."""
        return None

    @abstractmethod
    def _encoded(self, y: Any, n: int) -> Array:
        """Check the targets and return labels from 0, or values ``(n, k)``."""

    @abstractmethod
    def _targets(self, y: Array, weights: Array | None) -> tuple[Array, int]:
        """Return the targets of training, and how many outputs they need."""

    def _choose_alpha(
        self, problem: Problem, settings: Settings, rng: np.random.Generator
    ) -> float:
        """Return the strength of the penalty."""
        return float(as_alphas([self.alpha], f"{type(self).__name__}.alpha")[0])

    def _replicas(
        self,
        problem: Problem,
        settings: Settings,
        alphas: Sequence[float] | Array,
        rng: np.random.Generator,
    ) -> list[Run]:
        """Return the replicas for each strength, each with a division of its own."""
        check_size(problem, settings.architecture(1), settings.replicas * len(alphas))
        n = len(problem.x)
        count = min(max(1, round(settings.validation_fraction * n)), n - 1)
        parts = [held_out(problem, count, rng) for _ in range(settings.replicas)]
        return self._runs(problem, settings, alphas, parts, rng)

    def _runs(
        self,
        problem: Problem,
        settings: Settings,
        alphas: Sequence[float] | Array,
        parts: Sequence[tuple[Array, Array]],
        rng: np.random.Generator,
    ) -> list[Run]:
        """Return a run for each strength and division; each division has its seed."""
        seeds = rng.integers(2**31, size=len(parts))
        units = settings.hidden_layer_sizes[0]
        return [
            Run(rows, validation, int(seed), penalty)
            for penalty in (problem.penalty(alpha, units) for alpha in alphas)
            for (rows, validation), seed in zip(parts, seeds, strict=True)
        ]

    def _train(
        self, problem: Problem, settings: Settings, runs: Sequence[Run]
    ) -> Trained:
        training = settings.training([run.rows for run in runs], problem.loss)
        architecture = settings.architecture(problem.outputs)
        try:
            trained = train(problem, runs, architecture, training, self.device)
        except Diverged as error:
            raise self._diverged(f"{error.loss} in epoch {error.epoch}") from error
        usual = max(problem.constant_loss(run.validation) for run in runs)
        worst = float(trained.loss.max())
        if worst > ABSURD * max(usual, 1):
            raise self._diverged(f"{worst:g} where a constant has {usual:g}")
        return trained

    def _diverged(self, found: str) -> UserError:
        return UserError(
            f"{type(self).__name__}: expected a smaller loss, found {found}: training "
            f"has diverged, with learning_rate={self.learning_rate!r} and "
            f"ridge={self.ridge!r}.",
            "lower the learning rate; the default is 0.003.",
        )

    def _outputs(self, X: Any) -> Array:
        """Return the outputs of each replica, ``(R, n, outputs)``."""
        check_is_fitted(self)
        table = as_table(self, X)
        x = scaled(table, self._centre, self._spread)
        if not np.isfinite(x).all():
            row, column = np.argwhere(~np.isfinite(x))[0].tolist()
            raise UserError(
                "X: expected values such as those of fit, found "
                f"{table[row, column]:g} in row {row}, column {column}, 10**38 "
                "standard deviations away."
            )
        trained = self._network
        size = sum(parameter[0].numel() for parameter in trained.parameters())
        outputs = []
        for first in range(0, trained.replicas, at_once(size)):
            rows = slice(first, min(first + at_once(size), trained.replicas))
            with torch.device("meta"):  # a shape that tensors are put into
                network = Network(x.shape[1], trained.architecture, rows.stop - first)
            # In double precision, so that an example's output hardly depends on others.
            state = {k: v[rows].double() for k, v in trained.state_dict().items()}
            network.load_state_dict(state, assign=True)
            outputs.append(predict(network, torch.from_numpy(x).double()).numpy())
        return np.concatenate(outputs)

    def _get_support_mask(self) -> Array:
        check_is_fitted(self)
        if self.selected_ is None:
            raise UserError(
                f"{type(self).__name__}: expected a selection, found none, because fdr "
                "was None.",
                "fit with fdr=0.1, say; or choose by feature_importances_, as "
                "sklearn.feature_selection.SelectFromModel does.",
            )
        return self.selected_

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what is special."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags


def as_alphas(values: Any, what: str) -> Array:
    """Return strengths from the largest.

    Raises
    ------
    UserError
        If there are none, or anything but finite numbers of at least 0.
    """
    try:
        alphas = np.array(values)
        fits = alphas.ndim == 1 and len(alphas) > 0 and alphas.dtype.kind in "iuf"
        fits = fits and bool(np.isfinite(alphas).all() and (alphas >= 0).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        expected, found = "one or more finite numbers", values
        if isinstance(values, list) and len(values) == 1:
            expected, found = "a finite number", values[0]
        raise UserError(
            f"{what}: expected {expected} of at least 0, found {found!r}.",
            "1 is about where nothing is kept; try 0.1.",
        )
    return np.sort(alphas.astype(float))[::-1]
