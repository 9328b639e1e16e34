"""The penalty on the first layer: its forms, and what the optimiser needs of each.

For a spectral layer, a Σ λ_j² + b Σ φ_ij² (``l2``) or a Σ |λ_j| + b Σ |φ_ij| (``l1``)
is added to the mean loss of a batch (Methods, "Training procedure"); for a standard one
the same of its weights. The L2 penalty of a spectral layer amounts to the group lasso
2 √(ab) Σ ‖w_·j‖₂ on its weights (``docs/group_lasso.md``); ``group_lasso`` minimises
that as it stands on a standard layer, with zeros that are exact.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from spectral_relevance.errors import UserError
from spectral_relevance.networks import Network
from spectral_relevance.replicas import norms
from spectral_relevance.specs import Spec

NORMS = ("l1", "l2", "group_lasso")

PENALISED = {"spectral": ("eigenvalues", "eigenvectors"), "standard": ("kernel",)}
"""The parameters of the first layer that are penalised, by the parametrisation."""

STRENGTHS = tuple(name for names in PENALISED.values() for name in names)
"""The parameters that some penalty has a strength for."""

EPSILON = 1e-7
"""ε of Adam, the default of Keras."""


@dataclass(frozen=True)
class Penalty(Spec):
    """A penalty on the first layer of a network.

    Parameters
    ----------
    norm : str
        ``l1``, ``l2`` or, for standard networks, ``group_lasso``.
    eigenvalues, eigenvectors : float
        Strengths a and b, for a spectral network.
    kernel : float
        Strength for the weights of a standard network.

    Raises
    ------
    UserError
        If a value is not allowed.

    Examples
    --------
    >>> penalty = Penalty("l2", eigenvalues=0.5, eigenvectors=1.0)
    >>> layer = nn.Module()
    >>> layer.eigenvalues = nn.Parameter(torch.tensor([2.0, 0.0]))
    >>> layer.eigenvectors = nn.Parameter(torch.tensor([[1.0, 1.0], [0.0, 3.0]]))
    >>> penalty.value(layer).item()
    13.0
    """

    norm: str
    eigenvalues: float = 0.0
    eigenvectors: float = 0.0
    kernel: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        self._check_choice("norm", NORMS)
        for name in STRENGTHS:
            self._check_number(name)
        if self.norm == "group_lasso" and not self.kernel > 0:
            self._refuse("kernel", "a number above 0, the strength of the group lasso")

    def check_fits(self, parametrisation: str) -> None:
        """Raise unless the penalty is one of networks of a parametrisation.

        Raises
        ------
        UserError
            If it has strengths for parameters that such a network lacks.
        """
        if parametrisation == "spectral" and self.norm == "group_lasso":
            raise UserError(
                "Penalty.norm: expected l1 or l2 for a spectral network, found "
                "'group_lasso'.",
                "l2 amounts to a group lasso there (docs/group_lasso.md).",
            )
        known = PENALISED[parametrisation]
        for name in STRENGTHS:
            if getattr(self, name) > 0 and name not in known:
                raise UserError(
                    f"Penalty.{name}: a {parametrisation} network has no {name}.",
                    f"its strengths are {', '.join(known)}.",
                )

    def value(self, layer: nn.Module) -> Tensor:
        """Return what is added to the loss, to be differentiated.

        Parameters
        ----------
        layer : Module
            A layer that has the penalised parameters, such as a
            :class:`~spectral_relevance.layers.SpectralLinear`.
        """
        if self.norm == "group_lasso":
            return self.kernel * norms(cast(Tensor, layer.kernel)).sum()
        total = torch.zeros(())
        for name in STRENGTHS:
            if strength := getattr(self, name):
                values = getattr(layer, name)
                size = values.square() if self.norm == "l2" else values.abs()
                total = total.to(values) + strength * size.sum()
        return total


class Penalties:
    """The penalties of all replicas of one network, and how they are trained with.

    Where all replicas have the same strengths, an L2 penalty costs nothing: its
    gradient is the weight decay of the fused optimiser.

    Parameters
    ----------
    network : Network
        The replicas.
    penalties : sequence of Penalty or None
        One for each replica, all of the same norm; None for no penalty.

    Raises
    ------
    UserError
        If one does not fit the network, or if the norms differ.
    """

    def __init__(self, network: Network, penalties: Sequence[Penalty | None]) -> None:
        given = [penalty for penalty in penalties if penalty is not None]
        for penalty in given:
            penalty.check_fits(network.architecture.parametrisation)
        kinds = sorted({penalty.norm for penalty in given})
        if len(kinds) > 1:
            raise UserError(
                f"expected penalties of one norm, found {', '.join(kinds)}.",
                "train the runs of each norm by a call of its own.",
            )
        self.network = network
        self.decays: dict[nn.Parameter, float] = {}
        self.gradients: list[tuple[nn.Parameter, float | Tensor]] = []
        self.proximal: tuple[nn.Parameter, float | Tensor] | None = None
        self.takes_sign = kinds == ["l1"]
        for name in PENALISED[network.architecture.parametrisation]:
            strengths = [0.0 if p is None else getattr(p, name) for p in penalties]
            parameter = getattr(network.first, name)
            if not any(strengths):
                continue
            if kinds == ["group_lasso"]:
                self.proximal = (parameter, _for_each(strengths, parameter))
            elif kinds == ["l2"] and len(set(strengths)) == 1:
                self.decays[parameter] = 2 * strengths[0]
            else:
                slope = 1 if self.takes_sign else 2
                factors = [slope * strength for strength in strengths]
                self.gradients.append((parameter, _for_each(factors, parameter)))

    def optimisers(self, learning_rate: float) -> list[torch.optim.Optimizer]:
        """Return Adam, and beside it a proximal one where there is a group lasso.

        The gradient 2bφ of b Σ φ² is what Adam's weight decay 2b adds; in the fused
        kernel it costs nothing. (This is the coupled decay of Adam, not that of AdamW.)

        Parameters
        ----------
        learning_rate : float
            The rate of all of them.
        """
        groups: list[dict[str, Any]] = [
            {"params": [parameter], "weight_decay": decay}
            for parameter, decay in self.decays.items()
        ]
        apart = {*self.decays, *(self.proximal or ())[:1]}
        others = [p for p in self.network.parameters() if p not in apart]
        adam = torch.optim.Adam(
            [*groups, {"params": others}], lr=learning_rate, eps=EPSILON, fused=True
        )
        if self.proximal is None:
            return [adam]
        kernel, strength = self.proximal
        return [ProximalAdam([kernel], lr=learning_rate, strength=strength), adam]

    @torch.no_grad()
    def add_gradients(self) -> None:
        """Add those gradients that no optimiser adds by itself."""
        for parameter, factors in self.gradients:
            values = parameter.sign() if self.takes_sign else parameter
            gradient = cast(Tensor, parameter.grad)
            if isinstance(factors, float):
                gradient.add_(values, alpha=factors)
            else:
                gradient.addcmul_(values, factors)


def _for_each(values: Sequence[float], parameter: Tensor) -> float | Tensor:
    """Return one number, or one for each replica that broadcasts with a parameter."""
    if len(set(values)) == 1:
        return values[0]
    shape = (-1, *[1] * (parameter.dim() - 1))
    return parameter.new_tensor(values).reshape(shape)


class ProximalAdam(torch.optim.Optimizer):
    """Minimise a loss plus the group lasso strength × Σ_j ‖k_j‖₂ on kernels.

    A group k_j is a row of a kernel: the N2 weights that leave input j. Its step is
    that of Adam, but with one second moment v_j for the whole group, the mean square of
    its gradient's elements, and with the proximal map of the penalty after it::

        t_j = learning rate / (√v_j + ε)
        k_j ← shrink(k_j − t_j m_j, t_j strength)

    where m_j is the running mean of the gradient; both moments are corrected for their
    bias as in Adam. Because t_j is a number, the map has the closed form of
    :func:`shrink`; with a step for each weight it would have none (Yun et al.,
    NeurIPS 2021). Parameters that are not penalised need an optimiser of their own,
    such as Adam.

    What stays where it is, is a stationary point of loss + penalty, whatever t_j > 0:
    k_j = shrink(k_j − t g_j, t strength) says that g_j = −strength k_j / ‖k_j‖₂ if
    k_j ≠ 0, and ‖g_j‖₂ ≤ strength if k_j = 0. In particular the size of the steps has
    no influence on which groups vanish; with batches it is the noise of m_j that lets
    a group return from zero now and then, if ‖g_j‖₂ is close to the strength.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        Kernels of shape ``(..., N1, N2)``; replicas never mix.
    lr : float
        Learning rate.
    strength : float or Tensor, shape (R, 1, 1)
        Strength of the group lasso: of all replicas, or of each.
    betas : tuple of float
        Shares that the running moments keep of their former values.
    eps : float
        ε; the default is that of Keras.

    Examples
    --------
    >>> target = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> kernel = nn.Parameter(target.clone())
    >>> optimiser = ProximalAdam([kernel], lr=0.1, strength=2.0)
    >>> for _ in range(500):
    ...     optimiser.zero_grad()
    ...     (0.5 * (kernel - target).square().sum()).backward()
    ...     optimiser.step()
    >>> kernel.detach()
    tensor([[1.8000, 2.4000],
            [0.0000, 0.0000]])
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float,
        strength: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = EPSILON,
    ) -> None:
        settings = {"lr": lr, "strength": strength, "betas": betas, "eps": eps}
        super().__init__(params, settings)

    @torch.no_grad()
    def step(  # type: ignore[override]  # the loss may be a tensor
        self, closure: Callable[[], Tensor] | None = None
    ) -> Tensor | None:
        """Take one step.

        Parameters
        ----------
        closure : callable, optional
            Evaluates the loss and its gradients anew; its value is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is not None:
                    self._step(kernel, group)
        return loss

    def _step(self, kernel: nn.Parameter, group: dict[str, Any]) -> None:
        gradient = cast(Tensor, kernel.grad)
        state = self.state[kernel]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(gradient)
            state["square"] = torch.zeros_like(gradient[..., :1])
        keep_mean, keep_square = group["betas"]
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - keep_mean)
        square = gradient.square().mean(-1, keepdim=True)
        state["square"].lerp_(square, 1 - keep_square)
        mean = state["mean"] / (1 - keep_mean ** state["step"])
        square = state["square"] / (1 - keep_square ** state["step"])
        t = group["lr"] / (square.sqrt() + group["eps"])
        kernel.copy_(shrink(kernel - t * mean, t * group["strength"]))


def shrink(kernel: Tensor, threshold: Tensor | float) -> Tensor:
    """Return the proximal map of threshold × ‖k_j‖₂: block soft-thresholding.

    It minimises threshold ‖w‖₂ + ‖w − k_j‖₂² / 2 over w: the row is shortened by the
    threshold, and is exactly zero if it is not longer than that.

    Parameters
    ----------
    kernel : Tensor, shape (..., N1, N2)
        The rows k_j.
    threshold : Tensor or float
        Non-negative; broadcast against ``(..., N1, 1)``.

    Examples
    --------
    >>> shrink(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0)
    tensor([[2.4000, 3.2000],
            [0.0000, 0.0000]])
    """
    norm = norms(kernel).unsqueeze(-1)
    # The quotient is not taken where the norm is 0; an undefined norm stays undefined.
    return torch.where(norm <= threshold, 0.0, kernel * (1 - threshold / norm))
