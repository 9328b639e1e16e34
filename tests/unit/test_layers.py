"""Layers against explicit matrices, loops, finite differences and torch's own."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

from spectral_relevance.layers import BatchNorm, Dropout, Linear, SpectralLinear

KINDS = pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Linear, {}),
        (SpectralLinear, {}),
        (SpectralLinear, {"out_eigenvalues": True}),
    ],
    ids=["standard", "spectral", "general"],
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


# The spectral parametrisation -----------------------------------------------------


@pytest.mark.parametrize("general", [False, True], ids=["eq. 1", "eq. 11"])
@pytest.mark.parametrize("replicas", [None, 2])
def test_the_operator_is_a_product_of_explicit_matrices(rng, general, replicas):
    n1, n2 = 4, 3
    layer = randomised(
        SpectralLinear(n1, n2, replicas=replicas, out_eigenvalues=general), rng
    )
    for r in range(replicas or 1):
        select = ... if replicas is None else r
        phi = array(layer.eigenvectors[select]).T
        inner = array(layer.eigenvalues[select])
        outer = array(layer.out_eigenvalues[select]) if general else np.zeros(n2)
        eigenvalues = np.concatenate([inner, outer])
        basis = np.block([[np.eye(n1), np.zeros((n1, n2))], [phi, np.eye(n2)]])
        expected = basis @ np.diag(eigenvalues) @ np.linalg.inv(basis)

        operator = array(layer.transfer_operator()[select])
        np.testing.assert_allclose(operator, expected, atol=1e-12)
        np.testing.assert_allclose(
            array(layer.weight[select]), expected[n1:, :n1], atol=1e-12
        )
        found = np.linalg.eigvals(operator)
        np.testing.assert_allclose(found.imag, 0, atol=1e-6)
        np.testing.assert_allclose(np.sort(found.real), np.sort(eigenvalues), atol=1e-6)


@pytest.mark.parametrize("replicas", [None, 3])
def test_relevance_is_the_norm_of_the_weights_with_the_sign_of_the_eigenvalue(
    rng, replicas
):
    layer = randomised(SpectralLinear(6, 5, replicas=replicas), rng)
    with torch.no_grad():
        layer.eigenvalues.abs_()[..., ::2] *= -1
    eigenvalues = array(layer.eigenvalues)
    norms = np.sqrt((array(layer.weight) ** 2).sum(axis=-2))
    np.testing.assert_allclose(array(layer.relevance()), np.sign(eigenvalues) * norms)


def test_relevance_of_a_standard_layer_is_the_norm_of_the_weights(rng):
    layer = randomised(Linear(6, 5, replicas=2), rng)
    expected = np.sqrt((array(layer.weight) ** 2).sum(axis=-2))
    np.testing.assert_allclose(array(layer.relevance()), expected)


def test_relevance_follows_permuted_scaled_and_dead_inputs(rng):
    layer = randomised(SpectralLinear(6, 5), rng)
    before = array(layer.relevance())
    order = rng.permutation(6)
    with torch.no_grad():
        layer.eigenvalues.copy_(layer.eigenvalues[order])
        layer.eigenvectors.copy_(layer.eigenvectors[order])
    np.testing.assert_allclose(array(layer.relevance()), before[order])
    with torch.no_grad():
        layer.eigenvalues[0] *= -3
        layer.eigenvectors[1] *= -2
        layer.eigenvalues[2] = 0
    factors = np.array([-3, 2, 0, 1, 1, 1])
    np.testing.assert_allclose(array(layer.relevance()), factors * before[order])


# Forward and backward -------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("replicas", [None, 3])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("n", [0, 1, 4, 5, 9], ids="n={}".format)
def test_forward_is_an_explicit_loop(rng, kind, options, replicas, bias, n):
    # With 5 outputs, the spectral layer takes one way for n < 5 and another for n ≥ 5.
    layer = randomised(kind(3, 5, bias=bias, replicas=replicas, **options), rng)
    x = draw(rng, *layer.leading, n, 3)
    y = layer(x)
    assert y.shape == (*layer.leading, n, 5)
    for r in range(replicas or 1):
        select = ... if replicas is None else r
        weight = array(layer.weight[select])
        for example in range(n):
            for i in range(5):
                total = layer.bias[select][i].item() if bias else 0.0
                for j in range(3):
                    total += weight[i, j] * x[select][example, j].item()
                found = y[select][example, i].item()
                assert found == pytest.approx(total, abs=1e-12)


@KINDS
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float64],
    ids=str,
)
def test_to_linear_gives_the_same_output(rng, kind, options, bias, dtype):
    single = randomised(kind(4, 5, bias=bias, **options), rng).to(dtype)
    x = draw(rng, 8, 4).to(dtype)
    plain = single.to_linear()
    assert type(plain) is nn.Linear
    assert_same_map(plain, single)
    torch.testing.assert_close(plain(x), single(x))

    several = randomised(kind(4, 5, bias=bias, replicas=3, **options), rng).to(dtype)
    x = draw(rng, 3, 8, 4).to(dtype)
    for r in range(3):
        plain = several.to_linear(r)
        assert_same_map(plain, several, r)
        torch.testing.assert_close(plain(x[r]), several(x)[r])


def assert_same_map(plain: nn.Linear, layer: nn.Module, select: object = ...) -> None:
    assert torch.equal(plain.weight, layer.weight[select])
    assert (plain.bias is None) == (layer.bias is None)
    assert plain.bias is None or torch.equal(plain.bias, layer.bias[select])


@KINDS
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_single_copy_is_the_replica(rng, kind, options, bias, dtype):
    several = randomised(kind(4, 5, bias=bias, replicas=3, **options), rng).to(dtype)
    x = draw(rng, 3, 8, 4).to(dtype)
    before = several(x)
    for r in range(3):
        single = several.single(r)
        assert type(single) is kind and single.leading == ()
        names = [name for name, _ in several.named_parameters()]
        assert [name for name, _ in single.named_parameters()] == names
        torch.testing.assert_close(single(x[r]), before[r])
        torch.testing.assert_close(single(x[r, :2]), before[r, :2])
        assert torch.equal(single.weight, several.weight[r])
        assert torch.equal(single.relevance(), several.relevance()[r])
        with torch.no_grad():  # a copy, not a view
            for parameter in single.parameters():
                parameter.fill_(7)
    assert torch.equal(several(x), before)


@KINDS
@pytest.mark.parametrize("replicas", [None, 2])
@pytest.mark.parametrize("n", [2, 6], ids=["few examples", "many examples"])
def test_gradients_are_those_of_finite_differences(rng, kind, options, replicas, n):
    layer = randomised(kind(3, 4, replicas=replicas, **options), rng)
    names = [name for name, _ in layer.named_parameters()]

    def output(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, values, (x,))

    x = draw(rng, *layer.leading, n, 3).requires_grad_()
    parameters = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(output, (x, *parameters))


@pytest.mark.parametrize("n", [2, 6], ids=["few examples", "many examples"])
def test_gradients_of_the_spectral_layer_in_closed_form(rng, n):
    layer = randomised(SpectralLinear(3, 4), rng)
    x, slope = draw(rng, n, 3), draw(rng, n, 4)
    (layer(x) * slope).sum().backward()
    by_weight = array(slope).T @ array(x)
    phi = array(layer.eigenvectors).T
    np.testing.assert_allclose(
        array(layer.eigenvalues.grad), (phi * by_weight).sum(axis=0)
    )
    np.testing.assert_allclose(
        array(layer.eigenvectors.grad), (array(layer.eigenvalues) * by_weight).T
    )
    np.testing.assert_allclose(array(layer.bias.grad), array(slope).sum(axis=0))


@KINDS
@pytest.mark.parametrize("n", [2, 6], ids=["few examples", "many examples"])
def test_replicas_never_mix(rng, kind, options, n):
    layer = randomised(kind(3, 4, replicas=3, **options), rng)
    x = draw(rng, 3, n, 3)
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


# In place of torch.nn.Linear ------------------------------------------------------


@KINDS
def test_constructor_and_shapes_are_those_of_torch(kind, options):
    theirs = list(inspect.signature(nn.Linear).parameters.values())[:3]
    ours = list(inspect.signature(kind).parameters.values())[:3]
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
    plain, layer = nn.Linear(3, 5), kind(3, 5, **options)
    assert layer.weight.shape == plain.weight.shape
    assert layer.bias.shape == plain.bias.shape
    assert kind(3, 5, bias=False, **options).bias is None
    assert repr(layer).endswith(repr(plain).removeprefix("Linear"))
    for shape in [(0, 3), (2, 3), (7, 3), (4, 2, 3), (2, 7, 3)]:
        assert layer(torch.ones(shape)).shape == plain(torch.ones(shape)).shape


def test_the_dimensions_of_one_example_alone(rng):
    layer = randomised(Linear(3, 5), rng)
    x = draw(rng, 3)
    torch.testing.assert_close(layer(x), layer(x[None])[0])


def test_the_dimensions_of_one_example_alone_in_a_spectral_layer(rng):
    layer = randomised(SpectralLinear(3, 5), rng)
    x = draw(rng, 3)
    torch.testing.assert_close(layer(x), layer(x[None])[0])


def test_it_learns_inside_sequential(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(SpectralLinear(2, 16), nn.Tanh(), SpectralLinear(16, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    x = torch.rand(64, 2) * 2 - 1
    y = x[:, :1] * x[:, 1:]
    first = (model(x) - y).square().mean().item()
    for _ in range(200):
        optimiser.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2 * first


# Initial values -------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("replicas", [None, 2])
def test_initial_values(generator, kind, options, replicas):
    n1, n2 = 30, 70
    layer = kind(n1, n2, replicas=replicas, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7)
    layer.reset_parameters(*[generator] * (replicas or 1))

    assert not layer.bias.any()
    if kind is SpectralLinear:
        assert (layer.eigenvalues == 1).all()
        assert layer.eigenvalues.shape == (*layer.leading, n1)
        if layer.out_eigenvalues is not None:
            assert not layer.out_eigenvalues.any()
    # Glorot: uniform on ±√(6 / (N1 + N2)).
    bound = math.sqrt(6 / (n1 + n2))
    values = layer.weight.detach().double().flatten()
    assert values.abs().max() <= bound * (1 + 1e-6)
    assert values.abs().max() > 0.99 * bound
    error = bound / math.sqrt(3) / math.sqrt(values.numel())
    assert abs(values.mean()) < 5 * error
    assert values.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)


@KINDS
def test_a_replica_starts_like_a_single_layer_from_the_same_generator(
    seed, kind, options
):
    def generators() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed + r) for r in range(3)]

    def state(layer: nn.Module) -> dict[str, torch.Tensor]:
        return {name: p.detach() for name, p in layer.named_parameters()}

    several = kind(4, 5, replicas=3, **options)
    several.reset_parameters(*generators())
    again = kind(4, 5, replicas=3, **options)
    again.reset_parameters(*generators())
    for r, generator in enumerate(generators()):
        single = kind(4, 5, **options)
        single.reset_parameters(generator)
        for name, values in state(single).items():
            assert torch.equal(state(several)[name][r], values)
            assert torch.equal(state(again)[name][r], values)
    assert not torch.isclose(several.weight[0], several.weight[1]).any()
    with pytest.raises(ValueError):
        several.reset_parameters(*generators()[:2])


# Batch normalisation --------------------------------------------------------------


def test_batch_norm_is_that_of_torch_with_the_statistics_of_keras(rng):
    replicas, features, n = 3, 4, 6
    norm = randomised(BatchNorm(features, replicas), rng)
    plain = [nn.BatchNorm1d(features, eps=1e-3).double() for _ in range(replicas)]
    for r, module in enumerate(plain):
        with torch.no_grad():
            module.weight.copy_(norm.weight[r, 0])
            module.bias.copy_(norm.bias[r, 0])
    mean = np.zeros((replicas, features))
    variance = np.ones((replicas, features))
    for _ in range(3):
        x = draw(rng, replicas, n, features) * 3 + 2
        x.requires_grad_()
        slope = draw(rng, replicas, n, features)
        (found,) = torch.autograd.grad((norm(x) * slope).sum(), x)
        for r, module in enumerate(plain):
            torch.testing.assert_close(norm(x)[r], module(x[r]))
            (wanted,) = torch.autograd.grad((module(x[r]) * slope[r]).sum(), x)
            torch.testing.assert_close(found[r], wanted[r])
        # norm(x) has been called once for the gradient and once for each replica.
        for _ in range(1 + replicas):
            mean = 0.99 * mean + 0.01 * array(x).mean(axis=1)
            variance = 0.99 * variance + 0.01 * array(x).var(axis=1, ddof=0)
    np.testing.assert_allclose(array(norm.running_mean)[:, 0], mean)
    np.testing.assert_allclose(array(norm.running_var)[:, 0], variance)

    norm.eval()
    x = draw(rng, replicas, n, features)
    for r in range(replicas):
        gamma, beta = array(norm.weight)[r, 0], array(norm.bias)[r, 0]
        expected = (array(x)[r] - mean[r]) / np.sqrt(variance[r] + 1e-3) * gamma + beta
        np.testing.assert_allclose(array(norm(x))[r], expected)
        plain = norm.to_batch_norm(r).eval()
        assert type(plain) is nn.BatchNorm1d
        np.testing.assert_allclose(array(plain(x[r])), expected)
    np.testing.assert_allclose(array(norm.running_mean)[:, 0], mean)


def test_batch_norm_never_mixes_replicas(rng):
    norm = randomised(BatchNorm(4, 3), rng)
    x = draw(rng, 3, 6, 4)
    before = norm(x)
    changed = x.clone()
    changed[1] = changed[1].square() + 1
    assert_only_replica_1_differs(norm(changed), before)


# Dropout --------------------------------------------------------------------------


def streams(*seeds: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in seeds]


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(seed, rate):
    n, features = 300, 200
    dropout = Dropout(features, rate)
    dropout.draw(n, streams(seed, seed + 1))
    x = torch.full((2, n, features), 3.0)
    y = dropout(x)
    dropped = array(y == 0)
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 3 / (1 - rate)))
    for share, count in (
        (dropped.mean(axis=(1, 2)), n * features),
        (dropped.mean(axis=1), n),
        (dropped.mean(axis=2), features),
    ):
        # More than 5 standard errors happen once in millions of shares; the binomial
        # law is skewed where few are expected, hence the two on top.
        error = math.sqrt(rate * (1 - rate) / count)
        assert np.abs(share - rate).max() < 5 * error + 2 / count
    assert torch.equal(dropout.eval()(x), x)


def test_dropout_masks_are_drawn_anew_and_apart_from_other_replicas(seed):
    alone, together = Dropout(20, 0.5), Dropout(20, 0.5)
    one, three = streams(seed), streams(seed + 1, seed, seed + 2)
    seen = []
    for _ in range(3):
        alone.draw(10, one)
        together.draw(10, three)
        assert torch.equal(alone.mask[0], together.mask[1])
        seen.append(alone.mask[0])
        assert len({mask.numpy().tobytes() for mask in together.mask}) == 3
    assert len({mask.numpy().tobytes() for mask in seen}) == 3
    # Every example has a mask of its own.
    assert len({row.numpy().tobytes() for row in seen[0]}) == 10


def test_dropout_passes_the_gradient_of_kept_units_only(seed):
    dropout = Dropout(6, 0.5)
    dropout.draw(4, streams(seed))
    x = torch.ones(1, 4, 6, requires_grad=True)
    dropout(x).sum().backward()
    assert torch.equal(x.grad, dropout.mask)
    assert dropout.mask.min() == 0 and dropout.mask.max() == 2
    assert "mask" not in dropout.state_dict()
