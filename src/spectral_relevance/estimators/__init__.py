"""scikit-learn estimators over the engine: networks that rank and select inputs."""

from spectral_relevance.estimators.classifier import SpectralClassifier
from spectral_relevance.estimators.cv import SpectralClassifierCV, SpectralRegressorCV
from spectral_relevance.estimators.persistence import load
from spectral_relevance.estimators.regressor import SpectralRegressor

__all__ = [
    "SpectralClassifier",
    "SpectralClassifierCV",
    "SpectralRegressor",
    "SpectralRegressorCV",
    "load",
]
