"""What is measured on single runs, and its mean and spread over them.

The figures draw these numbers, and the statistics of the claims are made from them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from spectral_relevance.data import Dataset
from spectral_relevance.replication.tables import normalised, score_matrix


class Estimate(NamedTuple):
    """A statistic over runs.

    Attributes
    ----------
    value : float
        Mean over the runs, unless the function says otherwise.
    spread : float
        Standard deviation over the runs (n − 1), unless the function says otherwise;
        NaN for a single run.
    n : int
        Number of runs: of seeds or, where variants are taken together, of seeds and
        variants; where two experiments are compared, of the one that has fewer.
    """

    value: float
    spread: float
    n: int


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return mean, standard deviation and number of one value per run."""
    values = np.asarray(values, dtype=float)
    value = values.mean() if len(values) else np.nan
    spread = values.std(ddof=1) if len(values) > 1 else np.nan
    return Estimate(float(value), float(spread), len(values))


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Pearson correlation; NaN where one of the two is constant."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.corrcoef(a, b)[0, 1])


def detection(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """Return the share of inputs that a threshold puts on the right side.

    Parameters
    ----------
    scores, truth : (d,) arrays
        Of one run; an input is relevant where its truth is above 0.
    threshold : float
        Share of the largest score; the result is NaN where all scores are 0.
    """
    largest = np.max(scores)
    if not largest > 0:
        return np.nan
    found = np.asarray(scores) / largest > threshold
    return float(np.mean(found == (np.asarray(truth) > 0)))


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the area under the ROC curve: detection without a threshold.

    It is the probability that a relevant input (truth above 0) scores higher than an
    irrelevant one; NaN where all are of one kind.
    """
    relevant = np.asarray(truth) > 0
    if relevant.all() or not relevant.any():
        return np.nan
    return float(roc_auc_score(relevant, scores))


def correlation_strength(dataset: Dataset) -> float:
    """Return the mean correlation of two different inputs (appendix B)."""
    correlation = np.corrcoef(dataset.x_train, rowvar=False)
    return float(correlation[~np.eye(len(correlation), dtype=bool)].mean())


def pearson_by_seed(relevance: pd.DataFrame, other: pd.DataFrame) -> list[float]:
    """Return the Pearson correlation of the scores of two methods, for each seed.

    It is NaN for seeds and inputs that one of the tables lacks.
    """
    pair = score_matrix(relevance).align(score_matrix(other))
    rows = zip(*(scores.to_numpy() for scores in pair), strict=True)
    return [pearson(a, b) for a, b in rows]


def shares_above(relevance: pd.DataFrame, threshold: float) -> pd.Series:
    """Return the share of the inputs that score above a threshold, for each seed.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, feature, score``.
    threshold : float
        Share of the largest score; the result is NaN where all scores are 0.
    """
    scores = normalised(score_matrix(relevance))
    return share_of_inputs(scores > threshold, scores)


def share_of_inputs(holds: pd.DataFrame, scores: pd.DataFrame) -> pd.Series:
    """Return the share of inputs for which something holds; NaN without scores.

    Parameters
    ----------
    holds : DataFrame of bool
        A row for each seed and a column for each input.
    scores : DataFrame
        The normalised scores, in the same shape.
    """
    return holds.astype(float).where(scores.notna()).mean(axis=1)


def time_exponents(relevance: pd.DataFrame) -> list[float]:
    """Return the exponent of the time as a power of the examples, for each seed.

    The slope of a straight line through the logarithms, for the upper half of the
    numbers: with few examples the constant effort of a call prevails. It is NaN for a
    single number of examples.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, examples, seconds`` of one method and variant.
    """
    times = relevance.pivot_table("seconds", index="seed", columns="examples")
    upper = np.log(times.iloc[:, (times.shape[1] - 1) // 2 :])
    if upper.shape[1] < 2:
        return [np.nan] * len(times)
    return list(np.polyfit(np.log(upper.columns), upper.to_numpy().T, deg=1)[0])


def inputs_needed(*, errors: pd.DataFrame, tolerance: float) -> pd.Series:
    """Return the smallest number of inputs whose error is close to the minimum.

    It is NaN where no error is a number.

    Parameters
    ----------
    errors : DataFrame
        A row for each curve and a column for each number of inputs.
    tolerance : float
        How far above the minimum of the row, relative to it, still counts.
    """
    close = errors.le(errors.min(axis=1) * (1 + tolerance), axis=0)
    return close.idxmax(axis=1).where(close.any(axis=1))
