"""The engine: one batched training of many runs side by side."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from spectral_relevance.checkpoint import Checkpoint
from spectral_relevance.errors import UserError
from spectral_relevance.examples import Examples
from spectral_relevance.hardware import find_device
from spectral_relevance.interrupts import Deferred
from spectral_relevance.networks import Architecture, Network
from spectral_relevance.progress import progress
from spectral_relevance.runs import Run, Training
from spectral_relevance.trainer import Diverged, Epoch, Trainer

__all__ = ["Diverged", "Epoch", "Fitted", "Run", "Training", "fit"]


class Fitted(NamedTuple):
    """What a training gives.

    Attributes
    ----------
    network : Network
        A replica for each run, in evaluation mode, on the CPU.
    history : DataFrame
        ``run`` (counted from 0), ``epoch``, ``loss`` (mean over the epoch's batches,
        without the penalty) and ``inputs_above_1_percent`` (how many relevances exceed
        1 % of the largest); where there are validation rows ``validation_loss`` and
        ``validation_metric``, see :func:`~spectral_relevance.evaluation.measure`.
    """

    network: Network
    history: pd.DataFrame


@torch.inference_mode(False)
@torch.enable_grad()
def fit(
    x: Any,
    y: Any,
    runs: Sequence[Run | Mapping[str, Any]],
    architecture: Architecture | Mapping[str, Any],
    training: Training | Mapping[str, Any],
    *,
    weights: Any = None,
    device: str = "auto",
    on_epoch: Callable[[Epoch], bool | None] | None = None,
    checkpoint: str | Path | None = None,
    quiet: bool = False,
) -> Fitted:
    """Train one replica of a network for each run, all of them side by side.

    On the same machine, with the same number of threads and the same runs side by side,
    the result is the same to the bit.

    Parameters
    ----------
    x : (n, d) array
        Inputs of all examples; finite numbers, which are computed with in torch's
        default precision.
    y : (n,) or (n, outputs) array
        Labels from 0 to outputs − 1 for the loss ``cross_entropy``, else values.
    runs : sequence of Run
        What each replica is trained on, and how. Runs of about the same number of rows:
        an epoch has as many steps as the shortest of them fills.
    architecture : Architecture
        The network.
    training : Training
        How it is trained.
    weights : (n,) array, optional
        Weight of each example in the loss, in that of validation and in the metric;
        they count relative to the mean over the rows of a run.
    device : str
        A torch device, or ``auto`` for a GPU where there is one.
    on_epoch : callable, optional
        Called after each epoch; the training ends early where it returns True. It keeps
        no state across a kill.
    checkpoint : path, optional
        Where to keep the state every few minutes, when interrupted and at the end, and
        to go on from: a training that was killed ends as if it had not been.
    quiet : bool
        Whether to show no progress.

    Returns
    -------
    Fitted
        Network and history.

    Raises
    ------
    UserError
        If the data, a setting or their combination is not allowed.
    Diverged
        If a loss is no number any more.

    Examples
    --------
    >>> from spectral_relevance.penalty import Penalty
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 5))
    >>> y = (x[:, 1] > 0).astype(int)
    >>> penalty = Penalty("l2", eigenvalues=1e-3, eigenvectors=1e-3)
    >>> runs = [Run(range(160), range(160, 200), s, penalty) for s in range(3)]
    >>> how = Training(epochs=30, learning_rate=1e-2)
    >>> network, history = fit(
    ...     x, y, runs, {"hidden": [{"units": 8}], "outputs": 2}, how
    ... )
    >>> network.relevance().argmax(1)
    tensor([1, 1, 1])
    """
    architecture, training = Architecture.of(architecture), Training.of(training)
    if isinstance(runs, Run | Mapping) or not len(runs):
        raise UserError(f"runs: expected a sequence of at least one Run, found {runs}.")
    asked = [Run.of(run) for run in runs]
    where = find_device(device)
    data = Examples(x, y, weights, asked, architecture.outputs, training, where)
    trainer = Trainer(data, asked, architecture, training, where)
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, trainer.digest())
    history = _train(trainer, training, keeper, on_epoch, quiet)
    return Fitted(trainer.finished(), history)


def _train(
    trainer: Trainer,
    training: Training,
    keeper: Checkpoint | None,
    on_epoch: Callable[[Epoch], bool | None] | None,
    quiet: bool,
) -> pd.DataFrame:
    """Train epoch by epoch and return the history."""
    epochs, records = training.epochs, training.records
    # Counted from the end, so that a single record is that of the last epoch.
    recorded = set(np.linspace(epochs, 1, min(records, epochs)).round().astype(int))
    done, history = 0, pd.DataFrame()
    if keeper is not None and (state := keeper.load()) is not None:
        done, history = state["epoch"], pd.DataFrame(state["history"])
        trainer.set_state(state["trainer"])

    def save(epoch: int) -> None:
        if keeper is not None:
            content = {"history": history.to_dict("list"), "trainer": trainer.state()}
            keeper.save({"epoch": epoch, **content})

    with Deferred() as interruption:
        for number in progress(epochs, "epoch", done, quiet):
            epoch = Epoch(number, trainer.train_epoch(), trainer)
            stopping = trainer.keep_best(epoch)
            stopping |= on_epoch is not None and bool(on_epoch(epoch))
            if number in recorded or stopping:
                history = pd.concat([history, epoch.record()], ignore_index=True)
            ending = stopping or number == epochs
            if ending or interruption.number or keeper is not None and keeper.due():
                # An early end leaves nothing to be made up for.
                save(epochs if ending else number)
            interruption.deliver()
            if ending:
                break
    return history
