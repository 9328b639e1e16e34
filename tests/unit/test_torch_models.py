"""The spectral parametrisation of torch models, against loops and the plain model."""

import copy
import io
import pickle
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.parallel import replicate
from torch.nn.utils import parametrizations, parametrize, prune

import spectral_relevance
from spectral_relevance import torch_models, vision  # noqa: F401
from spectral_relevance.errors import UserError
from spectral_relevance.explainers.shap import DeepExplainer, GradientExplainer
from spectral_relevance.layers import SpectralLinear
from spectral_relevance.penalty import Penalty
from spectral_relevance.torch_models import (
    despectralize,
    penalty,
    relevance,
    spectralize,
)

# isort: split
from zennit import composites, rules
from zennit.attribution import Gradient
from zennit.types import Activation
from zennit.types import Linear as AnyLinear

ROOT = Path(__file__).resolve().parents[2]

LAYERS: dict[str, Callable[..., nn.Module]] = {
    "linear": lambda: nn.Linear(4, 6),
    "linear without bias": lambda: nn.Linear(4, 6, bias=False),
    "conv1d": lambda: nn.Conv1d(4, 6, 3),
    "conv2d": lambda: nn.Conv2d(4, 6, (2, 3), stride=2, padding=1),
    "conv3d": lambda: nn.Conv3d(4, 6, 2, padding_mode="circular", padding=1),
    "conv2d in groups": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "conv1d by channel": lambda: nn.Conv1d(4, 8, 3, groups=4),
}
EVERY_LAYER = pytest.mark.parametrize("kind", LAYERS)
DTYPES = pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)


@pytest.fixture(autouse=True)
def torch_seed(request: pytest.FixtureRequest) -> None:
    drawn = getattr(request.node, "callspec", None)
    torch.manual_seed(drawn.params.get("seed", 0) if drawn else 0)


def examples(layer: nn.Module) -> Tensor:
    dims = layer.weight.dim() - 2
    return torch.randn(5, 4, *[6] * dims).to(layer.weight.dtype)


def network() -> nn.Sequential:
    layers = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2)
    return nn.Sequential(*layers)


def image_network() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(4, 6, 3, groups=2), nn.ReLU(), nn.Conv2d(6, 3, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(12, 2)),
    )


def factors(layer: nn.Module) -> tuple[nn.Parameter, nn.Parameter]:
    held = layer.parametrizations.weight
    return held.original0, held.original1


def inputs_of(layer: nn.Module) -> dict[tuple[int, int], int]:
    """The input j of each pair (i, k) of first indices of the weight, one by one."""
    units, channels = layer.weight.shape[:2]
    groups = getattr(layer, "groups", 1)
    return {
        (i, k): i // (units // groups) * channels + k
        for i in range(units)
        for k in range(channels)
    }


def column_norms(layer: nn.Module) -> np.ndarray:
    squares = np.zeros(4)
    for (i, k), j in inputs_of(layer).items():
        squares[j] += (layer.weight[i, k].detach().double() ** 2).sum().item()
    return np.sqrt(squares)


# The parametrisation --------------------------------------------------------------


@EVERY_LAYER
@DTYPES
def test_nothing_changes_but_the_parameters(seed, kind, dtype):
    layer = LAYERS[kind]().to(dtype).eval()
    plain, x = copy.deepcopy(layer), examples(layer)
    random_state = torch.get_rng_state()
    assert spectralize(layer) is layer
    assert torch.equal(torch.get_rng_state(), random_state)

    assert isinstance(layer, type(plain))
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(layer.weight, plain.weight, rtol=2 * eps, atol=0)
    torch.testing.assert_close(layer(x), plain(x), rtol=16 * eps, atol=16 * eps)
    assert not layer.training
    assert all(parameter.requires_grad for parameter in layer.parameters())
    assert all(parameter.dtype == dtype for parameter in layer.parameters())
    assert (layer.bias is None) == (plain.bias is None)
    eigenvalues, eigenvectors = factors(layer)
    assert eigenvalues.shape == (4,) and eigenvectors.shape == plain.weight.shape


