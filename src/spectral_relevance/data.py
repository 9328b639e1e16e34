"""What every dataset is: examples with names."""

from dataclasses import dataclass

import numpy as np


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

    @classmethod
    def split(
        cls, x: np.ndarray, y: np.ndarray, *, truth: np.ndarray, test_fraction: float
    ) -> "Dataset":
        """Return made examples as a dataset: the first of them are for testing.

        Parameters
        ----------
        x : (n, d) array
            Inputs; they are named x1, x2 and so on.
        y : (n,) int array
            Class labels.
        truth : (d,) array
            The relevance of each input.
        test_fraction : float
            Share of the examples that is kept for testing.
        """
        n_test = round(len(y) * test_fraction)
        x = x.astype(np.float32)
        return cls(
            x_train=x[n_test:],
            y_train=y[n_test:],
            x_test=x[:n_test],
            y_test=y[:n_test],
            features=np.array([f"x{j + 1}" for j in range(x.shape[1])]),
            truth=truth,
        )
