"""The spectral layer, in place of :class:`torch.nn.Linear`."""

import copy
import math
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch._C import _is_alias_of  # type: ignore[attr-defined]
from torch.nn import functional
from torch.nn.parameter import UninitializedParameter
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.hooks import RemovableHandle

from spectral_relevance.errors import UserError


class SpectralLinear(nn.Linear):
    """An affine map whose weights are w_ij = (λ_in,j − λ_out,i) φ_ij.

    The layer is the lower-left block of the operator A = Φ Λ Φ⁻¹ that acts on the nodes
    of the departure and of the destination layer together (Methods, eq. 8–11). With
    λ_out = 0, the default, w_ij = λ_j φ_ij (eq. 1). Everything else is as in
    :class:`torch.nn.Linear`, except that :attr:`weight` can be read only.

    Parameters
    ----------
    in_features, out_features : int
        Numbers of departure nodes (N1) and of destination nodes (N2).
    bias : bool
        Whether to learn an additive bias.
    device, dtype : optional
        Where and in which precision the parameters are made.
    out_eigenvalues : bool
        Whether to learn λ_out too (eq. 11).

    Attributes
    ----------
    eigenvalues : Parameter, shape (N1,)
        λ_in.
    eigenvectors : Parameter, shape (N2, N1)
        φ; column j is the non-trivial part of the eigenvector of input j.
    bias : Parameter, shape (N2,), or None
    out_eigenvalues : Parameter, shape (N2,), or None
        λ_out.

    Examples
    --------
    >>> layer = SpectralLinear(4, 3)
    >>> layer(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    >>> layer.relevance().shape
    torch.Size([4])
    """

    __jit_unused_properties__ = ["weight"]
    eigenvalues: nn.Parameter
    eigenvectors: nn.Parameter
    out_eigenvalues: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        out_eigenvalues: bool = False,
    ) -> None:
        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

        nn.Module.__init__(self)  # that of nn.Linear would make a weight
        self.in_features = in_features
        self.out_features = out_features
        self.eigenvalues = parameter(in_features)
        self.eigenvectors = parameter(out_features, in_features)
        self.register_parameter("bias", parameter(out_features) if bias else None)
        self.register_parameter(
            "out_eigenvalues", parameter(out_features) if out_eigenvalues else None
        )
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw φ (Glorot uniform, Keras's default); set λ_in = 1, λ_out = 0, bias 0.

        Parameters
        ----------
        generator : torch.Generator, optional
            Where the numbers come from; torch's global generator by default.
        """
        bound = math.sqrt(6 / max(1, self.in_features + self.out_features))
        self.eigenvectors.uniform_(-bound, bound, generator=generator)
        self.eigenvalues.fill_(1)
        if self.out_eigenvalues is not None:
            self.out_eigenvalues.zero_()
        if self.bias is not None:
            self.bias.zero_()

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(..., N1)`` to ``(..., N2)``."""
        return functional.linear(input, self._weight(), self.bias)

    def _weight(self) -> Tensor:
        out = self.out_eigenvalues
        if out is None:
            return self.eigenvalues * self.eigenvectors
        return (self.eigenvalues - out.unsqueeze(-1)) * self.eigenvectors

    @property
    def weight(self) -> Tensor:
        """The weights w_ij from input j to output i, shape ``(N2, N1)``.

        They are computed anew at each reading, and gradients pass through. What is
        written to them would be lost, therefore it raises :class:`UserError`.
        """
        weight = self._weight()
        if torch.compiler.is_compiling():
            return weight
        return weight.as_subclass(ComputedWeight)

    @weight.setter
    def weight(self, value: object) -> None:
        raise _read_only("an assignment")

    @weight.deleter
    def weight(self) -> None:
        raise _read_only("a deletion")

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Add a parameter; refuse those that would replace the weight."""
        if name in ("weight", "weight_orig"):  # weight_orig: torch.nn.utils.prune
            raise _read_only(f"a parameter {name!r} in its place")
        super().register_parameter(name, param)

    def relevance(self) -> Tensor:
        """Relevance of each input, |λ̃_j| = |λ_j| ‖φ_·j‖₂ (Methods), shape ``(N1,)``.

        Non-negative and detached. With λ_out = 0 it is the norm ‖w_·j‖₂ of the weights
        that leave input j; λ_out, where it is learnt, does not enter.
        """
        vectors = self.eigenvectors.detach()
        dtype = torch.promote_types(vectors.dtype, torch.float32)
        squares = vectors.new_zeros(self.in_features, dtype=dtype)
        # Some rows at a time: many times faster than a norm along the first dimension,
        # and the squares stay in the cache.
        for rows in torch.split(vectors, 64):
            squares += rows.to(dtype).square().sum(0)
        return self.eigenvalues.detach().abs() * squares.sqrt().to(vectors.dtype)

    def rescaled_eigenvalues(self) -> Tensor:
        """Rescaled eigenvalues λ̃_j = λ_j ‖φ_·j‖₂ (Methods), shape ``(N1,)``.

        Differentiable. The sign is that of λ_j and has no meaning of its own, because
        (λ_j, φ_·j) and (−λ_j, −φ_·j) are the same layer if λ_out = 0.
        """
        norms: Tensor = torch.linalg.vector_norm(self.eigenvectors, dim=0)
        return self.eigenvalues * norms

    def transfer_operator(self) -> Tensor:
        """Return the full operator A = Φ Λ Φ⁻¹, shape ``(N1 + N2, N1 + N2)``.

        Its eigenvalues are λ_in and λ_out, its lower-left block is :attr:`weight`
        (eq. 8–10). Meant for tests and figures: it is quadratic in N1 + N2.
        """
        phi, n1 = self.eigenvectors, self.in_features
        identity = torch.eye(sum(phi.shape), dtype=phi.dtype, device=phi.device)
        basis = identity.clone()
        basis[n1:, :n1] = phi
        out: Tensor | None = self.out_eigenvalues
        if out is None:
            out = phi.new_zeros(self.out_features)
        return basis * torch.cat([self.eigenvalues, out]) @ (2 * identity - basis)

    @classmethod
    @torch.enable_grad()
    def from_linear(cls, linear: nn.Linear, *, out_eigenvalues: bool = False) -> Self:
        """Return a spectral layer with the weights of another: λ_in = 1, φ = W.

        Device, precision, bias, training mode and what requires a gradient are those
        of `linear`. No memory is shared.

        Parameters
        ----------
        linear : torch.nn.Linear
            A spectral layer will do, too: its weight goes into φ as a whole.
        out_eigenvalues : bool
            Whether the new layer learns λ_out, initially 0.

        Raises
        ------
        UserError
            If `linear` is no :class:`torch.nn.Linear`, or a lazy one without weights.
        """
        if not isinstance(linear, nn.Linear):
            raise UserError(
                f"from_linear expects a torch.nn.Linear, found {type(linear).__name__}"
            )
        if isinstance(linear.weight, UninitializedParameter):
            raise UserError(
                "from_linear found a lazy layer that has no weights yet",
                "give the layer an example first: they are made in its first call",
            )
        layer = cls(
            linear.in_features,
            linear.out_features,
            linear.bias is not None,
            device="meta",  # nothing is drawn
            dtype=linear.weight.dtype,
            out_eigenvalues=out_eigenvalues,
        )
        for name, values in layer._spectral(linear.weight.detach().clone()).items():
            setattr(layer, name, nn.Parameter(values, linear.weight.requires_grad))
        if linear.bias is not None:
            layer.bias = _copy(linear.bias)
        return layer.train(linear.training)

    @torch.enable_grad()
    def to_linear(self) -> nn.Linear:
        """Return a plain :class:`torch.nn.Linear` that computes the same output.

        Device, precision and training mode are kept. No memory is shared.
        """
        weight = self._weight()
        linear = nn.Linear(
            self.in_features,
            self.out_features,
            self.bias is not None,
            device="meta",  # nothing is drawn
            dtype=weight.dtype,
        )
        linear.weight = _copy(weight)
        if self.bias is not None:
            linear.bias = _copy(self.bias)
        return linear.train(self.training)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        """Read the state of a plain linear layer, too: λ_in = 1, φ = W, λ_out = 0."""
        weight = state_dict.get(prefix + "weight")
        if isinstance(weight, Tensor) and prefix + "eigenvectors" not in state_dict:
            del state_dict[prefix + "weight"]  # torch hands over a copy
            for name, values in self._spectral(weight).items():
                state_dict[prefix + name] = values
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _spectral(self, weight: Tensor) -> dict[str, Tensor]:
        """Parameters of a layer with this weight: λ_in = 1, φ = W, λ_out = 0."""
        values = {
            "eigenvalues": weight.new_ones(self.in_features),
            "eigenvectors": weight,
        }
        if self.out_eigenvalues is not None:
            values["out_eigenvalues"] = weight.new_zeros(self.out_features)
        return values

    def register_forward_pre_hook(self, hook: Any, **options: Any) -> RemovableHandle:
        """Add a hook; in place of one of zennit's, one that raises `UserError`.

        zennit's rules modify every parameter of a linear layer by itself, which for λ
        and φ gives other values than for their product. The error comes with the first
        call, so that zennit's context can still take its hooks off the other layers.
        """
        kinds = type(getattr(hook, "__self__", None)).__mro__
        if any(kind.__module__.split(".")[0] == "zennit" for kind in kinds):
            return super().register_forward_pre_hook(_refuse_rule)
        return super().register_forward_pre_hook(hook, **options)

    def extra_repr(self) -> str:
        """Show the settings, as :class:`torch.nn.Linear` does."""
        out = "" if self.out_eigenvalues is None else ", out_eigenvalues=True"
        return super().extra_repr() + out


def standard(model: nn.Module) -> nn.Module:
    """Return a deep copy of a model with plain layers in place of spectral ones.

    It computes the same output, and tools that modify the weights of linear layers can
    be applied to it. Hooks on spectral layers are left behind.

    Parameters
    ----------
    model : torch.nn.Module
        Left as it is. It may be a :class:`SpectralLinear` itself.

    Examples
    --------
    >>> standard(nn.Sequential(SpectralLinear(4, 3), nn.ReLU()))
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
    )
    """
    layers = [m for m in model.modules() if isinstance(m, SpectralLinear)]
    # What the memo holds already, deepcopy takes for the copy.
    return copy.deepcopy(model, {id(layer): layer.to_linear() for layer in layers})


class ComputedWeight(Tensor):
    """A weight that can be read like any tensor, but not be written to.

    What shares its memory, as views and ``.data`` do, is guarded likewise; what is
    computed from it is a plain tensor.
    """

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Refuse writing, by the names that torch gives to such functions."""
        kwargs = kwargs or {}
        name = func.__name__.partition(".")[0]  # without an overload, as in add_.Tensor
        written = [kwargs.get("out")]
        in_place = name.endswith("_") and not name.endswith("__")
        if in_place or name in ("__setitem__", "__set__") or kwargs.get("inplace"):
            written += args[:1] or kwargs.values()
        if any(isinstance(leaf, cls) for leaf in tree_leaves(written)):
            dunder = name.startswith("__")
            raise _read_only("an assignment" if dunder else f"what {name} writes")
        if name in ("__deepcopy__", "__reduce_ex__"):  # a copy may be written to
            args = (args[0].detach().as_subclass(Tensor), *args[1:])

        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
            own = [
                leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, cls)
            ]

            def guard(tensor: Tensor) -> Tensor:
                shared = any(_is_alias_of(tensor, weight) for weight in own)
                return tensor.as_subclass(cls) if shared else tensor

            if isinstance(result, np.ndarray):
                result.flags.writeable = result.flags.owndata
            return tree_map_only(Tensor, guard, result)


def _read_only(attempt: str) -> UserError:
    return UserError(
        "The weight of a SpectralLinear is computed from its eigenvalues and "
        f"eigenvectors: {attempt} would be lost",
        "write to layer.eigenvalues and layer.eigenvectors, make the layer with "
        "SpectralLinear.from_linear, or change a copy, layer.weight.detach().clone()",
    )


def _refuse_rule(*_: object) -> None:
    raise UserError(
        "zennit's rules are wrong on a SpectralLinear: they modify its eigenvalues and "
        "eigenvectors one by one, not the weight, which is their product",
        "apply them to spectral_relevance.layers.standard(model), which is the same "
        "model with plain linear layers",
    )


def _copy(parameter: Tensor) -> nn.Parameter:
    return nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
