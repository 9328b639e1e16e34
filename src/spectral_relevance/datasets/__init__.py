"""Datasets, one module for each kind.

A kind is a module of this package with a function of the same name, which takes the
settings of the dataset as keywords and returns a :class:`~.base.Dataset`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from spectral_relevance.datasets.base import Dataset


def make(settings: Mapping[str, Any], raw: Mapping[str, Any]) -> Dataset:
    """Make the dataset that the settings describe.

    Parameters
    ----------
    settings : mapping
        ``kind`` and the arguments of the function of that name.
    raw : mapping
        Further arguments: where the raw data of this kind lie and their digests.
    """
    kind = settings["kind"]
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    return getattr(import_module(f"{__name__}.{kind}"), kind)(**arguments, **raw)
