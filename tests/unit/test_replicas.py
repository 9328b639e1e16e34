"""Layers in replicas against explicit loops, finite differences and torch's own."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from spectral_relevance.layers import SpectralLinear
from spectral_relevance.replicas import (
    BatchNorm,
    Dropout,
    ReplicaLinear,
    ReplicaSpectralLinear,
    Tanh,
)

KINDS = pytest.mark.parametrize(
    "kind", [ReplicaLinear, ReplicaSpectralLinear], ids=["standard", "spectral"]
)


def randomised(module: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Return the module in float64 with all parameters drawn from a normal law."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    return module


def draw(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.normal(size=shape))


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def weights(layer: ReplicaLinear) -> np.ndarray:
    """The weights w_ij, shape (R, N2, N1), by explicit products."""
    if isinstance(layer, ReplicaSpectralLinear):
        diagonals = np.stack([np.diag(values) for values in array(layer.eigenvalues)])
        return array(layer.eigenvectors) @ diagonals
    return array(layer.kernel)


# Affine layers --------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("n", [0, 1, 4, 5, 9], ids="n={}".format)
def test_forward_is_an_explicit_loop(rng, kind, n):
    # With 5 outputs, the spectral layer takes one way for n < 5 and another for n ≥ 5.
    layer = randomised(kind(3, 5, replicas=3), rng)
    x = draw(rng, 3, 3, n)
    y = layer(x)
    assert y.shape == (3, 5, n)
    for r, weight in enumerate(weights(layer)):
        for example in range(n):
            for i in range(5):
                total = layer.bias[r, i].item()
                for j in range(3):
                    total += weight[i, j] * x[r, j, example].item()
                assert y[r, i, example].item() == pytest.approx(total, abs=1e-12)


@KINDS
@pytest.mark.parametrize("n", [2, 9], ids=["few examples", "many examples"])
def test_inputs_that_are_not_present_are_zero(rng, kind, n):
    layer = randomised(kind(5, 4, replicas=2), rng)
    x = draw(rng, 2, 5, n)
    x[:, 3:] = 0
    expected = layer(x)
    layer.present = 3
    torch.testing.assert_close(layer(x[:, :3]), expected)


@KINDS
def test_permuted_inputs_are_those_in_another_order(rng, kind):
    layer = randomised(kind(5, 4, replicas=2), rng)
    x, order = draw(rng, 2, 5, 6), torch.from_numpy(rng.permutation(5))
    expected, relevance = layer(x), layer.relevance()
    layer.permute_inputs(order)
    torch.testing.assert_close(layer(x[:, order]), expected)
    torch.testing.assert_close(layer.relevance(), relevance[:, order])


@KINDS
def test_relevance_is_the_norm_of_the_weights_and_never_negative(rng, kind):
    layer = randomised(kind(6, 5, replicas=3), rng)
    expected = np.sqrt((weights(layer) ** 2).sum(axis=1))
    np.testing.assert_allclose(array(layer.relevance()), expected)


@KINDS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_replica_is_a_layer_of_its_own(rng, kind, dtype):
    several = randomised(kind(4, 5, replicas=3), rng).to(dtype)
    x = draw(rng, 3, 4, 8).to(dtype)
    before = several(x)
    for r in range(3):
        single = several.replica(r)
        spectral = kind is ReplicaSpectralLinear
        assert type(single) is (SpectralLinear if spectral else nn.Linear)
        torch.testing.assert_close(single(x[r].T).T, before[r])
        with torch.no_grad():  # a copy, not a view
            for parameter in single.parameters():
                parameter.fill_(7)
    assert torch.equal(several(x), before)


@KINDS
@pytest.mark.parametrize("n", [2, 6], ids=["few examples", "many examples"])
def test_gradients_are_those_of_finite_differences(rng, kind, n):
    layer = randomised(kind(3, 4, replicas=2), rng)
    names = [name for name, _ in layer.named_parameters()]

    def output(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, values, (x,))

    x = draw(rng, 2, 3, n).requires_grad_()
    parameters = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(output, (x, *parameters))


@KINDS
@pytest.mark.parametrize("n", [2, 6], ids=["few examples", "many examples"])
def test_replicas_never_mix(rng, kind, n):
    layer = randomised(kind(3, 4, replicas=3), rng)
    x = draw(rng, 3, 3, n)
    before = layer(x)
    before[1].square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad[1].abs().sum() > 0, name
        assert not parameter.grad[[0, 2]].any(), name

    changed = x.clone()
    changed[1] += 1
    assert_only_replica_1_differs(layer(changed), before)
    for parameter in layer.parameters():
        with torch.no_grad():
            parameter[1] += 0.5
        assert_only_replica_1_differs(layer(x), before)
        with torch.no_grad():
            parameter[1] -= 0.5


def assert_only_replica_1_differs(found: torch.Tensor, before: torch.Tensor) -> None:
    assert torch.equal(found[[0, 2]], before[[0, 2]])
    assert not torch.isclose(found[1], before[1]).any()


# Initial values -------------------------------------------------------------------


@KINDS
def test_initial_values(generator, kind):
    n1, n2 = 30, 70
    layer = kind(n1, n2, replicas=2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7)
    layer.reset_parameters([generator] * 2)
    assert not layer.bias.any()
    if kind is ReplicaSpectralLinear:
        assert (layer.eigenvalues == 1).all()
    # Glorot: uniform on ±√(6 / (N1 + N2)).
    bound = math.sqrt(6 / (n1 + n2))
    values = weights(layer).astype(float).ravel()
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    assert np.abs(values).max() > 0.99 * bound
    error = bound / math.sqrt(3) / math.sqrt(values.size)
    assert abs(values.mean()) < 5 * error
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.06)


@KINDS
def test_a_replica_starts_by_its_own_generator(seed, kind):
    def started(*seeds: int) -> dict[str, torch.Tensor]:
        layer = kind(4, 5, replicas=len(seeds))
        layer.reset_parameters([torch.Generator().manual_seed(s) for s in seeds])
        return dict(layer.named_parameters())

    several, again = (
        started(seed, seed + 1, seed + 2),
        started(seed, seed + 1, seed + 2),
    )
    alone = started(seed + 1)
    for name, values in several.items():
        assert torch.equal(values[1], alone[name][0]), name
        assert torch.equal(values, again[name]), name
    with pytest.raises(ValueError):
        kind(4, 5, replicas=3).reset_parameters([torch.Generator()] * 2)


# Batch normalisation --------------------------------------------------------------


def test_batch_norm_is_that_of_torch_with_the_statistics_of_keras(rng):
    replicas, features, n = 3, 4, 6
    norm = randomised(BatchNorm(features, replicas), rng)
    plain = [nn.BatchNorm1d(features, eps=1e-3).double() for _ in range(replicas)]
    for r, module in enumerate(plain):
        with torch.no_grad():
            module.weight.copy_(norm.weight[r, :, 0])
            module.bias.copy_(norm.bias[r, :, 0])
    mean = np.zeros((replicas, features))
    variance = np.ones((replicas, features))
    for _ in range(3):
        x = draw(rng, replicas, features, n) * 3 + 2
        x.requires_grad_()
        slope = draw(rng, replicas, features, n)
        (found,) = torch.autograd.grad((norm(x) * slope).sum(), x)
        for r, module in enumerate(plain):
            torch.testing.assert_close(norm(x)[r], module(x[r].T).T)
            (wanted,) = torch.autograd.grad((module(x[r].T) * slope[r].T).sum(), x)
            torch.testing.assert_close(found[r], wanted[r])
        # norm(x) has been called once for the gradient and once for each replica.
        for _ in range(1 + replicas):
            mean = 0.99 * mean + 0.01 * array(x).mean(axis=2)
            variance = 0.99 * variance + 0.01 * array(x).var(axis=2, ddof=0)
    np.testing.assert_allclose(array(norm.running_mean)[..., 0], mean)
    np.testing.assert_allclose(array(norm.running_var)[..., 0], variance)

    norm.eval()
    x = draw(rng, replicas, features, n)
    for r in range(replicas):
        gamma, beta = array(norm.weight)[r, :, 0], array(norm.bias)[r, :, 0]
        expected = (array(x)[r].T - mean[r]) / np.sqrt(
            variance[r] + 1e-3
        ) * gamma + beta
        np.testing.assert_allclose(array(norm(x))[r].T, expected)
        plain = norm.replica(r).eval()
        assert type(plain) is nn.BatchNorm1d
        np.testing.assert_allclose(array(plain(x[r].T)), expected)
    np.testing.assert_allclose(array(norm.running_mean)[..., 0], mean)


def test_batch_norm_never_mixes_replicas(rng):
    norm = randomised(BatchNorm(4, 3), rng)
    x = draw(rng, 3, 4, 6)
    before = norm(x)
    changed = x.clone()
    changed[1] = changed[1].square() + 1
    assert_only_replica_1_differs(norm(changed), before)


# Dropout --------------------------------------------------------------------------


def test_dropout_multiplies_by_its_mask(rng):
    dropout = Dropout(6, 0.2)
    dropout.mask = torch.from_numpy(rng.integers(0, 2, (2, 6, 4), np.uint8))
    x = draw(rng, 2, 6, 4).requires_grad_()
    y = dropout(x)
    expected = array(dropout.mask) * array(x) / 0.8
    np.testing.assert_allclose(array(y), expected, rtol=1e-12)
    y.sum().backward()
    np.testing.assert_allclose(array(x.grad), array(dropout.mask) / 0.8)
    assert torch.equal(dropout.eval()(x), x)
    assert "mask" not in dropout.state_dict()
    assert repr(dropout) == "Dropout(features=6, rate=0.2)"


# Activations ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-7), (torch.float64, 4e-16)], ids=str
)
def test_tanh_is_that_of_torch(dtype, tolerance):
    x = torch.cat([torch.linspace(-20, 20, 4001), torch.tensor([-1e4, 1e4, 0.0])])
    x = x.to(dtype).requires_grad_()
    found, expected = Tanh()(x), torch.tanh(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    gradients = [torch.autograd.grad(y.sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=0, atol=3 * tolerance)
    assert Tanh()(torch.tensor([torch.nan])).isnan()
    assert type(Tanh().replica(0)) is nn.Tanh
