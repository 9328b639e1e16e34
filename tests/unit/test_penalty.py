"""Adam and penalties: autograd, torch, closed forms and scipy."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn
from torch.nn import functional

from spectral_relevance.adam import Adam, take_step
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses
from spectral_relevance.layers import SpectralLinear
from spectral_relevance.networks import Network
from spectral_relevance.penalty import Penalty, Share, shares, shrink
from spectral_relevance.replication.training import architecture_of


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values)


def parameter(values: np.ndarray) -> torch.Tensor:
    """A parameter of one replica that shares no memory with its initial values."""
    return torch.tensor(values)[None].requires_grad_()


def lasso(kernel: torch.Tensor, learning_rate: float, strength: float) -> Adam:
    """Adam with a group lasso on a kernel."""
    penalties = {"kernel": Share("group_lasso", strength)}
    return Adam({"kernel": kernel}, penalties, learning_rate)


def norms(kernel: np.ndarray) -> np.ndarray:
    """Norms of the columns of a kernel ``(..., N2, N1)``."""
    return np.sqrt((kernel**2).sum(-2))


# The proximal map -----------------------------------------------------------------


def test_shrinking_minimises_what_it_should(rng):
    kernel = rng.normal(size=(3, 6)) * np.array([0.1, 0.4, 0.8, 1, 2, 5])
    thresholds = rng.uniform(0.3, 1.5, size=(1, 6))
    found = shrink(tensor(kernel), tensor(thresholds)).numpy()
    zero = norms(found) == 0
    assert zero.any() and not zero.all()
    columns = zip(kernel.T, thresholds[0], found.T, strict=True)
    for column, threshold, answer in columns:

        def value(w, column=column, threshold=threshold):
            return threshold * np.sqrt(w @ w) + ((w - column) ** 2).sum() / 2

        best = optimize.minimize(value, column / 2, method="Nelder-Mead", tol=1e-12)
        np.testing.assert_allclose(answer, best.x, atol=1e-5)
        assert value(answer) <= best.fun + 1e-12


def test_shrinking_keeps_zeros_and_does_not_hide_undefined_numbers():
    columns = torch.tensor([[0.0, 0.0], [np.nan, 1.0], [3.0, 4.0]])
    for threshold in (0.0, 0.5):
        zeros, undefined, column = shrink(columns.T, threshold).T
        assert not zeros.any()
        assert undefined.isnan().any()
        torch.testing.assert_close(column, columns[2] * (1 - threshold / 5))


# The optimiser --------------------------------------------------------------------


STEPS = pytest.mark.parametrize(
    "step", [Adam.step, Adam.fused_step], ids=["own", "fused"]
)
"""The two ways to take the same step; the second one finds it counted."""


def take(step: Callable, adam: Adam, gradients: Sequence[torch.Tensor]) -> None:
    if step is Adam.fused_step:
        step(adam, gradients, adam.start_step())
    else:
        step(adam, gradients)


@STEPS
@pytest.mark.parametrize("share", [None, Share("l2", 0.3), Share("group_lasso", 0.0)])
def test_it_is_the_adam_of_torch(rng, step, share):
    """With a group lasso, where it has no strength and each group one weight."""
    gradients = rng.normal(size=(20, 2, 1, 5)) * np.logspace(-9, 1, 5)
    ours = torch.tensor(rng.normal(size=(2, 1, 5)))
    theirs = nn.Parameter(ours.clone())
    adam = Adam({"kernel": ours}, {"kernel": share} if share else {}, 0.03)
    decay = 2 * share.strength if share else 0
    reference = torch.optim.Adam([theirs], lr=0.03, eps=1e-7, weight_decay=decay)
    for number, gradient in enumerate(gradients):
        # As a schedule would change it.
        adam.learning_rate = reference.param_groups[0]["lr"] = 0.03 / (1 + number)
        theirs.grad = tensor(gradient)
        take(step, adam, [tensor(gradient)])
        reference.step()
    assert adam.count == 20
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-10, atol=1e-14)


@STEPS
def test_two_steps_written_out(rng, step):
    start, first, second = rng.normal(size=(3, 3, 4))
    kernel = parameter(start)
    adam = lasso(kernel, 0.3, 0.5)
    for gradient in (first, second):
        take(step, adam, [tensor(gradient)[None]])
    expected = start.copy()
    for j in range(4):
        one, two = first[:, j], second[:, j]
        means = one, (0.09 * one + 0.1 * two) / 0.19
        squares = [(g**2).mean() for g in (one, two)]
        squares[1] = (0.000999 * squares[0] + 0.001 * squares[1]) / 0.001999
        for mean, square in zip(means, squares, strict=True):
            t = 0.3 / (np.sqrt(square) + 1e-7)
            moved = expected[:, j] - t * mean
            length = np.sqrt(moved @ moved)
            expected[:, j] = moved * max(0, 1 - t * 0.5 / length)
    np.testing.assert_allclose(kernel[0].detach(), expected, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 10, 1000, 10**6, 10**9])
def test_corrections_are_exact_in_single_precision(count):
    adam = Adam({"kernel": torch.zeros(1, 2, 3)}, {}, 0.1)
    adam.count.fill_(count)
    found = [value.item() for value in adam.corrections()]
    expected = 1 / (1 - 0.9**count), 1 / np.sqrt(-np.expm1(count * np.log(0.999)))
    assert found == pytest.approx(expected, rel=1e-6)


def minimise(
    loss_of: Callable[[], torch.Tensor],
    adam: Adam,
    parameters: Sequence[torch.Tensor],
    steps: int,
) -> None:
    """Take full-batch steps that become a hundred times smaller."""
    first = adam.learning_rate
    for step in range(steps):
        adam.learning_rate = first * 0.01 ** (step / steps)
        adam.step(torch.autograd.grad(loss_of(), parameters))


def test_orthonormal_inputs_have_a_closed_form(rng):
    """Least squares, shrunk column by column."""
    x = np.linalg.qr(rng.normal(size=(50, 8)))[0]
    y = x @ (rng.normal(size=(8, 3)) * np.linspace(0, 2, 8)[:, None])
    y += rng.normal(size=y.shape) * 0.1
    projected, strength = (x.T @ y).T, 1.2
    expected = projected * np.maximum(0, 1 - strength / norms(projected))
    assert 2 <= (expected == 0).all(0).sum() <= 6

    kernel = parameter(rng.normal(size=(3, 8)))
    minimise(
        lambda: (tensor(y) - tensor(x) @ kernel[0].T).square().sum() / 2,
        lasso(kernel, 0.1, strength),
        [kernel],
        steps=2000,
    )
    found = kernel[0].detach()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_array_equal(found == 0, expected == 0)


class Regression:
    """Softmax regression of correlated inputs, with two copies of the problem."""

    strengths = 0.04, 0.1

    def __init__(self, rng: np.random.Generator) -> None:
        self.x = rng.normal(size=(200, 12)) + rng.normal(size=(200, 1))
        slope = rng.normal(size=(12, 3)) * (np.arange(12) < 5)[:, None]
        noise = rng.gumbel(size=(200, 3))
        self.y = (self.x @ slope + [0.5, 0, -0.5] + noise).argmax(1)

    def value(self, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        outputs = tensor(self.x) @ kernel + bias
        return functional.cross_entropy(outputs, tensor(self.y))

    def gradient(self, kernel: np.ndarray, bias: np.ndarray):
        p = np.exp(self.x @ kernel + bias)
        residual = p / p.sum(1, keepdims=True) - np.eye(3)[self.y]
        return self.x.T @ residual / len(self.y), residual.mean(0)

    def solve(self, strength: float) -> np.ndarray:
        """Minimise by plain proximal gradient steps, until nothing moves."""
        kernel, bias = np.zeros((12, 3)), np.zeros(3)
        # The second derivative of the loss is at most half the square of the input.
        t = 2 / np.linalg.eigvalsh(self.x.T @ self.x / len(self.x) + np.eye(12)).max()
        while True:
            by_kernel, by_bias = self.gradient(kernel, bias)
            bias, moved, before = bias - t * by_bias, kernel - t * by_kernel, kernel
            lengths = np.maximum(norms(moved.T), 1e-300)[:, None]
            kernel = moved * np.maximum(0, 1 - t * strength / lengths)
            if np.abs(kernel - before).max() < 1e-10:
                return kernel


@pytest.fixture
def regression(rng: np.random.Generator) -> Regression:
    return Regression(rng)


def test_a_convex_problem_is_solved_jointly_with_adam(regression, rng):
    for strength in regression.strengths:
        kernel = parameter(rng.normal(size=(3, 12)))
        bias = parameter(np.zeros(3))
        penalties = {"kernel": Share("group_lasso", strength)}
        adam = Adam({"kernel": kernel, "bias": bias}, penalties, 0.1)
        both = [kernel, bias]
        minimise(lambda b=both: regression.value(b[0][0].mT, b[1][0]), adam, both, 2000)
        kernel, bias = kernel[0].detach().numpy().T, bias[0].detach().numpy()
        lengths = norms(kernel.T)
        kept = lengths > 0
        assert 2 <= kept.sum() <= 11

        # The conditions of Karush, Kuhn and Tucker.
        by_kernel, by_bias = regression.gradient(kernel, bias)
        np.testing.assert_allclose(by_bias, 0, atol=1e-9)
        pull = -strength * kernel[kept] / lengths[kept, None]
        np.testing.assert_allclose(by_kernel[kept], pull, atol=1e-9)
        assert (norms(by_kernel[~kept].T) <= strength).all()

        reference = regression.solve(strength)
        np.testing.assert_allclose(kernel, reference, atol=1e-6)
        np.testing.assert_array_equal(kept, norms(reference.T) > 0)


@pytest.mark.parametrize("together", [1, 2, 4])
def test_replicas_do_not_mix(rng, together):
    """Groups of replicas take the steps of all of them."""
    start = tensor(rng.normal(size=(4, 2, 3)))
    gradients = tensor(rng.normal(size=(10, 4, 2, 3)))
    strength = tensor(rng.uniform(0.1, 1, size=(4, 1, 1)))
    whole, parts = start.clone(), start.clone()
    penalties = {"kernel": Share("group_lasso", strength)}
    one, other = (Adam({"kernel": p}, penalties, 0.1) for p in (whole, parts))
    for gradient in gradients:
        one.step([gradient])
        corrections = other.start_step()
        for first in range(0, 4, together):
            rows = slice(first, first + together)
            take_step(other.of_replicas(rows), [gradient[rows]], 0.1, corrections)
    assert torch.equal(whole, parts)
    assert not torch.isclose(whole, start).any()


@STEPS
def test_a_run_can_be_resumed(rng, step):
    gradients = tensor(rng.normal(size=(6, 1, 2, 4)))
    kernel = parameter(rng.normal(size=(2, 4)))
    resumed = kernel.detach().clone()
    adam, again = lasso(kernel, 0.1, 0.7), lasso(resumed, 0.1, 0.7)
    for number, gradient in enumerate(gradients):
        if number == 3:
            resumed.copy_(kernel.detach())
            again.set_state(copy.deepcopy(adam.state()))
        take(step, adam, [gradient])
        take(step, again, [gradient])
    assert torch.equal(kernel, resumed)


# The derivation of docs/group_lasso.md --------------------------------------------


def test_the_cheapest_factors_of_a_column(rng):
    """Minimum over λφ = w of the penalties, and the balance where it is reached."""
    a, b = 0.03, 0.7
    w = rng.normal(size=6)
    length, total = np.sqrt(w @ w), np.abs(w).sum()
    for penalty, least, balance in (
        (
            lambda k: a * k**2 + b * length**2 / k**2,
            2 * np.sqrt(a * b) * length,
            (b / a) ** 0.25 * np.sqrt(length),
        ),
        (
            lambda k: a * k + b * total / k,
            2 * np.sqrt(a * b * total),
            np.sqrt(b * total / a),
        ),
    ):
        best = optimize.minimize_scalar(
            penalty, bounds=(1e-3, 1e3), method="bounded", options={"xatol": 1e-12}
        )
        assert best.fun == pytest.approx(least)
        assert best.x == pytest.approx(balance, rel=1e-5)


@pytest.mark.parametrize("ratio", [0.01, 1, 100])
def test_a_spectral_layer_minimises_the_group_lasso(regression, rng, ratio):
    """Its squares, minimised by scipy, reach the columns of the plain solution."""
    strength = regression.strengths[0]
    a, b = strength / 2 * np.sqrt(ratio), strength / 2 / np.sqrt(ratio)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        p = tensor(flat).requires_grad_()
        eigenvalues, eigenvectors, bias = p[:12], p[12:48].view(12, 3), p[48:]
        loss = regression.value(eigenvalues[:, None] * eigenvectors, bias)
        loss = loss + a * eigenvalues.square().sum() + b * eigenvectors.square().sum()
        loss.backward()
        return loss.item(), p.grad.numpy()

    start = np.concatenate([np.ones(12), rng.normal(size=36), np.zeros(3)])
    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-10}
    found = optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", options=options
    ).x
    eigenvalues, eigenvectors = found[:12, None], found[12:48].reshape(12, 3)
    reference = regression.solve(strength)
    np.testing.assert_allclose(eigenvalues * eigenvectors, reference, atol=1e-3)
    kept = norms(reference.T) > 0.01
    balance = norms(eigenvectors.T)[kept] / np.abs(eigenvalues[kept, 0])
    np.testing.assert_allclose(balance, np.sqrt(a / b), rtol=0.01)


# Penalties of replicas -------------------------------------------------------------


L2 = Penalty("l2", eigenvalues=0.03, eigenvectors=0.2)
L1 = Penalty("l1", eigenvalues=0.03, eigenvectors=0.2)
PENALTIES = [
    ("spectral", [L2, L2]),
    ("spectral", [L1, L1]),
    ("spectral", [Penalty("l2", eigenvalues=0.03)] * 2),
    ("spectral", [Penalty("l1", eigenvectors=0.2)] * 2),
    ("spectral", [L2, Penalty("l2", eigenvalues=0.1, eigenvectors=0.01)]),
    ("spectral", [Penalty("l2", eigenvalues=0.1, eigenvectors=0.2), L2]),
    ("spectral", [L1, Penalty("l1", eigenvalues=0.1)]),
    ("spectral", [None, L2]),
    ("standard", [Penalty("l2", kernel=0.1)] * 2),
    ("standard", [Penalty("l1", kernel=0.1)] * 2),
    ("standard", [Penalty("l2", kernel=0.1), Penalty("l2", kernel=0.3)]),
    ("standard", [None, None]),
    ("spectral_first", [L2, L2]),
    ("spectral_first", [None, L1]),
]


@STEPS
@pytest.mark.parametrize("ridge", [0.0, 0.05], ids="ridge={}".format)
@pytest.mark.parametrize(("parametrisation", "penalties"), PENALTIES, ids=str)
def test_penalties_are_those_of_autograd(
    description, rng, generator, step, parametrisation, penalties, ridge
):
    """Several steps, as the first one of Adam tells only the signs of a gradient."""
    architecture = architecture_of(description | {"parametrisation": parametrisation})
    networks = [Network(5, architecture, 2).double() for _ in range(2)]
    for network in networks:
        network.eval()  # no dropout
    networks[0].reset_parameters([generator, generator])
    networks[1].load_state_dict(networks[0].state_dict())
    fast, slow = networks
    parameters = dict(fast.named_parameters())
    adam = Adam(parameters, shares(fast, penalties, ridge), 0.01)
    reference = torch.optim.Adam(slow.parameters(), lr=0.01, eps=1e-7)
    for _ in range(4):
        x = torch.from_numpy(rng.normal(size=(2, 9, 5)))
        y = torch.from_numpy(rng.integers(0, 2, size=(2, 9)))
        loss = losses(fast(x), y, "cross_entropy").sum()
        take(step, adam, torch.autograd.grad(loss, list(parameters.values())))

        reference.zero_grad()
        loss = losses(slow(x), y, "cross_entropy").sum()
        for r, penalty in enumerate(penalties):
            for name in ("eigenvalues", "eigenvectors", "kernel"):
                strength = getattr(penalty, name, 0)
                if strength:
                    power = {"l1": 1, "l2": 2}[penalty.norm]
                    values = getattr(slow.first, name)[r].abs() ** power
                    loss = loss + strength * values.sum()
        for layer in slow.linears()[1:]:
            for name in ("eigenvalues", "eigenvectors", "kernel"):
                if hasattr(layer, name):
                    loss = loss + ridge * getattr(layer, name).square().sum()
        loss.backward()
        reference.step()
    for (name, found), wanted in zip(
        fast.named_parameters(), slow.parameters(), strict=True
    ):
        torch.testing.assert_close(
            found, wanted, rtol=1e-9, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}"
        )


def test_a_group_lasso_of_each_replica_is_that_of_single_ones(description, rng, seed):
    architecture = architecture_of(description | {"parametrisation": "standard"})
    penalties = [Penalty("group_lasso", kernel=k) for k in (0.01, 0.3)]

    def kernels(chosen: list[int]) -> torch.Tensor:
        network = Network(5, architecture, len(chosen)).double().eval()
        sources = [torch.Generator().manual_seed(seed + r) for r in chosen]
        network.reset_parameters(sources)
        parameters = dict(network.named_parameters())
        penalised = shares(network, [penalties[r] for r in chosen])
        adam = Adam(parameters, penalised, 0.01)
        examples = np.random.default_rng(seed)
        for _ in range(30):
            x = torch.from_numpy(examples.normal(size=(2, 9, 5)))[chosen]
            loss = network(x).square().mean((1, 2)).sum()
            adam.step(torch.autograd.grad(loss, list(parameters.values())))
        return network.first.kernel.detach()

    together = kernels([0, 1])
    for r in (0, 1):
        torch.testing.assert_close(kernels([r])[0], together[r])
    assert (norms(together[1].numpy()) < norms(together[0].numpy())).all()


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_value_is_the_sum_that_is_written(rng, norm):
    layer = SpectralLinear(3, 4).double()
    penalty = Penalty(norm, eigenvalues=0.3, eigenvectors=0.7)
    with torch.no_grad():
        layer.eigenvalues.copy_(tensor(rng.normal(size=3)))
    power = {"l1": 1, "l2": 2}[norm]
    sizes = [
        np.sum(np.abs(p.detach().numpy()) ** power)
        for p in (layer.eigenvalues, layer.eigenvectors)
    ]
    value = penalty.value(layer)
    assert value.item() == pytest.approx(0.3 * sizes[0] + 0.7 * sizes[1])
    value.backward()
    assert layer.eigenvalues.grad.any() and layer.bias.grad is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "L2"}, "Penalty.norm: expected one of 'l1', .* 'L2'.\n.*mean 'l2'"),
        ({"norm": None}, "Penalty.norm: .* found None"),
        ({"norm": "l2", "eigenvalues": -1}, "Penalty.eigenvalues: .* found -1"),
        ({"norm": "l2", "kernel": np.nan}, "Penalty.kernel: .* found nan"),
        ({"norm": "l2", "eigenvectors": "1"}, "Penalty.eigenvectors: .* found '1'"),
        ({"norm": "group_lasso"}, "Penalty.kernel: expected a number above 0"),
        ({"norm": "l2", "eigenvalue": 1}, "found 'eigenvalue'.\n.*mean 'eigenvalues'"),
        ({"eigenvalues": 1}, "Penalty: the setting 'norm' is missing"),
        ("l2", "expected Penalty or a mapping of its settings, found str"),
    ],
)
def test_a_penalty_that_makes_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        Penalty.of(settings)


@pytest.mark.parametrize(
    ("parametrisation", "penalties", "message"),
    [
        (
            "standard",
            [L2],
            "a standard network has no eigenvalues",
        ),
        ("spectral", [Penalty("l2", kernel=1)], "a spectral network has no kernel"),
        (
            "spectral",
            [Penalty("group_lasso", kernel=1)],
            "expected l1 or l2 for a spec",
        ),
        ("spectral", [L1, L2], "penalties of one norm, found l1, l2"),
        (
            "spectral_first",
            [Penalty("group_lasso", kernel=1)],
            "expected l1 or l2 for a spec",
        ),
        (
            "spectral_first",
            [Penalty("l2", kernel=1)],
            "the first layer of a spectral_first network has no kernel",
        ),
    ],
)
def test_penalties_that_do_not_fit(description, parametrisation, penalties, message):
    architecture = architecture_of(description | {"parametrisation": parametrisation})
    with pytest.raises(UserError, match=message):
        shares(Network(5, architecture, len(penalties)), penalties)
