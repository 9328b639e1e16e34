"""The relevance methods: what there is, and how each of them is called.

A method is an explainer, a module of :mod:`spectral_relevance.explainers` that takes a
trained model and a dataset, or a selector, a module of
:mod:`spectral_relevance.replication.selectors` that takes examples alone.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_relevance import explainers
from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication import selectors

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import nn

METHODS = {
    module.name: f"{package.__name__}.{module.name}"
    for package in (explainers, selectors)
    for module in iter_modules(package.__path__)
    if not module.ispkg
}
"""The full name of each method's module."""


def scorer(
    method: str,
    model: "nn.Sequential",
    dataset: Dataset,
    seed: int,
    settings: Mapping[str, Any],
) -> Callable[[], np.ndarray]:
    """Return a call that scores the inputs of a model, or of the examples alone.

    Raises
    ------
    UserError
        If there is no such method.
    """
    scores = load(method).scores
    first = () if is_selector(method) else (model,)
    return partial(scores, *first, *examples_for(method, dataset), seed, **settings)


def load(method: str) -> ModuleType:
    """Return the module of a method.

    Raises
    ------
    UserError
        If there is no such method.
    """
    if method not in METHODS:
        raise UserError(
            f"expected a relevance method, found {method!r}.",
            f"the methods are {', '.join(sorted(METHODS))}.",
        )
    return import_module(METHODS[method])


def examples_for(method: str, dataset: Dataset) -> tuple[Any, ...]:
    """Return what a method is given of a dataset."""
    if is_selector(method):
        return dataset.x_train, dataset.y_train
    return (dataset,)


def is_selector(method: str) -> bool:
    """Whether a method takes examples alone."""
    return METHODS[method].startswith(selectors.__name__)
