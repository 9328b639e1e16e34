"""Scores of the inputs by any method, for each run of an experiment, as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.methods import (
    examples_for,
    is_selector,
    load,
    scorer,
)
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.operations import count_operations
from spectral_relevance.replication.timing import timed


def score(
    method: str,
    datasets: Datasets,
    replicas: Replicas,
    settings: Mapping[str, Any],
    repeats: int = 1,
) -> pd.DataFrame:
    """Score the inputs with one method for each trained replica, and take the time.

    Parameters
    ----------
    method : str
        One of :data:`~spectral_relevance.replication.methods.METHODS`.
    datasets : Datasets
        The examples that the replicas were trained on.
    replicas : Replicas
        Trained replicas; the seed of each seeds the method, too.
    settings : mapping
        Settings of the method.
    repeats : int
        How often the time is taken. Where it is more than once, a call that does not
        count goes ahead.

    Returns
    -------
    DataFrame
        ``variant``, ``seed``, ``method``, ``examples``, ``feature``, ``truth``,
        ``score``, ``seconds``, ``seconds_spread``; features in the order of the inputs.
        The time is that of all scores of a run: the median over the repeats, and half
        their interquartile range, NaN for a single one.

    Raises
    ------
    UserError
        If there is no such method, or if it does not apply to one of the runs.
    """
    # First of all: an error should not wait until other runs are scored.
    counts = count_examples(method, datasets, replicas, settings)
    tables = []
    for index, (variant, seed) in enumerate(replicas.runs()):
        dataset = datasets.of(variant, seed)
        call = scorer(method, replicas.network.replica(index), dataset, seed, settings)
        scores, seconds, spread = timed(call, repeats)
        tables.append(
            pd.DataFrame(
                {
                    "variant": variant,
                    "seed": seed,
                    "method": method,
                    "examples": counts[index],
                    "feature": dataset.features,
                    "truth": dataset.truth,
                    "score": scores,
                    "seconds": seconds,
                    "seconds_spread": spread,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def compare(
    datasets: Datasets,
    replicas: Replicas,
    *,
    methods: Mapping[str, Mapping[str, Any]],
    examples: Sequence[int | None],
    repeats: int,
) -> pd.DataFrame:
    """Score the inputs with several methods and numbers of examples.

    Parameters
    ----------
    datasets, replicas, repeats
        See :func:`score`.
    methods : mapping
        The settings of each method.
    examples : sequence of int or None
        The numbers of examples for the methods that have such a setting; None stands
        for the whole test set.

    Returns
    -------
    DataFrame
        The columns of :func:`score`, and ``operations``: the floating-point operations
        of the call that gives all scores of a run. They are counted on one of the runs
        with as many examples; all have the same shapes. Missing for selectors.

    Raises
    ------
    UserError
        If a method does not exist or does not apply to one of the runs.
    """
    cases = [
        (method, case)
        for method, settings in methods.items()
        for case in (
            [{**settings, "examples": number} for number in examples]
            if "examples" in settings
            else [settings]
        )
    ]
    for method, settings in cases:
        count_examples(method, datasets, replicas, settings)
    tables = []
    for method, settings in cases:
        table = score(method, datasets, replicas, settings, repeats)
        operations = _operations(method, datasets, replicas, settings)
        table["operations"] = table["examples"].map(operations).astype("Int64")
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _operations(
    method: str, datasets: Datasets, replicas: Replicas, settings: Mapping[str, Any]
) -> dict[int, int]:
    """Count the operations of a method, by the number of examples."""
    if is_selector(method):
        return {}
    found: dict[int, int] = {}
    counts = count_examples(method, datasets, replicas, settings)
    for index, (variant, seed) in enumerate(replicas.runs()):
        if counts[index] not in found:
            dataset = datasets.of(variant, seed)
            model = replicas.network.replica(index)
            call = scorer(method, model, dataset, seed, settings)
            found[counts[index]] = count_operations(call)
    return found


def count_examples(
    method: str, datasets: Datasets, replicas: Replicas, settings: Mapping[str, Any]
) -> list[int]:
    """Return how many examples a method takes the scores of each replica from.

    Raises
    ------
    UserError
        If there is no such method, or if it does not apply to one of the runs.
    """
    module = load(method)
    counts = []
    for variant, seed in replicas.runs():
        dataset = datasets.of(variant, seed)
        try:
            counts.append(
                module.count_examples(*examples_for(method, dataset), **settings)
            )
        except UserError as error:
            raise UserError(
                f"{method}, variant {variant!r}, seed {seed}: {error}"
            ) from None
    return counts
