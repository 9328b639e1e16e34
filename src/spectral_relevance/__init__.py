"""Rank the inputs of neural networks by their spectral relevance.

The names below are loaded when they are first used, because torch takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectral_relevance.data import Dataset as Dataset
    from spectral_relevance.errors import UserError as UserError
    from spectral_relevance.estimators import SpectralClassifier as SpectralClassifier
    from spectral_relevance.estimators import (
        SpectralClassifierCV as SpectralClassifierCV,
    )
    from spectral_relevance.estimators import SpectralRegressor as SpectralRegressor
    from spectral_relevance.estimators import SpectralRegressorCV as SpectralRegressorCV
    from spectral_relevance.estimators.persistence import load as load
    from spectral_relevance.layers import SpectralLinear as SpectralLinear
    from spectral_relevance.layers import standard as standard
    from spectral_relevance.networks import Architecture as Architecture
    from spectral_relevance.networks import Hidden as Hidden
    from spectral_relevance.networks import Network as Network
    from spectral_relevance.penalty import Penalty as Penalty
    from spectral_relevance.torch_models import despectralize as despectralize
    from spectral_relevance.torch_models import relevance as relevance
    from spectral_relevance.torch_models import spectralize as spectralize
    from spectral_relevance.training import Run as Run
    from spectral_relevance.training import Training as Training
    from spectral_relevance.training import fit as fit

__version__ = "0.1.0"

MODULES = {
    "Architecture": "networks",
    "Dataset": "data",
    "Hidden": "networks",
    "Network": "networks",
    "Penalty": "penalty",
    "Run": "training",
    "SpectralClassifier": "estimators",
    "SpectralClassifierCV": "estimators",
    "SpectralLinear": "layers",
    "SpectralRegressor": "estimators",
    "SpectralRegressorCV": "estimators",
    "Training": "training",
    "UserError": "errors",
    "despectralize": "torch_models",
    "fit": "training",
    "load": "estimators",
    "relevance": "torch_models",
    "spectralize": "torch_models",
    "standard": "layers",
}
"""Where each public name is defined."""

__all__ = [*MODULES, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
