"""Layer-wise relevance propagation by zennit; shared by its rules (section 3, eq. 4).

The output hands its relevance down, layer by layer: each unit divides what it receives
among its inputs, of which the bias is one. Activation functions pass it on unchanged.
"""

import logging
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError, extra
from spectral_relevance.explainers.shared.examples import draw, mean_magnitude

with extra("explain"):
    # First: zennit imports torchvision.
    from spectral_relevance import vision  # noqa: F401, I001
    from zennit import rules
    from zennit.composites import LayerMapComposite
    from zennit.core import BasicHook, Stabilizer
    from zennit.types import Activation

__all__ = [
    "EXACT",
    "BasicHook",
    "Stabilizer",
    "canonical",
    "propagate",
    "rules",
    "scores",
]

logger = logging.getLogger(__name__)

EXACT = Stabilizer(torch.finfo(torch.float32).tiny, clip=True)
"""Changes no denominator but 0, which belongs to a unit without relevance."""

TOLERANCE = 1e-4
"""Largest violation of the conservation; rounding stays below a hundredth of it."""


def scores(
    model: nn.Sequential,
    dataset: Dataset,
    seed: int,
    examples: int | None,
    rule: BasicHook,
    stabilizer: Stabilizer = EXACT,
) -> np.ndarray:
    """Return the mean of |R_j| over test examples, shape ``(d,)`` (eq. 7).

    Parameters
    ----------
    model : nn.Sequential
        The network.
    dataset : Dataset
        Its test examples are explained.
    seed : int
        Seed of the choice of the examples.
    examples : int or None
        How many are averaged; None for all of them.
    rule : BasicHook
        The rule for all linear layers.
    stabilizer : Stabilizer
        What keeps the denominators of the rule from 0.

    Raises
    ------
    UserError
        If relevance is not conserved.
    """
    network = canonical(model)
    violations = []

    def attribute(x: Tensor, target: Tensor) -> Tensor:
        relevance, violation = propagate(network, x, target, rule, stabilizer)
        violations.append(violation.max().item())
        return relevance

    result = mean_magnitude(attribute, *draw(model, dataset, seed, examples))
    largest = np.max(violations)
    logger.info("relevance is conserved to %.1e", largest)
    if not largest < TOLERANCE:
        raise UserError(
            f"LRP: expected relevance conserved to {TOLERANCE}, found a violation of "
            f"{largest:.1e}.",
            "a denominator is too close to 0; take lrp_epsilon, or a larger epsilon.",
        )
    return result


@torch.no_grad()
def canonical(model: nn.Sequential) -> nn.Sequential:
    """Return an equivalent network of linear maps without bias and activations.

    Batch normalisation, which follows the activation here, is merged into the next
    linear layer; zennit's own canonizer knows only the one before, next to it. Each
    bias becomes the weight of one more input that is 1, so that its share of the
    relevance can be seen.

    Parameters
    ----------
    model : nn.Sequential
        A network in evaluation mode; batch normalisation comes before a linear layer.
    """
    modules: list[nn.Module] = []
    scale = shift = None
    for module in model:
        if isinstance(module, nn.BatchNorm1d):
            mean = cast(Tensor, module.running_mean)
            variance = cast(Tensor, module.running_var)
            scale = module.weight / torch.sqrt(variance + module.eps)
            shift = module.bias - mean * scale
        elif isinstance(module, nn.Linear):
            weight: Tensor = module.weight
            bias: Tensor = module.bias
            if scale is not None and shift is not None:
                bias, weight = bias + weight @ shift, weight * scale
                scale = shift = None
            linear = nn.Linear(module.in_features + 1, module.out_features, bias=False)
            linear.weight = nn.Parameter(torch.cat([weight, bias[:, None]], dim=1))
            modules += [nn.ConstantPad1d((0, 1), 1.0), linear]
        elif not isinstance(module, nn.Dropout):
            modules.append(module)
    return nn.Sequential(*modules)


def propagate(
    network: nn.Sequential,
    x: Tensor,
    target: Tensor,
    rule: BasicHook,
    stabilizer: Stabilizer = EXACT,
) -> tuple[Tensor, Tensor]:
    """Return the relevance of each input for each example.

    Parameters
    ----------
    network : nn.Sequential
        A network from :func:`canonical`.
    x : Tensor, shape (n, d)
        The inputs.
    target : Tensor, shape (n,)
        The index of the output that is explained, and is the relevance to divide.
    rule : BasicHook
        The rule for all linear layers.
    stabilizer : Stabilizer
        What keeps the denominators of the rule from 0.

    Returns
    -------
    Tensor, shape (n, d)
        The relevances R_j.
    Tensor, shape (n,)
        By how much the output differs from what inputs, biases and the stabiliser have
        received, relative to the magnitudes that were divided.
    """
    composite = LayerMapComposite([(Activation, rules.Pass()), (nn.Linear, rule)])
    with composite.context(network):
        values = [x.requires_grad_()]
        for module in network:
            values.append(module(values[-1]))
        output = values[-1]
        explained = nn.functional.one_hot(target, output.shape[1]) * output.detach()
        relevances = torch.autograd.grad(output, values, explained)
    received = relevances[0].sum(1)
    with torch.no_grad():
        for module, value, shares in zip(
            network, values[1:], relevances[1:], strict=True
        ):
            if isinstance(module, nn.ConstantPad1d):
                received += shares[:, -1]
            elif isinstance(module, nn.Linear):
                received += (shares * (1 - value / stabilizer(value))).sum(1)
        divided = torch.stack([shares.abs().sum(1) for shares in relevances]).amax(0)
        violation = (received - explained.sum(1)).abs() / EXACT(divided)
    return relevances[0], violation
