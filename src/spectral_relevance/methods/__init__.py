"""Relevance methods, one module each.

A method is a module with two functions. ``scores(model, dataset, seed, **settings)``
returns one score per input, shape ``(d,)``: not negative, and the larger the more
relevant. ``count_examples(dataset, **settings)`` returns how many examples these scores
are taken from, and refuses settings and data to which the method does not apply. A new
method is a new module of this package; what methods share begins with an underscore.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from spectral_relevance.datasets.base import Datasets
from spectral_relevance.errors import UserError
from spectral_relevance.networks import Replicas

METHODS = tuple(
    module.name for module in iter_modules(__path__) if not module.name.startswith("_")
)


def relevance(
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
        Name of a module of this package.
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
    module = load(method)
    # First of all: an error should not wait until other runs are scored.
    counts = count_examples(method, datasets, replicas, settings)
    tables = []
    for index, (variant, seed) in enumerate(replicas.runs()):
        dataset = datasets.of(variant, seed)
        model = replicas.network.model(index)
        call = partial(module.scores, model, dataset, seed, **settings)
        scores, seconds, spread = _timed(call, repeats)
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
        See :func:`relevance`.
    methods : mapping
        The settings of each method.
    examples : sequence of int or None
        The numbers of examples for the methods that have such a setting; None stands
        for the whole test set.

    Returns
    -------
    DataFrame
        The columns of :func:`relevance`.

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
    tables = [
        relevance(method, datasets, replicas, settings, repeats)
        for method, settings in cases
    ]
    return pd.concat(tables, ignore_index=True)


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
            counts.append(module.count_examples(dataset, **settings))
        except UserError as error:
            raise UserError(
                f"{method}, variant {variant!r}, seed {seed}: {error}"
            ) from None
    return counts


def load(method: str) -> ModuleType:
    """Return the module of a method.

    Raises
    ------
    UserError
        If there is no such method.
    """
    if method not in METHODS:
        raise UserError(
            f"expected a relevance method, found {method!r}.",
            f"the methods are {', '.join(METHODS)}.",
        )
    return import_module(f"{__name__}.{method}")


def _timed(
    call: Callable[[], np.ndarray], repeats: int
) -> tuple[np.ndarray, float, float]:
    """Return what a call returns, the median time and half the interquartile range."""
    if repeats > 1:
        call()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        result = call()
        seconds.append(perf_counter() - start)
    return result, *median_and_spread(seconds)


def median_and_spread(times: Sequence[Any]) -> tuple[Any, Any]:
    """Return the median over repeats and half their interquartile range.

    Parameters
    ----------
    times : sequence of float or of array
        One for each repeat.

    Returns
    -------
    float or array
        The median.
    float or array
        The spread; NaN for a single repeat.
    """
    lower, median, upper = np.quantile(times, [0.25, 0.5, 0.75], axis=0)
    return median, (upper - lower) / (2 if len(times) > 1 else np.nan)
