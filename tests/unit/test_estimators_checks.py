"""What scikit-learn asks of an estimator, by its own checks."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectral_relevance import (
    SpectralClassifier,
    SpectralClassifierCV,
    SpectralRegressor,
    SpectralRegressorCV,
    selection,
)

FAST: dict[str, Any] = {
    "max_steps": 20,
    "replicas": 1,
    "hidden_layer_sizes": (16,),
    "learning_rate": 0.1,
}
CHOICE: dict[str, Any] = {"alphas": (0.1, 0.01), "cv": 2}

DRAWN = (
    "Batches and held-out examples are drawn among the rows, which are others where "
    "rows are repeated: only the expected loss is that of weights."
)
EXCUSED = {
    "check_sample_weight_equivalence_on_dense_data": DRAWN,
    "check_sample_weight_equivalence_on_sparse_data": DRAWN,
}


@pytest.fixture(autouse=True)
def small_contest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the selection be quick: what it selects is tested where it is made."""
    for name, value in {"STEPS": 2, "REPLICAS": 1, "UNITS": (4,)}.items():
        monkeypatch.setattr(selection, name, value)


@pytest.mark.filterwarnings("ignore:No features were selected")
@parametrize_with_checks(
    [
        SpectralClassifier(**FAST),
        SpectralClassifierCV(**FAST, **CHOICE),
        SpectralRegressor(**FAST),
        SpectralRegressorCV(**FAST, **CHOICE),
    ],
    expected_failed_checks=lambda estimator: EXCUSED,
)
def test_scikit_learn_takes_it_for_its_own(estimator, check):
    check(estimator)
