"""How well trained networks do on test examples, as tables."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.batch_statistics import reestimated
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
        units: dex), ``metric_error`` (its standard error over the test examples) and
        ``loss`` (cross-entropy, or mean absolute error as trained on);
        ``metric_reestimated``, ``metric_error_reestimated`` and ``loss_reestimated``
        are the same with the statistics of batch normalisation taken once over all
        training inputs.
    """
    own = [datasets.of(*run) for run in replicas.runs()]
    x, y = beside(replicas, *test_part(own))
    kind = "cross_entropy" if own[0].is_classification else "mean_absolute_error"
    table = {"variant": replicas.variants, "seed": replicas.seeds}
    networks = {
        "": replicas.network,
        "_reestimated": reestimated(
            replicas.network, *beside(replicas, training_inputs(own))
        ),
    }
    for name, network in networks.items():
        outputs = predict(network, x)
        table[f"metric{name}"] = (measure(outputs, y) * own[0].target_scale).tolist()
        variance = _of_examples(outputs, y).var(1, correction=0)
        error = (variance / (y.shape[1] - 1)).sqrt() * own[0].target_scale
        table[f"metric_error{name}"] = error.tolist()
        table[f"loss{name}"] = losses(outputs, y, kind).tolist()
    return pd.DataFrame(table)


def _of_examples(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return what :func:`measure` averages, for each example: ``(R, n)``."""
    if targets.is_floating_point():
        return (outputs[..., 0] - targets).abs()
    return (outputs.argmax(-1) == targets).float()


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
        ``inputs`` (n), ``metric`` and, of ranked inputs, ``metric_reestimated`` (see
        :func:`performance`; over the training inputs as they are, none set to 0).

    Raises
    ------
    UserError
        If more inputs are asked for than there are.
    """
    own = [datasets.of(*run) for run in replicas.runs()]
    counts = curve_counts(replicas.network.inputs, largest=largest, points=points)
    x, y = beside(replicas, *test_part(own))
    refreshed = reestimated(replicas.network, *beside(replicas, training_inputs(own)))
    plan = [("ranked", 0, ranked_order(replicas))]
    plan += [
        ("random", k, o) for k, o in enumerate(random_orders(replicas, random_draws))
    ]
    scale = own[0].target_scale
    rows = []
    for selection, draw, order in plan:
        metrics = measure_with_few(replicas.network, x, y, order, counts) * scale
        again = torch.full_like(metrics, torch.nan)
        if selection == "ranked":
            again = measure_with_few(refreshed, x, y, order, counts) * scale
        for n, metric, other in zip(counts, metrics, again, strict=True):
            rows.append(
                pd.DataFrame(
                    {
                        "variant": replicas.variants,
                        "seed": replicas.seeds,
                        "selection": selection,
                        "draw": draw,
                        "inputs": n,
                        "metric": metric.tolist(),
                        "metric_reestimated": other.tolist(),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def ranked_order(replicas: Replicas) -> Tensor:
    """Return the inputs of each replica by |λ̃_j|, largest first, shape ``(R, d)``."""
    relevance = replicas.network.relevance()
    return relevance.argsort(dim=1, descending=True, stable=True)


def random_orders(replicas: Replicas, draws: int) -> list[Tensor]:
    """Return random orders of the inputs of each replica, drawn by its seed."""
    d = replicas.network.inputs
    generators = [np.random.default_rng([seed, d]) for seed in replicas.seeds]
    return [
        torch.from_numpy(np.stack([g.permutation(d) for g in generators]))
        for _ in range(draws)
    ]


def curve_counts(d: int, *, largest: int | None, points: int) -> list[int]:
    """Return the numbers of inputs of a curve, of d inputs in all.

    Raises
    ------
    UserError
        If more inputs are asked for than there are.
    """
    if largest is None:
        largest = d
    if largest > d:
        raise UserError(
            f"curve.largest: expected at most the {d} inputs, found {largest}."
        )
    return spaced_counts(largest, points)


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
    x = _of_each(datasets, lambda dataset: dataset.x_test)
    y = torch.from_numpy(np.stack([dataset.y_test for dataset in datasets]))
    return x, y


def training_inputs(datasets: Sequence[Dataset]) -> Tensor:
    """Return the training inputs of replicas, as :func:`test_part` those for testing.

    Those that served for validation are among them.
    """
    return _of_each(datasets, lambda dataset: dataset.x_train)


def _of_each(
    datasets: Sequence[Dataset], part: Callable[[Dataset], np.ndarray]
) -> Tensor:
    if len({id(dataset) for dataset in datasets}) == 1:
        return torch.from_numpy(part(datasets[0]))
    return torch.from_numpy(np.stack([part(dataset) for dataset in datasets]))


def beside(replicas: Replicas, *tensors: Tensor) -> list[Tensor]:
    """Return tensors where the network is."""
    device = next(replicas.network.parameters()).device
    return [tensor.to(device) for tensor in tensors]
