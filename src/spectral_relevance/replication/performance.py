"""How well trained networks do on test examples, with all inputs and with a few."""

import numpy as np
import pandas as pd
import torch

from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, predict, test_part
from spectral_relevance.networks import Replicas
from spectral_relevance.replication.datasets.base import Datasets


def performance(datasets: Datasets, replicas: Replicas) -> pd.DataFrame:
    """Measure trained replicas on the test examples with all inputs.

    Returns
    -------
    DataFrame
        ``variant``, ``seed``, ``metric`` (accuracy, or mean absolute error in physical
        units: dex) and ``loss`` (cross-entropy, or mean absolute error as trained on).
    """
    own = [datasets.of(*run) for run in replicas.runs()]
    x, y = test_part(own)
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
    x, y = test_part(own)
    ranked = network.relevance().argsort(dim=1, descending=True, stable=True).numpy()
    generators = [np.random.default_rng([seed, d]) for seed in replicas.seeds]
    plan = [("ranked", 0, ranked)]
    for draw in range(random_draws):
        order = np.stack([g.permutation(d) for g in generators])
        plan.append(("random", draw, order))
    rows = []
    for selection, draw, order in plan:
        # Position of each input in the order: input j is kept if rank[j] < n.
        rank = torch.from_numpy(order.argsort(1))
        for n in spaced_counts(largest, points):
            outputs = predict(network, x, (rank < n).float())
            rows.append(
                pd.DataFrame(
                    {
                        "variant": replicas.variants,
                        "seed": replicas.seeds,
                        "selection": selection,
                        "draw": draw,
                        "inputs": n,
                        "metric": (measure(outputs, y) * own[0].target_scale).tolist(),
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
