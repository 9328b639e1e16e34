"""The regressor."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from spectral_relevance.errors import UserError
from spectral_relevance.estimators.base import SpectralEstimator
from spectral_relevance.estimators.targets import as_values
from spectral_relevance.problem import moments, scaled

Array = np.ndarray[Any, np.dtype[Any]]


class BaseRegressor(RegressorMixin, SpectralEstimator):  # type: ignore[misc]
    """What regressors with a given and with a chosen strength share."""

    def _encoded(self, y: Any, n: int) -> Array:
        values = as_values(y, n)
        self._one_value = values.ndim == 1
        table: Array = values.reshape(n, -1)
        return table

    def _targets(self, y: Array, weights: Array | None) -> tuple[Array, int]:
        mean, spread = moments(y, weights)
        if not spread.all():
            column = int((spread == 0).argmax())
            which = "" if self._one_value else f" in column {column}"
            raise UserError(
                "y: expected values that vary, found a constant"
                f"{which}, {y[0, column]:g}."
            )
        self._target_centre, self._target_spread = mean, spread
        return scaled(y, mean, spread), y.shape[1]

    def predict(self, X: Any) -> Array:
        """Return the values that the replicas predict on average.

        Parameters
        ----------
        X : (n, d) array, DataFrame or sparse matrix
            Inputs, the columns that `fit` was given.

        Returns
        -------
        (n,) or (n, k) array
            In the units of the y that `fit` was given, and with its shape.

        Raises
        ------
        UserError
            If the columns are not those of `fit`, or there is anything but finite
            numbers.
        """
        outputs = self._outputs(X).mean(axis=0)
        values: Array = outputs * self._target_spread + self._target_centre
        return values[:, 0] if self._one_value else values

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that there may be several outputs."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class SpectralRegressor(BaseRegressor):
    """Predict values by a network with a spectral first layer, which ranks the inputs.

    All is as in :class:`SpectralClassifier`, but for the loss: the squared error of the
    values, each of which is standardised inside.

    Parameters
    ----------
    alpha : float
        Strength 2 √(ab) of the penalty, which amounts to a group lasso. 1 is the
        smallest with which a linear model that starts at zero keeps no input, so that
        it means the same on all data. It does not enter the selection.
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; they are rectified.
    replicas : int
        How many networks are trained, each with initial values and held-out examples of
        its own. Predictions and importances are means over them.
    fdr : float or None
        The false discovery rate of the selection; None leaves it out, which saves half
        the time.
    max_steps : int
        Steps of the optimiser, at most.
    batch_size : int
        Examples in a step; all of them where there are fewer.
    learning_rate : float
        Learning rate of Adam.
    ridge : float
        Penalty on the squared weights of later layers, without which the one on the
        first has no minimum (``docs/group_lasso.md``).
    validation_fraction : float
        Share of the examples that each replica holds out. It keeps the parameters with
        the smallest loss on them, and ends where that gets no better.
    device : str
        A torch device, or ``auto`` for a GPU where there is one.
    random_state : int, RandomState or None
        Seed of everything that is drawn; with an int, the same fit gives the same
        result.

    Attributes
    ----------
    feature_importances_ : (d,) array
        Importance of each input, in the order of the columns of X: its share of the
        relevance of all, mean over the replicas. They are not negative and sum to 1;
        0.2 says that a fifth of what the networks take in comes through this input. An
        input that is constant has 0. Inputs that say the same share their importance.
    importances_std_ : (d,) array
        Standard deviation of the shares over the replicas.
    selected_ : (d,) bool array or None
        Which inputs are selected; also ``get_support()``, and what ``transform`` keeps.
    selection_frequency_ : (d,) array or None
        Share of the replicas of the contest, each trained on a part of the examples of
        its own, that alone would have selected the input.
    alpha_ : float
        The strength that was used.
    n_features_in_ : int
        Number of inputs d.
    feature_names_in_ : (d,) array
        Names of the inputs, where X had some.
    validation_loss_ : (replicas,) array
        Mean squared error of each replica, of standardised values, on the examples that
        it held out.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> X, y = make_friedman1(200, random_state=0)  # inputs 0 to 4 matter
    >>> model = SpectralRegressor(fdr=None, random_state=0).fit(X, y)
    >>> sorted(model.feature_importances_.argsort()[-5:].tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        alpha: float = 0.3,
        *,
        hidden_layer_sizes: tuple[int, ...] = (100, 50),
        replicas: int = 10,
        fdr: float | None = 0.1,
        max_steps: int = 1000,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        ridge: float = 1e-4,
        validation_fraction: float = 0.1,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.hidden_layer_sizes = hidden_layer_sizes
        self.replicas = replicas
        self.fdr = fdr
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.ridge = ridge
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state
