"""The classifier."""

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin

from spectral_relevance.errors import UserError
from spectral_relevance.estimators.base import SpectralEstimator
from spectral_relevance.estimators.targets import as_labels, weights_of_classes

Array = np.ndarray[Any, np.dtype[Any]]


class BaseClassifier(ClassifierMixin, SpectralEstimator):  # type: ignore[misc]
    """What classifiers with a given and with a chosen strength share."""

    class_weight: Any
    classes_: Array

    def _encoded(self, y: Any, n: int) -> Array:
        self.classes_, codes = np.unique(as_labels(y, n), return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError(
                "y: expected two classes or more, found 1 class, "
                f"{self.classes_.tolist()[0]!r}."
            )
        if len(self.classes_) == n > 2:
            raise UserError(
                f"y: expected fewer classes than examples, found {n} of each.",
                "for values instead of classes there are the regressors.",
            )
        encoded: Array = codes.astype(np.int64)
        return encoded

    def _class_weights(self, y: Array, weights: Array) -> Array | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            total = np.bincount(y, weights)
            return np.divide(1, total, out=total, where=total > 0)[y]
        return weights_of_classes(self.class_weight, self.classes_.tolist())[y]

    def _targets(self, y: Array, weights: Array | None) -> tuple[Array, int]:
        if len(np.unique(y)) < 2:
            raise UserError(
                "y: expected two classes or more with a weight above 0, found 1 class."
            )
        return y, len(self.classes_)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, the mean over the replicas.

        Parameters
        ----------
        X : (n, d) array, DataFrame or sparse matrix
            Inputs, the columns that `fit` was given.

        Returns
        -------
        (n, classes) array
            In the order of ``classes_``.

        Raises
        ------
        UserError
            If the columns are not those of `fit`, or there is anything but finite
            numbers.
        """
        outputs = self._outputs(X)
        probabilities: Array = softmax(outputs, axis=-1).mean(axis=0)
        return probabilities

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each example, shape ``(n,)``.

        Parameters and errors are those of :meth:`predict_proba`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels


class SpectralClassifier(BaseClassifier):
    """Classify by a network with a spectral first layer, which ranks the inputs.

    Replicas of a network with weights w_ij = λ_j φ_ij in its first layer are trained
    side by side, with a penalty a Σ λ_j² + b Σ φ_ij² that drives the λ of useless
    inputs to zero. The importance of an input is its share of the relevance
    |λ_j| ‖φ_·j‖ (Methods of the paper), and a contest of all inputs with copies of them
    selects those that matter at a stated false discovery rate (``docs/selection.md``).
    Inputs are standardised inside.

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
    class_weight : dict, "balanced" or None
        What each class counts, by its label; ``"balanced"`` lets all count the same.
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
    classes_ : (classes,) array
        The labels.
    n_features_in_ : int
        Number of inputs d.
    feature_names_in_ : (d,) array
        Names of the inputs, where X had some.
    validation_loss_ : (replicas,) array
        Cross-entropy of each replica on the examples that it held out.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = SpectralClassifier(fdr=None, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    >>> sorted(model.feature_names_in_[model.feature_importances_.argsort()[-2:]])
    ['petal length (cm)', 'petal width (cm)']
    """

    def __init__(
        self,
        alpha: float = 0.3,
        *,
        hidden_layer_sizes: tuple[int, ...] = (100, 50),
        replicas: int = 10,
        fdr: float | None = 0.1,
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.ridge = ridge
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state
