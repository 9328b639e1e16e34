"""The spectral layer against explicit matrices, loops and torch's own layer."""

import copy
import inspect
import io
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any, Self

import captum.attr
import numpy as np
import pytest
import torch
from captum.attr._utils import lrp_rules
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from spectral_relevance import vision  # noqa: F401
from spectral_relevance.errors import UserError
from spectral_relevance.layers import SpectralLinear, standard

# isort: split
from zennit import rules
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus, LayerMapComposite
from zennit.types import Linear as AnyLinear


class General(SpectralLinear):
    """A spectral layer that learns λ_out too, with the arguments of `nn.Linear`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        out_eigenvalues: bool = True,
    ) -> None:
        arguments = in_features, out_features, bias, device, dtype
        super().__init__(*arguments, out_eigenvalues=True)

    @classmethod
    def from_linear(cls, linear: nn.Linear) -> Self:
        return super().from_linear(linear, out_eigenvalues=True)


KINDS = pytest.mark.parametrize(
    "kind", [SpectralLinear, General], ids=["eq. 1", "eq. 11"]
)


def randomised(module: nn.Module, rng: np.random.Generator) -> Any:
    """Return the module in float64 with all parameters drawn from a normal law."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(draw(rng, *parameter.shape))
    return module


def draw(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape))


def array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()


def loop(layer: SpectralLinear) -> np.ndarray:
    """w_ij = (λ_in,j − λ_out,i) φ_ij, one by one."""
    weight = np.empty((layer.out_features, layer.in_features))
    for i, j in np.ndindex(weight.shape):
        out = layer.out_eigenvalues
        difference = layer.eigenvalues[j] - (0 if out is None else out[i])
        weight[i, j] = (difference * layer.eigenvectors[i, j]).item()
    return weight


# The paper ------------------------------------------------------------------------


@KINDS
def test_the_operator_is_a_product_of_explicit_matrices(rng, kind):
    n1, n2 = 4, 3
    layer = randomised(kind(n1, n2), rng)
    outer = np.zeros(n2) if kind is SpectralLinear else array(layer.out_eigenvalues)
    eigenvalues = np.concatenate([array(layer.eigenvalues), outer])
    phi = array(layer.eigenvectors)
    basis = np.block([[np.eye(n1), np.zeros((n1, n2))], [phi, np.eye(n2)]])
    expected = basis @ np.diag(eigenvalues) @ np.linalg.inv(basis)

    operator = array(layer.transfer_operator())
    np.testing.assert_allclose(operator, expected, atol=1e-12)
    np.testing.assert_allclose(array(layer.weight), expected[n1:, :n1], atol=1e-12)
    found = np.linalg.eigvals(operator)
    np.testing.assert_allclose(found.imag, 0, atol=1e-6)
    np.testing.assert_allclose(np.sort(found.real), np.sort(eigenvalues), atol=1e-6)


@KINDS
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (2, 3)], ids=str)
def test_forward_is_an_explicit_loop(rng, kind, bias, shape):
    layer = randomised(kind(3, 5, bias=bias), rng)
    np.testing.assert_allclose(array(layer.weight), loop(layer), atol=1e-14)
    x = draw(rng, *shape, 3)
    y = layer(x)
    assert y.shape == (*shape, 5)
    for index in np.ndindex(*shape, 5):
        *example, i = index
        total = layer.bias[i].item() if bias else 0.0
        for j in range(3):
            total += loop(layer)[i, j] * x[(*example, j)].item()
        assert y[index].item() == pytest.approx(total, abs=1e-12)


@KINDS
def test_gradients_are_those_of_finite_differences(rng, kind):
    layer = randomised(kind(3, 4), rng)
    names = [name for name, _ in layer.named_parameters()]

    def output(x: Tensor, *parameters: Tensor) -> Tensor:
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, values, (x,))

    x = draw(rng, 2, 3).requires_grad_()
    parameters = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(output, (x, *parameters))
    assert torch.autograd.gradgradcheck(output, (x, *parameters))


