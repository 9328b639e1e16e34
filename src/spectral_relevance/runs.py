"""What is asked of a training: the runs that go on side by side, and how."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectral_relevance.arrays import Rows, as_rows
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import LOSSES
from spectral_relevance.penalty import Penalty
from spectral_relevance.specs import Spec


@dataclass(frozen=True, eq=False)
class Run(Spec):
    """One training among those that go on side by side.

    Parameters
    ----------
    rows : sequence of int
        The examples to train on: rows of x.
    validation : sequence of int, optional
        The examples to validate on, none of them among `rows`.
    seed : int
        Determines the initial values, the order of the examples and the masks of
        dropout.
    penalty : Penalty, optional
        The penalty on the first layer, with strengths of this run's own.

    Raises
    ------
    UserError
        If a value is not allowed, or if rows and validation overlap.
    """

    rows: Sequence[int] | Rows
    validation: Sequence[int] | Rows | None = None
    seed: int = 0
    penalty: Penalty | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        self._check_count("seed", smallest=0)
        rows = as_rows(self.rows, "Run.rows")
        object.__setattr__(self, "rows", rows)
        if self.validation is not None:
            validation = as_rows(self.validation, "Run.validation")
            object.__setattr__(self, "validation", validation)
            both = np.intersect1d(rows, validation)
            if len(both):
                raise UserError(
                    "Run.validation: expected rows that are not trained on, found "
                    f"{both[0]} ({len(both)} in all)."
                )
        if self.penalty is not None:
            object.__setattr__(self, "penalty", Penalty.of(self.penalty))


@dataclass(frozen=True)
class Training(Spec):
    """How networks are trained: by Adam, on batches in random order.

    Parameters
    ----------
    epochs : int
        Number of passes over the examples of a run.
    batch_size : int
        Examples in a batch, not more than a run has. An incomplete last batch of an
        epoch is left out.
    learning_rate : float
        Learning rate of Adam.
    loss : str
        ``cross_entropy``, ``mean_absolute_error`` or ``mean_squared_error``.
    records : int
        How many points of the history are recorded, the last epoch among them.
    ridge : float
        Strength of the squares of the weights, for spectral layers of λ and φ, of all
        layers but the first, which is added to the loss. With it a penalty on the first
        layer has a minimum (``docs/group_lasso.md``).
    patience : int, optional
        A run is over once its validation loss has not been smaller for so many epochs,
        and has the parameters of its best epoch; training ends with the last of them.
        By default all epochs are trained, and the last one counts.
    compile : bool
        Whether the step is compiled where there is a compiler: worth its half minute on
        long trainings.

    Raises
    ------
    UserError
        If a value is not allowed.
    """

    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    loss: str = "cross_entropy"
    records: int = 50
    ridge: float = 0.0
    patience: int | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("epochs", "batch_size", "records"):
            self._check_count(name)
        self._check_number("learning_rate", above=0)
        self._check_number("ridge")
        if self.patience is not None:
            self._check_count("patience")
        self._check_choice("loss", LOSSES)
        self._check_flag("compile")