@EVERY_LAYER
def test_the_weight_is_a_product_one_by_one(seed, kind):
    layer = spectralize(LAYERS[kind]().double())
    eigenvalues, eigenvectors = factors(layer)
    with torch.no_grad():
        for factor in (eigenvalues, eigenvectors):
            factor.normal_()
    for (i, k), j in inputs_of(layer).items():
        expected = eigenvalues[j] * eigenvectors[i, k]
        torch.testing.assert_close(layer.weight[i, k], expected, rtol=1e-15, atol=0)


@EVERY_LAYER
def test_it_starts_in_balance(seed, kind):
    layer = LAYERS[kind]().double()
    norms = column_norms(layer)
    spectralize(layer)
    eigenvalues, eigenvectors = (factor.detach().numpy() for factor in factors(layer))
    of_vectors = np.zeros(4)
    for (i, k), j in inputs_of(layer).items():
        of_vectors[j] += (eigenvectors[i, k] ** 2).sum()
    np.testing.assert_allclose(eigenvalues, np.sqrt(norms))
    np.testing.assert_allclose(np.sqrt(of_vectors), np.sqrt(norms))
    # There the penalty is the group lasso.
    assert penalty(layer, 0.3).item() == pytest.approx(0.3 * norms.sum())
    assert penalty(layer).item() == pytest.approx(norms.sum())


@pytest.mark.parametrize("scale", [0, 1e-44, 1e-30, 1e-12, 1e12, 1e30])
def test_columns_of_any_size_are_kept(seed, scale):
    layer = nn.Linear(4, 6)
    with torch.no_grad():
        layer.weight[:, 1] *= scale
    plain = copy.deepcopy(layer)
    torch.testing.assert_close(
        spectralize(layer).weight, plain.weight, rtol=2.4e-7, atol=1e-45
    )
    assert (layer.weight[:, 1] == 0).all() == (scale == 0)


def test_inputs_without_weights_can_be_learnt():
    model = nn.Linear(3, 1)
    nn.init.zeros_(model.weight)
    spectralize(model)
    x = torch.randn(50, 3)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        (model(x) - x[:, :1] + x[:, 2:]).square().mean().backward()
        optimiser.step()
    expected = torch.tensor([[1.0, 0.0, -1.0]])
    torch.testing.assert_close(model.weight, expected, rtol=0, atol=1e-3)


@EVERY_LAYER
def test_a_step_is_the_one_of_the_chain_rule(seed, kind):
    layer = LAYERS[kind]().double()
    plain, x = copy.deepcopy(layer), examples(layer)
    plain(x).square().sum().backward()
    gradient = plain.weight.grad
    spectralize(layer)
    before = [factor.detach().clone() for factor in factors(layer)]
    optimiser = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(x).square().sum().backward()
    optimiser.step()
    expected = [factor.clone() for factor in before]
    for (i, k), j in inputs_of(plain).items():
        expected[0][j] -= (gradient[i, k] * before[1][i, k]).sum()
        expected[1][i, k] -= gradient[i, k] * before[0][j]
    for factor, wanted in zip(factors(layer), expected, strict=True):
        torch.testing.assert_close(factor.detach(), wanted)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "LBFGS"])
def test_optimisers_lower_the_loss_and_its_penalty(kind):
    model = spectralize(network())
    optimiser = getattr(torch.optim, kind)(model.parameters(), lr=0.01)
    x, y = torch.randn(30, 4), torch.randn(30, 2)

    def loss() -> Tensor:
        optimiser.zero_grad()
        loss = (model(x) - y).square().mean() + penalty(model, 0.01)
        loss.backward()
        return loss

    first = [loss().item(), penalty(model).item()]
    before = [factor.detach().clone() for factor in factors(model[0])]
    for _ in range(20):
        optimiser.step(loss)
    assert loss().item() < first[0]
    for factor, former in zip(factors(model[0]), before, strict=True):
        assert not torch.equal(factor, former)


# Penalty and relevance ------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_penalty_of_ones_own(seed, norm):
    model = spectralize(network().double())
    values = [factor.detach().numpy() for factor in factors(model[0])]
    size = np.abs if norm == "l1" else np.square
    expected = 0.2 * size(values[0]).sum() + 0.7 * size(values[1]).sum()
    found = penalty(model, Penalty(norm, eigenvalues=0.2, eigenvectors=0.7))
    assert found.item() == pytest.approx(expected)
    found.backward()
    assert all(factor.grad.abs().sum() > 0 for factor in factors(model[0]))
    assert model[2].weight.grad is None