@KINDS
def test_gradients_in_closed_form(rng, kind):
    layer = randomised(kind(3, 4), rng)
    x, slope = draw(rng, 6, 3), draw(rng, 6, 4)
    (layer(x) * slope).sum().backward()
    by_weight = array(slope).T @ array(x)
    phi, out = array(layer.eigenvectors), layer.out_eigenvalues
    factors = array(layer.eigenvalues) - (0 if out is None else array(out)[:, None])
    expected = {
        "eigenvalues": (phi * by_weight).sum(axis=0),
        "eigenvectors": factors * by_weight,
        "bias": array(slope).sum(axis=0),
        "out_eigenvalues": -(phi * by_weight).sum(axis=1),
    }
    for name, parameter in layer.named_parameters():
        np.testing.assert_allclose(array(parameter.grad), expected[name])


def test_relevance_is_the_norm_of_the_weights(rng):
    layer = randomised(SpectralLinear(6, 5), rng)
    with torch.no_grad():
        layer.eigenvalues.abs_()[::2] *= -1
    norms = np.sqrt((loop(layer) ** 2).sum(axis=0))
    np.testing.assert_allclose(layer.relevance().numpy(), norms)
    signed = layer.rescaled_eigenvalues()
    np.testing.assert_allclose(array(signed), norms * [-1, 1, -1, 1, -1, 1])
    assert torch.autograd.gradcheck(
        lambda *values: torch.func.functional_call(
            _Rescaled(layer),
            dict(zip(["layer.eigenvalues", "layer.eigenvectors"], values, strict=True)),
            (),
        ),
        (layer.eigenvalues, layer.eigenvectors),
    )


class _Rescaled(nn.Module):
    def __init__(self, layer: SpectralLinear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self) -> Tensor:
        return self.layer.rescaled_eigenvalues()


def test_relevance_ranks_the_strongest_input_first():
    layer = SpectralLinear(3, 4)
    with torch.no_grad():
        layer.eigenvectors.fill_(1)
        layer.eigenvalues.copy_(torch.tensor([0.1, 1.0, -3.0]))
    assert layer.relevance().argsort(descending=True).tolist() == [2, 1, 0]
    assert (layer.relevance() >= 0).all()
    assert layer.rescaled_eigenvalues().argsort(descending=True).tolist() == [1, 0, 2]


def test_relevance_does_not_depend_on_the_eigenvalues_of_the_destination(rng):
    layer = randomised(General(6, 5), rng)
    norms = np.sqrt((array(layer.eigenvectors) ** 2).sum(axis=0))
    expected = np.abs(array(layer.eigenvalues)) * norms
    np.testing.assert_allclose(layer.relevance().numpy(), expected)


@KINDS
def test_relevance_follows_permuted_scaled_and_dead_inputs(rng, kind):
    layer = randomised(kind(6, 5), rng)
    before = layer.relevance().numpy()
    order = rng.permutation(6)
    with torch.no_grad():
        layer.eigenvalues.copy_(layer.eigenvalues[order])
        layer.eigenvectors.copy_(layer.eigenvectors[:, order])
    np.testing.assert_allclose(layer.relevance().numpy(), before[order])
    with torch.no_grad():
        layer.eigenvalues[0] *= -3
        layer.eigenvectors[:, 1] *= -2
        layer.eigenvalues[2] = 0
    factors = np.array([3, 2, 0, 1, 1, 1])
    np.testing.assert_allclose(layer.relevance().numpy(), factors * before[order])


@KINDS
def test_initial_values(generator, kind):
    n1, n2 = 30, 70
    layer = kind(n1, n2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7)
    layer.reset_parameters(generator)

    assert not layer.bias.any()
    assert torch.equal(layer.eigenvalues, torch.ones(n1))
    if kind is General:
        assert torch.equal(layer.out_eigenvalues, torch.zeros(n2))
    # Glorot: uniform on ±√(6 / (N1 + N2)).
    bound = math.sqrt(6 / (n1 + n2))
    values = layer.eigenvectors.detach().double().flatten()
    assert values.abs().max() <= bound * (1 + 1e-6)
    assert values.abs().max() > 0.99 * bound
    error = bound / math.sqrt(3) / math.sqrt(values.numel())
    assert abs(values.mean()) < 5 * error
    assert values.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)


