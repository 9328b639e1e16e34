"""The trainings of an experiment: its variants and seeds as runs of the engine."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spectral_relevance.data import Dataset
from spectral_relevance.networks import Architecture
from spectral_relevance.penalty import Penalty
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas
from spectral_relevance.training import (
    Diverged,
    Epoch,
    Fitted,
    Run,
    Training,
    fit,
)

logger = logging.getLogger(__name__)

PARTS = ("network", "regularisation", "training")
"""The parts of a variant's settings that training depends on, apart from the data."""


def train_variants(
    datasets: Datasets,
    variants: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    device: str = "auto",
    checkpoints: str | Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
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
    on_epoch : callable, optional
        See :func:`~spectral_relevance.training.fit`.

    Returns
    -------
    list of Replicas
        The trained networks.
    DataFrame
        Their history, see :func:`train`.
    """
    trained, histories = [], []
    for number, names in enumerate(side_by_side(datasets, variants, seeds)):
        runs = [(name, seed) for name in names for seed in seeds]
        told = ", ".join(names), ", ".join(map(str, seeds))
        logger.info("training %s, seeds %s: %d replicas", *told, len(runs))
        replicas, history = train(
            [datasets.of(*run) for run in runs],
            runs=runs,
            device=device,
            checkpoint=Path(checkpoints, f"{number}.pt") if checkpoints else None,
            on_epoch=on_epoch,
            **variants[names[0]],
        )
        trained.append(replicas)
        histories.append(history)
    return trained, pd.concat(histories, ignore_index=True)


def side_by_side(
    datasets: Datasets, variants: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]
) -> list[list[str]]:
    """Return the variants of each batched training of :func:`train_variants`."""
    groups: dict[str, list[str]] = {}
    for name, settings in variants.items():
        dataset = datasets.of(name, seeds[0])
        key = [settings, dataset.x_train.shape, dataset.x_test.shape]
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(name)
    return list(groups.values())


def train(
    datasets: Sequence[Dataset],
    *,
    runs: Sequence[tuple[str, int]],
    network: Mapping[str, Any],
    regularisation: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    device: str = "auto",
    checkpoint: str | Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> tuple[Replicas, pd.DataFrame]:
    """Train one replica of a network for each run (Methods, "Training procedure").

    Parameters
    ----------
    datasets : sequence of Dataset
        The examples of each run, of the same shapes; the last of the training examples
        serve for validation.
    runs : sequence of (str, int)
        Variant and seed of each run.
    network, regularisation, training : mapping
        As in the configuration. A batch has no more examples than there are.
    device, checkpoint, on_epoch
        See :func:`~spectral_relevance.training.fit`.

    Returns
    -------
    Replicas
        The trained networks in evaluation mode, on the CPU.
    DataFrame
        The history: ``variant``, ``seed``, ``epoch``, ``loss``, ``validation_loss``,
        ``validation_metric`` (in physical units) and ``inputs_above_1_percent``, see
        :class:`~spectral_relevance.training.Fitted`.

    Raises
    ------
    UserError
        If the loss of a run diverges.
    """
    unique = list({id(dataset): dataset for dataset in datasets}.values())
    examples = len(unique[0].x_train)
    n, batch_size = rows_and_batch(examples, training)
    penalty = Penalty(**regularisation) if regularisation else None
    places = {id(dataset): place for place, dataset in enumerate(unique)}
    asked = []
    for dataset, (_, seed) in zip(datasets, runs, strict=True):
        rows = np.arange(examples) + places[id(dataset)] * examples
        asked.append(Run(rows[:n], rows[n:], seed, penalty))
    how = {k: v for k, v in training.items() if k != "validation_fraction"}
    how["batch_size"] = batch_size
    try:
        fitted = fit(
            np.concatenate([dataset.x_train for dataset in unique]),
            np.concatenate([dataset.y_train for dataset in unique]),
            asked,
            architecture_of(network),
            Training(**how),
            device=device,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
    except Diverged as error:
        variant, seed = runs[error.run]
        who = f"variant {variant}, seed {seed}"
        raise Diverged(error.run, error.epoch, error.loss, who) from None
    return _named(fitted, runs, datasets[0].target_scale)


def rows_and_batch(examples: int, training: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many of the examples are trained on, and how many make a batch."""
    n = round(examples * (1 - training["validation_fraction"]))
    return n, min(training["batch_size"], n)


def architecture_of(network: Mapping[str, Any]) -> Architecture:
    """Return the network that the configuration describes."""
    output = network["output"]
    return Architecture(
        hidden=network["hidden"],
        outputs=output["units"],
        output_activation=output["activation"],
        parametrisation=network["parametrisation"],
    )


def _named(
    fitted: Fitted, runs: Sequence[tuple[str, int]], scale: float
) -> tuple[Replicas, pd.DataFrame]:
    """Return networks and history with the names that the experiment gives its runs."""
    variants, seeds = [variant for variant, _ in runs], [seed for _, seed in runs]
    history = fitted.history.assign(
        variant=fitted.history["run"].map(variants.__getitem__),
        seed=fitted.history["run"].map(seeds.__getitem__),
        validation_metric=fitted.history["validation_metric"] * scale,
    )
    first = ["variant", "seed", "epoch", "loss", "validation_loss", "validation_metric"]
    columns = [*first, "inputs_above_1_percent"]
    return Replicas(fitted.network, variants, seeds), history[columns]
