"""The spectral parametrisation on a layer of any torch model.

:func:`spectralize` writes the weights of one layer as w_ij = λ_j φ_ij (Methods, eq. 1).
The rest is an ordinary training: :func:`penalty` is added to the loss,
:func:`relevance` reads out the inputs, :func:`despectralize` leaves the plain model.

The parametrisation is one of :mod:`torch.nn.utils.parametrize`. A layer keeps its type
and its place, and λ and φ are parameters like any other.
"""

import functools
from collections.abc import Callable
from difflib import get_close_matches
from numbers import Real
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch._C import _is_alias_of  # type: ignore[attr-defined]
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from spectral_relevance.errors import UserError
from spectral_relevance.layers import SpectralLinear
from spectral_relevance.penalty import Penalty

__all__ = ["despectralize", "penalty", "relevance", "spectralize"]

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""The layers that can be spectralized; lazy ones, once they have their weights."""

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

Model = TypeVar("Model", bound=nn.Module)


class Factors(NamedTuple):
    """The parameters of a spectralized layer.

    Attributes
    ----------
    eigenvalues : Tensor, shape (N1,)
        λ.
    eigenvectors : Tensor, shape of the weight
        φ.
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class Spectral(nn.Module):
    """The parametrisation w_ij = λ_j φ_ij of the weight of a layer.

    For a convolution j is an input channel, and φ_ij is a kernel.

    Parameters
    ----------
    groups : int
        Into how many groups a convolution divides its channels.
    """

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
        """Return the weight, shape ``(N2, N1 / groups, ...)``."""
        by_group = torch.unflatten(eigenvectors, 0, (self.groups, -1))
        kernel = [1] * (by_group.dim() - 3)
        weight = by_group * eigenvalues.view(self.groups, 1, -1, *kernel)
        return weight.flatten(0, 1)

    def right_inverse(self, weight: Tensor) -> Factors:
        """Return factors whose product is the weight, to rounding.

        They are in balance, |λ_j| = ‖φ_·j‖ = √‖w_·j‖, where the penalty is the group
        lasso. An input without weights has λ_j = 1 and φ_·j = 0: with λ_j = 0 it would
        get no gradient, and could never be learnt.
        """
        norms = self.norms(weight)
        # The squares of very small and very large weights are out of range.
        known = (norms > 0) & (norms < torch.inf)
        eigenvalues = torch.where(known, norms.sqrt(), 1)
        return Factors(eigenvalues, self(1 / eigenvalues, weight))

    def norms(self, weight: Tensor) -> Tensor:
        """Return ‖w_·j‖₂ of each input, shape ``(N1,)``."""
        by_group = torch.unflatten(weight, 0, (self.groups, -1))
        other = (1, *range(3, by_group.dim()))
        norms: Tensor = torch.linalg.vector_norm(by_group, dim=other)
        return norms.flatten()


def spectralize(model: Model, name: str | None = None) -> Model:
    """Put the spectral parametrisation on a layer of a model, in place.

    The output of the model is unchanged, to rounding. The layer has the parameters λ
    and φ instead of its weight; an optimiser has to be made afterwards. States of the
    plain model can be loaded as before.

    Parameters
    ----------
    model : torch.nn.Module
        It may be the layer itself.
    name : str, optional
        Which layer, as in ``model.named_modules()``: a :class:`torch.nn.Linear`, or a
        convolution for its input channels. By default the first module that has
        parameters, in the order of ``model.named_modules()``, which has to be one.

    Returns
    -------
    torch.nn.Module
        The model that was given.

    Raises
    ------
    UserError
        If there is no such layer, if its weights are none that can be trained, or if
        others depend on them: frozen, lazy, pruned, quantised, complex, parametrised or
        shared ones.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> spectralize(model) is model
    True
    >>> isinstance(model[0], nn.Linear)
    True
    >>> [parameter.shape for parameter in model[0].parametrizations.parameters()]
    [torch.Size([4]), torch.Size([3, 4])]
    """
    layer = _choose(model, name)
    _check(layer, model)
    spectral = Spectral(cast(int, getattr(layer, "groups", 1)))
    parametrize.register_parametrization(layer, "weight", spectral)
    for method in (
        _load_from_state_dict,
        register_forward_hook,
        register_forward_pre_hook,
    ):
        # The class is one that torch has made for this layer, and goes with `weight`.
        setattr(type(layer), method.__name__, method)
    return model