@KINDS
def test_initial_values_come_from_the_generator_or_from_the_global_one(seed, kind):
    first, second = kind(4, 5), kind(4, 5)
    assert not torch.equal(first.eigenvectors, second.eigenvectors)
    for layer in (first, second):
        layer.reset_parameters(torch.Generator().manual_seed(seed))
    assert torch.equal(first.eigenvectors, second.eigenvectors)
    torch.manual_seed(seed)
    third = kind(4, 5)
    assert torch.equal(first.eigenvectors, third.eigenvectors)


# Side by side with torch.nn.Linear ------------------------------------------------
#
# Every line is done to an nn.Linear and to the spectral layer with its weights.


X = torch.linspace(-2, 2, 21).view(7, 3)


def learns(layer: nn.Linear) -> Tensor:
    """What 200 steps of Adam come to, on a problem that no linear map solves."""
    torch.manual_seed(0)
    model = nn.Sequential(type(layer)(2, 16), nn.Tanh(), type(layer)(16, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    x = torch.rand(64, 2) * 2 - 1
    losses = []
    for _ in range(200):
        optimiser.zero_grad()
        loss = (model(x) - x[:, :1] * x[:, 1:]).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return torch.tensor(losses[-1] < 0.2 * losses[0])


def per_example_gradients(layer: nn.Linear) -> Tensor:
    state = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(state: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(layer, state, (x,)).square().sum()

    of_each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))
    return of_each(state, X)["bias"]


def penalised(layer: nn.Linear) -> Tensor:
    """Gradient of the inputs and of the bias through a penalty on the weights."""
    x = X.clone().requires_grad_()
    weight = layer.weight
    rows = sum(row.norm() for row in weight)
    misfit = (x @ weight.T + layer.bias).square().sum()
    (misfit * rows * weight[1:, 0].exp().sum()).backward()
    return torch.cat([x.grad.flatten(), layer.bias.grad])


def gradient_by_weight(layer: nn.Linear) -> Tensor:
    weight = layer.weight
    return torch.autograd.grad(functional.linear(X, weight).exp().sum(), weight)[0]


def exported(layer: nn.Linear) -> list[Tensor]:
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(nn.Sequential(layer), (X,), dynamic_shapes=shapes)
    return [program.module()(torch.ones(n, 3)) for n in (2, 4, 500)]


def compiled(layer: nn.Linear) -> list[Tensor]:
    def model(x: Tensor) -> Tensor:
        return layer(x).tanh() @ layer.weight / layer.weight.norm()

    torch.compiler.reset()
    model = torch.compile(model, backend="aot_eager", fullgraph=True)
    return [model(torch.ones(n, 3)) for n in (2, 4, 500)]


def scripted(layer: nn.Linear) -> list[Tensor]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        module = torch.jit.script(nn.Sequential(layer, nn.ReLU()))
        file = io.BytesIO()
        torch.jit.save(module, file)
        file.seek(0)
        loaded = torch.jit.load(file)
    return [loaded(X), loaded(X[0]), loaded(X[:0])]


def traced(layer: nn.Linear) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        return torch.jit.trace(layer, X)(X[:2])


def autocast(layer: nn.Linear) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return layer(X)


def inference(layer: nn.Linear) -> list[Tensor]:
    with torch.inference_mode():
        return [layer(X), layer.weight.norm()]


def saved(layer: nn.Linear) -> Tensor:
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = type(layer)(3, 5)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other(X)


def parameters_as_vector(layer: nn.Linear) -> Tensor:
    vector = nn.utils.parameters_to_vector(layer.parameters())
    nn.utils.vector_to_parameters(vector.detach().clone(), layer.parameters())
    return layer(X)


def pruned(layer: nn.Linear, name: str) -> Tensor:
    prune.l1_unstructured(layer, name, 0.5)
    return layer(X)


def in_double_precision(function: Callable[[], Tensor]) -> Tensor:
    torch.set_default_dtype(torch.float64)
    try:
        return function()
    finally:
        torch.set_default_dtype(torch.float32)


def quietly(function: Callable[..., Any], *arguments: object) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


def copies(layer: nn.Linear) -> Tensor:
    """Copies of the weight are plain tensors and may be written to."""
    for weight in (
        layer.weight.detach().clone(),
        copy.deepcopy(layer.weight.detach()),
        pickle.loads(pickle.dumps(layer.weight.detach())),
        (layer.weight * 1).detach(),
    ):
        assert type(weight) is Tensor
        weight[0] = 0
        weight += 1
    other = nn.Linear(3, 5)
    with torch.no_grad():
        other.weight.copy_(layer.weight)
        other.weight[0] = layer.weight[1]
        other.weight.data = other.weight.data + layer.weight
    return torch.cat([weight, other.weight])


def in_a_transformer(layer: nn.Linear) -> Tensor:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(3, 1, 5, batch_first=True)
    encoder.linear1 = layer
    with torch.no_grad():
        return encoder.eval()(X[None])


SAME = """
isinstance(layer, nn.Linear)
repr(layer).removesuffix(", out_eigenvalues=True)").removesuffix(")").partition("(")[2]
layer.in_features, layer.out_features
layer.bias
kind(3, 5, False).bias
kind(3, 5, bias=False)(X).shape
kind(3, 5, device="meta")(X.to("meta"))
kind(3, 5, dtype=torch.half)(X.half()).dtype
kind(3, 5, True, "cpu", torch.float64)(X.double()).dtype
kind(3, 5, dtype=torch.complex64)(X.cfloat()).dtype
quietly(kind, 0, 5)(X[:, :0]).shape
quietly(kind, 3, 0)(X)
quietly(kind, 0, 0)(X[:, :0])
in_double_precision(lambda: kind(3, 5)(X.double())).dtype
nn.utils.skip_init(kind, 3, 5)(X).shape
layer(X)
layer(X[:4])
layer(X[:1])
layer(X[:0])
layer(X[0])
layer(X.expand(2, 7, 3))
layer(X.expand(2, 4, 7, 3))
layer(X.T.contiguous().T)
layer(X.repeat(100, 1))
layer(input=X)
layer.double()(X.double())
layer.half()(X.half())
layer.to(torch.bfloat16)(X.bfloat16())
layer.to("meta")(X.to("meta"))
layer.to("meta").to_empty(device="cpu")(X).shape
layer.requires_grad_(False)(X)
layer.share_memory()(X)
autocast(layer)
inference(layer)
scripted(layer)
traced(layer)
exported(layer)
compiled(layer)
torch.fx.symbolic_trace(nn.Sequential(layer))(X)
torch.func.vmap(layer)(X)
torch.func.vmap(layer, 1)(X.T.contiguous())
torch.func.jacrev(layer)(X)
per_example_gradients(layer)
copy.deepcopy(layer)(X)
copy.deepcopy(layer.eval()).training
pickle.loads(pickle.dumps(layer))(X)
saved(layer)
parameters_as_vector(layer)
pruned(layer, "bias")
learns(layer)
in_a_transformer(layer)
layer.weight.shape, layer.weight.dtype, layer.weight.device
layer.weight.requires_grad
layer.weight.sum()
layer.weight.norm(), layer.weight.abs().max(dim=0).values
X @ layer.weight.T
functional.linear(X, layer.weight)
layer.weight.tolist()
layer.weight.detach().numpy()
np.asarray(layer.weight.data)
(layer.weight[0] > 0).any().item()
torch.cat([layer.weight, X])
penalised(layer)
gradient_by_weight(layer)
copies(layer)
"""

FAILS = """
layer(torch.zeros(5, 1))
layer(torch.zeros(500, 1))
layer(torch.zeros(5, 0))
layer(torch.zeros(2, 4))
layer(torch.zeros(1))
layer(torch.tensor(1.0))
layer(torch.ones(5, 3, dtype=torch.int64))
layer(torch.ones(500, 3, dtype=torch.int64))
layer(X.double())
layer(X.to("meta"))
layer(X.numpy())
layer([[1.0, 2.0, 3.0]])
layer()
kind(-1, 5)
kind(2.5, 5)
kind(3)
kind(3, 5, dtype=torch.int64)
kind(3, 5, biases=True)
kind(3, 5, replicas=3)(torch.ones(5, 3))
layer.load_state_dict({"weight": torch.ones(5, 4), "bias": torch.ones(5)})
layer.load_state_dict({"weight": torch.ones(5, 3)})
layer.load_state_dict({"weight": torch.ones(5, 3), "bias": X[0, 0], "scale": X})
layer.weight.numpy()
layer.weight @ X
"""

LOST = """
nn.init.uniform_(layer.weight)
nn.init.normal_(layer.weight)
nn.init.trunc_normal_(layer.weight)
nn.init.constant_(layer.weight, 1)
nn.init.ones_(layer.weight)
nn.init.zeros_(layer.weight)
nn.init.eye_(layer.weight)
nn.init.sparse_(layer.weight, 0.5)
nn.init.orthogonal_(layer.weight)
nn.init.xavier_uniform_(layer.weight)
nn.init.xavier_normal_(layer.weight)
nn.init.kaiming_uniform_(layer.weight)
nn.init.kaiming_normal_(tensor=layer.weight)
nn.Sequential(layer).apply(lambda m: nn.init.zeros_(getattr(m, "weight", X)))
layer.weight.data.fill_(1)
layer.weight.data = torch.ones(5, 3)
layer.weight.data[0] = 1
layer.weight.data.T[0].zero_()
layer.weight.detach().mul_(2)
layer.weight.copy_(torch.ones(5, 3))
layer.weight[0] = 1
layer.weight[0].fill_(1)
layer.weight[:, 1:] *= 2
layer.weight.view(-1)[0] = 1
layer.weight.T[layer.weight.T > 0] = 0
layer.weight.unbind()[0].zero_()
layer.weight.contiguous().clamp_(0)
layer.weight += 1
layer.weight -= 1
layer.weight *= 2
layer.weight /= 2
torch.zeros(5, 3, out=layer.weight)
torch.mul(layer.weight, 2, out=layer.weight)
torch.relu_(layer.weight)
functional.relu(layer.weight, inplace=True)
nn.ReLU(inplace=True)(layer.weight)
torch.ops.aten.zero_.default(layer.weight)
torch._foreach_zero_([layer.weight])
nn.utils.vector_to_parameters(torch.ones(15), [layer.weight])
layer.weight.requires_grad_(False)
layer.weight.requires_grad = False
nn.Parameter(layer.weight.data)
layer.weight = nn.Parameter(torch.ones(5, 3))
layer.weight = nn.Parameter(layer.weight.clone())
setattr(layer, "weight", nn.Parameter(torch.ones(5, 3)))
layer.register_parameter("weight", nn.Parameter(torch.ones(5, 3)))
del layer.weight
prune.l1_unstructured(layer, "weight", 0.5)
prune.random_structured(layer, "weight", 0.5, dim=0)
prune.global_unstructured([(layer, "weight")], prune.L1Unstructured, amount=2)
prune.identity(layer, "weight")
torch.func.functional_call(layer, {"weight": torch.ones(5, 3)}, (X,))
"""

# These ask for a registered parameter, and say so in torch's own words.
REFUSED_BY_TORCH = """
parametrizations.orthogonal(layer)
parametrizations.weight_norm(layer)
parametrizations.spectral_norm(layer)
nn.utils.parametrize.register_parametrization(layer, "weight", nn.ReLU())
quietly(nn.utils.weight_norm, layer)
quietly(nn.utils.spectral_norm, layer)
"""


@KINDS
@pytest.mark.parametrize(
    ("tried", "outcome"),
    [
        (tried, outcome)
        for tried_ones, outcome in [
            (SAME, "the same"),
            (FAILS, "the same error"),
            (LOST, UserError),
            (REFUSED_BY_TORCH, (ValueError, KeyError)),
        ]
        for tried in tried_ones.strip().splitlines()
    ],
)
def test_it_behaves_as_the_layer_of_torch_or_refuses(kind, tried, outcome):
    torch.manual_seed(0)
    plain = nn.Linear(3, 5)
    layer = kind.from_linear(plain)
    if outcome == "the same":
        assert_same(run(tried, layer), run(tried, plain))
    elif outcome == "the same error":
        with pytest.raises((RuntimeError, TypeError, AttributeError)) as expected:
            run(tried, plain)
        with pytest.raises(expected.type) as found:
            run(tried, layer)
        assert found.type is expected.type
    else:
        for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
            with pytest.raises(outcome, match="weight"), mode():
                run(tried, layer)
        assert torch.equal(layer.weight, plain.weight)  # nothing has happened
        assert torch.equal(layer(X), plain(X))
        with torch.no_grad():
            run(tried, plain)  # the line means something


def run(tried: str, layer: nn.Linear) -> object:
    """Return the value of an expression, or execute a statement."""
    names = {**globals(), "layer": layer, "kind": type(layer)}
    try:
        code = compile(tried, tried, "eval")
    except SyntaxError:
        return exec(tried, names)
    return eval(code, names)


def assert_same(found: object, expected: object) -> None:
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, Tensor):
        assert type(found) is type(expected)
        assert found.requires_grad == expected.requires_grad
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    else:
        np.testing.assert_equal(found, expected)


