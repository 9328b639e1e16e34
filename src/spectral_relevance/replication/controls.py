"""Controls of a ranking: other rankings, and networks trained on few inputs alone.

That a network does well with the inputs of largest eigenvalue says little unless other
choices do worse; and setting the others to 0 (section 2.3) tests the network that is
left as much as the choice. So each ranking is judged by three protocols: ``masked``,
the paper's; ``reestimated``, masked with batch normalisation that knows the masked
inputs; ``retrained``, a new model that sees the chosen inputs alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from torch import Tensor

from spectral_relevance.batch_statistics import reestimated
from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import measure, measure_with_few, predict
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.performance import (
    beside,
    random_orders,
    ranked_order,
    test_part,
    training_inputs,
)
from spectral_relevance.replication.tables import score_matrix


def controls(
    datasets: Datasets,
    replicas: Replicas,
    others: Mapping[str, pd.DataFrame],
    *,
    inputs: Sequence[int],
    random_sets: int,
    train_examples: int | None,
    counts: Sequence[int],
) -> pd.DataFrame:
    """Measure trained replicas with few inputs, chosen by several rankings.

    Parameters
    ----------
    datasets : Datasets
        The examples of each run.
    replicas : Replicas
        Trained replicas; the seed of each seeds its random sets and its new models.
    others : mapping of str to DataFrame
        Other rankings, by name: ``seed, feature, score``, one score for each seed of
        the replicas and each input.
    inputs : sequence of int
        The numbers n of inputs for which each protocol is followed.
    random_sets : int
        How many random sets of each size are drawn for each run.
    train_examples : int, optional
        How many training examples, the first ones, new models are trained on; None for
        all.
    counts : sequence of int
        Further n for which the other rankings are masked, as the curve of the
        eigenvalues is.

    Returns
    -------
    DataFrame
        ``variant``, ``seed``, ``ranking`` (``spectral``, ``random`` or a name of
        `others`), ``protocol`` (``masked``, ``reestimated``, ``retrained``), ``draw``,
        ``inputs`` (n) and ``metric`` (accuracy, or mean absolute error in physical
        units) on the test examples.

    Raises
    ------
    UserError
        If a ranking lacks a seed or an input, or more inputs are asked for than there
        are.
    """
    d = replicas.network.inputs
    if max(inputs) > d:
        raise UserError(
            f"controls.inputs: expected at most the {d} inputs, found {max(inputs)}."
        )
    own = [datasets.of(*run) for run in replicas.runs()]
    plan = [("spectral", 0, ranked_order(replicas))]
    for name, table in others.items():
        plan.append((name, 0, _order_by(name, table, own, replicas.seeds)))
    for draw, order in enumerate(random_orders(replicas, random_sets)):
        plan.append(("random", draw, order))
    rows = []
    for ranking, draw, order in plan:
        also = counts if ranking in others else ()
        measured = {
            "masked": _masked(replicas, own, order, sorted({*inputs, *also})),
            "reestimated": _reestimated(replicas, own, order, inputs),
            "retrained": {
                n: _retrained(replicas, own, order[:, :n], train_examples)
                for n in inputs
            },
        }
        for protocol, metrics in measured.items():
            for n, metric in metrics.items():
                rows.append(
                    pd.DataFrame(
                        {
                            "variant": replicas.variants,
                            "seed": replicas.seeds,
                            "ranking": ranking,
                            "protocol": protocol,
                            "draw": draw,
                            "inputs": n,
                            "metric": metric,
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)


def _order_by(
    name: str, table: pd.DataFrame, own: Sequence[Dataset], seeds: Sequence[int]
) -> Tensor:
    """Return the inputs of each run by another ranking, largest first, ``(R, d)``."""
    scores = score_matrix(table)
    orders = []
    for dataset, seed in zip(own, seeds, strict=True):
        if seed not in scores.index or not set(dataset.features) <= set(scores):
            raise UserError(
                f"controls, {name}: expected a score of each input for seed {seed}, "
                "found none for some.",
                "give the experiment that ranks them the same seeds and inputs.",
            )
        row = scores.loc[seed, list(dataset.features)].to_numpy()
        orders.append(np.argsort(-row, kind="stable"))
    return torch.from_numpy(np.stack(orders))


def _masked(
    replicas: Replicas, own: Sequence[Dataset], order: Tensor, counts: Sequence[int]
) -> dict[int, list[float]]:
    x, y, order = beside(replicas, *test_part(own), order)
    metrics = measure_with_few(replicas.network, x, y, order, counts)
    rows = (metrics * own[0].target_scale).tolist()
    return dict(zip(counts, rows, strict=True))


def _reestimated(
    replicas: Replicas, own: Sequence[Dataset], order: Tensor, counts: Sequence[int]
) -> dict[int, list[float]]:
    x, y, x_train, order = beside(
        replicas, *test_part(own), training_inputs(own), order
    )
    ranks = order.argsort(1)
    found = {}
    for n in counts:
        mask = (ranks < n).to(x)
        network = reestimated(replicas.network, x_train, mask)
        metric = measure(predict(network, x, mask), y) * own[0].target_scale
        found[n] = metric.tolist()
    return found


def _retrained(
    replicas: Replicas,
    own: Sequence[Dataset],
    chosen: Tensor,
    train_examples: int | None,
) -> list[float]:
    """Return what boosted trees reach on the chosen inputs ``(R, n)`` of each run.

    The defaults of scikit-learn, for all rankings the same: trees are indifferent to
    the scale of an input and find products of inputs, as a network does.
    """
    metrics = []
    for dataset, seed, columns in zip(own, replicas.seeds, chosen.numpy(), strict=True):
        x, y = dataset.x_train[:train_examples], dataset.y_train[:train_examples]
        if dataset.is_classification:
            model = HistGradientBoostingClassifier(random_state=seed)
        else:
            model = HistGradientBoostingRegressor(
                loss="absolute_error", random_state=seed
            )
        answers = model.fit(x[:, columns], y).predict(dataset.x_test[:, columns])
        if dataset.is_classification:
            metrics.append(float(np.mean(answers == dataset.y_test)))
        else:
            errors = np.abs(answers - dataset.y_test)
            metrics.append(float(errors.mean()) * dataset.target_scale)
    return metrics