def penalty(model: nn.Module, strength: float | Penalty = 1.0) -> Tensor:
    """Return what is to be added to the loss.

    A number s stands for ½ s (Σ λ_j² + Σ φ_ij²), which at its minimum over all factors
    of the same weights is the group lasso s Σ ‖w_·j‖₂ (``docs/group_lasso.md``). It is
    that right after :func:`spectralize`.

    Parameters
    ----------
    model : torch.nn.Module
        With one or more spectralized layers, over which it sums.
    strength : float or Penalty
        s, in units of the loss by the norm of the weights; or strengths of the
        eigenvalues and of the eigenvectors, and a norm, of your own.

    Raises
    ------
    UserError
        If no layer is spectralized, or the strength makes no sense.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> layer.weight = nn.Parameter(torch.tensor([[3.0, 0.5], [4.0, 0.0]]))
    >>> print(f"{penalty(spectralize(layer), 0.1).item():.3f}")
    0.550
    """
    layers = _spectralized(model, "penalty")
    if not isinstance(strength, Penalty):
        is_number = isinstance(strength, Real) and not isinstance(strength, bool)
        if not (is_number and 0 <= strength < float("inf")):
            raise UserError(
                "penalty: expected a strength that is a number of at least 0 or a "
                f"Penalty, found {strength!r}."
            )
        half = float(strength) / 2
        strength = Penalty("l2", eigenvalues=half, eigenvectors=half)
    strength.check_fits("spectral")
    values = [
        strength.value(cast(nn.Module, _factors(layer))) for layer in layers.values()
    ]
    return functools.reduce(torch.add, values)


def relevance(model: nn.Module, name: str | None = None) -> Tensor:
    """Return the relevance of each input, |λ_j| ‖φ_·j‖₂ = ‖w_·j‖₂ (Methods).

    Parameters
    ----------
    model : torch.nn.Module
        With a spectralized layer.
    name : str, optional
        Which one, if there are several.

    Returns
    -------
    Tensor, shape (N1,)
        Non-negative and detached; for a convolution of each input channel.

    Raises
    ------
    UserError
        If no layer is spectralized, or it is not clear which one is meant.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> layer.weight = nn.Parameter(torch.tensor([[3.0, 0.5], [4.0, 0.0]]))
    >>> relevance(spectralize(layer))
    tensor([5.0000, 0.5000])
    """
    layers = _spectralized(model, "relevance")
    if name is None and len(layers) > 1:
        raise UserError(
            f"relevance: expected one spectralized layer, found {_listed(layers)}.",
            f"name one: relevance(model, {next(iter(layers))!r}).",
        )
    if name is None:
        name = next(iter(layers))
    if name not in layers:
        raise UserError(
            f"relevance: expected the name of a spectralized layer, found {name!r}.",
            f"there is {_listed(layers)}.",
        )
    weight = cast(Tensor, layers[name].weight).detach()
    return _parametrisation(layers[name]).norms(weight)