def test_the_penalty_is_least_in_balance(seed):
    layer = spectralize(nn.Linear(4, 6).double())
    least, norms = penalty(layer).item(), column_norms(layer)
    for factor in (0.5, 0.9, 1.1, 2):
        with torch.no_grad():
            for values, by in zip(factors(layer), (factor, 1 / factor), strict=True):
                values *= by
        np.testing.assert_allclose(column_norms(layer), norms)
        assert penalty(layer).item() > least
        with torch.no_grad():
            for values, by in zip(factors(layer), (1 / factor, factor), strict=True):
                values *= by


@EVERY_LAYER
@DTYPES
def test_relevance_is_the_norm_of_the_weights_of_an_input(seed, kind, dtype):
    layer = spectralize(LAYERS[kind]().to(dtype))
    with torch.no_grad():
        factors(layer)[0].mul_(torch.tensor([-1, 3, 0, 0.1]).to(dtype))
    found = relevance(layer)
    assert found.dtype == dtype and not found.requires_grad and (found >= 0).all()
    rtol = 4 * torch.finfo(dtype).eps
    np.testing.assert_allclose(found.double(), column_norms(layer), rtol=rtol)


def test_training_ranks_the_inputs_that_matter_first(seed):
    """An ordinary loop; the same one without the penalty is the control."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(400, 12, generator=generator)
    y = x[:, :1] * x[:, 4:5] + x[:, 9:10].sin()
    relevant = np.isin(np.arange(12), (0, 4, 9))

    def trained(strength: float) -> nn.Module:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(12, 30), nn.Tanh(), nn.Linear(30, 1))
        spectralize(model)
        before = relevance(model)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-4)
        for _ in range(300):
            optimiser.zero_grad()
            loss = (model(x) - y).square().mean() + penalty(model, strength)
            loss.backward()
            optimiser.step()
        assert (relevance(model)[~relevant] < before[~relevant]).all() or not strength
        return model

    penalised, control = trained(0.02), trained(0.0)
    assert roc_auc_score(relevant, relevance(penalised)) == 1
    share = [
        (relevance(model)[~relevant].max() / relevance(model)[relevant].min()).item()
        for model in (penalised, control)
    ]
    assert share[0] < 0.1 < share[1]

    with torch.no_grad():
        output = penalised(x)
        torch.testing.assert_close(despectralize(penalised)(x), output)


# Which layer ----------------------------------------------------------------------


class Branches(nn.Module):
    """Two kinds of inputs, each with a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.signals = nn.Sequential(nn.Dropout(0.1), nn.Conv1d(3, 4, 2))
        self.table = nn.Linear(5, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, signals: Tensor, table: Tensor) -> Tensor:
        return self.head(self.signals(signals).sum(-1) + self.table(table))


def test_the_first_layer_or_the_named_one():
    model = spectralize(Branches())
    assert parametrize.is_parametrized(model.signals[1])
    assert sum(map(parametrize.is_parametrized, model.modules())) == 1
    assert relevance(model).shape == (3,)
    first = penalty(model)

    spectralize(model, "table")
    assert relevance(model, "table").shape == (5,)
    assert relevance(model, "signals.1").shape == (3,)
    expected = first + relevance(model, "table").sum()
    torch.testing.assert_close(penalty(model), expected)
    with pytest.raises(UserError, match=r"found 'signals\.1', 'table'.\nHint: name"):
        relevance(model)
    with pytest.raises(UserError, match=r"found 'head'.\nHint: there is 'signals\.1'"):
        relevance(model, "head")
    despectralize(model)
    assert not any(map(parametrize.is_parametrized, model.modules()))


def test_a_layer_of_a_transformer():
    model = nn.TransformerEncoderLayer(4, 2, 5, batch_first=True).eval()
    x = torch.randn(3, 6, 4)
    with torch.no_grad():
        expected = model(x)
    spectralize(model, "linear1")
    assert relevance(model).shape == (4,)
    torch.testing.assert_close(model(x), expected)
    with torch.no_grad():  # torch takes another way then
        torch.testing.assert_close(model(x), expected)


def test_a_layer_that_occurs_twice_is_one():
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    x = torch.randn(5, 4)
    expected = model(x)
    torch.testing.assert_close(spectralize(model, "2")(x), expected)
    torch.testing.assert_close(penalty(model), relevance(model).sum())


