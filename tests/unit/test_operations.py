"""Counts of operations against closed forms, and that nothing escapes them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from spectral_relevance.data import Dataset
from spectral_relevance.networks import Architecture, Hidden, Network
from spectral_relevance.replication.methods import scorer
from spectral_relevance.replication.operations import FORMULAS, count_operations

N0, N1, OUTPUTS, E, STEPS = 12, 70, 2, 9, 4
SETTINGS: dict[str, dict[str, Any]] = {
    "spectral": {},
    "saliency": {"examples": E},
    "integrated_gradients": {"examples": E, "steps": STEPS},
    "shap": {"examples": E, "background": 4, "background_seed": 3},
    "lrp_0": {"examples": E},
    "lrp_epsilon": {"examples": E, "epsilon": 0.1},
    "lrp_gamma": {"examples": E, "gamma": 0.25},
}
PASS = 2 * E * (N0 * N1 + N1 * OUTPUTS)
"""The matrix products of one pass of all examples, forward or backward."""

aten = torch.ops.aten
FREE = {
    *(aten.abs, aten.sign, aten.relu, aten.threshold_backward, aten.clamp),
    *(aten.eq, aten.lt, aten.gt, aten.where, aten.max, aten.amax, aten.aminmax),
    aten.clone,
}
"""Comparisons, signs, selections and copies."""


def call_of(
    method: str, *, seed: int = 0, parametrisation: str = "standard", **layer: Any
) -> Callable[[], np.ndarray]:
    hidden = Hidden(N1, **layer)
    architecture = Architecture([hidden], OUTPUTS, parametrisation=parametrisation)
    network = Network(N0, architecture, replicas=1)
    network.reset_parameters([torch.Generator().manual_seed(seed)])
    x = np.random.default_rng(seed).standard_normal((30, N0), dtype=np.float32)
    y = np.arange(30) % 2
    names = np.arange(N0).astype(str)
    dataset = Dataset(x, y, x, y, names, np.full(N0, np.nan))
    return scorer(method, network.replica(0), dataset, seed, SETTINGS[method])


def test_a_linear_layer():
    layer = nn.Linear(5, 3)
    assert count_operations(lambda: layer(torch.ones(7, 5))) == 2 * 7 * 5 * 3


def test_forward_and_backward_of_a_network():
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    x = torch.ones(7, 5)
    forward = 2 * 7 * (5 * 4 + 4 * 2) + 7 * 4  # products and tanh
    assert count_operations(lambda: network(x)) == forward
    weights = 2 * 7 * (5 * 4 + 4 * 2)
    biases = 7 * (4 + 2)
    hidden = 2 * 7 * 4 * 2 + 7 * 4
    found = count_operations(lambda: network(x).sum().backward())
    assert found == forward + 7 * 2 + weights + biases + hidden


def test_elements_sums_norms_and_vectors():
    a, b = torch.ones(3, 4), torch.ones(4)
    for call, expected in (
        (lambda: a * b + 1, 2 * 12),
        (lambda: b.sqrt() / 2, 2 * 4),
        (lambda: a.clone().mul_(2).sub_(b), 2 * 12),
        (lambda: a.square().sum(0), 2 * 12),
        (lambda: a.mean(), 12),
        (lambda: torch.linalg.vector_norm(a, dim=0), 2 * 12 + 4),
        (lambda: a @ b, 2 * 12),
        (lambda: (a > 0) & (a == a.abs().max()), 0),
    ):
        assert count_operations(call) == expected


def test_batch_normalisation_is_an_affine_map():
    layer = nn.BatchNorm1d(5).eval()
    x = torch.ones(7, 5, requires_grad=True)
    assert count_operations(lambda: layer(x)) == 2 * 7 * 5
    backward = count_operations(lambda: torch.autograd.grad(layer(x).sum(), x))
    assert backward == 2 * 7 * 5 + 7 * 5 + 7 * 5  # forward, sum and backward


def test_spectral():
    # Squares and their sums, 64 units at a time; roots and products with |λ|.
    spectral = 2 * N0 * N1 + N0 * -(-N1 // 64) + 2 * N0
    assert count_operations(call_of("spectral", parametrisation="spectral")) == spectral
    assert count_operations(call_of("spectral")) == 2 * N0 * N1 + N0


MEAN = E * N0 + 2 * N0
"""A sum over examples, its addition to that of others and a division."""


def test_saliency_is_a_pass_forward_and_one_backward():
    assert count_operations(call_of("saliency")) == 2 * PASS + MEAN
    weights = N0 * N1 + N1 * OUTPUTS  # of spectral layers, computed once
    found = count_operations(call_of("saliency", parametrisation="spectral"))
    assert found == weights + 2 * PASS + MEAN


def test_integrated_gradients_take_two_passes_for_each_step():
    nodes = 3 * STEPS * E * N0  # where the gradients are taken
    weighting = 2 * STEPS * E * N0 + 2 * E * N0
    expected = STEPS * 2 * PASS + nodes + weighting + MEAN
    assert count_operations(call_of("integrated_gradients")) == expected


@pytest.mark.parametrize("method", SETTINGS)
def test_nothing_but_shapes_matters(method):
    once = call_of(method)
    operations, threads = count_operations(once), torch.get_num_threads()
    assert count_operations(once) == operations > 0
    assert count_operations(call_of(method, seed=1)) == operations
    torch.set_num_threads(3 - min(threads, 2))
    try:
        assert count_operations(once) == operations
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("method", SETTINGS)
def test_scores_are_the_same_while_operations_are_counted(method):
    call, found = call_of(method, batch_norm=True), []
    count_operations(lambda: found.append(call()))
    np.testing.assert_array_equal(found[0], call())


class Operators(TorchDispatchMode):
    """What is called."""

    def __init__(self) -> None:
        super().__init__()
        self.called = set()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.called.add(operator)
        return operator(*args, **kwargs or {})


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("parametrisation", ["spectral", "standard"])
@pytest.mark.parametrize("method", SETTINGS)
def test_all_arithmetic_of_the_methods_has_a_formula(
    method, parametrisation, activation
):
    layer = {"batch_norm": True, "dropout": 0.2, "activation": activation}
    call = call_of(method, parametrisation=parametrisation, **layer)
    with Operators() as operators:  # outside, where the counter has taken them apart
        count_operations(call)
    tags = {torch.Tag.pointwise, torch.Tag.reduction}
    untagged = ("mm", "mv", "dot", "linear", "batch_norm")
    arithmetic = {
        operator.overloadpacket
        for operator in operators.called
        if tags & set(operator.tags)
        or any(word in operator.name() for word in untagged)
    }
    assert arithmetic
    assert arithmetic <= FORMULAS.keys() | flop_registry.keys() | FREE
