"""The penalty on the first layer: its forms, and what the optimiser needs of each.

For a spectral layer, a Σ λ_j² + b Σ φ_ij² (``l2``) or a Σ |λ_j| + b Σ |φ_ij| (``l1``)
is added to the mean loss of a batch (Methods, "Training procedure"); for a standard one
the same of its weights. The L2 penalty of a spectral layer amounts to the group lasso
2 √(ab) Σ ‖w_·j‖₂ on its weights (``docs/group_lasso.md``); ``group_lasso`` minimises
that as it stands on a standard layer, with zeros that are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from spectral_relevance.errors import UserError
from spectral_relevance.networks import Network
from spectral_relevance.replicas import norms
from spectral_relevance.specs import Spec

NORMS = ("l1", "l2", "group_lasso")

PENALISED = {
    "spectral": ("eigenvalues", "eigenvectors"),
    "spectral_first": ("eigenvalues", "eigenvectors"),
    "standard": ("kernel",),
}
"""The parameters of the first layer that are penalised, by the parametrisation."""

STRENGTHS = (*PENALISED["spectral"], *PENALISED["standard"])
"""The parameters that some penalty has a strength for."""


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
        if parametrisation != "standard" and self.norm == "group_lasso":
            raise UserError(
                "Penalty.norm: expected l1 or l2 for a spectral network, found "
                "'group_lasso'.",
                "l2 amounts to a group lasso there (docs/group_lasso.md).",
            )
        known = PENALISED[parametrisation]
        for name in STRENGTHS:
            if getattr(self, name) > 0 and name not in known:
                raise UserError(
                    f"Penalty.{name}: the first layer of a {parametrisation} network "
                    f"has no {name}.",
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


class Share(NamedTuple):
    """What a penalty does to one parameter of a network in replicas.

    Attributes
    ----------
    norm : str
        ``l1``, ``l2`` or ``group_lasso``.
    strength : float or Tensor, shape (R, 1) or (R, 1, 1)
        Of all replicas, or of each.
    """

    norm: str
    strength: float | Tensor


def shares(
    network: Network, penalties: Sequence[Penalty | None], ridge: float = 0.0
) -> dict[str, Share]:
    """Return what penalties do to the parameters of a network, by their names.

    Parameters
    ----------
    network : Network
        The replicas.
    penalties : sequence of Penalty or None
        One for each replica, all of the same norm; None for no penalty.
    ridge : float
        Strength of the squares of what makes the weights of all layers but the first.

    Raises
    ------
    UserError
        If one does not fit the network, or if the norms differ.
    """
    given = [penalty for penalty in penalties if penalty is not None]
    for penalty in given:
        penalty.check_fits(network.architecture.parametrisation)
    norms_given = sorted({penalty.norm for penalty in given})
    if len(norms_given) > 1:
        raise UserError(
            f"expected penalties of one norm, found {', '.join(norms_given)}.",
            "train the runs of each norm by a call of its own.",
        )
    names = {id(p): name for name, p in network.named_parameters()}
    found: dict[str, Share] = {}
    for name in PENALISED[network.architecture.parametrisation]:
        strengths = [0.0 if p is None else getattr(p, name) for p in penalties]
        parameter = getattr(network.first, name)
        if any(strengths):
            strength = _for_each(strengths, parameter)
            found[names[id(parameter)]] = Share(norms_given[0], strength)
    if ridge:
        later = [p for layer in network.linears()[1:] for p in layer.weights()]
        found |= {names[id(parameter)]: Share("l2", ridge) for parameter in later}
    return found


def _for_each(values: Sequence[float], parameter: Tensor) -> float | Tensor:
    """Return one number, or one for each replica that broadcasts with a parameter."""
    if len(set(values)) == 1:
        return values[0]
    shape = (-1, *[1] * (parameter.dim() - 1))
    return parameter.new_tensor(values).reshape(shape)


def shrink(kernel: Tensor, threshold: Tensor | float) -> Tensor:
    """Return the proximal map of threshold × ‖k_j‖₂: block soft-thresholding.

    It minimises threshold ‖w‖₂ + ‖w − k_j‖₂² / 2 over w: the column is shortened by the
    threshold, and is exactly zero if it is not longer than that.

    Parameters
    ----------
    kernel : Tensor, shape (..., N2, N1)
        The columns k_j, the weights that leave input j.
    threshold : Tensor or float
        Non-negative; broadcast against ``(..., 1, N1)``.

    Examples
    --------
    >>> shrink(torch.tensor([[3.0, 0.3], [4.0, 0.4]]), 1.0)
    tensor([[2.4000, 0.0000],
            [3.2000, 0.0000]])
    """
    norm = norms(kernel).unsqueeze(-2)
    # The quotient is not taken where the norm is 0; an undefined norm stays undefined.
    return torch.where(norm <= threshold, 0.0, kernel * (1 - threshold / norm))
