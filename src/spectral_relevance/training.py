"""Training of all replicas of an experiment side by side."""

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, predict
from spectral_relevance.hardware import find_device
from spectral_relevance.layers import Dropout
from spectral_relevance.networks import Network
from spectral_relevance.progress import progress

logger = logging.getLogger(__name__)


def train(
    dataset: Dataset,
    *,
    network: Mapping[str, Any],
    regularisation: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    seeds: Sequence[int],
    device: str = "auto",
) -> tuple[Network, pd.DataFrame]:
    """Train one replica of a network for each seed (Methods, "Training procedure").

    A seed determines the initial values, the order of the examples and the dropout
    masks of its replica. On the same machine, with the same number of threads and the
    same seeds side by side, the result is the same to the bit.

    Parameters
    ----------
    dataset : Dataset
        The examples; the last of the training examples serve for validation.
    network : mapping
        Description of the network, see :class:`Network`.
    regularisation : mapping, optional
        ``norm`` (``l1`` or ``l2``) and the strength for each penalised parameter of the
        first layer: ``eigenvalues`` (a) and ``eigenvectors`` (b), or ``kernel`` for a
        standard network. a Σ|λ_j|ᵖ + b Σ|φ_ij|ᵖ is added to the mean loss of a batch.
    training : mapping
        ``epochs``, ``batch_size``, ``learning_rate``, ``validation_fraction``,
        ``loss``, ``records`` (how often the history is recorded) and ``compile``.
    seeds : sequence of int
        One for each replica.
    device : str
        A torch device, or ``auto`` for a GPU where there is one.

    Returns
    -------
    Network
        The trained replicas in evaluation mode, on the CPU.
    DataFrame
        The history: ``seed``, ``epoch``, ``loss`` (mean over the epoch's batches,
        without the penalty), ``validation_loss``, ``validation_metric`` (see
        :func:`~spectral_relevance.evaluation.measure`) and
        ``inputs_above_1_percent`` (how many relevances exceed 1 % of the largest).

    Raises
    ------
    UserError
        If the loss of a replica becomes infinite or undefined.
    """
    where = find_device(device)
    logger.info("training seeds %s on %s", list(seeds), where)
    n = round(len(dataset.x_train) * (1 - training["validation_fraction"]))
    x, y = (torch.from_numpy(a).to(where) for a in (dataset.x_train, dataset.y_train))
    x, x_validation = x[:n], x[n:]
    y, y_validation = y[:n], y[n:]
    batch_size = min(training["batch_size"], n)

    # Independent streams, so that none depends on how much another one draws.
    streams = [np.random.SeedSequence(seed).spawn(3) for seed in seeds]
    replicas = Network(x.shape[1], network, len(seeds))
    replicas.reset_parameters([_torch_generator(stream[0]) for stream in streams])
    replicas.to(where).train()
    orders = [np.random.default_rng(stream[1]) for stream in streams]
    masks = [np.random.Generator(np.random.SFC64(stream[2])) for stream in streams]

    optimiser = make_optimiser(replicas, regularisation, training["learning_rate"])
    dropouts = [layer for layer in replicas.modules() if isinstance(layer, Dropout)]

    def batch_losses(x: Tensor, y: Tensor) -> Tensor:
        return losses(replicas(x), y, training["loss"])

    if training["compile"]:
        batch_losses = compiled(batch_losses)

    def train_epoch() -> Tensor:
        """Train one epoch and return the mean loss of each replica."""
        batches = shuffled_batches(n, batch_size, orders).to(where)
        total = torch.zeros(len(seeds), device=where)
        for index in batches:
            for dropout in dropouts:
                dropout.draw(batch_size, masks)
            # One flat index_select is faster than indexing with a matrix.
            xs = x.index_select(0, index.flatten()).unflatten(0, index.shape)
            ys = y.index_select(0, index.flatten()).unflatten(0, index.shape)
            loss = batch_losses(xs, ys)
            optimiser.zero_grad()
            # Replicas share nothing, so the gradient of the sum is that of each.
            loss.sum().backward()
            add_l1_gradient(replicas, regularisation)
            optimiser.step()
            total += loss.detach()
        return total / len(batches)

    def record(epoch: int, loss: Tensor) -> pd.DataFrame:
        """Return the rows of the history for one epoch."""
        for seed, value in zip(seeds, loss.tolist(), strict=True):
            if not np.isfinite(value):
                raise UserError(
                    f"seed {seed}, epoch {epoch}: expected a finite loss, found "
                    f"{value}.",
                    "lower training.learning_rate of this experiment.",
                )
        outputs = predict(replicas, x_validation)
        relevance = replicas.relevance()
        above = relevance > 0.01 * relevance.amax(1, keepdim=True)
        targets = y_validation.expand(len(seeds), -1)
        return pd.DataFrame(
            {
                "seed": list(seeds),
                "epoch": epoch,
                "loss": loss.tolist(),
                "validation_loss": losses(outputs, targets, training["loss"]).tolist(),
                "validation_metric": (
                    measure(outputs, targets) * dataset.target_scale
                ).tolist(),
                "inputs_above_1_percent": above.sum(1).tolist(),
            }
        )

    epochs, records = training["epochs"], training["records"]
    # Counted from the end, so that a single record is that of the last epoch.
    recorded = set(np.linspace(epochs, 1, min(records, epochs)).round().astype(int))
    history = []
    for epoch in progress(epochs, "epoch"):
        loss = train_epoch()
        if epoch in recorded:
            history.append(record(epoch, loss))
    return replicas.eval().cpu(), pd.concat(history, ignore_index=True)


