"""A training step as a function of tensors, which can be compiled or captured whole."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from spectral_relevance.adam import Slot, take_step
from spectral_relevance.evaluation import losses
from spectral_relevance.networks import Network
from spectral_relevance.replicas import Dropout


class Group(NamedTuple):
    """Some of the replicas: views of all that a step of them reads and writes.

    Attributes
    ----------
    rows : slice
        Which ones.
    slots : list of Slot
        Parameters, their moments and penalties.
    statistics : list of Tensor
        Running statistics of batch normalisation.
    scale : Tensor, shape (r, 1), or None
        What makes the weights of examples relative to their mean.
    """

    rows: slice
    slots: list[Slot]
    statistics: list[Tensor]
    scale: Tensor | None


class Batch(NamedTuple):
    """What a batch is gathered from, and how.

    Attributes
    ----------
    x, y, weights : Tensor
        All examples; ``weights`` may be None.
    rows : Tensor, shape (r, n)
        The examples of each replica.
    masks : list of Tensor, shape (r, features, n)
        The masks of each dropout layer.
    """

    x: Tensor
    y: Tensor
    weights: Tensor | None
    rows: Tensor
    masks: list[Tensor]


class Loss:
    """The loss of a batch for some replicas of a network.

    Parameters
    ----------
    network : Network
        What is trained.
    replicas : int
        How many replicas take a step together.
    kind : str
        See :func:`~spectral_relevance.evaluation.losses`.
    """

    def __init__(self, network: Network, replicas: int, kind: str) -> None:
        with torch.device("meta"):  # a shape that tensors are put into
            self.shape = Network(network.inputs, network.architecture, replicas)
        self.shape.first.present = network.first.present
        self.kind = kind
        self.parameters = [name for name, _ in network.named_parameters()]
        self.masks = [
            f"layers.{place}.mask"
            for place, layer in enumerate(network.layers)
            if isinstance(layer, Dropout)
        ]
        buffers = [name for name, _ in network.named_buffers()]
        self.statistics = [name for name in buffers if name not in self.masks]

    def gradients(
        self, batch: Batch, group: Group
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the loss of each replica and the gradients of their sum.

        Replicas share nothing, so that the gradient of the sum is that of each.
        """
        leaves = [slot.parameter.detach().requires_grad_() for slot in group.slots]
        tensors = dict(zip(self.parameters, leaves, strict=True))
        tensors |= zip(self.statistics, group.statistics, strict=True)
        tensors |= zip(self.masks, batch.masks, strict=True)
        x, y, weights = gather(batch, group.scale)
        with torch.enable_grad():
            outputs = functional_call(self.shape, tensors, x)
            each = losses(outputs, y, self.kind, weights)
            found = torch.autograd.grad(each.sum(), leaves)
        return each.detach(), found


def gather(batch: Batch, scale: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return inputs, targets and weights of the examples of each replica."""
    # One flat index_select is faster than indexing with a matrix.
    flat, shape = batch.rows.flatten(), batch.rows.shape

    def take(values: Tensor) -> Tensor:
        return values.index_select(0, flat).reshape(*shape, *values.shape[1:])

    x, y = take(batch.x), take(batch.y)
    if batch.weights is None or scale is None:
        return x, y, None
    return x, y, take(batch.weights) * scale


def whole_step(
    loss: Loss, learning_rate: float
) -> Callable[[Batch, Group, tuple[Tensor, Tensor]], Tensor]:
    """Return a function that takes one step of a group and returns its losses."""

    def step(batch: Batch, group: Group, corrections: tuple[Tensor, Tensor]) -> Tensor:
        each, gradients = loss.gradients(batch, group)
        take_step(group.slots, gradients, learning_rate, corrections)
        return each

    return step