# What torch does with models ------------------------------------------------------


def test_states_are_saved_and_read_to_the_bit():
    model, other = spectralize(network()), spectralize(network())
    with torch.no_grad():
        factors(model[0])[0].mul_(-2)  # no longer what the weight alone would give
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for name, parameter in model.named_parameters():
        assert torch.equal(other.get_parameter(name), parameter)


@EVERY_LAYER
@pytest.mark.parametrize(
    ("assign", "device"), [(False, "cpu"), (True, "cpu"), (True, "meta")]
)
def test_states_of_the_plain_model_are_read(kind, assign, device):
    plain = nn.Sequential(nn.Sequential(LAYERS[kind]()), nn.ReLU())
    model = nn.Sequential(nn.Sequential(LAYERS[kind]()), nn.ReLU()).to(device)
    spectralize(model)
    state = plain.state_dict()
    found = model.load_state_dict(state, assign=assign)
    assert not found.missing_keys and not found.unexpected_keys
    assert list(state) == list(plain.state_dict())
    x = examples(plain[0][0])
    torch.testing.assert_close(model(x), plain(x))
    torch.testing.assert_close(penalty(model), relevance(model).sum())
    assert all(parameter.requires_grad for parameter in model.parameters())
    copy.deepcopy(model).load_state_dict(plain.state_dict())


def test_a_state_that_does_not_fit_is_refused():
    model = spectralize(network())
    state = network().state_dict()
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight: .*\(3, 4\)"):
        model.load_state_dict({**state, "0.weight": torch.ones(3, 4)})
    with pytest.raises(RuntimeError, match=r"Unexpected key.*0\.weight"):
        model.load_state_dict({**model.state_dict(), "0.weight": torch.ones(8, 4)})
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.weight"):
        network().load_state_dict(model.state_dict())
    del state["0.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.parametrizations"):
        model.load_state_dict(state)


def test_deep_copies_are_models_of_their_own():
    model, x = spectralize(network()), torch.randn(5, 4)
    expected = model(x)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for factor in factors(other[0]):
            factor.zero_()
    assert torch.equal(model(x), expected) and not relevance(other).any()
    despectralize(other)
    assert type(other[0]) is nn.Linear
    assert torch.equal(model(x), expected) and relevance(model).all()
    other = copy.deepcopy(model)
    despectralize(model)
    assert torch.equal(other(x), expected) and relevance(other).all()


def test_pickle_takes_what_torch_lets_it():
    model = spectralize(network())
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(model)
    despectralize(model)
    x = torch.randn(5, 4)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))


@pytest.mark.parametrize("make", [network, image_network])
def test_it_compiles(make):
    plain = make()
    x = torch.randn(5, 4, *[5] * 2 * (make is image_network))
    model = spectralize(copy.deepcopy(plain))
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), plain(x))

    @torch.compile(backend="aot_eager")
    def loss(x: Tensor) -> Tensor:
        return model(x).square().mean() + penalty(model, 0.1)

    loss(x).backward()
    found = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    (model(x).square().mean() + penalty(model, 0.1)).backward()
    for gradient, parameter in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    torch.testing.assert_close(relevance(compiled), relevance(model))
    assert spectralize(torch.compile(plain, backend="aot_eager"))(x).shape == (5, 2)


@pytest.mark.parametrize("make", [network, image_network])
def test_it_is_exported(make):
    plain = make().eval()
    shape = [5] * 2 * (make is image_network)
    model = spectralize(copy.deepcopy(plain))
    shapes = ({0: torch.export.Dim("batch")},)
    example = torch.randn(3, 4, *shape)
    program = torch.export.export(model, (example,), dynamic_shapes=shapes)
    for count in (2, 4, 500):
        x = torch.randn(count, 4, *shape)
        torch.testing.assert_close(program.module()(x), plain(x))


