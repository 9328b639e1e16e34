"""Eigenvalues as factors of relevances, against propagation spelt out unit by unit."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.networks import Network
from spectral_relevance.replicas import BatchNorm
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.lrp_theory import lrp_theory
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.training import architecture_of

SETTINGS = {"examples": 12, "epsilon": 0.1, "gamma": 0.4}
RULES = {"lrp_0": (0, 0), "lrp_epsilon": (0.1, 0), "lrp_gamma": (0, 0.4)}
NEGATIVE = np.array([False, True, False, True, False])

Rho = Callable[[float, float, float], float]


def favoured(a: float, w: float, z: float) -> float:
    """The contribution a w under γ = 0.4: larger if it has the sign of z."""
    return 1.4 * a * w if a * w * z > 0 else a * w


def of_the_paper(a: float, w: float, z: float) -> float:
    """The contribution a w under γ = 0.4: a ρ(w) with ρ(w) = w + γ max(w, 0)."""
    return a * (w + 0.4 * max(w, 0))


def plainly(a: float, w: float, z: float) -> float:
    return a * w


@pytest.fixture
def network(description, generator) -> Network:
    """Two replicas with eigenvalues of both signs and biases and means other than 0."""
    network = Network(5, architecture_of(description), replicas=2)
    network.reset_parameters([generator] * 2)
    with torch.no_grad():
        network.first.eigenvalues.uniform_(0.5, 2, generator=generator)
        network.first.eigenvalues[:, 2:4] *= -1
        for layer in network.linears():
            layer.bias.normal_(0, 0.3, generator=generator)
        for layer in network.layers:
            if isinstance(layer, BatchNorm):
                layer.running_mean.normal_(0, 0.5, generator=generator)
                layer.running_var.uniform_(0.2, 2, generator=generator)
                layer.weight.uniform_(0.5, 2, generator=generator)
                layer.bias.normal_(0, 0.5, generator=generator)
    return network.eval()


def table_of(network: Network, dataset: Dataset, **settings) -> pd.DataFrame:
    replicas = Replicas(network, ["base", "other"], [4, 7])
    return lrp_theory(
        Datasets({("", None): dataset}), replicas, **{**SETTINGS, **settings}
    )


def drawn(dataset: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed).permutation(len(dataset.x_test))[:12]
    return dataset.x_test[rows].astype(float), dataset.y_test[rows]


def affine_maps(plain: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Weights, bias and activation of each layer, with normalisation in the next."""
    maps, scale, shift = [], 1.0, None
    for module, following in pairwise([*plain, nn.Identity()]):
        if isinstance(module, nn.BatchNorm1d):
            parts = (module.weight, module.bias, module.running_mean)
            weight, bias, mean = (part.detach().double().numpy() for part in parts)
            variance = module.running_var.double().numpy() + module.eps
            scale = weight / np.sqrt(variance)
            shift = bias - mean * scale
        if isinstance(module, nn.Linear):
            weight = module.weight.detach().double().numpy()
            bias = module.bias.detach().double().numpy()
            if shift is not None:
                weight, bias = weight * scale, bias + weight @ shift
                scale, shift = 1.0, None
            maps.append((weight, bias, type(following).__name__))
    return maps


