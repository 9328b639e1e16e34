"""Losses, metrics and predictions of replicas, with all inputs and with a few."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from spectral_relevance.networks import Network

CHUNK = 4096
"""Examples evaluated at a time; bounds the memory of a pass over a whole dataset."""

LOSSES = ("cross_entropy", "mean_absolute_error", "mean_squared_error")


def losses(
    outputs: Tensor, targets: Tensor, kind: str, weights: Tensor | None = None
) -> Tensor:
    """Return the mean loss of each replica, shape ``(R,)``.

    Parameters
    ----------
    outputs : Tensor, shape (R, n, outputs)
        What the replicas answer.
    targets : Tensor, shape (R, n) or (R, n, outputs)
        Class labels, or values: of the only output, or of each.
    kind : str
        ``cross_entropy``, ``mean_absolute_error`` or ``mean_squared_error``, the mean
        over the outputs.
    weights : Tensor, shape (R, n), optional
        What each example's loss is multiplied with.
    """
    if kind == "cross_entropy":
        flat = outputs.flatten(0, 1), targets.flatten()
        each = functional.cross_entropy(*flat, reduction="none").reshape(targets.shape)
    else:
        if targets.dim() == 2:
            targets = targets.unsqueeze(-1)
        errors = outputs - targets
        size = errors.abs() if kind == "mean_absolute_error" else errors.square()
        each = size.mean(-1)
    return (each if weights is None else each * weights).mean(1)


def measure(outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return accuracy (class labels) or mean absolute error of each replica, ``(R,)``.

    Parameters
    ----------
    outputs : Tensor, shape (R, n, outputs)
        What the replicas answer.
    targets : Tensor, shape (R, n) or (R, n, outputs)
        Class labels (integers) or values.
    weights : Tensor, shape (R, n), optional
        What each example's part is multiplied with.
    """
    if targets.is_floating_point():
        return losses(outputs, targets, "mean_absolute_error", weights)
    right = (outputs.argmax(-1) == targets).float()
    return (right if weights is None else right * weights).mean(1)


@torch.no_grad()
def predict(network: Network, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the outputs of all replicas in evaluation mode, ``(R, n, outputs)``.

    The network is left in the mode in which it was found.

    Parameters
    ----------
    network : Network
        The replicas.
    x : Tensor, shape (n, d) or (R, n, d)
        The examples: the same for every replica, or those of each.
    mask : Tensor, shape (R, d), optional
        What to multiply the inputs with: 0 removes an input, 1 keeps it.
    """
    was_training = network.training
    network.eval()
    outputs = []
    for chunk in torch.split(x, CHUNK, dim=-2):
        inputs = chunk.expand(network.replicas, -1, -1)
        if mask is not None:
            inputs = inputs * mask.unsqueeze(1)
        outputs.append(network(inputs))
    network.train(was_training)
    return torch.cat(outputs, dim=1)


def measure_with_few(
    network: Network, x: Tensor, y: Tensor, order: Tensor, counts: Sequence[int]
) -> Tensor:
    """Measure replicas with all but n inputs set to 0; nothing is trained again.

    Parameters
    ----------
    network : Network
        The replicas.
    x : Tensor, shape (m, d) or (R, m, d)
        The examples: the same for every replica, or those of each.
    y : Tensor, shape (R, m) or (R, m, outputs)
        Their targets.
    order : Tensor, shape (R, d)
        The inputs of each replica in the order in which they are kept.
    counts : sequence of int
        The numbers n of inputs.

    Returns
    -------
    Tensor, shape (len(counts), R)
        Accuracy or mean absolute error, see :func:`measure`.
    """
    # Position of each input in the order: input j is kept if its rank is below n.
    ranks = order.argsort(1)
    return torch.stack(
        [measure(predict(network, x, (ranks < n).to(x)), y) for n in counts]
    )
