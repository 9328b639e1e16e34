"""Networks against explicit matrices."""

import numpy as np
import pytest
import torch
from torch import nn

from spectral_relevance.evaluation import predict
from spectral_relevance.layers import SpectralLinear, standard
from spectral_relevance.networks import Network
from spectral_relevance.replicas import (
    BatchNorm,
    Dropout,
    ReplicaLinear,
    ReplicaSpectralLinear,
    Tanh,
)
from spectral_relevance.replication import models
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.training import architecture_of

PARAMETRISATIONS = pytest.mark.parametrize(
    ("parametrisation", "first"),
    [
        ("spectral", SpectralLinear),
        ("spectral_first", SpectralLinear),
        ("standard", nn.Linear),
    ],
)


@pytest.fixture
def network(description, rng) -> Network:
    """Three replicas with random parameters and running statistics."""
    return random_network(description, rng)


def random_network(description: dict, rng: np.random.Generator) -> Network:
    network = Network(5, architecture_of(description), replicas=3)
    with torch.no_grad():
        for name, values in network.state_dict().items():
            drawn = torch.from_numpy(rng.normal(size=values.shape))
            values.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn)
    return network


def test_structure_follows_the_description(description):
    network = Network(5, architecture_of(description), replicas=3)
    assert [type(layer) for layer in network.layers] == [
        *(ReplicaSpectralLinear, Tanh, BatchNorm, Dropout),
        *(ReplicaSpectralLinear, nn.ReLU, Dropout),
        ReplicaSpectralLinear,
        ReplicaSpectralLinear,
    ]
    sizes = [(layer.in_features, layer.out_features) for layer in network.linears()]
    assert sizes == [(5, 7), (7, 6), (6, 4), (4, 2)]
    rates = [layer.rate for layer in network.layers if isinstance(layer, Dropout)]
    assert rates == [0.25, 0.1]
    assert network.first is network.layers[0]

    plain = Network(
        5, architecture_of({**description, "parametrisation": "standard"}), replicas=3
    )
    assert {type(layer) for layer in plain.linears()} == {ReplicaLinear}
    mixed = Network(
        5,
        architecture_of({**description, "parametrisation": "spectral_first"}),
        replicas=3,
    )
    kinds = [type(layer) for layer in mixed.linears()]
    assert kinds == [ReplicaSpectralLinear, *[ReplicaLinear] * 3]
    output = {"units": 1, "activation": "tanh"}
    shallow = Network(
        5, architecture_of({**description, "hidden": [], "output": output}), replicas=1
    )
    assert [type(layer) for layer in shallow.layers] == [ReplicaSpectralLinear, Tanh]
    assert shallow(torch.zeros(1, 9, 5)).shape == (1, 9, 1)


@PARAMETRISATIONS
def test_forward_and_replica_are_the_explicit_network(
    description, rng, parametrisation, first
):
    network = random_network(description | {"parametrisation": parametrisation}, rng)
    x = rng.normal(size=(3, 11, 5)).astype(np.float32)
    y = network.eval()(torch.from_numpy(x)).detach().numpy()
    state = {k: v.double().numpy() for k, v in network.state_dict().items()}
    for r in range(3):
        p = {name.removeprefix("layers."): v[r] for name, v in state.items()}

        def affine(x: np.ndarray, k: int, p: dict = p) -> np.ndarray:
            weight = p.get(f"{k}.kernel")
            if weight is None:
                weight = p[f"{k}.eigenvectors"] @ np.diag(p[f"{k}.eigenvalues"])
            return x @ weight.T + p[f"{k}.bias"]

        def norm(x: np.ndarray, k: int, p: dict = p) -> np.ndarray:
            mean, variance, weight, bias = (
                p[f"{k}.{name}"][:, 0]
                for name in ("running_mean", "running_var", "weight", "bias")
            )
            return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias

        expected = norm(np.tanh(affine(x[r].astype(float), 0)), 2)
        expected = np.maximum(affine(expected, 4), 0)
        expected = affine(affine(expected, 7), 8)
        np.testing.assert_allclose(y[r], expected, rtol=1e-4, atol=1e-4)

        plain = network.replica(r)
        assert type(plain[0]) is first
        for model in (plain, standard(plain)):
            with torch.no_grad():
                found = model(torch.from_numpy(x[r])).numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
        affine_layers = [m for m in standard(plain) if type(m) is nn.Linear]
        assert len(affine_layers) == 4


