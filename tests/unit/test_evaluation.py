"""Losses, predictions and curves against numpy, one example at a time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance import evaluation
from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, predict
from spectral_relevance.networks import Network
from spectral_relevance.replication import performance as performance_tables
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.performance import (
    input_curve,
    performance,
    spaced_counts,
)
from spectral_relevance.replication.training import architecture_of


def test_losses_and_measures_of_classes(rng):
    outputs = rng.normal(size=(3, 8, 4)) * 3
    targets = rng.integers(0, 4, size=(3, 8))
    cross_entropy, accuracy = np.zeros(3), np.zeros(3)
    for r in range(3):
        for row, label in zip(outputs[r], targets[r], strict=True):
            cross_entropy[r] -= np.log(np.exp(row[label]) / np.exp(row).sum()) / 8
            accuracy[r] += (row[label] == row.max()) / 8
    answer = torch.from_numpy(outputs), torch.from_numpy(targets)
    np.testing.assert_allclose(losses(*answer, "cross_entropy"), cross_entropy)
    np.testing.assert_allclose(measure(*answer), accuracy, rtol=1e-6)


def test_losses_and_measures_of_values(rng):
    outputs, targets = rng.normal(size=(3, 8, 1)), rng.normal(size=(3, 8))
    error = [np.mean([abs(o[0] - t) for o, t in zip(*rows, strict=True)])
             for rows in zip(outputs, targets, strict=True)]  # fmt: skip
    answer = torch.from_numpy(outputs), torch.from_numpy(targets)
    np.testing.assert_allclose(losses(*answer, "mean_absolute_error"), error)
    np.testing.assert_allclose(measure(*answer), error)


@pytest.fixture
def network(description, generator) -> Network:
    network = Network(5, architecture_of(description), replicas=3)
    network.reset_parameters([generator] * 3)
    with torch.no_grad():
        for layer in network.linears():  # so that no two outputs are equal
            layer.bias.uniform_(-1, 1, generator=generator)
    return network


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("training", [True, False])
def test_predictions_use_masks_and_leave_no_trace(
    network, rng, monkeypatch, training, own
):
    x = torch.from_numpy(rng.normal(size=(3, 11, 5) if own else (11, 5))).float()
    mask = torch.from_numpy(rng.integers(0, 2, size=(3, 5))).float()
    network.train(training)
    before = {name: v.clone() for name, v in network.state_dict().items()}
    found, masked = predict(network, x), predict(network, x, mask)
    assert network.training is training and network.layers[0].training is training
    assert not found.requires_grad
    for name, values in network.state_dict().items():
        assert torch.equal(values, before[name]), name

    for r in range(3):
        plain = network.replica(r)
        zeroed = (x[r] if own else x).clone()
        torch.testing.assert_close(found[r], plain(zeroed).detach())
        zeroed[:, mask[r] == 0] = 0
        torch.testing.assert_close(masked[r], plain(zeroed).detach())

    monkeypatch.setattr(evaluation, "CHUNK", 2)
    torch.testing.assert_close(predict(network, x, mask), masked)


def mirrored(data: Dataset) -> Dataset:
    """Another dataset of the same shapes."""
    x_test, y_test = -data.x_test[::-1], data.y_test[::-1].copy()
    return replace(data, x_test=x_test.copy(), y_test=y_test)


def test_test_examples_are_stacked_where_runs_have_their_own(classes):
    copy, other = replace(classes), mirrored(classes)
    x, y = performance_tables.test_part([classes, classes, classes])
    assert (x.shape, y.shape) == ((30, 5), (3, 30))
    np.testing.assert_array_equal(x, classes.x_test)
    np.testing.assert_array_equal(y, [classes.y_test] * 3)
    for own in ([classes, other, classes], [other, classes, copy], [classes, copy]):
        x, y = performance_tables.test_part(own)
        np.testing.assert_array_equal(x, [data.x_test for data in own])
        np.testing.assert_array_equal(y, [data.y_test for data in own])
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)


# Curves ---------------------------------------------------------------------------

D = 8
"""Inputs of the network below, whose error tells which of them it was given."""


@pytest.fixture
def telling() -> tuple[Datasets, Network]:
    """Two linear replicas that answer Σ ±2ʲ over the inputs j they are given.

    With the target 0, the error in binary is the set of the inputs; the eigenvalues
    order them as 7, 6, … for the first replica and as 0, 7, 6, … for the second one.
    """
    description = {
        "parametrisation": "spectral",
        "hidden": [],
        "output": {"units": 1, "activation": "linear"},
    }
    network = Network(D, architecture_of(description), replicas=2)
    with torch.no_grad():
        powers = 2.0 ** torch.arange(D)
        network.first.eigenvalues.copy_(-powers)
        network.first.eigenvectors.fill_(1)
        # The same weight, 1, by an eigenvalue that is large: 512 · 2⁻⁹ would not be.
        network.first.eigenvalues[1, 0] = -(2.0**D)
    x = np.ones((1, D), dtype=np.float32)
    y = np.zeros(1, dtype=np.float32)
    features = np.array([f"x{j}" for j in range(D)])
    data = Dataset(x, y, x, y, features, np.full(D, np.nan), target_scale=3.0)
    return Datasets({("", None): data}), network.eval()


def inputs_of(metric: float, replica: int) -> list[int]:
    """Decode the set of inputs from the error of a replica of `telling`."""
    code = round(metric / 3)
    assert code == pytest.approx(metric / 3)
    bits = [j for j in range(D + 1) if code >> j & 1]
    return sorted(0 if replica == 1 and j == D else j for j in bits)


def selections(
    curve: pd.DataFrame, seeds: list[int]
) -> dict[tuple[int, str, int, int], list[int]]:
    return {
        (row.seed, row.selection, row.draw, row.inputs): inputs_of(
            row.metric, seeds.index(row.seed)
        )
        for row in curve.itertuples()
    }


def test_inputs_are_kept_by_the_magnitude_of_their_eigenvalue(telling):
    data, network = telling
    replicas = Replicas(network, ["b", "a"], [5, 6])
    curve = input_curve(data, replicas, largest=D, points=D, random_draws=1)
    columns = ["variant", "seed", "selection", "draw", "inputs", "metric"]
    assert curve.columns.tolist() == [*columns, "metric_reestimated"]
    ranked = curve["selection"] == "ranked"
    assert (curve["metric_reestimated"].notna() == ranked).all()
    assert (curve["variant"] == curve["seed"].map({5: "b", 6: "a"})).all()
    found = selections(curve, [5, 6])
    for n in range(1, D + 1):
        assert found[5, "ranked", 0, n] == sorted([7, 6, 5, 4, 3, 2, 1, 0][:n])
        assert found[6, "ranked", 0, n] == sorted([0, 7, 6, 5, 4, 3, 2, 1][:n])
    everything = performance(data, replicas)
    last = curve[curve["inputs"] == D].groupby(["selection", "seed"])["metric"]
    for (_, s), metric in last:
        expected = everything.set_index("seed").loc[s, "metric"]
        np.testing.assert_allclose(metric, expected)
    np.testing.assert_allclose(everything["metric"], [3 * 255, 3 * (254 + 256)])


def test_random_inputs_follow_the_seed_and_nothing_else(telling):
    data, network = telling

    def drawn(*seeds: int, draws: int = 4, variants: str = "aa") -> dict:
        replicas = Replicas(network, list(variants), list(seeds))
        curve = input_curve(data, replicas, largest=D, points=D, random_draws=draws)
        found = selections(curve, list(seeds))
        return {key: value for key, value in found.items() if key[1] == "random"}

    found = drawn(0, 1)
    assert len(found) == 2 * 4 * D
    for (s, _, draw, n), kept in found.items():
        assert len(kept) == n
        if n > 1:  # nested: one more input at a time
            assert set(kept) > set(found[s, "random", draw, n - 1])
    assert drawn(0, 1) == found
    # Four orders for each of two seeds; 8! are possible.
    orders = {
        (s, draw): tuple(tuple(found[s, "random", draw, n]) for n in range(1, D + 1))
        for s in (0, 1)
        for draw in range(4)
    }
    assert len(set(orders.values())) == 8
    # Neither the variant, the other seeds nor further draws change those of a seed.
    assert drawn(0, 1, variants="ab") == found
    assert {k: v for k, v in drawn(1, 7).items() if k[0] == 1} == {
        k: v for k, v in found.items() if k[0] == 1
    }
    few = drawn(0, 1, draws=2)
    assert few == {k: v for k, v in found.items() if k[2] < 2}


def test_without_a_largest_number_the_curve_ends_with_all_inputs(telling):
    data, network = telling
    replicas = Replicas(network, ["a", "a"], [5, 6])
    curve = input_curve(data, replicas, largest=None, points=3, random_draws=1)
    assert sorted(set(curve["inputs"])) == [1, 3, D]
    expected = input_curve(data, replicas, largest=D, points=3, random_draws=1)
    pd.testing.assert_frame_equal(curve, expected)


@pytest.fixture(params=[False, True], ids=["shared", "own"])
def several(request, classes) -> Datasets:
    """Datasets of three runs, of variants b, a and a and seeds 1, 1 and 2."""
    if not request.param:
        return Datasets({("", None): classes})
    other = mirrored(classes)
    return Datasets({("a", 1): other, ("a", 2): classes, ("b", None): classes})


def test_curve_of_classes_is_that_of_manual_zeroing(several, network):
    replicas = Replicas(network.train(), ["b", "a", "a"], [1, 1, 2])
    curve = input_curve(several, replicas, largest=4, points=3, random_draws=1)
    ranked = curve[curve["selection"] == "ranked"]
    ranked = ranked.set_index(["variant", "seed", "inputs"])
    assert sorted(set(curve["inputs"])) == [1, 2, 4]
    for r, run in enumerate([("b", 1), ("a", 1), ("a", 2)]):
        plain = network.replica(r)
        weight = plain[0].weight.detach().numpy()
        order = np.argsort(-np.linalg.norm(weight, axis=0))
        for n in (1, 2, 4):
            x = several.of(*run).x_test.copy()
            x[:, order[n:]] = 0
            answer = plain(torch.from_numpy(x)).argmax(1).numpy()
            accuracy = (answer == several.of(*run).y_test).mean()
            assert ranked.loc[(*run, n), "metric"] == pytest.approx(accuracy)


def test_performance_of_classes(several, network):
    replicas = Replicas(network.train(), ["b", "a", "a"], [1, 1, 2])
    found = performance(several, replicas)
    assert found.columns.tolist() == [
        *("variant", "seed", "metric", "metric_error", "loss"),
        *("metric_reestimated", "metric_error_reestimated", "loss_reestimated"),
    ]
    for r, row in enumerate(found.itertuples()):
        assert (row.variant, row.seed) == [("b", 1), ("a", 1), ("a", 2)][r]
        data = several.of(row.variant, row.seed)
        with torch.no_grad():
            answer = network.replica(r)(torch.from_numpy(data.x_test)).double().numpy()
        accuracy = (answer.argmax(1) == data.y_test).mean()
        assert row.metric == pytest.approx(accuracy)
        variance = accuracy * (1 - accuracy) / (len(data.y_test) - 1)
        assert row.metric_error == pytest.approx(np.sqrt(variance), rel=1e-5)
        accuracy = row.metric_reestimated
        variance = accuracy * (1 - accuracy) / (len(data.y_test) - 1)
        assert row.metric_error_reestimated == pytest.approx(
            np.sqrt(variance), rel=1e-5
        )
        loss = np.log(np.exp(answer).sum(1)) - answer[np.arange(30), data.y_test]
        assert row.loss == pytest.approx(loss.mean(), rel=1e-5)


def test_performance_of_values_in_physical_units(values, description, generator):
    description |= {"output": {"units": 1, "activation": "tanh"}}
    network = Network(5, architecture_of(description), replicas=2)
    network.reset_parameters([generator] * 2)
    replicas = Replicas(network, ["a", "a"], [3, 9])
    found = performance(Datasets({("", None): values}), replicas)
    assert found["seed"].tolist() == [3, 9]
    for r, row in enumerate(found.itertuples()):
        with torch.no_grad():
            answer = network.replica(r)(torch.from_numpy(values.x_test)).numpy()
        error = np.abs(answer[:, 0] - values.y_test).mean()
        assert row.loss == pytest.approx(error, rel=1e-5)
        assert row.metric == pytest.approx(error * 2.5, rel=1e-5)
        spread = np.abs(answer[:, 0] - values.y_test).std(ddof=1) * 2.5
        expected = spread / np.sqrt(len(values.y_test))
        assert row.metric_error == pytest.approx(expected, rel=1e-5)


def test_more_inputs_than_there_are(telling):
    data, network = telling
    replicas = Replicas(network, ["a", "a"], [0, 1])
    with pytest.raises(UserError, match=r"curve\.largest: .* 8 inputs, found 9"):
        input_curve(data, replicas, largest=9, points=3, random_draws=1)


@pytest.mark.parametrize(
    ("largest", "points"), [(99, 99), (99, 500), (4287, 80), (4287, 2), (7, 4), (1, 1)]
)
def test_counts_are_spaced_on_a_logarithmic_scale(largest, points):
    counts = spaced_counts(largest, points)
    assert counts[0] == 1 and counts[-1] == largest
    assert all(type(n) is int for n in counts)
    assert counts == sorted(set(counts))
    if points >= largest:
        assert counts == list(range(1, largest + 1))
        return
    assert len(counts) <= points
    # Where neighbours are far apart, rounding is negligible and the ratio the same.
    step = np.log(largest) / (points - 1)
    large = np.array([n for n in counts if n > 50 / step])
    assert np.abs(np.diff(np.log(large)) - step).max(initial=0) < 0.05 * step