# To and from a plain layer --------------------------------------------------------


@KINDS
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_plain_layer_keeps_all_there_and_back(rng, kind, bias, dtype):
    layer = randomised(kind(4, 5, bias=bias), rng).to(dtype).eval()
    plain = layer.to_linear()
    assert type(plain) is nn.Linear and not plain.training
    again = kind.from_linear(plain)
    assert type(again) is kind and not again.training
    assert torch.equal(again.eigenvectors, plain.weight)
    assert (again.eigenvalues == 1).all()
    x = draw(rng, 8, 4).to(dtype)
    for other in (plain, again):
        assert other.weight.dtype == dtype and (other.bias is not None) == bias
        assert torch.equal(other.weight, layer.weight)
        assert torch.equal(other(x), layer(x))
        assert all(parameter.requires_grad for parameter in other.parameters())
    before = layer(x)
    with torch.no_grad():  # copies, not views
        for parameter in plain.parameters():
            parameter.fill_(7)
    assert torch.equal(layer(x), before) and torch.equal(again(x), before)
    assert kind.from_linear(layer.to("meta")).weight.is_meta
    assert layer.to_linear().weight.is_meta


@KINDS
@pytest.mark.parametrize("frozen", [True, False])
def test_a_plain_layer_keeps_what_requires_a_gradient(kind, frozen):
    plain = nn.Linear(3, 5)
    plain.weight.requires_grad_(not frozen)
    plain.bias.requires_grad_(frozen)
    with torch.no_grad():
        layer = kind.from_linear(plain)
        again = layer.to_linear()
    for name, parameter in layer.named_parameters():
        assert parameter.requires_grad == (frozen if name == "bias" else not frozen)
    assert again.weight.requires_grad == plain.weight.requires_grad
    assert again.bias.requires_grad == plain.bias.requires_grad


