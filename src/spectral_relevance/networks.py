"""Feed-forward networks from a declarative description."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectral_relevance.files import replacing
from spectral_relevance.layers import BatchNorm, Dropout, Linear, SpectralLinear

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}
LAYERS = {"spectral": SpectralLinear, "standard": Linear}


class Network(nn.Module):
    """Replicas of one feed-forward network.

    Parameters
    ----------
    inputs : int
        Number of inputs d.
    description : mapping
        ``parametrisation`` (``spectral`` or ``standard``), ``hidden`` (a list of layers
        with ``units``, ``activation``, ``batch_norm`` and ``dropout``, applied in this
        order) and ``output`` (``units``, ``activation``).
    replicas : int
        Number of replicas R.

    Examples
    --------
    >>> layer = {"units": 8, "activation": "relu", "batch_norm": True, "dropout": 0}
    >>> network = Network(
    ...     5,
    ...     {
    ...         "parametrisation": "spectral",
    ...         "hidden": [layer],
    ...         "output": {"units": 2, "activation": "linear"},
    ...     },
    ...     replicas=3,
    ... )
    >>> network(torch.zeros(3, 10, 5)).shape
    torch.Size([3, 10, 2])
    >>> network.relevance().shape
    torch.Size([3, 5])
    """

    def __init__(
        self, inputs: int, description: Mapping[str, Any], replicas: int
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.description = description
        self.replicas = replicas
        make_layer = LAYERS[description["parametrisation"]]
        output = {"batch_norm": False, "dropout": 0, **description["output"]}
        layers: list[nn.Module] = []
        for layer in [*description["hidden"], output]:
            layers.append(make_layer(inputs, layer["units"], replicas=replicas))
            inputs = layer["units"]
            if layer["activation"] != "linear":
                layers.append(ACTIVATIONS[layer["activation"]]())
            if layer["batch_norm"]:
                layers.append(BatchNorm(inputs, replicas))
            if layer["dropout"] > 0:
                layers.append(Dropout(inputs, layer["dropout"]))
        self.layers = nn.Sequential(*layers)

    @property
    def first(self) -> Linear:
        """The layer that receives the inputs."""
        return self.layers[0]

    def linears(self) -> list[Linear]:
        """Return the affine layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, Linear)]

    def reset_parameters(self, generators: Sequence[torch.Generator]) -> None:
        """Draw the initial values of each replica from its own generator."""
        for layer in self.linears():
            layer.reset_parameters(*generators)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(R, n, d)`` to ``(R, n, outputs)``."""
        return self.layers(x)

    @torch.no_grad()
    def relevance(self) -> Tensor:
        """Magnitude |λ̃_j| of each input's rescaled eigenvalue, shape ``(R, d)``.

        For a standard network it is the norm of the weights that leave the input, to
        which |λ̃_j| = ‖w_·j‖ corresponds.
        """
        return self.first.relevance().abs()

    def replica(self, index: int) -> nn.Sequential:
        """Return one replica as a plain network of :mod:`torch.nn` modules.

        It computes what the replica computes in evaluation, and any attribution method
        that knows :class:`torch.nn.Linear` applies to it.
        """
        modules: list[nn.Module] = []
        for layer in self.layers:
            if isinstance(layer, Linear):
                modules.append(layer.to_linear(index))
            elif isinstance(layer, BatchNorm):
                modules.append(layer.to_batch_norm(index))
            elif isinstance(layer, Dropout):
                modules.append(nn.Dropout(layer.rate))
            else:
                modules.append(type(layer)())
        return nn.Sequential(*modules).eval()


def save(network: Network, seeds: Sequence[int], path: str | Path) -> None:
    """Write replicas, one for each seed, with all that is needed to read them."""
    content = {
        "inputs": network.inputs,
        "description": network.description,
        "seeds": list(seeds),
        "state": {k: v.cpu() for k, v in network.state_dict().items()},
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load(path: str | Path) -> tuple[Network, list[int]]:
    """Read what :func:`save` wrote: the network in evaluation mode, and its seeds."""
    content = torch.load(path, weights_only=True)
    seeds = content["seeds"]
    network = Network(content["inputs"], content["description"], len(seeds))
    network.load_state_dict(content["state"])
    return network.eval(), seeds
