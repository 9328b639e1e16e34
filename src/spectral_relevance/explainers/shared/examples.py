"""The examples that are explained, and the mean over them.

The explained output is the logit of an example's own class, or the only output of a
regression.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError

# Examples explained at a time; bounds the memory of a pass over a whole test set.
CHUNK = 256


def count_examples(dataset: Dataset, *, examples: int | None, **settings: Any) -> int:
    """Return how many test examples are averaged.

    Raises
    ------
    UserError
        If there are not so many.
    """
    available = len(dataset.x_test)
    if examples is not None and examples > available:
        raise UserError(
            f"expected at most {available} examples, the size of the test set, found "
            f"{examples}.",
            "lower `examples`; null stands for the whole test set.",
        )
    return available if examples is None else examples


def draw(
    model: nn.Sequential, dataset: Dataset, seed: int, examples: int | None
) -> tuple[Tensor, Tensor]:
    """Return test examples and the output of the network to explain for each.

    Examples drawn with the same seed are nested: fewer are the first of more.

    Parameters
    ----------
    model : nn.Sequential
        The network to explain.
    dataset : Dataset
        Where the examples come from.
    seed : int
        Seed of the choice, which is without replacement.
    examples : int or None
        How many to draw; None for all of them.

    Returns
    -------
    Tensor, shape (n, d)
        The inputs, in the precision of the network.
    Tensor, shape (n,)
        The index of the output.
    """
    rows = np.random.default_rng(seed).permutation(len(dataset.x_test))[:examples]
    x = as_inputs(model, dataset.x_test[rows])
    if dataset.is_classification:
        return x, torch.from_numpy(dataset.y_test[rows])
    return x, torch.zeros(len(rows), dtype=torch.int64)


def as_inputs(model: nn.Sequential, x: np.ndarray) -> Tensor:
    """Return inputs in the precision of a network."""
    return torch.from_numpy(x).to(next(model.parameters()))


def mean_magnitude(
    attribute: Callable[[Tensor, Tensor], Tensor], x: Tensor, target: Tensor
) -> np.ndarray:
    """Return the mean over examples of the absolute attribution, shape ``(d,)``.

    Parameters
    ----------
    attribute : callable
        Maps some of `x` and `target` to attributions of the shape of these inputs.
    x : Tensor, shape (n, d)
        The inputs.
    target : Tensor, shape (n,)
        The output to explain for each.
    """
    total = torch.zeros(x.shape[1], dtype=torch.float64)
    for chunk in zip(torch.split(x, CHUNK), torch.split(target, CHUNK), strict=True):
        total += attribute(*chunk).detach().abs().sum(0, dtype=torch.float64)
    return (total / len(x)).numpy()