def test_conversions_draw_no_random_numbers():
    layer, plain = SpectralLinear(3, 5), nn.Linear(3, 5)
    before = torch.get_rng_state()
    layer.to_linear()
    SpectralLinear.from_linear(plain)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_spectral_layer_is_taken_for_its_weight(rng):
    layer = randomised(General(3, 5), rng)
    again = SpectralLinear.from_linear(layer)
    assert torch.equal(again.eigenvectors, layer.weight)
    assert type(again.eigenvectors) is nn.Parameter
    normed = parametrizations.weight_norm(nn.Linear(3, 5))
    assert torch.equal(SpectralLinear.from_linear(normed)(X), normed(X))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (nn.Conv1d(3, 5, 1), "Conv1d"),
        (nn.Sequential(nn.Linear(3, 5)), "Sequential"),
        (torch.ones(5, 3), "Tensor"),
        (None, "NoneType"),
        (nn.LazyLinear(5), "lazy"),
    ],
)
def test_what_is_no_linear_layer_is_refused(other, found):
    with pytest.raises(UserError, match=found):
        SpectralLinear.from_linear(other)


@KINDS
@pytest.mark.parametrize(
    ("assign", "device"), [(False, "cpu"), (True, "cpu"), (True, "meta")]
)
def test_the_state_of_a_plain_model_is_read(kind, assign, device):
    plain = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.Tanh(), nn.Linear(5, 2)))
    model = nn.Sequential(
        kind(3, 5, device=device),
        nn.Sequential(nn.Tanh(), kind(5, 2, device=device)),
    )
    state = plain.state_dict()
    found = model.load_state_dict(state, strict=True, assign=assign)
    assert not found.missing_keys and not found.unexpected_keys
    assert list(state) == list(plain.state_dict())
    assert torch.equal(model(X), plain(X))
    state = plain[0].state_dict()
    model[0].load_state_dict(state, assign=assign)
    assert list(state) == ["weight", "bias"]
    assert all(parameter.requires_grad for parameter in model.parameters())
    again = copy.deepcopy(model)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(X), plain(X))


