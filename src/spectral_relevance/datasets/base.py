"""What every dataset is, and its form on disk."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_relevance.files import replacing, write_table


@dataclass(frozen=True)
class Dataset:
    """Examples of a classification or regression task, in training and test parts.

    Parameters
    ----------
    x_train, x_test : (n, d) float32 arrays
        Inputs as the network receives them.
    y_train, y_test : (n,) arrays
        Class labels (int64) or normalised targets (float32).
    features : (d,) str array
        Names of the inputs, in the order of the network's inputs.
    truth : (d,) float64 array
        The relevance that the generator gave each input; NaN where none is known.
    target_scale : float
        What one unit of a regression target is in physical units (dex); 1 for classes.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    features: np.ndarray
    truth: np.ndarray
    target_scale: float = 1.0

    @property
    def is_classification(self) -> bool:
        """Whether the targets are class labels."""
        return np.issubdtype(self.y_train.dtype, np.integer)

    def save(self, data: str | Path, features: str | Path) -> None:
        """Write the arrays (``.npz``) and the table ``feature, truth`` (CSV)."""
        with replacing(data) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **vars(self))
        write_table(
            pd.DataFrame({"feature": self.features, "truth": self.truth}), features
        )

    @classmethod
    def load(cls, path: str | Path) -> "Dataset":
        """Read what :meth:`save` wrote."""
        with np.load(path) as arrays:
            values = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**{**values, "target_scale": float(values["target_scale"])})
