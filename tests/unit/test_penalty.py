"""Penalties against autograd; the group lasso against closed forms and scipy."""

import copy
import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn
from torch.nn import functional

from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses
from spectral_relevance.layers import SpectralLinear
from spectral_relevance.networks import Network
from spectral_relevance.penalty import Penalties, Penalty, ProximalAdam, shrink
from spectral_relevance.replication.training import architecture_of


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values)


def parameter(values: np.ndarray) -> nn.Parameter:
    """A parameter that shares no memory with its initial values."""
    return nn.Parameter(torch.tensor(values))


def norms(kernel: np.ndarray) -> np.ndarray:
    return np.sqrt((kernel**2).sum(-1))


# The proximal map -----------------------------------------------------------------


def test_shrinking_minimises_what_it_should(rng):
    rows = rng.normal(size=(6, 3)) * np.array([[0.1, 0.4, 0.8, 1, 2, 5]]).T
    thresholds = rng.uniform(0.3, 1.5, size=(6, 1))
    found = shrink(tensor(rows), tensor(thresholds)).numpy()
    zero = norms(found) == 0
    assert zero.any() and not zero.all()
    for row, threshold, answer in zip(rows, thresholds[:, 0], found, strict=True):

        def value(w, row=row, threshold=threshold):
            return threshold * norms(w) + ((w - row) ** 2).sum() / 2

        best = optimize.minimize(value, row / 2, method="Nelder-Mead", tol=1e-12)
        np.testing.assert_allclose(answer, best.x, atol=1e-5)
        assert value(answer) <= best.fun + 1e-12


def test_shrinking_keeps_zeros_and_does_not_hide_undefined_numbers():
    rows = torch.tensor([[0.0, 0.0], [np.nan, 1.0], [3.0, 4.0]])
    for threshold in (0.0, 0.5):
        zeros, undefined, row = shrink(rows, threshold)
        assert not zeros.any()
        assert undefined.isnan().any()
        torch.testing.assert_close(row, rows[2] * (1 - threshold / 5))


# The optimiser --------------------------------------------------------------------


def test_groups_of_one_weight_without_penalty_are_those_of_adam(rng):
    gradients = rng.normal(size=(20, 2, 5, 1)) * np.logspace(-9, 1, 5)[:, None]
    start = rng.normal(size=(2, 5, 1))
    ours, theirs = (parameter(start) for _ in range(2))
    settings = {"lr": 0.03, "betas": (0.8, 0.99), "eps": 1e-7}
    optimisers = (
        ProximalAdam([ours], strength=0, **settings),
        torch.optim.Adam([theirs], **settings),
    )
    for step, gradient in enumerate(gradients):
        for weights, optimiser in zip((ours, theirs), optimisers, strict=True):
            # As a schedule would change it.
            optimiser.param_groups[0]["lr"] = 0.03 / (1 + step)
            weights.grad = tensor(gradient)
            optimiser.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)


def test_two_steps_written_out(rng):
    start, first, second = rng.normal(size=(3, 4, 3))
    kernel = parameter(start)
    optimiser = ProximalAdam([kernel], lr=0.3, strength=0.5)
    for gradient in (first, second):
        kernel.grad = tensor(gradient)
        optimiser.step()
    expected = start.copy()
    for j in range(4):
        means = first[j], (0.09 * first[j] + 0.1 * second[j]) / 0.19
        squares = [(g[j] ** 2).mean() for g in (first, second)]
        squares[1] = (0.000999 * squares[0] + 0.001 * squares[1]) / 0.001999
        for mean, square in zip(means, squares, strict=True):
            t = 0.3 / (np.sqrt(square) + 1e-7)
            moved = expected[j] - t * mean
            length = np.sqrt(moved @ moved)
            expected[j] = moved * max(0, 1 - t * 0.5 / length)
    np.testing.assert_allclose(kernel.detach(), expected, atol=1e-12)