def test_data_parallel(monkeypatch):
    plain = network()
    model = spectralize(copy.deepcopy(plain))
    x = torch.randn(5, 4)
    parallel = nn.DataParallel(model)
    torch.testing.assert_close(parallel(x), plain(x))
    torch.testing.assert_close(penalty(parallel), penalty(model))
    assert torch.equal(relevance(parallel), relevance(model))
    assert spectralize(nn.DataParallel(plain))(x).shape == (5, 2)

    # What it does with several GPUs, but for the copies of the parameters to them.
    monkeypatch.setattr(
        sys.modules[replicate.__module__],
        "_broadcast_coalesced_reshape",
        lambda tensors, devices, detach: [[t * 1 for t in tensors] for _ in devices],
    )
    copies = replicate(parallel.module, [0, 1])
    output = torch.cat([one(x[i::2]) for i, one in enumerate(copies)])
    torch.testing.assert_close(output, torch.cat([model(x[::2]), model(x[1::2])]))
    output.square().sum().backward()
    found = [factor.grad.clone() for factor in factors(model[0])]
    model.zero_grad()
    model(x).square().sum().backward()
    for factor, gradient in zip(factors(model[0]), found, strict=True):
        torch.testing.assert_close(factor.grad, gradient)


def test_it_moves_and_keeps_its_memory_format():
    model = spectralize(image_network())
    x = torch.randn(5, 4, 5, 5)
    expected = model(x)
    torch.testing.assert_close(
        copy.deepcopy(model).double()(x.double()).float(), expected
    )
    assert copy.deepcopy(model).to("meta")(x.to("meta")).is_meta
    model.to(memory_format=torch.channels_last)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model(x), expected)
    other = image_network().to(memory_format=torch.channels_last)
    assert spectralize(other)(x).shape == expected.shape
    with torch.autocast("cpu", torch.bfloat16):
        assert model(x).dtype == torch.bfloat16


def test_assigning_a_weight_splits_it_anew():
    model, weight = spectralize(network()), torch.randn(8, 4)
    model[0].weight = weight
    torch.testing.assert_close(model[0].weight, weight)
    torch.testing.assert_close(penalty(model), weight.norm(dim=0).sum())


# The plain model ------------------------------------------------------------------


@EVERY_LAYER
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_plain_model_is_left(seed, kind, mode, frozen):
    before = LAYERS[kind]()
    layer = copy.deepcopy(before)
    x = examples(layer)
    with mode():
        spectralize(layer)
        with torch.no_grad():
            factors(layer)[0].mul_(3)
        expected = layer(x)
        for parameter in layer.parametrizations.parameters():
            parameter.requires_grad_(not frozen)
        assert despectralize(layer) is layer
        assert torch.equal(layer(x), expected)
    assert type(layer) is type(before) and repr(layer) == repr(before)
    assert vars(layer).keys() == vars(before).keys()
    names = [name for name, _ in before.named_parameters()]
    assert [name for name, _ in layer.named_parameters()] == names
    assert not list(layer.buffers())
    assert layer.weight.is_leaf and layer.weight.requires_grad == (not frozen)
    layer.load_state_dict(before.state_dict())
    assert torch.equal(layer(x), before(x))


def test_another_parametrisation_that_came_later_stays():
    layer = spectralize(nn.Linear(4, 6))
    parametrize.register_parametrization(layer, "bias", nn.Softplus())
    expected = layer(torch.ones(4))
    despectralize(layer)
    assert parametrize.is_parametrized(layer, "bias")
    assert not parametrize.is_parametrized(layer, "weight")
    assert torch.equal(layer(torch.ones(4)), expected)


def test_torch_can_remove_it_too():
    layer, x = spectralize(nn.Linear(4, 6)), torch.randn(5, 4)
    expected = layer(x)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and torch.equal(layer(x), expected)
    torch.testing.assert_close(spectralize(layer)(x), expected)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.parametrize("make", [network, image_network])
def test_the_plain_model_goes_through_onnx(tmp_path, make):
    model = spectralize(make()).eval()
    x = torch.randn(5, 4, *[5] * 2 * (make is image_network))
    expected = model(x).detach().numpy()
    despectralize(model)
    file = tmp_path / "model.onnx"
    batch = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.onnx.export(model, (x,), dynamic_shapes=batch, verbose=False)
    program.save(file)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (name,) = [entry.name for entry in session.get_inputs()]
    for rows in (x, x[:2]):
        (found,) = session.run(None, {name: rows.numpy()})
        np.testing.assert_allclose(found, expected[: len(rows)], rtol=1e-4, atol=1e-6)


# Explainers -----------------------------------------------------------------------