@PARAMETRISATIONS
def test_a_replica_is_a_network_of_its_own(description, rng, parametrisation, first):
    description |= {"parametrisation": parametrisation}
    network = Network(5, architecture_of(description), replicas=3).train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    x = torch.from_numpy(rng.normal(size=(3, 11, 5))).float()
    outputs = predict(network, x)
    for r in range(3):
        model = network.replica(r)
        assert type(model[0]) is first and not model.training
        if first is SpectralLinear:
            assert torch.equal(model[0].eigenvalues, network.first.eigenvalues[r])
            assert torch.equal(model[0].eigenvectors, network.first.eigenvectors[r])
            torch.testing.assert_close(model[0].relevance(), network.relevance()[r])
        torch.testing.assert_close(model(x[r]).detach(), outputs[r])
        with torch.no_grad():  # a copy, not a view
            for parameter in model.parameters():
                parameter.fill_(7)
    assert torch.equal(predict(network, x), outputs)


def test_replicas_of_a_whole_network_never_mix_while_training(network, rng):
    network.train()
    for layer in network.layers:
        if isinstance(layer, Dropout):
            kept = rng.integers(0, 2, (3, layer.features, 11), np.uint8)
            layer.mask = torch.from_numpy(kept)
    x = torch.from_numpy(rng.normal(size=(3, 11, 5))).float()
    before = network(x)
    before[1].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert not parameter.grad[[0, 2]].any(), name
        assert parameter.grad[1].any(), name
    x[1] = x[1].flip(1) + 1
    after = network(x)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert not torch.isclose(after[1], before[1]).all()


@PARAMETRISATIONS
def test_relevance_is_the_norm_of_the_weights_that_leave_an_input(
    description, rng, parametrisation, first
):
    network = Network(
        5, architecture_of({**description, "parametrisation": parametrisation}), 3
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    found = network.relevance()
    assert not found.requires_grad
    for r in range(3):
        weight = network.replica(r)[0].weight.detach().numpy()
        np.testing.assert_allclose(found[r], np.sqrt((weight**2).sum(0)), rtol=1e-5)


def test_initial_values_of_a_replica_depend_on_its_generator_alone(description, seed):
    def drawn(*seeds: int) -> dict[str, torch.Tensor]:
        network = Network(5, architecture_of(description), len(seeds))
        network.reset_parameters([torch.Generator().manual_seed(s) for s in seeds])
        return network.state_dict()

    alone, together = drawn(seed), drawn(seed + 1, seed, seed + 2)
    for name, values in alone.items():
        assert torch.equal(values[0], together[name][1]), name
    # Layers of one replica do not repeat the same numbers.
    name = "layers.{}.eigenvectors".format
    first, second = alone[name(0)].flatten(), alone[name(4)].flatten()
    assert not torch.isclose(first[0] / first[1], second[0] / second[1])


def test_saved_networks_are_read_back(network, description, tmp_path):
    path = tmp_path / "deep" / "model.pt"
    shallow = {**description, "parametrisation": "standard", "hidden": []}
    groups = [
        Replicas(network.train(), ["b", "b", "a"], [15, 4, 15]),
        Replicas(Network(3, architecture_of(shallow), replicas=1), ["c"], [8]),
    ]
    models.save(groups, path)
    found = models.load(path)
    for again, group in zip(found, groups, strict=True):
        assert (again.variants, again.seeds) == (group.variants, group.seeds)
        assert again.network.inputs == group.network.inputs
        assert again.network.replicas == group.network.replicas
        assert again.network.architecture == group.network.architecture
        assert not again.network.training
        before = group.network.state_dict()
        assert list(again.network.state_dict()) == list(before)
        for name, values in again.network.state_dict().items():
            assert torch.equal(values, before[name]), name
    assert list(found[0].runs()) == [("b", 15), ("b", 4), ("a", 15)]
    assert [file.name for file in path.parent.iterdir()] == ["model.pt"]
    # No pickled objects, which could run code on reading.
    content = torch.load(path, weights_only=True)
    keys = {"inputs", "architecture", "variants", "seeds", "state"}
    assert [set(group) for group in content] == [keys] * 2
