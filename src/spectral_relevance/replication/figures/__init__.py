"""The figures: functions from tidy tables to figures, one module for each subject."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def drawing(name: str) -> Callable[..., Any]:
    """Return the function that draws a figure.

    Parameters
    ----------
    name : str
        Module and function, such as ``scheme.decomposition``.
    """
    module, function = name.split(".")
    return getattr(import_module(f"{__name__}.{module}"), function)