@KINDS
def test_its_own_state_is_read_to_the_bit(rng, kind):
    layer, other = randomised(kind(3, 5), rng), kind(3, 5).double()
    other.load_state_dict(layer.state_dict())
    for name, parameter in layer.named_parameters():
        assert torch.equal(other.get_parameter(name), parameter)
    with pytest.raises(RuntimeError, match="size mismatch for eigenvectors"):
        kind(3, 4).load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="Unexpected.*weight"):
        kind(3, 5).load_state_dict({**layer.state_dict(), "weight": layer.weight})
    with pytest.raises(RuntimeError, match="size mismatch for eigenvectors"):
        kind(3, 5).load_state_dict(nn.Linear(3, 4).state_dict())


@KINDS
def test_standard_replaces_the_spectral_layers_of_a_copy(rng, kind):
    shared = kind(4, 4)
    model = nn.ModuleDict(
        {
            "a": nn.Sequential(
                kind(3, 4), nn.Dropout(0.5), shared, nn.Sequential(shared)
            ),
            "b": nn.Linear(4, 2),
        }
    )
    randomised(model, rng)
    model["a"].eval()
    before = copy.deepcopy(model)
    plain = standard(model)
    assert not any(isinstance(module, SpectralLinear) for module in plain.modules())
    assert plain["a"][2] is plain["a"][3][0]
    assert plain.training and not any(m.training for m in plain["a"].modules())
    x = draw(rng, 8, 3)
    expected = model["b"](model["a"](x))
    assert torch.equal(plain["b"](plain["a"](x)), expected)

    with torch.no_grad():  # the original is left as it is
        for parameter in plain.parameters():
            parameter.fill_(7)
    for found, wanted in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(found, wanted)
    assert model["a"][2] is model["a"][3][0] is shared


