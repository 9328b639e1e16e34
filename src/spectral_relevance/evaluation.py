"""Losses and metrics of replicas."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spectral_relevance.data import Dataset
from spectral_relevance.networks import Network

# Examples evaluated at a time; bounds the memory of a pass over a whole dataset.
CHUNK = 4096


def losses(outputs: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Return the mean loss of each replica, shape ``(R,)``.

    Parameters
    ----------
    outputs : Tensor, shape (R, n, outputs)
        What the replicas answer.
    targets : Tensor, shape (R, n)
        Class labels or values.
    kind : str
        ``cross_entropy`` or ``mean_absolute_error``.
    """
    if kind == "mean_absolute_error":
        return (outputs.squeeze(-1) - targets).abs().mean(1)
    each = functional.cross_entropy(
        outputs.flatten(0, 1), targets.flatten(), reduction="none"
    )
    return each.unflatten(0, targets.shape).mean(1)


def measure(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return accuracy (class labels) or mean absolute error of each replica, ``(R,)``.

    Parameters
    ----------
    outputs : Tensor, shape (R, n, outputs)
        What the replicas answer.
    targets : Tensor, shape (R, n)
        Class labels (integers) or values.
    """
    if targets.is_floating_point():
        return losses(outputs, targets, "mean_absolute_error")
    return (outputs.argmax(-1) == targets).float().mean(1)


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
    for chunk in x.split(CHUNK, dim=-2):
        inputs = chunk.expand(network.replicas, -1, -1)
        if mask is not None:
            inputs = inputs * mask.unsqueeze(1)
        outputs.append(network(inputs))
    network.train(was_training)
    return torch.cat(outputs, dim=1)


def test_part(
    datasets: Sequence[Dataset], device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Return the test examples of replicas.

    Parameters
    ----------
    datasets : sequence of Dataset
        The dataset of each replica, of the same shapes.
    device : torch.device or str
        Where to put them.

    Returns
    -------
    Tensor, shape (n, d) or (R, n, d)
        The inputs; without the replica dimension where all share one dataset.
    Tensor, shape (R, n)
        The targets.
    """
    if len({id(dataset) for dataset in datasets}) == 1:
        x, y = datasets[0].x_test, datasets[0].y_test[None].repeat(len(datasets), 0)
    else:
        x = np.stack([dataset.x_test for dataset in datasets])
        y = np.stack([dataset.y_test for dataset in datasets])
    return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
