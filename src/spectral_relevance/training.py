"""Training of all replicas of an experiment side by side."""

import dataclasses
import json
import logging
import os
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.checkpoint import (
    Checkpoint,
    digest,
    get_states,
    set_states,
)
from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, predict, test_part
from spectral_relevance.hardware import find_device
from spectral_relevance.layers import Dropout
from spectral_relevance.networks import Network, Replicas
from spectral_relevance.penalty import ProximalAdam
from spectral_relevance.progress import progress
from spectral_relevance.replication.datasets.base import Datasets

logger = logging.getLogger(__name__)


def train_variants(
    datasets: Datasets,
    variants: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    device: str = "auto",
    checkpoints: str | Path | None = None,
) -> tuple[list[Replicas], pd.DataFrame]:
    """Train all variants of an experiment with some seeds.

    Runs that differ in nothing but their data and their seed are replicas of one
    batched training; the others follow one another.

    Parameters
    ----------
    datasets : Datasets
        The examples of each run.
    variants : mapping
        For each variant the arguments ``network``, ``regularisation`` and ``training``
        of :func:`train`.
    seeds : sequence of int
        The seeds that each variant is trained with.
    device : str
        A torch device, or ``auto`` for a GPU where there is one.
    checkpoints : path, optional
        A folder of its own for checkpoints. With it, a training that was killed goes on
        where it was and ends as if it had not been. Remove it when the results are
        safe.

    Returns
    -------
    list of Replicas
        The trained networks.
    DataFrame
        Their history, see :func:`train`.
    """
    groups: dict[str, list[str]] = {}
    for name, settings in variants.items():
        dataset = datasets.of(name, seeds[0])
        key = [settings, dataset.x_train.shape, dataset.x_test.shape]
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(name)
    trained, histories = [], []
    for number, names in enumerate(groups.values()):
        runs = [(name, seed) for name in names for seed in seeds]
        replicas, history = train(
            [datasets.of(*run) for run in runs],
            runs=runs,
            device=device,
            checkpoint=Path(checkpoints, f"{number}.pt") if checkpoints else None,
            **variants[names[0]],
        )
        trained.append(replicas)
        histories.append(history)
    return trained, pd.concat(histories, ignore_index=True)