@KINDS
def test_standard_of_a_layer_is_a_plain_layer(kind):
    layer = kind(3, 5)
    assert type(standard(layer)) is nn.Linear
    assert torch.equal(standard(layer)(X), layer(X))


@KINDS
def test_parts_of_the_layer_can_be_parametrised(kind):
    layer = kind(3, 5)
    parametrizations.weight_norm(layer, "eigenvectors")
    prune.l1_unstructured(layer, "eigenvalues", 1)
    assert torch.equal(standard(layer)(X), layer(X))
    assert (layer.relevance() == 0).sum() == 1


def test_the_representation_tells_eigenvalues_of_the_destination():
    assert repr(SpectralLinear(3, 5)) == (
        "SpectralLinear(in_features=3, out_features=5, bias=True)"
    )
    assert repr(General(3, 5, bias=False)) == (
        "General(in_features=3, out_features=5, bias=False, out_eigenvalues=True)"
    )


def test_the_arguments_are_those_of_torch():
    theirs = list(inspect.signature(nn.Linear).parameters.values())
    ours = list(inspect.signature(SpectralLinear).parameters.values())
    assert [(p.name, p.kind, p.default) for p in ours[:-1]] == [
        (p.name, p.kind, p.default) for p in theirs
    ]
    assert ours[-1].kind is inspect.Parameter.KEYWORD_ONLY