def despectralize(model: Model) -> Model:
    """Leave the plain model, with the same output: the reverse of `spectralize`.

    It works in place; ``despectralize(copy.deepcopy(model))`` is a copy for tools that
    go through the modules of a model or change its weights.

    Parameters
    ----------
    model : torch.nn.Module
        With one or more spectralized layers.

    Returns
    -------
    torch.nn.Module
        The model that was given.

    Raises
    ------
    UserError
        If no layer is spectralized.

    Examples
    --------
    >>> despectralize(spectralize(nn.Linear(4, 3)))
    Linear(in_features=4, out_features=3, bias=True)
    """
    for layer in _spectralized(model, "despectralize").values():
        trained = any(factor.requires_grad for factor in _factors(layer))
        # torch takes `weight` off the class, which deep copies of the layer share.
        kind = type(layer)
        layer.__class__ = type(kind.__name__, kind.__bases__, dict(vars(kind)))
        parametrize.remove_parametrizations(layer, "weight")
        # torch leaves a buffer where nothing requires a gradient.
        layer.weight = nn.Parameter(cast(Tensor, layer.weight).detach(), trained)
        for name, other in _own_parameters(layer).items():
            if name != "weight":  # comes first: optimisers know parameters by the order
                delattr(layer, name)
                layer.register_parameter(name, other)
    return model


def _choose(model: nn.Module, name: str | None) -> nn.Module:
    """Return the layer that a name stands for, or the first one."""
    _check_module(model, "spectralize")
    modules: dict[str, nn.Module] = dict(model.named_modules(remove_duplicate=False))
    names = [name for name, module in modules.items() if isinstance(module, KINDS)]
    if not names:
        raise UserError(
            "spectralize: expected a model with a torch.nn.Linear or a convolution, "
            f"found {_kind(model)} without.",
            "quantised and scripted layers are none: spectralize the model before.",
        )
    if name is None:
        first = next(
            name
            for name, module in modules.items()
            if isinstance(module, KINDS) or _own_parameters(module)
        )
        if not isinstance(modules[first], KINDS):
            raise UserError(
                "spectralize: expected a model that begins with a torch.nn.Linear or a "
                f"convolution, found the parameters of {_kind(modules[first])} at "
                f"{first!r}.",
                f"name the layer of your inputs: spectralize(model, {names[0]!r}).",
            )
        return modules[first]
    if name not in modules:
        close = get_close_matches(str(name), names, n=1)
        raise UserError(
            f"spectralize: expected the name of a layer, found {name!r}.",
            f"did you mean {close[0]!r}?" if close else f"there is {_listed(names)}.",
        )
    if not isinstance(modules[name], KINDS):
        raise UserError(
            "spectralize: expected a torch.nn.Linear or a convolution, found "
            f"{_kind(modules[name])} at {name!r}.",
            f"there is {_listed(names)}.",
        )
    return modules[name]


def _check(layer: nn.Module, model: nn.Module) -> None:
    """Raise unless the weights of a layer can be trained, and are its own."""

    def refuse(found: str, hint: str) -> None:
        raise UserError(
            f"spectralize: expected a layer with plain weights, found {found}.", hint
        )

    if _is_spectralized(layer):
        refuse("one that is spectralized already", "once is enough.")
    if isinstance(layer, SpectralLinear):
        refuse(
            "a SpectralLinear, which is spectral already",
            "layer.relevance() and Penalty.value(layer) are its own.",
        )
    if parametrize.is_parametrized(layer):
        refuse(
            f"parametrisations of {_listed(cast(Any, layer.parametrizations))}",
            "torch.nn.utils.parametrize.remove_parametrizations makes it plain.",
        )
    own = _own_parameters(layer)
    if "weight" not in own:
        refuse(
            f"weights that are computed from {_listed(own)}",
            "torch.nn.utils.prune.remove, or what undoes the method used, makes it "
            "plain.",
        )
    weight = own["weight"]
    if isinstance(weight, UninitializedParameter):
        refuse(
            "a lazy layer that has no weights yet",
            "give the model an example first: they are made in its first call.",
        )
    if type(weight) is not nn.Parameter or weight.dtype not in DTYPES:
        refuse(
            f"{_kind(weight)} of {weight.dtype}",
            "weights have to be dense and real; a model is quantised after training.",
        )
    if not weight.requires_grad:
        refuse(
            "frozen weights, which no penalty can change",
            "layer.weight.requires_grad_(True) lets them be trained.",
        )
    shared = [
        ".".join(filter(None, (place, name)))
        for place, module in model.named_modules()
        for name, parameter in _own_parameters(module).items()
        if _is_alias_of(parameter, weight)
    ]
    if len(shared) > 1:
        refuse(
            f"weights that are shared by {_listed(shared)}",
            "give each a copy of its own: nn.Parameter(weight.detach().clone()).",
        )