def train(
    datasets: Sequence[Dataset],
    *,
    runs: Sequence[tuple[str, int]],
    network: Mapping[str, Any],
    regularisation: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    device: str = "auto",
    checkpoint: str | Path | None = None,
) -> tuple[Replicas, pd.DataFrame]:
    """Train one replica of a network for each run (Methods, "Training procedure").

    A seed determines the initial values, the order of the examples and the dropout
    masks of its replica. On the same machine, with the same number of threads and the
    same runs side by side, the result is the same to the bit.

    Parameters
    ----------
    datasets : sequence of Dataset
        The examples of each run, of the same shapes; the last of the training examples
        serve for validation.
    runs : sequence of (str, int)
        Variant and seed of each run.
    network : mapping
        Description of the network, see :class:`Network`.
    regularisation : mapping, optional
        ``norm`` (``l1`` or ``l2``) and the strength for each penalised parameter of the
        first layer: ``eigenvalues`` (a) and ``eigenvectors`` (b), or ``kernel`` for a
        standard network. a Σ|λ_j|ᵖ + b Σ|φ_ij|ᵖ is added to the mean loss of a batch;
        with the norm ``group_lasso`` the strength times Σ_j ‖w_·j‖₂.
    training : mapping
        ``epochs``, ``batch_size``, ``learning_rate``, ``validation_fraction``,
        ``loss``, ``records`` (how often the history is recorded) and ``compile``.
    device : str
        A torch device, or ``auto`` for a GPU where there is one.
    checkpoint : path, optional
        Where to keep the state every few minutes and at the end, and to go on from.

    Returns
    -------
    Replicas
        The trained networks in evaluation mode, on the CPU.
    DataFrame
        The history: ``variant``, ``seed``, ``epoch``, ``loss`` (mean over the epoch's
        batches, without the penalty), ``validation_loss``, ``validation_metric`` (see
        :func:`~spectral_relevance.evaluation.measure`) and
        ``inputs_above_1_percent`` (how many relevances exceed 1 % of the largest).

    Raises
    ------
    UserError
        If the loss of a replica becomes infinite or undefined.
    """
    where = find_device(device)
    logger.info("training %s on %s", ", ".join(f"{v} {s}" for v, s in runs), where)
    variants, seeds = [list(part) for part in zip(*runs, strict=True)]
    # All datasets one below the other, each once; a replica's examples start where its
    # own dataset does.
    unique = {id(dataset): dataset for dataset in datasets}
    x, y = (
        torch.from_numpy(np.concatenate(parts)).to(where)
        for parts in zip(
            *((d.x_train, d.y_train) for d in unique.values()), strict=True
        )
    )
    examples = len(x) // len(unique)
    # Inputs that are 0 in every example go last and are left out: they add nothing to
    # the outputs, and only the penalty changes their parameters.
    lit = (x != 0).any(0)
    order = torch.argsort(~lit, stable=True)
    present = int(lit.sum())
    x = x[:, order[:present]]
    starts = [list(unique).index(id(d)) * examples for d in datasets]
    n = round(examples * (1 - training["validation_fraction"]))
    validation = [
        dataclasses.replace(d, x_test=d.x_train[n:], y_test=d.y_train[n:])
        for d in unique.values()
    ]
    x_validation, y_validation = test_part(
        [validation[start // examples] for start in starts], where
    )
    x_validation = x_validation[..., order[:present]]
    scale = datasets[0].target_scale
    batch_size = min(training["batch_size"], n)

    # Independent streams, so that none depends on how much another one draws.
    streams = [np.random.SeedSequence(seed).spawn(3) for seed in seeds]
    replicas = Network(len(lit), network, len(seeds))
    replicas.reset_parameters([_torch_generator(stream[0]) for stream in streams])
    replicas.to(where).train()
    replicas.first.permute_inputs(order)
    replicas.first.present = present
    orders = [np.random.default_rng(stream[1]) for stream in streams]
    masks = [np.random.Generator(np.random.SFC64(stream[2])) for stream in streams]

    optimisers = make_optimisers(replicas, regularisation, training["learning_rate"])
    dropouts = [layer for layer in replicas.modules() if isinstance(layer, Dropout)]

    def batch_losses(x: Tensor, y: Tensor) -> Tensor:
        return losses(replicas(x), y, training["loss"])

    compiling = training["compile"] and can_compile(where)
    if compiling:
        batch_losses = torch.compile(batch_losses, dynamic=False)

    def train_epoch() -> Tensor:
        """Train one epoch and return the mean loss of each replica."""
        batches = shuffled_batches(n, batch_size, orders, starts).to(where)
        total = torch.zeros(len(seeds), device=where)
        for index in batches:
            for dropout in dropouts:
                dropout.draw(batch_size, masks)
            # One flat index_select is faster than indexing with a matrix.
            xs = x.index_select(0, index.flatten()).unflatten(0, index.shape)
            ys = y.index_select(0, index.flatten()).unflatten(0, index.shape)
            loss = batch_losses(xs, ys)
            replicas.zero_grad()
            # Replicas share nothing, so the gradient of the sum is that of each.
            loss.sum().backward()
            add_l1_gradient(replicas, regularisation)
            for optimiser in optimisers:
                optimiser.step()
            total += loss.detach()
        return total / len(batches)

    def record(epoch: int, loss: Tensor) -> pd.DataFrame:
        """Return the rows of the history for one epoch."""
        for variant, seed, value in zip(variants, seeds, loss.tolist(), strict=True):
            if not np.isfinite(value):
                raise UserError(
                    f"variant {variant}, seed {seed}, epoch {epoch}: expected a finite "
                    f"loss, found {value}.",
                    "lower training.learning_rate of this experiment.",
                )
        outputs = predict(replicas, x_validation)
        relevance = replicas.relevance()
        above = relevance > 0.01 * relevance.amax(1, keepdim=True)
        validation_loss = losses(outputs, y_validation, training["loss"])
        metric = measure(outputs, y_validation) * scale
        return pd.DataFrame(
            {
                "variant": variants,
                "seed": seeds,
                "epoch": epoch,
                "loss": loss.tolist(),
                "validation_loss": validation_loss.tolist(),
                "validation_metric": metric.tolist(),
                "inputs_above_1_percent": above.sum(1).tolist(),
            }
        )

    epochs, records = training["epochs"], training["records"]
    # Counted from the end, so that a single record is that of the last epoch.
    recorded = set(np.linspace(epochs, 1, min(records, epochs)).round().astype(int))
    history = pd.DataFrame()
    done = 0
    if checkpoint is not None:
        settings = [network, regularisation, training, runs, starts]
        settings += [str(where), compiling]
        keeper = Checkpoint(checkpoint, digest(settings, [x.cpu(), y.cpu()]))
        if (state := keeper.load()) is not None:
            done, history = state["epoch"], pd.DataFrame(state["history"])
            replicas.load_state_dict(state["network"])
            for optimiser, values in zip(optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(values)
            set_states([*orders, *masks], state["generators"])
    for epoch in progress(epochs, "epoch", done):
        loss = train_epoch()
        if epoch in recorded:
            history = pd.concat([history, record(epoch, loss)], ignore_index=True)
        if checkpoint is not None and (keeper.due() or epoch == epochs):
            keeper.save(
                {
                    "epoch": epoch,
                    "history": history.to_dict("list"),
                    "network": replicas.state_dict(),
                    "optimisers": [o.state_dict() for o in optimisers],
                    "generators": get_states([*orders, *masks]),
                }
            )
    replicas.first.present = replicas.inputs
    replicas.first.permute_inputs(torch.argsort(order))
    return Replicas(replicas.eval().cpu(), variants, seeds), history


def shuffled_batches(
    n: int,
    batch_size: int,
    generators: Sequence[np.random.Generator],
    starts: Sequence[int],
) -> Tensor:
    """Return one epoch of example indices, shape ``(steps, R, batch_size)``.

    Each replica is shuffled by its own generator; its `n` examples begin at its start.
    An incomplete last batch is left out.
    """
    steps = n // batch_size
    order = np.stack(
        [
            g.permutation(n)[: steps * batch_size] + start
            for g, start in zip(generators, starts, strict=True)
        ]
    )
    batches = order.reshape(len(generators), steps, batch_size).swapaxes(0, 1)
    return torch.from_numpy(np.ascontiguousarray(batches))


def make_optimisers(
    network: Network, regularisation: Mapping[str, Any] | None, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """Return Adam, and beside it a proximal one where there is a group lasso.

    Parameters
    ----------
    network, regularisation, learning_rate
        As for :func:`make_optimiser`.
    """
    if regularisation is None or regularisation["norm"] != "group_lasso":
        return [make_optimiser(network, regularisation, learning_rate)]
    kernel = network.first.kernel
    others = [p for p in network.parameters() if p is not kernel]
    return [
        ProximalAdam([kernel], lr=learning_rate, strength=regularisation["kernel"]),
        torch.optim.Adam(others, lr=learning_rate, eps=1e-7, fused=True),
    ]


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


def can_compile(device: torch.device) -> bool:
    """Whether :func:`torch.compile` has what it needs; the log says what is missing."""
    # Triton, which compiles for a GPU, builds its launcher in C.
    on_cpu = device.type == "cpu"
    variable, usual = ("CXX", ["g++"]) if on_cpu else ("CC", ["gcc", "clang"])
    compilers = [os.environ[variable]] if variable in os.environ else usual
    if not any(map(shutil.which, compilers)):
        logger.warning("no compiler (%s): training uncompiled", " or ".join(compilers))
        return False
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not headers.is_file():
        logger.warning("no header of Python (%s): training uncompiled", headers)
        return False
    return True


def _torch_generator(stream: np.random.SeedSequence) -> torch.Generator:
    seed = int(stream.generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(seed)