def pair(make: Callable[[], nn.Module]) -> tuple[nn.Module, nn.Module, Tensor]:
    """A plain model, the same spectralized, and examples."""
    plain = make().eval()
    x = torch.rand(6, 4, *[5] * 2 * (make is image_network))
    return plain, spectralize(copy.deepcopy(plain)), x


BOTH = pytest.mark.parametrize("make", [network, image_network])


QUIET_CAPTUM = pytest.mark.filterwarnings(
    "ignore:Setting forward, backward hooks",
    "ignore:Input Tensor 0 did not already require gradients",
)


@BOTH
@QUIET_CAPTUM
@pytest.mark.parametrize(
    "method", ["Saliency", "IntegratedGradients", "DeepLift", "InputXGradient"]
)
def test_captum_explains_it(seed, make, method):
    plain, model, x = pair(make)
    expected, found = (
        getattr(captum.attr, method)(one).attribute(x.clone(), target=1)
        for one in (plain, model)
    )
    torch.testing.assert_close(found, expected)


@BOTH
@QUIET_CAPTUM
def test_captum_relates_its_layers(seed, make):
    plain, model, x = pair(make)
    expected, found = (
        captum.attr.LayerIntegratedGradients(one, one[0]).attribute(x, target=1)
        for one in (plain, model)
    )
    torch.testing.assert_close(found, expected)


@QUIET_CAPTUM
def test_lrp_of_captum_takes_the_plain_model(seed):
    plain, model, x = pair(network)
    with pytest.raises(TypeError, match="Spectral"):
        captum.attr.LRP(copy.deepcopy(model)).attribute(x, target=1)
    found = captum.attr.LRP(despectralize(copy.deepcopy(model)))
    expected = captum.attr.LRP(plain).attribute(x, target=1)
    torch.testing.assert_close(found.attribute(x, target=1), expected)


