"""The statistics of batch normalisation, taken once from a set of examples.

In evaluation a network normalises by running averages of training. They lag behind a
first layer that a penalty goes on shrinking, and their noise enters the outputs. Means
and variances over the training inputs themselves have neither fault.
"""

from copy import deepcopy

import torch
from torch import Tensor

from spectral_relevance.evaluation import CHUNK
from spectral_relevance.networks import Network
from spectral_relevance.replicas import BatchNorm


@torch.no_grad()
def reestimated(network: Network, x: Tensor, mask: Tensor | None = None) -> Network:
    """Return a copy of replicas that normalises by the statistics of some examples.

    Parameters
    ----------
    network : Network
        The replicas. They are left as they are.
    x : Tensor, shape (n, d) or (R, n, d)
        The examples: the same for every replica, or those of each.
    mask : Tensor, shape (R, d), optional
        What to multiply the inputs with: 0 removes an input, 1 keeps it.

    Returns
    -------
    Network
        In evaluation mode: the mean and the biased variance of each normalised unit are
        those over all the examples, layer after layer.
    """
    result = deepcopy(network).eval()
    for place, layer in enumerate(result.layers):
        if isinstance(layer, BatchNorm):
            before = result.layers[:place]
            total, squares = torch.zeros(()), torch.zeros(())
            for chunk in torch.split(x, CHUNK, dim=-2):
                inputs = chunk.expand(network.replicas, -1, -1)
                if mask is not None:
                    inputs = inputs * mask.unsqueeze(1)
                units = before(inputs.mT).double()
                total = total.to(units.device) + units.sum(2, keepdim=True)
                squares = squares.to(units.device) + units.square().sum(2, keepdim=True)
            mean = total / x.shape[-2]
            variance = squares / x.shape[-2] - mean.square()
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance.clamp(min=0))
    return result
