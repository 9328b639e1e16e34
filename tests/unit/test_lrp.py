"""Layer-wise relevance propagation against loops written from the formulas."""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.explainers import lrp_0, lrp_epsilon, lrp_gamma
from spectral_relevance.explainers.shared import lrp as _lrp

EPSILON, GAMMA = 0.3, 0.4

# zennit's rule and stabiliser for each of ours, and its settings.
RULES = {
    "lrp_0": (_lrp.rules.Epsilon(_lrp.EXACT), _lrp.EXACT),
    "lrp_epsilon": (_lrp.rules.Epsilon(EPSILON), _lrp.Stabilizer(EPSILON)),
    "lrp_gamma": (_lrp.rules.Gamma(GAMMA, _lrp.EXACT), _lrp.EXACT),
}
METHODS = {
    "lrp_0": (lrp_0, {}),
    "lrp_epsilon": (lrp_epsilon, {"epsilon": EPSILON}),
    "lrp_gamma": (lrp_gamma, {"gamma": GAMMA}),
}


def make_plain(generator: torch.Generator, *modules: nn.Module) -> nn.Sequential:
    plain = nn.Sequential(*modules).double().eval()
    with torch.no_grad():
        for module in plain:
            for parameter in module.parameters():
                parameter.normal_(0, 0.8, generator=generator)
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_(0, 0.5, generator=generator)
                module.running_var.uniform_(0.2, 2, generator=generator)
    return plain


@pytest.fixture
def mixed(generator) -> nn.Sequential:
    """Every kind of module that a network consists of."""
    return make_plain(
        generator,
        nn.Linear(5, 7), nn.Tanh(), nn.BatchNorm1d(7, eps=1e-3), nn.Dropout(0.3),
        nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 4), nn.BatchNorm1d(4, eps=1e-3),
        nn.Linear(4, 2), nn.Tanh(),
    )  # fmt: skip


@pytest.fixture
def data(classes) -> Dataset:
    """Few examples in double precision."""
    return replace(
        classes, x_test=classes.x_test[:6].astype(float), y_test=classes.y_test[:6]
    )


def layers(plain: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray, nn.Module]]:
    """Return weights, biases and activation of each linear map, to the last sum.

    A batch normalisation s a + t before a linear map makes it Σ_j a_j (w_jk s_j)
    + (b_k + Σ_j w_jk t_j).
    """
    found = []
    scale, shift = 1.0, 0.0
    for module in plain:
        if isinstance(module, nn.BatchNorm1d):
            mean, variance, factor, offset = (
                getattr(module, name).detach().numpy()
                for name in ("running_mean", "running_var", "weight", "bias")
            )
            scale = factor / np.sqrt(variance + module.eps)
            shift = offset - mean * scale
        elif isinstance(module, nn.Linear):
            weight = module.weight.detach().numpy().T
            bias = module.bias.detach().numpy()
            bias = bias + (weight * np.reshape(shift, (-1, 1))).sum(0)
            found.append([weight * np.reshape(scale, (-1, 1)), bias, nn.Identity()])
            scale, shift = 1.0, 0.0
        elif not isinstance(module, nn.Dropout):
            found[-1][2] = module
    return found


def same_sign(method: str, a: float, w: float, z: float) -> float:
    """Return the contribution of an input, as zennit generalises the rule γ."""
    favoured = method == "lrp_gamma" and a * w * z > 0
    return a * w * (1 + GAMMA * favoured)


def of_the_paper(method: str, a: float, w: float, z: float) -> float:
    """Return a_j ρ(w_jk); ρ(w) = w + γ max(w, 0) for the rule γ, else w."""
    return a * (w + GAMMA * max(w, 0) if method == "lrp_gamma" else w)


def reference(
    method: str,
    plain: nn.Sequential,
    x: np.ndarray,
    output: int,
    contribution: Callable[[str, float, float, float], float] = same_sign,
) -> tuple[np.ndarray, float]:
    """Return the relevances of one example, unit by unit, and those of the biases."""
    steps = layers(plain)
    activities = [x]
    for weight, bias, activation in steps:
        z = torch.from_numpy(activities[-1] @ weight + bias)
        activities.append(activation(z).numpy())
    relevance = np.zeros(len(activities[-1]))
    relevance[output] = activities[-1][output]
    of_biases = 0.0
    for (weight, bias, _), a in zip(steps[::-1], activities[-2::-1], strict=True):
        inputs = [*a, 1]
        lower = np.zeros(len(inputs))
        for k, upper in enumerate(relevance):
            weights = [*weight[:, k], bias[k]]
            z = np.dot(inputs, weights)
            shares = [
                contribution(method, *pair, z)
                for pair in zip(inputs, weights, strict=True)
            ]
            denominator = sum(shares)
            if method == "lrp_epsilon":
                denominator += EPSILON * np.sign(z)
            for j, share in enumerate(shares):
                lower[j] += share / denominator * upper
        relevance, of_biases = lower[:-1], of_biases + lower[-1]
    return relevance, of_biases


def propagate(
    method: str, plain: nn.Sequential, data: Dataset
) -> tuple[np.ndarray, np.ndarray]:
    x, target = torch.from_numpy(data.x_test), torch.from_numpy(data.y_test)
    found = _lrp.propagate(_lrp.canonical(plain), x, target, *RULES[method])
    return found[0].numpy(), found[1].numpy()


