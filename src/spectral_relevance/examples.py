"""The examples that runs are trained on, checked and put where the network is."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spectral_relevance.arrays import (
    Rows,
    as_inputs,
    as_targets,
    as_weights,
    check_rows,
)
from spectral_relevance.errors import UserError
from spectral_relevance.runs import Run, Training


class Examples:
    """The examples of a training on their device, and the rows of each run.

    Parameters
    ----------
    x, y, weights
        As for :func:`~spectral_relevance.training.fit`.
    runs : sequence of Run
        The runs.
    outputs : int
        Number of outputs of the network.
    training : Training
        How it is trained.
    device : torch.device
        Where to put them.

    Attributes
    ----------
    x : Tensor, shape (n, present)
        The inputs that are not 0 in every example. The others add nothing to the
        outputs, and only the penalty changes their parameters.
    y : Tensor, shape (n,) or (n, outputs)
        The targets.
    order : Tensor, shape (d,)
        All inputs, those that are 0 in every example last.

    Raises
    ------
    UserError
        If data and runs do not fit one another, or make no sense.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        weights: Any,
        runs: Sequence[Run],
        outputs: int,
        training: Training,
        device: torch.device,
    ) -> None:
        inputs = as_inputs(x)
        targets = as_targets(y, len(inputs), training.loss, outputs)
        self.rows = [np.asarray(run.rows) for run in runs]
        self.validation = _check_runs(runs, len(inputs), training.batch_size)
        self.inputs = inputs.shape[1]
        lit = (inputs != 0).any(0)
        self.order = torch.argsort(~lit, stable=True)
        self.present = int(lit.sum())
        self.x = inputs[:, self.order[: self.present]].to(device)
        self.y = targets.to(device)
        self.weights = None
        if weights is not None:
            given = as_weights(weights, len(inputs)).to(device)
            self.weights = given
            sums = _mean_weights(given, self.rows, "the rows")
            self.scale = (1 / sums).unsqueeze(1)
            if self.validation is not None:
                _mean_weights(given, self.validation, "the validation rows")
        self.device = device

    @cached_property
    def validating(self) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """Validation examples of all runs, with weights relative to their mean.

        What a shorter set is padded with has 0.
        """
        if self.validation is None:
            return None
        sizes = [len(rows) for rows in self.validation]
        longest = max(sizes)
        index = np.stack([np.resize(rows, longest) for rows in self.validation])
        places = torch.from_numpy(index).to(self.device)
        weights = None
        if min(sizes) < longest or self.weights is not None:
            counted = np.arange(longest) < np.array(sizes)[:, None]
            share = counted * longest / np.array(sizes)[:, None]
            weights = torch.from_numpy(share).to(self.x)
            if self.weights is not None:
                weights *= self.weights[places]
                weights /= weights.mean(1, keepdim=True)
        if (index == index[0]).all():
            return self.x[places[0]], self.y[places], weights
        return self.x[places], self.y[places], weights


def _mean_weights(weights: Tensor, rows: Sequence[Rows], what: str) -> Tensor:
    """Return the mean weight in the rows of each run, and raise where it is 0."""
    means = torch.stack([weights[own].mean() for own in rows])
    if not (means > 0).all():
        raise UserError(
            f"weights: expected one above 0 in {what} of each run, found none in those "
            f"of run {int(means.argmin())}."
        )
    return means


def _check_runs(runs: Sequence[Run], n: int, batch_size: int) -> list[Rows] | None:
    """Check runs that are trained side by side; return their validation rows."""
    sizes = [len(run.rows) for run in runs]
    for number, run in enumerate(runs):
        check_rows(np.asarray(run.rows), n, f"runs[{number}].rows")
        if run.validation is not None:
            check_rows(np.asarray(run.validation), n, f"runs[{number}].validation")
    if batch_size > min(sizes):
        raise UserError(
            f"Training.batch_size: expected at most {min(sizes)}, the number of rows "
            f"of run {np.argmin(sizes)}, found {batch_size}."
        )
    if max(sizes) // batch_size > min(sizes) // batch_size + 1:
        raise UserError(
            "runs: expected runs of about the same number of rows, found "
            f"{min(sizes)} and {max(sizes)}.",
            "train those of different sizes by calls of their own.",
        )
    validation = [run.validation for run in runs]
    if all(rows is None for rows in validation):
        return None
    if any(rows is None for rows in validation):
        raise UserError("runs: expected validation rows for all of them or for none.")
    return [np.asarray(rows) for rows in validation]
