"""Datasets, one module for each kind.

A kind is a module of this package that declares a :class:`~.kinds.Kind`, whose function
takes the settings of the dataset as keywords.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets


def make(
    variants: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    raw: Mapping[str, Any],
) -> Datasets:
    """Make the datasets of an experiment.

    Parameters
    ----------
    variants : mapping
        For each variant ``kind`` and the arguments of the function of that name. Where
        its ``seed`` is None, each run draws a dataset of its own, from its own seed.
    seeds : sequence of int
        The seeds of the runs.
    raw : mapping
        Further arguments: where the raw data of this kind lie and their digests.
    """
    made: dict[str, Dataset] = {}
    entries = {}
    for variant, settings in variants.items():
        own = seeds if settings.get("seed", 0) is None else [None]
        for seed in own:
            each = settings if seed is None else {**settings, "seed": seed}
            # Variants that agree in these settings share the examples.
            key = json.dumps(each, sort_keys=True)
            if key not in made:
                made[key] = _make(each, raw)
            entries[variant, seed] = made[key]
    return Datasets(entries)


def _make(settings: Mapping[str, Any], raw: Mapping[str, Any]) -> Dataset:
    kind = import_module(f"{__name__}.{settings['kind']}").KIND
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    return kind.make(**arguments, **raw)
