"""What is measured on single runs, and its mean, spread and interval over them.

The figures draw these numbers, and the statistics of the claims are made from them.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from spectral_relevance.data import Dataset
from spectral_relevance.replication.tables import normalised, score_matrix

LEVEL = 0.95
"""How often intervals are to hold the true value."""

RESAMPLES = 9999
BATCH = 500
"""Resamples of a bootstrap, and how many are computed at a time, which bounds the
memory."""


class Estimate(NamedTuple):
    """A statistic over runs.

    Attributes
    ----------
    value : float
        Mean over the runs, unless the function says otherwise.
    spread : float
        Standard deviation over the runs (n − 1), unless the function says otherwise;
        NaN for a single run, and where two experiments are compared.
    n : int
        Number of runs: of seeds or, where variants are taken together, of seeds and
        variants; where two experiments are compared, of the one that has fewer.
    low, high : float
        The 95 % interval of the value: the value itself where nothing varies, NaN where
        a single run does not tell.
    """

    value: float
    spread: float
    n: int
    low: float = np.nan
    high: float = np.nan


def exact(value: float, n: int) -> Estimate:
    """Return a number that no further run would change, over n cases."""
    return Estimate(float(value), np.nan, n, float(value), float(value))


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return mean, standard deviation and number of one value per run."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return Estimate(np.nan, np.nan, 0)
    return resampled(lambda x: x.mean(axis=-1), values)


def share_of_runs(holds: Sequence[bool]) -> Estimate:
    """Return the share of runs, or of draws, in which something holds.

    The interval is Wilson's, which knows that ten of ten is no certainty.
    """
    holds = np.asarray(holds, dtype=bool)
    if not len(holds):
        return Estimate(np.nan, np.nan, 0)
    test = stats.binomtest(int(holds.sum()), len(holds))
    low, high = test.proportion_ci(LEVEL, method="wilson")
    spread = holds.std(ddof=1) if len(holds) > 1 else np.nan
    return Estimate(float(holds.mean()), float(spread), len(holds), low, high)


def resampled(
    function: Callable[..., np.ndarray], *samples: np.ndarray, paired: bool = False
) -> Estimate:
    """Return a statistic of runs with the interval that a bootstrap over them gives.

    The interval is bias-corrected and accelerated (BCa) or, where that is not defined,
    that of the percentiles.

    Parameters
    ----------
    function : callable
        Takes an array for each sample, of shape ``(..., n)`` for n numbers or
        ``(..., n, d)`` for n rows, and returns the statistic of shape ``(...)``.
    *samples : (n,) or (n, d) arrays
        What was measured, a number or a row for each run. Each experiment is a sample
        of its own, whose runs are drawn independently.
    paired : bool
        Whether the runs of the samples belong together, so that they are drawn
        together.

    Returns
    -------
    Estimate
        The spread is that of the only sample of numbers, else NaN; n is the smallest
        number of runs.
    """
    samples = tuple(np.asarray(sample, dtype=float) for sample in samples)
    with np.errstate(all="ignore"):
        value = float(function(*samples))
    n = min(map(len, samples))
    spread = np.nan
    if len(samples) == 1 and samples[0].ndim == 1 and n > 1:
        with np.errstate(invalid="ignore"):
            spread = float(samples[0].std(ddof=1))
    if not np.isfinite(value) or n < 2:
        return Estimate(value, spread, n)
    if all((sample == sample[:1]).all() for sample in samples):
        return Estimate(value, spread, n, value, value)

    def statistic(*places: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = [s[p.astype(int)] for s, p in zip(samples, places, strict=True)]
        return np.asarray(function(*drawn))

    settings: dict[str, Any] = {
        "confidence_level": LEVEL,
        "n_resamples": RESAMPLES,
        "batch": BATCH,
        "vectorized": True,
        "paired": paired,
    }
    runs = tuple(np.arange(len(sample)) for sample in samples)
    for method in ("BCa", "percentile"):
        # The same runs give the same interval.
        rng = np.random.default_rng(0)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            found = stats.bootstrap(
                runs, statistic, method=method, rng=rng, **settings
            ).confidence_interval
        if np.isfinite(found).all():
            return Estimate(value, spread, n, float(found.low), float(found.high))
    return Estimate(value, spread, n)


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


def exponent(amounts: pd.Series) -> float:
    """Return the exponent of an amount as a power of the number in its index.

    The slope of a straight line through the logarithms, for the upper half of the
    numbers: with few of something the constant effort of a call prevails. It is NaN for
    a single number.
    """
    upper = np.log(amounts.sort_index().iloc[(len(amounts) - 1) // 2 :].astype(float))
    if len(upper) < 2:
        return np.nan
    return float(np.polyfit(np.log(upper.index), upper.to_numpy(), deg=1)[0])


def time_exponents(relevance: pd.DataFrame) -> list[float]:
    """Return the exponent of the time as a power of the examples, for each seed.

    Parameters
    ----------
    relevance : DataFrame
        ``seed, examples, seconds`` of one method and variant.
    """
    times = relevance.pivot_table("seconds", index="seed", columns="examples")
    return [exponent(row) for _, row in times.iterrows()]


def inputs_needed(
    *, errors: pd.DataFrame, tolerance: float = 0.0, margin: pd.Series | float = 0.0
) -> pd.Series:
    """Return the smallest number of inputs whose error is close to the minimum.

    It is NaN where no error is a number.

    Parameters
    ----------
    errors : DataFrame
        A row for each curve and a column for each number of inputs.
    tolerance : float
        How far above the minimum of the row, relative to it, still counts.
    margin : Series or float
        How far above it, in the units of the error, counts besides: of each row.
    """
    largest = errors.min(axis=1) * (1 + tolerance) + margin
    close = errors.le(largest, axis=0)
    return close.idxmax(axis=1).where(close.any(axis=1))
