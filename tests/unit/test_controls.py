"""Controls of a ranking, where it is known which inputs tell the classes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance.batch_statistics import reestimated
from spectral_relevance.errors import UserError
from spectral_relevance.networks import Architecture, Hidden, Network
from spectral_relevance.replication.controls import controls
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.performance import input_curve
from spectral_relevance.replication.selectors import univariate

SEEDS = [4, 7]


@pytest.fixture
def replicas(classes, generator) -> Replicas:
    hidden = [Hidden(8, "relu", batch_norm=True)]
    network = Network(5, Architecture(hidden, outputs=3), replicas=2)
    network.reset_parameters([generator] * 2)
    return Replicas(network.eval(), ["base", "base"], SEEDS)


@pytest.fixture
def norms(classes) -> pd.DataFrame:
    """A ranking of its own for each seed, with rows in another order."""
    scores = {4: [5, 4, 3, 2, 1], 7: [1, 2, 3, 4, 5]}
    rows = [
        {"seed": seed, "feature": feature, "score": score}
        for seed in SEEDS
        for feature, score in zip(classes.features, scores[seed], strict=True)
    ]
    return pd.DataFrame(rows[::-1])


def judged(datasets, replicas, norms, **changes):
    settings = {"inputs": [2, 5], "random_sets": 3, "train_examples": None}
    counts = changes.pop("counts", [1, 3])
    return controls(
        datasets, replicas, {"norms": norms}, counts=counts, **(settings | changes)
    )


def test_each_ranking_by_each_protocol(classes, replicas, norms):
    table = judged(Datasets({("", None): classes}), replicas, norms)
    assert table.columns.tolist() == [
        "variant", "seed", "ranking", "protocol", "draw", "inputs", "metric",
    ]  # fmt: skip
    assert not table.duplicated(table.columns[:-1].tolist()).any()
    counts = table.groupby(["ranking", "protocol"])["inputs"].unique().map(sorted)
    assert counts["norms", "masked"] == [1, 2, 3, 5]
    del counts["norms", "masked"]
    assert len(counts) == 8 and all(found == [2, 5] for found in counts)
    draws = table.groupby("ranking")["draw"].nunique()
    assert draws.to_dict() == {"norms": 1, "random": 3, "spectral": 1}
    # With all inputs it is all the same which of them come first.
    everything = table[table["inputs"] == 5]
    assert (
        everything.groupby(["seed", "protocol"])["metric"].nunique() <= 1
    ).sum() >= 4


def test_masked_is_what_the_curve_tells(classes, replicas, norms):
    datasets = Datasets({("", None): classes})
    table = judged(datasets, replicas, norms)
    curve = input_curve(datasets, replicas, largest=5, points=5, random_draws=3)
    names = {"ranked": "spectral", "random": "random"}
    curve["ranking"] = curve["selection"].map(names)
    keys = ["seed", "ranking", "draw", "inputs"]
    masked = table[(table["protocol"] == "masked") & (table["ranking"] != "norms")]
    both = masked.merge(curve, on=keys, suffixes=("", "_of_curve"))
    assert len(both) == len(masked)
    np.testing.assert_array_equal(both["metric"], both["metric_of_curve"])


def test_norms_choose_for_each_seed(classes, replicas, norms):
    table = judged(Datasets({("", None): classes}), replicas, norms)
    rows = table[(table["ranking"] == "norms") & (table["inputs"] == 2)]
    rows = rows.set_index(["protocol", "seed"])["metric"]
    for r, kept in enumerate([[0, 1], [4, 3]]):
        mask = np.isin(np.arange(5), kept).astype(np.float32)
        x, x_train = classes.x_test * mask, torch.from_numpy(classes.x_train * mask)
        for protocol, network in (
            ("masked", replicas.network),
            ("reestimated", reestimated(replicas.network, x_train)),
        ):
            answer = network.replica(r)(torch.from_numpy(x)).argmax(1).numpy()
            expected = (answer == classes.y_test).mean()
            assert rows[protocol, SEEDS[r]] == pytest.approx(expected)


def test_new_models_see_the_chosen_inputs_alone(classes, replicas, rng, norms):
    """Only input 3 tells the classes, which one of the two choices has."""
    noise = {
        name: rng.normal(size=getattr(classes, name).shape).astype(np.float32)
        for name in ("x_train", "x_test")
    }
    for part in ("train", "test"):
        noise[f"x_{part}"][:, 3] = getattr(classes, f"y_{part}")
    datasets = Datasets({("", None): replace(classes, **noise)})
    table = judged(datasets, replicas, norms)
    rows = table[(table["protocol"] == "retrained") & (table["ranking"] == "norms")]
    rows = rows[rows["inputs"] == 2].set_index("seed")["metric"]
    assert rows[7] == 1 and rows[4] < 0.7
    again = judged(datasets, replicas, norms)
    pd.testing.assert_frame_equal(table, again)
    few = judged(datasets, replicas, norms, train_examples=25)
    assert (few["protocol"] == "retrained").any() and not few.equals(table)


def test_values_are_measured_in_physical_units(values, description, generator):
    network = Network(5, Architecture([Hidden(4)], outputs=1), replicas=1)
    network.reset_parameters([generator])
    table = controls(
        Datasets({("", None): values}), Replicas(network.eval(), ["base"], [1]), {},
        inputs=[5], random_sets=1, train_examples=None, counts=[],
    )  # fmt: skip
    rows = table.set_index(["ranking", "protocol"])["metric"]
    guess = np.abs(values.y_test - np.median(values.y_train)).mean()
    assert rows["spectral", "retrained"] < 1.5 * guess * values.target_scale
    assert rows["spectral", "masked"] == pytest.approx(rows["random", "masked"])


def test_a_ranking_without_a_seed(classes, replicas, norms):
    datasets = Datasets({("", None): classes})
    with pytest.raises(UserError, match="norms: expected a score .* seed 7"):
        judged(datasets, replicas, norms[norms["seed"] == 4])
    with pytest.raises(UserError, match="seed 4"):
        judged(datasets, replicas, norms[norms["feature"] != "x2"])


def test_more_inputs_than_there_are(classes, replicas, norms):
    with pytest.raises(UserError, match=r"controls\.inputs: .* 5 inputs, found 6"):
        judged(Datasets({("", None): classes}), replicas, norms, inputs=[6])


def test_univariate_scores_are_f_statistics(rng):
    """(Closed form) Between-class over within-class variance; 0 where constant."""
    x = rng.normal(size=(60, 3))
    y = rng.integers(0, 3, 60)
    x[:, 1] += y
    x[:, 2] = 4
    found = univariate.scores(x, y, 0)
    groups = [x[y == k, 1] for k in range(3)]
    between = sum(len(g) * (g.mean() - x[:, 1].mean()) ** 2 for g in groups) / 2
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / 57
    assert found[1] == pytest.approx(between / within)
    assert found[2] == 0 and found[1] > found[0]
    r = np.corrcoef(x[:, 1], x[:, 0])[0, 1]
    assert univariate.scores(x, x[:, 0], 0)[1] == pytest.approx(58 * r**2 / (1 - r**2))
