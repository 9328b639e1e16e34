"""The statistics that the paper's claims are judged by, over tidy tables.

Each function takes tables and returns an :class:`Estimate`. The tables `relevance` and
`other` have the columns ``seed, feature, score``; `features` has ``feature, truth``;
`curve` is that of :func:`~spectral_relevance.curves.input_curve`; `performance` has
``seed, metric``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.errors import UserError


class Estimate(NamedTuple):
    """A statistic over seeds.

    Attributes
    ----------
    value : float
        Mean over the seeds, unless the function says otherwise.
    spread : float
        Standard deviation over the seeds (n − 1); NaN for a single seed.
    n : int
        Number of seeds.
    """

    value: float
    spread: float
    n: int


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return mean, standard deviation and number of one value per seed."""
    values = np.asarray(values, dtype=float)
    spread = values.std(ddof=1) if len(values) > 1 else np.nan
    return Estimate(float(values.mean()), float(spread), len(values))


def score_matrix(relevance: pd.DataFrame) -> pd.DataFrame:
    """Return scores with a row for each seed and a column for each input, in order."""
    order = relevance["feature"].drop_duplicates()
    return relevance.pivot(index="seed", columns="feature", values="score")[order]


def ranked_matrix(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the metric by rank: a row for each seed, a column for each n of inputs."""
    ranked = curve[curve["selection"] == "ranked"]
    return ranked.pivot(index="seed", columns="inputs", values="metric")


def normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """Divide the scores of each seed by the largest of them; NaN where all are 0."""
    return scores.div(scores.max(axis=1), axis=0)


def detection_accuracy(
    relevance: pd.DataFrame, features: pd.DataFrame, *, threshold: float
) -> Estimate:
    """Share of features that a threshold puts on the right side.

    Parameters
    ----------
    relevance, features : DataFrame
        Scores and truth; a feature is relevant where its truth is above 0.
    threshold : float
        Share of the largest score of the seed.
    """
    relevant = features["truth"].to_numpy() > 0
    scores = normalised(score_matrix(relevance))
    return _share_of_inputs((scores > threshold) == relevant, scores)


def pearson_with_truth(relevance: pd.DataFrame, features: pd.DataFrame) -> Estimate:
    """Pearson correlation of the scores with the true relevance, for each seed."""
    truth = features["truth"].to_numpy()
    scores = score_matrix(relevance).to_numpy()
    return over_seeds([stats.pearsonr(row, truth).statistic for row in scores])


def pearson_with_method(relevance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Pearson correlation of the scores of two methods, for each seed."""
    pairs = zip(
        score_matrix(relevance).to_numpy(), score_matrix(other).to_numpy(), strict=True
    )
    return over_seeds([stats.pearsonr(a, b).statistic for a, b in pairs])


def test_metric(performance: pd.DataFrame) -> Estimate:
    """Accuracy or error on the test examples."""
    return over_seeds(performance["metric"])


def ratio_of_metrics(performance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Ratio of the mean metrics of two experiments.

    The spread is that of the numerator over seeds, divided by the denominator.
    """
    numerator = over_seeds(performance["metric"])
    denominator = other["metric"].mean()
    return Estimate(
        numerator.value / denominator, numerator.spread / denominator, numerator.n
    )


def share_below(relevance: pd.DataFrame, *, threshold: float) -> Estimate:
    """Share of the inputs whose score is below a share of the largest score."""
    scores = normalised(score_matrix(relevance))
    return _share_of_inputs(scores < threshold, scores)


def _share_of_inputs(holds: pd.DataFrame, scores: pd.DataFrame) -> Estimate:
    """Share of inputs for which something holds; NaN for seeds without scores."""
    return over_seeds(holds.astype(float).where(scores.notna()).mean(axis=1))


def metric_at(curve: pd.DataFrame, *, inputs: int, selection: str) -> Estimate:
    """Metric with a given number of inputs, averaged over draws, for each seed."""
    return over_seeds(_at(curve, inputs, selection).groupby("seed")["metric"].mean())


def best_metric_at(curve: pd.DataFrame, *, inputs: int, selection: str) -> Estimate:
    """Largest metric with a given number of inputs over all draws and seeds.

    The spread is that of the largest of each seed.
    """
    found = _at(curve, inputs, selection)
    best = over_seeds(found.groupby("seed")["metric"].max())
    return best._replace(value=float(found["metric"].max()))


def _at(curve: pd.DataFrame, inputs: int, selection: str) -> pd.DataFrame:
    found = curve[(curve["inputs"] == inputs) & (curve["selection"] == selection)]
    if found.empty:
        raise UserError(
            f"the curve has no point with {inputs} {selection} inputs.",
            "raise curve.largest or curve.points of this experiment.",
        )
    return found


def share_of_inputs_needed(
    curve: pd.DataFrame, features: pd.DataFrame, *, tolerance: float
) -> Estimate:
    """Smallest share of the inputs, by rank, whose error is close to the minimum.

    Parameters
    ----------
    curve, features : DataFrame
        Errors against the number of inputs; one row for each input.
    tolerance : float
        How far above the minimum, relative to it, still counts.
    """
    needed = inputs_needed(errors=ranked_matrix(curve), tolerance=tolerance)
    return over_seeds(needed / len(features))


def inputs_needed(*, errors: pd.DataFrame, tolerance: float) -> pd.Series:
    """Return the smallest number of inputs whose error is close to the minimum.

    Parameters
    ----------
    errors : DataFrame
        A row for each curve and a column for each number of inputs.
    tolerance : float
        How far above the minimum of the row, relative to it, still counts.
    """
    close = errors.le(errors.min(axis=1) * (1 + tolerance), axis=0)
    return close.idxmax(axis=1)


def zeros_surround_ones(
    relevance: pd.DataFrame, data: Dataset, *, inputs: int, inner: int, outer: int
) -> Estimate:
    """Probability that a pixel of one digit lies further out than one of the other.

    Each of the highest ranked pixels belongs to the digit for which it is brighter on
    average over the training images; distances are taken from the centre of the image.

    Parameters
    ----------
    relevance : DataFrame
        Scores of the pixels of square images.
    data : Dataset
        The images.
    inputs : int
        How many of the highest ranked pixels are taken.
    inner, outer : int
        The digit expected in the centre and the one expected around it.
    """
    brighter_outside = data.x_train[data.y_train == outer].mean(axis=0) > data.x_train[
        data.y_train == inner
    ].mean(axis=0)
    side = round(np.sqrt(len(data.features)))
    row, column = np.divmod(np.arange(side**2), side)
    distance = np.hypot(row - (side - 1) / 2, column - (side - 1) / 2)
    probabilities = []
    for scores in score_matrix(relevance).to_numpy():
        top = np.argsort(-scores, kind="stable")[:inputs]
        outside = distance[top[brighter_outside[top]]]
        inside = distance[top[~brighter_outside[top]]]
        further = np.sign(outside[:, None] - inside)
        probabilities.append((further.mean() + 1) / 2 if further.size else 0.0)
    return over_seeds(probabilities)


def band_alignment_p_value(
    relevance: pd.DataFrame, bands: pd.DataFrame, *, names: Sequence[str]
) -> Estimate:
    """P-value of the share of relevance that falls into wavelength bands.

    The scores, normalised for each seed and averaged, are shifted cyclically along the
    wavelengths by every possible amount: an exact permutation test that keeps their
    clustering. The value is the share of shifts, with none among them, that put at
    least as much relevance into the bands. The spread is that of the p-values of the
    single seeds.

    Parameters
    ----------
    relevance : DataFrame
        Scores; the features are wavelengths in Å, evenly spaced.
    bands : DataFrame
        ``index``, ``left``, ``right`` in Å.
    names : sequence of str
        The bands that are taken.
    """
    scores = normalised(score_matrix(relevance))
    wavelength = scores.columns.to_numpy().astype(float)
    chosen = bands.set_index("index").loc[list(names)]
    inside = np.any(
        (wavelength >= chosen["left"].to_numpy()[:, None])
        & (wavelength <= chosen["right"].to_numpy()[:, None]),
        axis=0,
    )

    def p_value(score: np.ndarray) -> float:
        if np.isnan(score).any():
            return np.nan
        spectrum = np.fft.rfft(score).conj() * np.fft.rfft(inside)
        sums = np.fft.irfft(spectrum, n=len(score))
        # Rounding of the transform must not decide a tie with the observed sum.
        return float(np.mean(sums >= sums[0] - 1e-9 * score.sum()))

    each = over_seeds([p_value(score) for score in scores.to_numpy()])
    return each._replace(value=p_value(scores.mean().to_numpy()))