def explained(plain: nn.Sequential, data: Dataset) -> np.ndarray:
    with torch.no_grad():
        outputs = plain(torch.from_numpy(data.x_test)).numpy()
    return outputs[np.arange(len(data.y_test)), data.y_test]


# The rules ------------------------------------------------------------------------


@pytest.mark.parametrize("method", RULES)
def test_relevances_are_those_of_the_formula(mixed, data, method):
    found, _ = propagate(method, mixed, data)
    expected = [
        reference(method, mixed, x, label)[0]
        for x, label in zip(data.x_test, data.y_test, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", RULES)
def test_the_rules_of_the_paper_hold_where_they_are_meant_to(generator, data, method):
    """With a_j ≥ 0 and z_k > 0, wherever there is relevance to divide."""
    plain = make_plain(
        generator, nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(),
        nn.Linear(6, 2),
    )  # fmt: skip
    plain[-1].weight.data.abs_()
    plain[-1].bias.data.abs_()
    data = replace(data, x_test=np.abs(data.x_test))
    found, _ = propagate(method, plain, data)
    expected = [
        reference(method, plain, x, label, of_the_paper)[0]
        for x, label in zip(data.x_test, data.y_test, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", RULES)
def test_scores_are_mean_magnitudes(mixed, data, method):
    module, settings = METHODS[method]
    relevances = [
        reference(method, mixed, x, label)[0]
        for x, label in zip(data.x_test, data.y_test, strict=True)
    ]
    found = module.scores(mixed, data, 0, examples=None, **settings)
    np.testing.assert_allclose(found, np.abs(relevances).mean(0), rtol=1e-6)


def test_rule_0_is_gradient_times_input_without_other_curves_than_relu(generator, data):
    plain = make_plain(generator, nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.from_numpy(data.x_test).requires_grad_()
    outputs = plain(x)[torch.arange(6), torch.from_numpy(data.y_test)]
    (gradient,) = torch.autograd.grad(outputs.sum(), x)
    found, _ = propagate("lrp_0", plain, data)
    np.testing.assert_allclose(found, (gradient * x).detach().numpy(), rtol=1e-9)


def test_a_unit_that_is_zero_receives_nothing(generator, data):
    """Its denominator would be 0."""
    plain = make_plain(generator, nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    plain[0].weight.data[3] = 0
    plain[0].bias.data[3] = 0
    for method in ("lrp_0", "lrp_gamma"):
        found, violation = propagate(method, plain, data)
        assert np.isfinite(found).all() and violation.max() < 1e-12


# Batch normalisation --------------------------------------------------------------


def test_merging_batch_normalisation_is_exact(mixed, data):
    x = torch.from_numpy(data.x_test)
    before = [v.clone() for v in mixed.state_dict().values()]
    with torch.no_grad():
        merged = _lrp.canonical(mixed)
        torch.testing.assert_close(merged(x), mixed(x), rtol=1e-12, atol=1e-12)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in merged)
    after = mixed.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


# Conservation ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lrp_0", "lrp_gamma"])
def test_inputs_receive_all_relevance_where_there_are_no_biases(
    generator, data, method
):
    plain = make_plain(
        generator, nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.ReLU(),
        nn.Linear(6, 2),
    )  # fmt: skip
    for linear in plain[::2]:
        linear.bias.data.zero_()
    found, _ = propagate(method, plain, data)
    np.testing.assert_allclose(found.sum(1), explained(plain, data), rtol=1e-6)


@pytest.mark.parametrize("method", ["lrp_0", "lrp_gamma"])
def test_inputs_and_biases_receive_all_relevance(mixed, data, method):
    for x, label, output in zip(
        data.x_test, data.y_test, explained(mixed, data), strict=True
    ):
        relevance, of_biases = reference(method, mixed, x, label)
        assert relevance.sum() + of_biases == pytest.approx(output, rel=1e-6)


@pytest.mark.parametrize("method", RULES)
def test_a_violation_is_a_matter_of_rounding(mixed, data, method):
    assert propagate(method, mixed, data)[1].max() < 1e-13
    mixed.float()
    single = replace(data, x_test=data.x_test.astype(np.float32))
    assert propagate(method, mixed, single)[1].max() < _lrp.TOLERANCE / 100


def test_a_stabiliser_keeps_relevance(mixed, data):
    """What it keeps counts as received."""
    found, violation = propagate("lrp_epsilon", mixed, data)
    of_biases = [
        reference("lrp_epsilon", mixed, x, label)[1]
        for x, label in zip(data.x_test, data.y_test, strict=True)
    ]
    received = found.sum(1) + of_biases
    assert (np.abs(received - explained(mixed, data)) > 1e-3).any()
    assert violation.max() < 1e-13


class Sine(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x)


@pytest.mark.parametrize("method", RULES)
def test_a_module_without_a_rule_is_found_out(generator, data, method):
    plain = make_plain(generator, nn.Linear(5, 8), Sine(), nn.Linear(8, 2))
    # In one example it makes no difference.
    plain[0].bias.data.zero_()
    data.x_test[0] = 0
    module, settings = METHODS[method]
    with pytest.raises(UserError, match=r"a violation of \d.\de[+-]0\d"):
        module.scores(plain, data, 0, examples=None, **settings)


def test_the_largest_violation_is_logged(mixed, data, caplog):
    caplog.set_level(logging.INFO)
    lrp_0.scores(mixed, data, 0, examples=None)
    (message,) = caplog.messages
    assert message.startswith("relevance is conserved to ")
    assert float(message.split()[-1]) < 1e-13
