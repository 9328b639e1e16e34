"""How well trained networks do on test examples, as tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, measure_with_few, predict
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas


def performance(datasets: Datasets, replicas: Replicas) -> pd.DataFrame:
    """Measure trained replicas on the test examples with all inputs.

    Returns
    -------
    DataFrame
        ``variant``, ``seed``, ``metric`` (accuracy, or mean absolute error in physical
        units: dex) and ``loss`` (cross-entropy, or mean absolute error as trained on).
    """
    own = [datasets.of(*run) for run in replicas.runs()]
    x, y = _beside(replicas, *test_part(own))
    outputs = predict(replicas.network, x)
    kind = "cross_entropy" if own[0].is_classification else "mean_absolute_error"
    return pd.DataFrame(
        {
            "variant": replicas.variants,
            "seed": replicas.seeds,
            "metric": (measure(outputs, y) * own[0].target_scale).tolist(),
            "loss": losses(outputs, y, kind).tolist(),
        }
    )


def input_curve(
    datasets: Datasets,
    replicas: Replicas,
    *,
    largest: int | None,
    points: int,
    random_draws: int,
) -> pd.DataFrame:
    """Measure trained replicas on test examples with all but n inputs set to 0.

    Nothing is trained again (section 2.3). The n inputs are those of largest |λ̃_j|, or
    are drawn at random for comparison.

    Parameters
    ----------
    datasets : Datasets
        The test examples are used.
    replicas : Replicas
        Trained replicas; their seeds also seed the random inputs.
    largest : int, optional
        Largest n, not more than there are inputs; None for all of them.
    points : int
        How many values of n are taken, see :func:`spaced_counts`.
    random_draws : int
        How many random orders of the inputs are drawn for each run.

    Returns
    -------
    DataFrame
        ``variant``, ``seed``, ``selection`` (``ranked`` or ``random``), ``draw``,
        ``inputs`` (n) and ``metric`` (see :func:`performance`).

    Raises
    ------
    UserError
        If more inputs are asked for than there are.
    """
    network = replicas.network
    d = network.inputs
    if largest is None:
        largest = d
    if largest > d:
        raise UserError(
            f"curve.largest: expected at most the {d} inputs, found {largest}."
        )
    own = [datasets.of(*run) for run in replicas.runs()]
    x, y = _beside(replicas, *test_part(own))
    counts = spaced_counts(largest, points)
    ranked = network.relevance().argsort(dim=1, descending=True, stable=True)
    generators = [np.random.default_rng([seed, d]) for seed in replicas.seeds]
    plan = [("ranked", 0, ranked)]
    for draw in range(random_draws):
        order = np.stack([g.permutation(d) for g in generators])
        plan.append(("random", draw, torch.from_numpy(order)))
    rows = []
    for selection, draw, order in plan:
        metrics = measure_with_few(network, x, y, order, counts)
        for n, metric in zip(counts, metrics * own[0].target_scale, strict=True):
            rows.append(
                pd.DataFrame(
                    {
                        "variant": replicas.variants,
                        "seed": replicas.seeds,
                        "selection": selection,
                        "draw": draw,
                        "inputs": n,
                        "metric": metric.tolist(),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def spaced_counts(largest: int, points: int) -> list[int]:
    """Return whole numbers from 1 to `largest`, evenly spaced on a logarithmic scale.

    They are all the numbers where `points` reaches `largest`, and fewer than `points`
    where small ones coincide.
    """
    if points >= largest:
        return list(range(1, largest + 1))
    return np.unique(np.geomspace(1, largest, points).round().astype(int)).tolist()


def test_part(datasets: Sequence[Dataset]) -> tuple[Tensor, Tensor]:
    """Return the test examples of replicas.

    Parameters
    ----------
    datasets : sequence of Dataset
        The dataset of each replica, of the same shapes.

    Returns
    -------
    Tensor, shape (n, d) or (R, n, d)
        The inputs; without the replica dimension where all share one dataset.
    Tensor, shape (R, n)
        The targets.
    """
    if len({id(dataset) for dataset in datasets}) == 1:
        x, y = datasets[0].x_test, datasets[0].y_test[None].repeat(len(datasets), 0)
    else:
        x = np.stack([dataset.x_test for dataset in datasets])
        y = np.stack([dataset.y_test for dataset in datasets])
    return torch.from_numpy(x), torch.from_numpy(y)


def _beside(replicas: Replicas, *tensors: Tensor) -> list[Tensor]:
    """Return tensors where the network is."""
    device = next(replicas.network.parameters()).device
    return [tensor.to(device) for tensor in tensors]
