"""SHAP values (section 3; Lundberg and Lee 2017).

Exact Shapley values take 2^d evaluations per example. Deep SHAP approximates them by
the multipliers of DeepLIFT, layer by layer, averaged over a background; it supports all
modules of a network, batch normalisation in evaluation mode among them. Where its
values do not add up to the output, expected gradients take their place.
"""

import logging
import warnings
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from spectral_relevance.errors import UserError, extra

with extra("explain"), warnings.catch_warnings():
    # Raised by the colour maps of its plots, which are not used here.
    warnings.filterwarnings(
        "ignore", r"The set_\w+ function will be", PendingDeprecationWarning
    )
    from shap import DeepExplainer, Explainer, GradientExplainer

from spectral_relevance.data import Dataset
from spectral_relevance.explainers.shared import examples as shared
from spectral_relevance.layers import standard

logger = logging.getLogger(__name__)


def count_examples(
    dataset: Dataset, *, examples: int | None, background: int, **settings: Any
) -> int:
    """Return how many test examples are averaged.

    Raises
    ------
    UserError
        If there are not so many, or if the background is larger than the training set.
    """
    available = len(dataset.x_train)
    if background > available:
        raise UserError(
            f"expected a background of at most {available} examples, the size of the "
            f"training set, found {background}.",
            "lower `background`.",
        )
    return shared.count_examples(dataset, examples=examples)


def scores(
    model: nn.Sequential,
    dataset: Dataset,
    seed: int,
    *,
    examples: int | None,
    background: int,
    background_seed: int,
) -> np.ndarray:
    """Return the mean of the magnitude of the SHAP values, shape ``(d,)``.

    Parameters
    ----------
    model : nn.Sequential
        The network.
    dataset : Dataset
        Its test examples are explained.
    seed : int
        Seed of the choice of the examples, and of expected gradients.
    examples : int or None
        How many are averaged; None for all of them.
    background : int
        How many training examples stand for the absence of an input.
    background_seed : int
        Seed of the choice of these.
    """
    x, target = shared.draw(model, dataset, seed, examples)
    rows = np.random.default_rng(background_seed).permutation(len(dataset.x_train))
    reference = shared.as_inputs(model, dataset.x_train[rows[:background]])
    plain = cast(nn.Sequential, standard(model))
    try:
        values = _shap_values(DeepExplainer, plain, reference, x, target)
        explainer = "DeepExplainer"
    except AssertionError as error:
        if "do not sum up" not in str(error):  # its own check of the values
            raise
        values = _shap_values(
            GradientExplainer, plain, reference, x, target, rseed=seed
        )
        explainer = "GradientExplainer"
    logger.info("SHAP values of %d examples by %s", len(x), explainer)
    return cast(np.ndarray, np.abs(values).mean(0))


def _shap_values(
    explainer: type[Explainer],
    plain: nn.Sequential,
    reference: Tensor,
    x: Tensor,
    target: Tensor,
    **settings: Any,
) -> np.ndarray:
    """Return the SHAP values of one output for each example, shape ``(n, d)``."""
    outputs = plain(reference[:1]).shape[1]
    values = np.empty(x.shape)
    for output in torch.unique(target):
        # One output at a time: the explainers would go through all of them.
        select = nn.Linear(outputs, 1, bias=False).to(reference)
        select.weight.data = torch.eye(outputs).to(reference)[output : output + 1]
        explained = nn.Sequential(*plain, select)
        rows = target == output
        with warnings.catch_warnings():
            # Raised by its check, which takes an array from a tensor.
            warnings.filterwarnings("ignore", "__array_wrap__", DeprecationWarning)
            found = explainer(explained, reference).shap_values(x[rows], **settings)
        values[rows.numpy()] = found[..., 0]
    return values