def propagated(
    maps: list, x: np.ndarray, target: int, rho: Rho, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Relevances of the inputs and of the first hidden units, one share at a time."""
    activations, sums = [x], []
    for weight, bias, activation in maps:
        z = weight @ activations[-1] + bias
        a = {"ReLU": np.maximum(z, 0), "Tanh": np.tanh(z)}.get(activation, z)
        sums.append(z)
        activations.append(a)
    relevance = np.zeros_like(sums[-1])
    relevance[target] = sums[-1][target]
    for layer, (weight, bias, _) in reversed(list(enumerate(maps))):
        upper, relevance = relevance, np.zeros(weight.shape[1])
        for k in np.flatnonzero(upper):  # what others divide is 0, as z may be
            z = sums[layer][k]
            shares = [rho(a, weight[k, j], z) for j, a in enumerate(activations[layer])]
            total = sum(shares) + rho(1.0, bias[k], z)
            for j, share in enumerate(shares):
                relevance[j] += (
                    share / (total + epsilon * (1 if z >= 0 else -1)) * upper[k]
                )
    return relevance, upper


def relevances(network, dataset, rho: Rho, epsilon: float) -> np.ndarray:
    """Shape (replicas, examples, inputs)."""
    result = []
    for index, seed in enumerate((4, 7)):
        maps = affine_maps(network.replica(index))
        result.append(
            [
                propagated(maps, x, target, rho, epsilon)[0]
                for x, target in zip(*drawn(dataset, seed), strict=True)
            ]
        )
    return np.array(result)


def assert_measured(table: pd.DataFrame, expected: np.ndarray) -> None:
    for case in ("positive", "negative"):
        for index, variant in enumerate(("base", "other")):
            part = table[(table["case"] == case) & (table["variant"] == variant)]
            for level, values in (
                ("local", expected[index, 0]),
                ("global", expected[index].mean(0)),
            ):
                found = part.loc[part["level"] == level, "measured"]
                # The reference starts from the weights as float32 has rounded them.
                np.testing.assert_allclose(found, values, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("rule", RULES)
def test_measured_is_the_propagation_spelt_out(network, classes, rule):
    table = table_of(network, classes)
    epsilon, gamma = RULES[rule]
    expected = relevances(network, classes, favoured if gamma else plainly, epsilon)
    assert np.abs(expected).max() > 0.1
    assert_measured(table[table["rule"] == rule], expected)


def test_gamma_is_that_of_the_paper_where_all_is_positive(generator, rng):
    """No activation and no output is below 0; hidden units below 0 get nothing."""
    layer = {"units": 8, "activation": "relu", "batch_norm": False, "dropout": 0}
    description = {
        "parametrisation": "spectral",
        "hidden": [layer, layer],
        "output": {"units": 2, "activation": "linear"},
    }
    network = Network(5, architecture_of(description), replicas=2)
    network.reset_parameters([generator] * 2)
    with torch.no_grad():
        network.linears()[-1].bias += 5
    x = rng.uniform(0, 1, size=(30, 5)).astype(np.float32)
    y = rng.integers(0, 2, size=30)
    dataset = Dataset(x, y, x, y, np.arange(5).astype(str), np.full(5, np.nan))
    table = table_of(network, dataset)
    expected = relevances(network, dataset, of_the_paper, 0)
    assert_measured(table[table["rule"] == "lrp_gamma"], expected)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", ["positive", "negative"])
def test_eigenvalues_are_factors_unless_negative_under_gamma(
    network, classes, case, rule
):
    table = table_of(network, classes)
    table = table[(table["case"] == case) & (table["rule"] == rule)]
    breaks = (
        table["eigenvalue"] < 0 if rule == "lrp_gamma" else table["measured"].isna()
    )
    holds = table[~breaks]
    np.testing.assert_allclose(
        holds["predicted"], holds["measured"], rtol=1e-10, atol=1e-12
    )
    assert breaks.any() == (case == "negative" and rule == "lrp_gamma")
    # A single example may have no relevance at all.
    for _, broken in table[breaks & (table["level"] == "global")].groupby("variant"):
        deviation = (broken["predicted"] - broken["measured"]).abs().max()
        assert deviation > 0.01 * broken["measured"].abs().max()


def test_the_prediction_under_gamma_spelt_out(network, classes):
    """λ_j times shares of the eigenvectors, also where that is not the relevance."""
    table = table_of(network, classes)
    table = table[(table["rule"] == "lrp_gamma") & (table["variant"] == "other")]
    layer = network.replica(1)[0]
    eigenvalues = layer.eigenvalues.detach().double().numpy()
    eigenvectors = layer.eigenvectors.detach().double().numpy().T
    bias = layer.bias.detach().double().numpy()
    for case, negative in (("positive", NEGATIVE & False), ("negative", NEGATIVE)):
        flips = np.where((eigenvalues < 0) != negative, -1, 1)
        lam, phi = eigenvalues * flips, eigenvectors * flips[:, None]
        maps = affine_maps(network.replica(1))
        expected = []
        for x, target in zip(*drawn(classes, 7), strict=True):
            _, upper = propagated(maps, x, target, favoured, 0)
            without = np.zeros(5)
            for k, relevance in enumerate(upper):
                z = sum(x * lam * phi[:, k]) + bias[k]
                total = sum(favoured(x[j], lam[j] * phi[j, k], z) for j in range(5))
                total += favoured(1.0, bias[k], z)
                for j in range(5):
                    without[j] += favoured(x[j], phi[j, k], z) / total * relevance
            expected.append(lam * without)
        found = table[table["case"] == case].set_index("level")["predicted"]
        np.testing.assert_allclose(found["local"], expected[0], rtol=2e-5, atol=2e-6)
        mean = np.mean(expected, axis=0)
        np.testing.assert_allclose(found["global"], mean, rtol=2e-5, atol=2e-6)


def test_signs_of_the_eigenvalues_are_a_choice(network, classes):
    table = table_of(network, classes)
    magnitudes = network.first.eigenvalues.detach().abs().double().numpy()
    for case, signs in (("positive", 1), ("negative", np.where(NEGATIVE, -1, 1))):
        part = table[table["case"] == case]
        found = part["eigenvalue"].to_numpy().reshape(2, 6, 5)  # rules and levels
        expected = np.repeat((magnitudes * signs)[:, None], 6, axis=1)
        np.testing.assert_array_equal(found, expected)
    measured = [
        table.loc[table["case"] == c, "measured"] for c in ("positive", "negative")
    ]
    np.testing.assert_array_equal(*measured)


def test_each_run_has_its_network_its_dataset_and_its_examples(network, classes, rng):
    x = rng.normal(size=(20, 5)).astype(np.float32)
    y = rng.integers(0, 2, size=20)
    other = Dataset(x, y, x, y, classes.features, classes.truth)
    runs = Replicas(network, ["base", "other"], [4, 7])
    both = lrp_theory(
        Datasets({("base", None): classes, ("other", 7): other}), runs, **SETTINGS
    )
    assert both.columns.tolist() == [
        "variant", "seed", "case", "rule", "level", "feature", "eigenvalue",
        "measured", "predicted",
    ]  # fmt: skip
    assert both[["variant", "seed"]].drop_duplicates().values.tolist() == [
        ["base", 4],
        ["other", 7],
    ]
    assert len(both) == 2 * 2 * 3 * 2 * 5
    keys = ["variant", "case", "rule", "level"]
    features = both.groupby(keys)["feature"].agg(list)
    assert all(names == [*classes.features] for names in features)
    shared = table_of(network, classes), table_of(network, other)
    for variant, single in zip(("base", "other"), shared, strict=True):
        pd.testing.assert_frame_equal(
            both[both["variant"] == variant], single[single["variant"] == variant]
        )


def test_all_examples(network, classes):
    """More of them than go through the network at a time."""
    many = Dataset(
        **{
            **vars(classes),
            "x_test": np.tile(classes.x_test, (10, 1)),
            "y_test": np.tile(classes.y_test, 10),
        }
    )
    once, often = (
        table_of(network, dataset, examples=None) for dataset in (classes, many)
    )
    rows = once["level"] == "global"
    for column in ("measured", "predicted"):
        np.testing.assert_allclose(often.loc[rows, column], once.loc[rows, column])


def test_nothing_is_made_of_an_example_without_contributions(network, classes):
    """All denominators of the first layer are 0."""
    with torch.no_grad():
        network.first.bias.zero_()
    zeros = Dataset(**{**vars(classes), "x_test": np.zeros_like(classes.x_test)})
    table = table_of(network, zeros)
    assert (table[["measured", "predicted"]] == 0).all(axis=None)


def test_a_standard_first_layer_has_no_eigenvalues(description, classes):
    network = Network(
        5, architecture_of({**description, "parametrisation": "standard"}), replicas=2
    )
    with pytest.raises(UserError, match="spectral first layer, found a standard one"):
        table_of(network.eval(), classes)
