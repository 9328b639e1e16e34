"""What the constructors of the estimators take, checked when `fit` is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch

from spectral_relevance.errors import UserError
from spectral_relevance.hardware import find_device
from spectral_relevance.networks import Architecture, Hidden
from spectral_relevance.problem import batch_and_epochs
from spectral_relevance.runs import Training
from spectral_relevance.specs import Spec

PATIENCE = 0.2
"""Share of the epochs without a better one after which training ends."""


@dataclass(frozen=True)
class Settings(Spec):
    """The settings of an estimator, see :class:`SpectralClassifier`.

    Raises
    ------
    UserError
        If a value is not allowed.
    """

    owner: str
    hidden_layer_sizes: Any
    replicas: int
    fdr: float | None
    max_steps: int
    batch_size: int
    learning_rate: float
    ridge: float
    validation_fraction: float
    device: str | torch.device

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("replicas", "max_steps", "batch_size"):
            self._check_count(name)
        self._check_number("learning_rate", above=0)
        self._check_number("ridge")
        self._check_number("validation_fraction", above=0, below=1)
        if self.fdr is not None:
            self._check_number("fdr", above=0, below=1)
        if not isinstance(self.hidden_layer_sizes, tuple | list) or not len(
            self.hidden_layer_sizes
        ):
            self._refuse("hidden_layer_sizes", "a tuple of numbers of units")
        for units in self.hidden_layer_sizes:
            is_count = isinstance(units, Integral) and not isinstance(units, bool)
            if not is_count or units < 1:
                self._refuse("hidden_layer_sizes", "whole numbers of at least 1")
        if (
            not isinstance(self.device, str | torch.device)
            or find_device(str(self.device)).type == "meta"
        ):
            self._refuse("device", "the name of a torch device that holds numbers")

    def _refuse(self, name: str, expected: str, hint: str | None = None) -> None:
        found = getattr(self, name)
        raise UserError(
            f"{self.owner}.{name}: expected {expected}, found {found!r}.", hint
        )

    def architecture(self, outputs: int) -> Architecture:
        """Return the network: ReLU, the first layer spectral, no normalisation."""
        hidden = [Hidden(units) for units in self.hidden_layer_sizes]
        return Architecture(hidden, outputs, parametrisation="spectral_first")

    def training(self, rows: Sequence[Any], loss: str) -> Training:
        """Return how to train runs on these rows, with early stopping."""
        batch, epochs = batch_and_epochs(rows, self.batch_size, self.max_steps)
        return Training(
            epochs,
            batch,
            self.learning_rate,
            loss,
            records=1,
            ridge=self.ridge,
            patience=max(1, round(PATIENCE * epochs)),
        )
