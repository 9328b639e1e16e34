"""Many small trainings side by side, as many at a time as memory allows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spectral_relevance import memory
from spectral_relevance.networks import Architecture, Network
from spectral_relevance.problem import Problem
from spectral_relevance.runs import Run, Training
from spectral_relevance.trainer import Epoch
from spectral_relevance.training import fit

Array = np.ndarray[Any, np.dtype[Any]]

NUMBERS = 2**27
"""How many numbers are held at a time for the runs: half a GiB of float32."""

HELD = 12
"""Numbers that training holds for each parameter: among them its gradient, two moments,
its value in the best epoch, and what a step goes through."""


class Trained(NamedTuple):
    """What trainings give.

    Attributes
    ----------
    network : Network
        A replica for each run.
    loss : (R,) array
        The validation loss of each in its best epoch; infinite without early stopping.
    """

    network: Network
    loss: Array


def train(
    problem: Problem,
    runs: Sequence[Run],
    architecture: Architecture,
    training: Training,
    device: str = "auto",
) -> Trained:
    """Train runs on a problem, in silence.

    Parameters
    ----------
    problem : Problem
        The examples.
    runs : sequence of Run
        The runs.
    architecture, training : Architecture, Training
        What is trained and how.
    device : str
        As for :func:`~spectral_relevance.training.fit`.
    """
    check_size(problem, architecture, len(runs))
    together = at_once(_parameters(problem, architecture))
    network = Network(problem.x.shape[1], architecture, len(runs))
    state, losses = network.state_dict(), []
    for first in range(0, len(runs), together):
        part = runs[first : first + together]
        least = torch.full((len(part),), torch.inf)

        def watch(epoch: Epoch, least: Tensor = least) -> None:
            if epoch.least is not None:
                least.copy_(epoch.least)

        fitted = fit(
            problem.x,
            problem.y,
            part,
            architecture,
            training,
            weights=problem.weights,
            device=device,
            on_epoch=watch,
            quiet=True,
        )
        for name, values in fitted.network.state_dict().items():
            state[name][first : first + len(part)] = values
        losses.append(least.numpy())
    return Trained(network.eval(), np.concatenate(losses))


def importances(network: Network, problem: Problem) -> Array:
    """Return each replica's shares of the relevance of all inputs, ``(R, d)``.

    A constant input has none, and where there is no relevance at all, no input has any.
    """
    relevance = network.relevance().double().numpy()
    relevance = relevance * problem.varies
    total = relevance.sum(axis=1, keepdims=True)
    shares: Array = np.divide(
        relevance, total, out=np.zeros_like(relevance), where=total > 0
    )
    return shares


def check_size(problem: Problem, architecture: Architecture, runs: int) -> None:
    """Raise where the memory of the machine cannot hold so many runs.

    Raises
    ------
    UserError
        If it cannot.
    """
    size = _parameters(problem, architecture)
    trained = min(runs, at_once(size))
    memory.check(
        4.0 * (HELD * trained + runs) * size + 8.0 * runs * len(problem.x),
        f"training {runs} networks on {problem.x.shape[1]} inputs",
        "fewer replicas, smaller hidden_layer_sizes or fewer inputs need less.",
    )


def _parameters(problem: Problem, architecture: Architecture) -> int:
    """Return how many parameters a network has."""
    with torch.device("meta"):
        one = Network(problem.x.shape[1], architecture, replicas=1)
    return sum(parameter.numel() for parameter in one.parameters())


def at_once(parameters: int) -> int:
    """Return how many networks with so many parameters are computed with at a time."""
    return max(1, NUMBERS // (HELD * parameters))
