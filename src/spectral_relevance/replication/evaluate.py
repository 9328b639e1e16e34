"""What an experiment tells of its trained networks: its tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.performance import input_curve, performance
from spectral_relevance.replication.scoring import score


def evaluate(
    datasets: Datasets,
    trained: Sequence[Replicas],
    variants: Mapping[str, Mapping[str, Any]],
    curve: Mapping[str, Any],
    device: str = "cpu",
) -> dict[str, pd.DataFrame]:
    """Measure trained networks with all inputs and with a few, and score the inputs.

    Parameters
    ----------
    datasets : Datasets
        The examples of each run.
    trained : sequence of Replicas
        The trained networks.
    variants : mapping
        Complete settings of each variant.
    curve : mapping
        Arguments of :func:`~spectral_relevance.replication.performance.input_curve`.
    device : str
        Where to measure. The networks are on the CPU before and after.

    Returns
    -------
    dict
        The tables ``performance``, with a column for each setting in which variants
        differ, ``curve`` and ``relevance``.
    """
    measured, curves, scores = [], [], []
    for group in trained:
        group.network.to(device)
        measured.append(performance(datasets, group))
        curves.append(input_curve(datasets, group, **curve))
        group.network.cpu()
        scores.append(score("spectral", datasets, group, settings={}))
    varied = pd.DataFrame(differences(variants)).T
    return {
        "performance": pd.concat(measured).join(varied, on="variant"),
        "curve": pd.concat(curves),
        "relevance": pd.concat(scores),
    }


def differences(variants: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for each variant the settings in which they differ, by dotted path.

    Parameters
    ----------
    variants : mapping
        Complete settings of each variant.

    Returns
    -------
    dict
        For each variant a value for each path; None where a variant lacks the setting.
        Lists (the layers of a network) are left out.
    """
    flat = {name: _flattened(settings) for name, settings in variants.items()}
    paths = {path: None for settings in flat.values() for path in settings}
    varied = [p for p in paths if len({repr(f.get(p)) for f in flat.values()}) > 1]
    return {name: {p: f.get(p) for p in varied} for name, f in flat.items()}


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            flat[f"{prefix}{key}"] = value
    return flat