def shuffled_batches(
    n: int, batch_size: int, generators: Sequence[np.random.Generator]
) -> Tensor:
    """Return one epoch of example indices, shape ``(steps, R, batch_size)``.

    Each replica is shuffled by its own generator. An incomplete last batch is left out.
    """
    steps = n // batch_size
    order = np.stack([g.permutation(n)[: steps * batch_size] for g in generators])
    batches = order.reshape(len(generators), steps, batch_size).swapaxes(0, 1)
    return torch.from_numpy(np.ascontiguousarray(batches))


def make_optimiser(
    network: Network, regularisation: Mapping[str, Any] | None, learning_rate: float
) -> torch.optim.Adam:
    """Return Adam with the L2 penalty on the first layer built in.

    The gradient 2bφ of b Σ φ² is what Adam's weight decay 2b adds; in the fused kernel
    it costs nothing. (This is the coupled decay of Adam, not that of AdamW.)

    Parameters
    ----------
    network : Network
        What to optimise.
    regularisation : mapping, optional
        As for :func:`train`.
    learning_rate : float
        Adam's rate; its epsilon is 1e-7, the default of Keras.
    """
    decays = {}
    if regularisation is not None and regularisation["norm"] == "l2":
        decays = {
            getattr(network.first, name): 2 * strength
            for name, strength in regularisation.items()
            if name != "norm"
        }
    groups = [{"params": [p], "weight_decay": d} for p, d in decays.items()]
    others = [p for p in network.parameters() if p not in decays]
    return torch.optim.Adam(
        [*groups, {"params": others}], lr=learning_rate, eps=1e-7, fused=True
    )


@torch.no_grad()
def add_l1_gradient(network: Network, regularisation: Mapping[str, Any] | None) -> None:
    """Add the gradient a sign(λ), b sign(φ) of the L1 penalty on the first layer."""
    if regularisation is None or regularisation["norm"] != "l1":
        return
    for name, strength in regularisation.items():
        if name != "norm":
            parameter = getattr(network.first, name)
            parameter.grad.add_(parameter.sign(), alpha=strength)


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compile with :func:`torch.compile`, or say why not and return `function`."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        logger.warning("no C++ compiler (%s) found: training uncompiled", compiler)
        return function
    return torch.compile(function, dynamic=False)


def _torch_generator(stream: np.random.SeedSequence) -> torch.Generator:
    seed = int(stream.generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(seed)
