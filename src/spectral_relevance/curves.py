"""How well trained networks do on test examples, with all inputs and with a few."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import measure, predict
from spectral_relevance.networks import Network


def performance(
    dataset: Dataset, network: Network, seeds: Sequence[int]
) -> pd.DataFrame:
    """Measure trained replicas on the test examples with all inputs.

    Returns
    -------
    DataFrame
        ``seed``, ``metric``: accuracy, or mean absolute error in physical units (dex).
    """
    values = _test_metric(dataset, network)
    return pd.DataFrame({"seed": list(seeds), "metric": values})


def input_curve(
    dataset: Dataset,
    network: Network,
    seeds: Sequence[int],
    *,
    largest: int,
    points: int,
    random_draws: int,
) -> pd.DataFrame:
    """Measure trained replicas on test examples with all but n inputs set to 0.

    Nothing is trained again (section 2.3). The n inputs are those of largest |λ̃_j|, or
    are drawn at random for comparison.

    Parameters
    ----------
    dataset : Dataset
        Its test examples are used.
    network : Network
        Trained replicas.
    seeds : sequence of int
        The seed of each replica; it also seeds the random inputs.
    largest : int
        Largest n; not more than there are inputs.
    points : int
        How many values of n are taken, see :func:`spaced_counts`.
    random_draws : int
        How many random orders of the inputs are drawn for each seed.

    Returns
    -------
    DataFrame
        ``seed``, ``selection`` (``ranked`` or ``random``), ``draw``, ``inputs`` (n) and
        ``metric`` (see :func:`performance`).

    Raises
    ------
    UserError
        If more inputs are asked for than there are.
    """
    d = network.inputs
    if largest > d:
        raise UserError(
            f"curve.largest: expected at most the {d} inputs, found {largest}."
        )
    ranked = network.relevance().argsort(dim=1, descending=True, stable=True).numpy()
    generators = [np.random.default_rng([seed, d]) for seed in seeds]
    plan = [("ranked", 0, ranked)]
    for draw in range(random_draws):
        order = np.stack([g.permutation(d) for g in generators])
        plan.append(("random", draw, order))
    rows = []
    for selection, draw, order in plan:
        # Position of each input in the order: input j is kept if rank[j] < n.
        rank = torch.from_numpy(order.argsort(1))
        for n in spaced_counts(largest, points):
            rows.append(
                pd.DataFrame(
                    {
                        "seed": list(seeds),
                        "selection": selection,
                        "draw": draw,
                        "inputs": n,
                        "metric": _test_metric(dataset, network, (rank < n).float()),
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


def _test_metric(
    dataset: Dataset, network: Network, mask: Tensor | None = None
) -> list[float]:
    outputs = predict(network, torch.from_numpy(dataset.x_test), mask)
    targets = torch.from_numpy(dataset.y_test).expand(network.replicas, -1)
    return (measure(outputs, targets) * dataset.target_scale).tolist()