def minimise(
    loss_of: Callable[[], torch.Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
    steps: int,
) -> None:
    """Take full-batch steps that become a hundred times smaller."""
    first = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    for step in range(steps):
        for optimiser, lr in zip(optimisers, first, strict=True):
            optimiser.param_groups[0]["lr"] = lr * 0.01 ** (step / steps)
            optimiser.zero_grad()
        loss_of().backward()
        for optimiser in optimisers:
            optimiser.step()


def test_orthonormal_inputs_have_a_closed_form(rng):
    """Least squares, shrunk row by row."""
    x = np.linalg.qr(rng.normal(size=(50, 8)))[0]
    y = x @ (rng.normal(size=(8, 3)) * np.linspace(0, 2, 8)[:, None])
    y += rng.normal(size=y.shape) * 0.1
    projected, strength = x.T @ y, 1.2
    lengths = norms(projected)[:, None]
    expected = projected * np.maximum(0, 1 - strength / lengths)
    assert 2 <= (expected == 0).all(1).sum() <= 6

    kernel = parameter(rng.normal(size=(8, 3)))
    minimise(
        lambda: (tensor(y) - tensor(x) @ kernel).square().sum() / 2,
        [ProximalAdam([kernel], lr=0.1, strength=strength)],
        steps=2000,
    )
    np.testing.assert_allclose(kernel.detach(), expected, atol=1e-9)
    np.testing.assert_array_equal(kernel.detach() == 0, expected == 0)


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
            lengths = np.maximum(norms(moved), 1e-300)[:, None]
            kernel = moved * np.maximum(0, 1 - t * strength / lengths)
            if np.abs(kernel - before).max() < 1e-10:
                return kernel


@pytest.fixture
def regression(rng: np.random.Generator) -> Regression:
    return Regression(rng)


def test_a_convex_problem_is_solved_jointly_with_adam(regression, rng):
    for strength in regression.strengths:
        kernel = parameter(rng.normal(size=(12, 3)))
        bias = parameter(np.zeros(3))
        optimisers = [
            ProximalAdam([kernel], lr=0.1, strength=strength),
            torch.optim.Adam([bias], lr=0.1, eps=1e-7),
        ]
        minimise(functools.partial(regression.value, kernel, bias), optimisers, 2000)
        kernel, bias = kernel.detach().numpy(), bias.detach().numpy()
        lengths = norms(kernel)
        kept = lengths > 0
        assert 2 <= kept.sum() <= 11

        # The conditions of Karush, Kuhn and Tucker.
        by_kernel, by_bias = regression.gradient(kernel, bias)
        np.testing.assert_allclose(by_bias, 0, atol=1e-9)
        pull = -strength * kernel[kept] / lengths[kept, None]
        np.testing.assert_allclose(by_kernel[kept], pull, atol=1e-9)
        assert (norms(by_kernel[~kept]) <= strength).all()

        reference = regression.solve(strength)
        np.testing.assert_allclose(kernel, reference, atol=1e-6)
        np.testing.assert_array_equal(kept, norms(reference) > 0)


def test_replicas_do_not_mix(rng):
    start = tensor(rng.normal(size=(3, 4, 2)))
    gradients = tensor(rng.normal(size=(10, 3, 4, 2)))
    together = nn.Parameter(start.clone())
    alone = [nn.Parameter(start[r].clone()) for r in range(3)]
    optimiser = ProximalAdam([together], lr=0.1, strength=0.7)
    # One group of settings each, as for penalties that differ.
    single = ProximalAdam(
        [{"params": [kernel], "strength": 0.7} for kernel in alone],
        lr=0.1,
        strength=0,
    )
    for gradient in gradients:
        together.grad = gradient
        for kernel, part in zip(alone, gradient, strict=True):
            kernel.grad = part
        optimiser.step()
        single.step()
    assert torch.equal(together, torch.stack(alone))
    assert not torch.equal(together, start)


def test_a_run_can_be_resumed(rng):
    gradients = tensor(rng.normal(size=(6, 4, 2)))
    kernel = parameter(rng.normal(size=(4, 2)))
    resumed = nn.Parameter(kernel.detach().clone())
    optimiser = ProximalAdam([kernel], lr=0.1, strength=0.7)
    again = ProximalAdam([resumed], lr=1, strength=0)
    for step, gradient in enumerate(gradients):
        if step == 3:
            resumed.data.copy_(kernel.data)
            again.load_state_dict(copy.deepcopy(optimiser.state_dict()))
        for weights, how in ((kernel, optimiser), (resumed, again)):
            weights.grad = gradient
            how.step()
    assert torch.equal(kernel, resumed)


def test_a_closure_is_evaluated():
    kernel = nn.Parameter(torch.ones(2, 2))
    optimiser = ProximalAdam([kernel], lr=0.1, strength=0.1)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = kernel.square().sum()
        loss.backward()
        return loss

    assert optimiser.step(closure) == 4
    assert (kernel < 1).all()


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
    kept = norms(reference) > 0.01
    balance = norms(eigenvectors)[kept] / np.abs(eigenvalues[kept, 0])
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
]


@pytest.mark.parametrize(("parametrisation", "penalties"), PENALTIES, ids=str)
def test_penalties_are_those_of_autograd(
    description, rng, generator, parametrisation, penalties
):
    """Several steps, as the first one of Adam tells only the signs of a gradient."""
    architecture = architecture_of(description | {"parametrisation": parametrisation})
    networks = [Network(5, architecture, 2).double() for _ in range(2)]
    for network in networks:
        network.eval()  # no dropout
    networks[0].reset_parameters([generator, generator])
    networks[1].load_state_dict(networks[0].state_dict())
    fast, slow = networks
    trained = Penalties(fast, penalties)
    (optimiser,) = trained.optimisers(0.01)
    reference = torch.optim.Adam(slow.parameters(), lr=0.01, eps=1e-7)
    for _ in range(4):
        x = torch.from_numpy(rng.normal(size=(2, 9, 5)))
        y = torch.from_numpy(rng.integers(0, 2, size=(2, 9)))
        optimiser.zero_grad()
        losses(fast(x), y, "cross_entropy").sum().backward()
        trained.add_gradients()
        optimiser.step()

        reference.zero_grad()
        loss = losses(slow(x), y, "cross_entropy").sum()
        for r, penalty in enumerate(penalties):
            for name in ("eigenvalues", "eigenvectors", "kernel"):
                strength = getattr(penalty, name, 0)
                if strength:
                    power = {"l1": 1, "l2": 2}[penalty.norm]
                    values = getattr(slow.first, name)[r].abs() ** power
                    loss = loss + strength * values.sum()
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
        trained = Penalties(network, [penalties[r] for r in chosen])
        optimisers = trained.optimisers(0.01)
        examples = np.random.default_rng(seed)
        for _ in range(30):
            x = torch.from_numpy(examples.normal(size=(2, 9, 5)))[chosen]
            network.zero_grad()
            network(x).square().mean((1, 2)).sum().backward()
            trained.add_gradients()
            for optimiser in optimisers:
                optimiser.step()
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
    ],
)
def test_penalties_that_do_not_fit(description, parametrisation, penalties, message):
    architecture = architecture_of(description | {"parametrisation": parametrisation})
    with pytest.raises(UserError, match=message):
        Penalties(Network(5, architecture, len(penalties)), penalties)
