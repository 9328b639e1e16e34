"""The same training as one would write it in PyTorch, in turns with others.

One replica, layers of torch.nn, a data loader, the penalty added to the loss, and as
many threads as torch takes. Takes a job in JSON: ``data`` (a file of the workflow),
``examples`` (how many to train on, in whole batches), ``classes`` (whether the targets
are), ``network``, ``regularisation`` and ``training`` of an experiment, and ``device``,
by default the CPU.
"""

import json
import sys
from typing import Any

import numpy as np
import torch
import turns
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}


class Spectral(nn.Linear):
    """A linear layer whose weights are w_ij = λ_j φ_ij (eq. 1).

    Parameters
    ----------
    inputs, outputs : int
        Sizes of the layers that it joins.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        self.eigenvalues = nn.Parameter(torch.ones(inputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, inputs)`` to ``(n, outputs)``."""
        return functional.linear(x, self.eigenvalues * self.weight, self.bias)


def make_network(inputs: int, description: dict[str, Any]) -> nn.Sequential:
    """Return the network that an experiment describes, with Keras's settings."""
    modules: list[nn.Module] = []
    for layer in [*description["hidden"], description["output"]]:
        modules.append(Spectral(inputs, layer["units"]))
        modules.append(ACTIVATIONS[layer["activation"]]())
        inputs = layer["units"]
        if layer.get("batch_norm"):
            modules.append(nn.BatchNorm1d(inputs, eps=1e-3, momentum=0.01))
        if layer.get("dropout"):
            modules.append(nn.Dropout(layer["dropout"]))
    return nn.Sequential(*modules)


def main() -> None:
    """Train until the driver has had enough."""
    job = json.loads(sys.argv[1])
    training, penalty = job["training"], job["regularisation"]
    with np.load(job["data"]) as arrays:
        x, y = (torch.from_numpy(arrays[f"0/{name}_train"]) for name in "xy")
    batch_size = training["batch_size"]
    n = job["examples"]
    loader = DataLoader(TensorDataset(x[:n], y[:n]), batch_size, shuffle=True)
    device = job.get("device", "cpu")
    network = make_network(x.shape[1], job["network"]).to(device)
    first = network[0]
    loss_of = nn.CrossEntropyLoss() if job["classes"] else nn.L1Loss()
    optimiser = torch.optim.Adam(
        network.parameters(), lr=training["learning_rate"], eps=1e-7
    )
    for _ in turns.epochs():
        for xs, ys in loader:
            xs, ys = xs.to(device), ys.to(device)
            optimiser.zero_grad()
            outputs = network(xs)
            loss = loss_of(outputs if job["classes"] else outputs.squeeze(1), ys)
            loss = loss + penalty["eigenvalues"] * first.eigenvalues.square().sum()
            loss = loss + penalty["eigenvectors"] * first.weight.square().sum()
            loss.backward()
            optimiser.step()


if __name__ == "__main__":
    main()