def _check_module(model: object, function: str) -> None:
    if not isinstance(model, nn.Module):
        raise UserError(
            f"{function}: expected a torch.nn.Module, found {_kind(model)}."
        )


def _spectralized(model: nn.Module, function: str) -> dict[str, nn.Module]:
    """Return the spectralized layers by their names, at least one."""
    _check_module(model, function)
    layers = {n: m for n, m in model.named_modules() if _is_spectralized(m)}
    if not layers:
        raise UserError(
            f"{function}: expected a spectralized layer, found none in {_kind(model)}.",
            "call spectralize(model) first; a SpectralLinear has methods of its own.",
        )
    return layers


def _is_spectralized(layer: nn.Module) -> bool:
    return parametrize.is_parametrized(layer, "weight") and isinstance(
        _parametrisation(layer), Spectral
    )


def _parametrisation(layer: nn.Module) -> Spectral:
    return cast(Spectral, cast(Any, layer.parametrizations).weight[0])


def _factors(layer: nn.Module) -> Factors:
    held = cast(Any, layer.parametrizations).weight
    return Factors(held.original0, held.original1)


def _own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    return dict(module.named_parameters(recurse=False))


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))


# Methods of spectralized layers ---------------------------------------------------


def _load_from_state_dict(
    self: nn.Module, state_dict: dict[str, Any], prefix: str, *args: Any
) -> None:
    """Read the state of the plain layer, too."""
    keys = [f"{prefix}parametrizations.weight.original{index}" for index in range(2)]
    weight = state_dict.get(prefix + "weight")
    if isinstance(weight, Tensor) and not set(keys) & set(state_dict):
        expected = cast(Tensor, self.weight).shape
        if weight.shape == expected:
            del state_dict[prefix + "weight"]  # torch hands over a copy
            factors = _parametrisation(self).right_inverse(weight)
            state_dict.update(zip(keys, factors, strict=True))
        else:
            errors: list[str] = args[-1]
            errors.append(
                f"size mismatch for {prefix}weight: expected {tuple(expected)}, found "
                f"{tuple(weight.shape)}."
            )
    plain: Any = parametrize.type_before_parametrizations(self)
    plain._load_from_state_dict(self, state_dict, prefix, *args)


def register_forward_hook(self: nn.Module, hook: Any, **options: Any) -> Any:
    """Add a hook; one of zennit's sees the plain layer."""
    return nn.Module.register_forward_hook(self, _with_weight(hook), **options)


def register_forward_pre_hook(self: nn.Module, hook: Any, **options: Any) -> Any:
    """Add a hook; one of zennit's sees the plain layer."""
    return nn.Module.register_forward_pre_hook(self, _with_weight(hook), **options)


def _with_weight(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return a hook of zennit's such that the layer it gets owns its weight.

    zennit's rules modify the parameters that a layer has by itself, for the time of a
    backward pass. Of a parametrised one they would leave out the weight, in silence.
    """
    kinds = type(getattr(hook, "__self__", None)).__mro__
    if not any(kind.__module__.split(".")[0] == "zennit" for kind in kinds):
        return hook

    @functools.wraps(hook)
    def with_weight(layer: nn.Module, *args: Any) -> Any:
        plain: Any = object.__new__(parametrize.type_before_parametrizations(layer))
        weight = nn.Parameter(cast(Tensor, layer.weight).detach())
        parameters = {"weight": weight, **layer._parameters}
        vars(plain).update(vars(layer), _parameters=parameters)
        return hook(plain, *args)

    return with_weight
