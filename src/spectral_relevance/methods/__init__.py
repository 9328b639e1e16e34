"""Relevance methods, one module each.

A method is a function ``scores(network, index, dataset, seed, **settings)`` that
returns one score per input, shape ``(d,)``, for replica `index` of a trained network.
The larger the score, the more relevant the input. A new method is a new module of this
package.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pandas as pd

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.networks import Network

METHODS = tuple(module.name for module in iter_modules(__path__))


def relevance(
    method: str,
    dataset: Dataset,
    network: Network,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Score the inputs with one method for each trained replica.

    Parameters
    ----------
    method : str
        Name of a module of this package.
    dataset : Dataset
        The examples that the replicas were trained on.
    network : Network
        Trained replicas.
    seeds : sequence of int
        The seed of each replica; it also seeds the method.
    settings : mapping
        Settings of the method.

    Returns
    -------
    DataFrame
        ``seed``, ``feature``, ``score``; features in the order of the inputs.

    Raises
    ------
    UserError
        If there is no such method.
    """
    if method not in METHODS:
        raise UserError(
            f"expected a relevance method, found {method!r}.",
            f"the methods are {', '.join(METHODS)}.",
        )
    scores = import_module(f"{__name__}.{method}").scores
    tables = [
        pd.DataFrame(
            {
                "seed": seed,
                "feature": dataset.features,
                "score": np.asarray(scores(network, index, dataset, seed, **settings)),
            }
        )
        for index, seed in enumerate(seeds)
    ]
    return pd.concat(tables, ignore_index=True)
