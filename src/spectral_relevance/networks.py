"""Feed-forward networks from a declarative description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from spectral_relevance.replicas import (
    BatchNorm,
    Dropout,
    ReplicaLinear,
    ReplicaSpectralLinear,
    Tanh,
)
from spectral_relevance.specs import Spec

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": Tanh}
LAYERS = {
    "spectral": (ReplicaSpectralLinear, ReplicaSpectralLinear),
    "spectral_first": (ReplicaSpectralLinear, ReplicaLinear),
    "standard": (ReplicaLinear, ReplicaLinear),
}
"""The affine layers of each parametrisation: the first, and all others."""


@dataclass(frozen=True)
class Hidden(Spec):
    """A hidden layer: an affine map, then what is given, in this order.

    Parameters
    ----------
    units : int
        Number of units.
    activation : str
        ``linear``, ``relu`` or ``tanh``.
    batch_norm : bool
        Whether batch normalisation follows.
    dropout : float
        Share of the units that are dropped while training.

    Raises
    ------
    UserError
        If a value is not allowed.
    """

    units: int
    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        self._check_count("units")
        self._check_choice("activation", ACTIVATIONS)
        self._check_flag("batch_norm")
        self._check_number("dropout", below=1)


@dataclass(frozen=True)
class Architecture(Spec):
    """What a network consists of.

    Parameters
    ----------
    hidden : sequence of Hidden
        The hidden layers, first to last; mappings of their settings will do.
    outputs : int
        Number of outputs: one logit for each class, or one for each value.
    output_activation : str
        ``linear``, ``relu`` or ``tanh``.
    parametrisation : str
        Whether all layers are ``spectral`` (w_ij = λ_j φ_ij), the first one alone
        (``spectral_first``), or none (``standard``).

    Raises
    ------
    UserError
        If a value is not allowed.

    Examples
    --------
    >>> Architecture(hidden=[Hidden(50), Hidden(20, "tanh")], outputs=2).outputs
    2
    """

    hidden: Sequence[Hidden]
    outputs: int
    output_activation: str = "linear"
    parametrisation: str = "spectral"

    def __post_init__(self) -> None:
        """Check the settings."""
        is_sequence = isinstance(self.hidden, Sequence)
        if not is_sequence or isinstance(self.hidden, str):
            self._refuse("hidden", "a sequence of hidden layers")
        layers = tuple(Hidden.of(layer) for layer in self.hidden)
        object.__setattr__(self, "hidden", layers)  # frozen for others
        self._check_count("outputs")
        self._check_choice("output_activation", ACTIVATIONS)
        self._check_choice("parametrisation", LAYERS)


class Network(nn.Module):
    """Replicas of one feed-forward network.

    Parameters
    ----------
    inputs : int
        Number of inputs d.
    architecture : Architecture
        What each of them consists of.
    replicas : int
        Number of replicas R.

    Examples
    --------
    >>> layer = Hidden(8, "relu", batch_norm=True)
    >>> network = Network(5, Architecture([layer], outputs=2), replicas=3)
    >>> network(torch.zeros(3, 10, 5)).shape
    torch.Size([3, 10, 2])
    >>> network.relevance().shape
    torch.Size([3, 5])
    """

    def __init__(
        self,
        inputs: int,
        architecture: Architecture | Mapping[str, Any],
        replicas: int,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.architecture = architecture = Architecture.of(architecture)
        self.replicas = replicas
        make_layer, make_later = LAYERS[architecture.parametrisation]
        output = Hidden(architecture.outputs, architecture.output_activation)
        layers: list[nn.Module] = []
        for layer in [*architecture.hidden, output]:
            layers.append(make_layer(inputs, layer.units, replicas))
            make_layer, inputs = make_later, layer.units
            if layer.activation != "linear":
                layers.append(ACTIVATIONS[layer.activation]())
            if layer.batch_norm:
                layers.append(BatchNorm(inputs, replicas))
            if layer.dropout > 0:
                layers.append(Dropout(inputs, layer.dropout))
        self.layers = nn.Sequential(*layers)

    @property
    def first(self) -> ReplicaLinear:
        """The layer that receives the inputs."""
        return cast(ReplicaLinear, self.layers[0])

    def linears(self) -> list[ReplicaLinear]:
        """Return the affine layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, ReplicaLinear)]

    def dropouts(self) -> list[Dropout]:
        """Return the dropout layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, Dropout)]

    def reset_parameters(self, generators: Sequence[torch.Generator]) -> None:
        """Draw the initial values of each replica from its own generator."""
        for layer in self.linears():
            layer.reset_parameters(generators)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(R, n, d)`` to ``(R, n, outputs)``."""
        return cast(Tensor, self.layers(x.mT)).mT

    @torch.no_grad()
    def relevance(self) -> Tensor:
        """Magnitude |λ̃_j| of each input's rescaled eigenvalue, shape ``(R, d)``.

        For a standard network it is the norm of the weights that leave the input, to
        which |λ̃_j| = ‖w_·j‖ corresponds.
        """
        return self.first.relevance()

    def replica(self, index: int) -> nn.Sequential:
        """Return one replica as a network of its own, in evaluation mode.

        Its affine layers are those it was trained in, so that ``[0].relevance()`` of a
        spectral one ranks its inputs;
        :func:`~spectral_relevance.layers.standard` makes a network of nothing but
        :mod:`torch.nn` of it.
        """
        modules = [
            layer.replica(index)
            if isinstance(layer, ReplicaLinear | BatchNorm | Dropout | Tanh)
            else type(layer)()
            for layer in self.layers
        ]
        return nn.Sequential(*modules).eval()