@BOTH
@pytest.mark.parametrize("explainer", [DeepExplainer, GradientExplainer])
@pytest.mark.filterwarnings("ignore:unrecognized nn.Module. Spectral")
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_shap_explains_it(seed, make, explainer):
    plain, model, x = pair(make)
    settings = {"rseed": 0} if explainer is GradientExplainer else {}
    expected, found = (
        explainer(one, x[:3]).shap_values(x[3:], **settings) for one in (plain, model)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


LOW, HIGH = torch.zeros(1, 4, 5, 5), torch.ones(1, 4, 5, 5)
RULES = {
    "epsilon": rules.Epsilon(),
    "gamma": rules.Gamma(),
    "alpha beta": rules.AlphaBeta(2, 1),
    "z plus": rules.ZPlus(),
    "w square": rules.WSquare(),
    "flat": rules.Flat(),
    "z box": rules.ZBox(0, 1),
    "epsilon plus": composites.EpsilonPlus(),
    "epsilon plus flat": composites.EpsilonPlusFlat(),
    "box": composites.EpsilonGammaBox(LOW, HIGH),
}


@BOTH
@pytest.mark.parametrize("rule", RULES)
def test_zennit_explains_it(seed, make, rule):
    plain, model, x = pair(make)
    composite = RULES[rule]
    if isinstance(composite, rules.BasicHook):
        layer_map = [(AnyLinear, composite), (Activation, rules.Pass())]
        composite = composites.LayerMapComposite(layer_map)
    before = copy.deepcopy(model.state_dict())

    def attribution(model: nn.Module) -> Tensor:
        with Gradient(model, composite) as attribute:
            return attribute(x.clone(), torch.eye(2)[[0] * 6])[1]

    expected = attribution(plain)
    torch.testing.assert_close(attribution(model), expected, rtol=1e-4, atol=1e-5)
    assert all(
        torch.equal(before[name], now) for name, now in model.state_dict().items()
    )
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_other_hooks_are_called_with_the_layer():
    layer, seen = spectralize(nn.Linear(4, 6)), []
    handles = [
        layer.register_forward_pre_hook(lambda module, inputs: seen.append(module)),
        layer.register_forward_hook(
            lambda module, inputs, options, output: seen.append(options),
            with_kwargs=True,
        ),
    ]
    layer(torch.ones(4))
    assert seen[0] is layer and seen[1] == {}
    for handle in handles:
        handle.remove()
    layer(torch.ones(4))
    assert len(seen) == 2


# What is refused ------------------------------------------------------------------


class Compressed(Tensor):
    """Stands for the weights of a library with a kind of tensor of its own."""


def with_weight(weight: Tensor, requires_grad: bool = True) -> nn.Module:
    model = network()
    model[0].weight = nn.Parameter(weight, requires_grad)
    return model


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(network(), {nn.Linear})


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(network())


def normed() -> nn.Module:
    return changed(lambda model: parametrizations.weight_norm(model[0]))


def normed_the_old_way() -> nn.Module:
    model = network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(model[0])
    return model


def changed(change: Callable[[nn.Module], object]) -> nn.Module:
    model = network()
    change(model)
    return model


def tie(model: nn.Module, weight: Callable[[Tensor], Tensor]) -> None:
    model[4].weight = weight(model[0].weight)


BAD: dict[str, tuple[Callable[[], Any], Any, str, str]] = {
    "no model": (lambda: [1], None, "a torch.nn.Module, found builtins.list", ""),
    "a class": (lambda: nn.Linear, None, "a torch.nn.Module, found builtins.type", ""),
    "no layer": (
        lambda: nn.Sequential(nn.ReLU(), nn.Embedding(3, 2)),
        None,
        "with a torch.nn.Linear or a convolution, found .*Sequential without",
        "spectralize the model before",
    ),
    "misspelt": (network, "O", "name of a layer, found 'O'", "there is '0', '2', '4'"),
    "near": (Branches, "tables", "found 'tables'", "did you mean 'table'"),
    "a number": (network, 0, "name of a layer, found 0", "did you mean '0'"),
    "an activation": (network, "1", "found .*ReLU at '1'", "there is '0', '2', '4'"),
    "the whole": (network, "", "found .*Sequential at ''", "there is '0', '2', '4'"),
    "transposed": (
        lambda: nn.Sequential(nn.Conv1d(2, 3, 1), nn.ConvTranspose1d(3, 2, 1)),
        "1",
        "found .*ConvTranspose1d at '1'",
        "there is '0'",
    ),
    "something before": (
        lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)),
        None,
        "begins with .*found the parameters of .*BatchNorm1d at '0'",
        r"spectralize\(model, '1'\)",
    ),
    "attention": (
        lambda: nn.TransformerEncoderLayer(4, 2, 5),
        None,
        "found the parameters of .*MultiheadAttention at 'self_attn'",
        "name the layer",
    ),
    "twice": (lambda: spectralize(network()), None, "spectralized already", "once"),
    "twice by name": (lambda: spectralize(network()), "0", "spectralized al", "once"),
    "spectral": (
        lambda: nn.Sequential(SpectralLinear(4, 3)),
        None,
        "a SpectralLinear",
        r"layer\.relevance\(\)",
    ),
    "parametrised": (
        normed,
        None,
        "parametrisations of 'weight'",
        "remove_parametrizations",
    ),
    "parametrised without bias": (
        lambda: parametrizations.orthogonal(nn.Linear(4, 4, bias=False)),
        None,
        "parametrisations of 'weight'",
        "remove_parametrizations",
    ),
    "parametrised bias": (
        lambda: parametrize.register_parametrization(
            nn.Linear(4, 3), "bias", nn.Softplus()
        ),
        None,
        "parametrisations of 'bias'",
        "remove_parametrizations",
    ),
    "pruned": (
        lambda: changed(lambda m: prune.l1_unstructured(m[0], "weight", 0.5)),
        None,
        "computed from .*'weight_orig'",
        "prune.remove",
    ),
    "normed": (normed_the_old_way, None, "from .*'weight_g', 'weight_v'", "undoes"),
    "lazy": (
        lambda: nn.Sequential(nn.LazyLinear(3)),
        None,
        "lazy layer",
        "an example first",
    ),
    "lazy convolution": (
        lambda: nn.Sequential(nn.LazyConv2d(3, 2)),
        None,
        "lazy layer",
        "an example first",
    ),
    "quantised": (quantised, None, "with a torch.nn.Linear", "quantised"),
    "quantised by name": (quantised, "0", "with a torch.nn.Linear", "quantised"),
    "scripted": (scripted, None, "with a torch.nn.Linear", "scripted"),
    "a tensor of its own": (
        lambda: with_weight(torch.ones(8, 4).as_subclass(Compressed)),
        None,
        "Compressed",
        "dense and real",
    ),
    "complex": (
        lambda: nn.Sequential(nn.Linear(4, 3, dtype=torch.complex64)),
        None,
        "complex64",
        "dense and real",
    ),
    "integers": (
        lambda: with_weight(torch.ones(8, 4, dtype=torch.int8), False),
        None,
        "int8",
        "quantised after",
    ),
    "eight bits": (
        lambda: with_weight(torch.ones(8, 4).to(torch.float8_e4m3fn)),
        None,
        "float8_e4m3fn",
        "dense and real",
    ),
    "frozen": (
        lambda: changed(lambda model: model.requires_grad_(False)),
        None,
        "frozen",
        r"requires_grad_\(True\)",
    ),
    "tied": (
        lambda: changed(lambda model: tie(model, lambda weight: weight)),
        None,
        r"shared by '0\.weight', '4\.weight'",
        "a copy of its own",
    ),
    "tied and transposed": (
        lambda: changed(
            lambda model: tie(model, lambda w: nn.Parameter(w.detach().T[:2]))
        ),
        None,
        r"shared by '0\.weight', '4\.weight'",
        "a copy of its own",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_spectralized_is_refused(case):
    make, name, message, hint = BAD[case]
    model = make()
    before = repr(model)
    with pytest.raises(UserError) as error:
        spectralize(model, name)
    found, _, hinted = str(error.value).partition("\nHint: ")
    assert re.match(f"spectralize: expected .*{message}", found), found
    assert re.search(hint, hinted) and bool(hint) == bool(hinted), hinted
    assert repr(model) == before


@pytest.mark.parametrize("function", [penalty, relevance, despectralize])
def test_models_without_a_spectral_layer_are_refused(function):
    name = function.__name__
    for model in (network(), nn.Sequential(SpectralLinear(4, 3)), normed()):
        with pytest.raises(
            UserError, match=rf"^{name}: .*none in .*(?s:.*)spectralize"
        ):
            function(model)
    with pytest.raises(UserError, match=rf"^{name}: .*found builtins.NoneType"):
        function(None)
    model = spectralize(network())
    despectralize(model)
    with pytest.raises(UserError, match=f"^{name}: .*none in"):
        function(model)


@pytest.mark.parametrize(
    "strength", [-1, float("nan"), float("inf"), "0.1", None, True, [0.1], {"l2": 1}]
)
def test_strengths_that_make_no_sense_are_refused(strength):
    with pytest.raises(UserError, match="^penalty: expected a strength .* found"):
        penalty(spectralize(network()), strength)


@pytest.mark.parametrize(
    "strength", [Penalty("group_lasso", kernel=1.0), Penalty("l2", kernel=1.0)]
)
def test_penalties_of_standard_layers_are_refused(strength):
    with pytest.raises(UserError, match="spectral"):
        penalty(spectralize(network()), strength)


def test_no_penalty_is_one_of_zero():
    model = spectralize(network())
    assert penalty(model, 0).item() == 0
    assert penalty(model, np.float32(0.5)).item() == pytest.approx(
        0.5 * penalty(model).item()
    )


# The names ------------------------------------------------------------------------


def test_no_name_of_the_front_door_is_a_module():
    """A module would take its place as soon as anything imports that."""
    package = Path(spectral_relevance.__file__).parent
    modules = {path.stem for path in package.iterdir()}
    assert not modules & {*spectral_relevance.MODULES}
    for name in torch_models.__all__:
        if name != "penalty":
            found = getattr(spectral_relevance, name)
            assert found is getattr(torch_models, name)


# The page -------------------------------------------------------------------------


def test_the_lines_of_the_page_run():
    text = (ROOT / "docs/torch_models.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    before, asked = block.split("relevance(model).argsort")
    exec(before, names)
    first, after = f"relevance(model).argsort{asked}".split("  # inputs 2 and 7\n")
    assert sorted(eval(first, names).tolist()) == [2, 7]
    output = names["model"](names["x"])
    exec(after, names)
    assert type(names["plain"][0]) is nn.Linear
    assert torch.equal(names["plain"](names["x"]), output)
    described = re.findall(r"^\| `(\w+)\(", text, re.MULTILINE)
    assert sorted(described) == torch_models.__all__