def test_views_in_numpy_cannot_be_written_to():
    layer = SpectralLinear(3, 5)
    for view in (layer.weight.detach().numpy(), np.asarray(layer.weight.data)):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1
    copied = np.asarray(layer.weight.detach(), dtype=np.float64)
    copied[0] = 1


# Explainers -----------------------------------------------------------------------


def network(kind: type[SpectralLinear], rng: np.random.Generator) -> nn.Module:
    layers = (nn.ReLU(), kind(3, 6), nn.ReLU(), kind(6, 2))
    return randomised(nn.Sequential(*layers), rng).float()


@KINDS
@pytest.mark.parametrize(
    "rule",
    [
        *(rules.Epsilon(), rules.Gamma(), rules.AlphaBeta(2, 1), rules.ZPlus()),
        *(rules.ZBox(-3, 3), rules.WSquare(), rules.Flat()),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_rules_of_zennit_are_refused(rng, kind, rule):
    model, x = network(kind, rng), draw(rng, 4, 3).float()
    composite = LayerMapComposite([(AnyLinear, rule), (nn.ReLU, rules.Pass())])
    with (
        pytest.raises(UserError, match=r"standard\(model\)"),
        Gradient(model, composite) as attribute,
    ):
        attribute(x, torch.ones(4, 2))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model(x).shape == (4, 2)

    hook = rule.copy()
    handle = hook.register(model[1])
    with pytest.raises(UserError, match="zennit"):
        model(x)
    handle.remove()
    assert model(x).shape == (4, 2)


@KINDS
def test_rules_of_zennit_share_out_the_output_on_a_standard_model(rng, kind):
    model = network(kind, rng)
    with torch.no_grad():
        for layer in (model[1], model[3]):
            layer.bias.zero_()
    x = draw(rng, 4, 3).float().abs()
    with Gradient(standard(model), EpsilonPlus()) as attribute:
        output, relevance = attribute(x, model(x).detach())
    torch.testing.assert_close(output, model(x))
    torch.testing.assert_close(relevance.sum(), output.sum(), rtol=1e-4, atol=1e-4)


def test_other_hooks_are_called():
    layer, seen = SpectralLinear(3, 5), []
    layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    layer.register_forward_pre_hook(
        lambda module, inputs, options: seen.append(options), with_kwargs=True
    )
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    y = layer(X)
    assert seen[0] is X and seen[1] == {} and seen[2] is y


@KINDS
@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
def test_explainers_of_captum_are_right_or_refuse(rng, kind):
    model, x = network(kind, rng), draw(rng, 4, 3).float()
    plain = standard(model)

    def attribution(method: type, model: nn.Module) -> Tensor:
        return method(model).attribute(x.clone().requires_grad_(), target=0)

    for method in (captum.attr.DeepLift, captum.attr.IntegratedGradients):
        expected = attribution(method, plain)
        torch.testing.assert_close(attribution(method, model), expected)
    lrp = captum.attr.LRP
    with pytest.raises(TypeError, match="SpectralLinear|General"):
        attribution(lrp, copy.deepcopy(model))
    for rule in (lrp_rules.GammaRule, lrp_rules.Alpha1_Beta0_Rule):
        with pytest.raises(UserError, match="weight"):
            attribution(lrp, with_rules(model, rule))
    found = attribution(lrp, with_rules(model, lrp_rules.EpsilonRule))
    torch.testing.assert_close(found, attribution(lrp, plain))


def with_rules(model: nn.Module, rule: type) -> nn.Module:
    model = copy.deepcopy(model)
    for layer in (model[1], model[3]):
        layer.rule = rule()
    return model


@KINDS
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_the_deep_explainer_of_shap_is_right(rng, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # in its plots
        import shap
    model = network(kind, rng)
    background, x = draw(rng, 20, 3).float(), draw(rng, 4, 3).float()
    expected = shap.DeepExplainer(standard(model), background).shap_values(x)
    with pytest.warns(UserWarning, match="unrecognized nn.Module"):
        found = shap.DeepExplainer(model, background).shap_values(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
