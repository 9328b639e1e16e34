"""The statistics that the paper's claims are judged by, over tidy tables.

Each public function is a statistic that a claim can name. It takes tables and returns
an :class:`~spectral_relevance.replication.measures.Estimate`. The tables `relevance`
and `other` have the columns ``variant, seed, method, examples, feature, truth, score,
seconds``; a *run* is a variant and a seed of them. `performance` has ``variant, seed,
metric`` and the settings in which variants differ; `curve` is that of
:func:`~spectral_relevance.replication.performance.input_curve`; `data` is the datasets
of an experiment.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.measures import (
    Estimate,
    correlation_strength,
    detection,
    inputs_needed,
    over_seeds,
    pearson,
    pearson_by_seed,
    share_of_inputs,
    shares_above,
    time_exponents,
)
from spectral_relevance.replication.tables import (
    each_run,
    normalised,
    ranked_matrix,
    score_matrix,
    select,
)

# Scores and truth -----------------------------------------------------------------


def detection_accuracy(relevance: pd.DataFrame, *, threshold: float) -> Estimate:
    """Share of inputs that a threshold puts on the right side, see `detection`."""
    return over_seeds(
        each_run(relevance, lambda scores, truth: detection(scores, truth, threshold))
    )


def pearson_with_truth(relevance: pd.DataFrame) -> Estimate:
    """Pearson correlation of the scores with the true relevance."""
    return over_seeds(each_run(relevance, pearson))


def lowest_pearson_with_truth(relevance: pd.DataFrame) -> Estimate:
    """Correlation with the truth of the variant in which it is lowest on average."""
    variants = relevance.groupby("variant", sort=False)
    return _lowest(pearson_with_truth(part) for _, part in variants)


def pearson_at_largest(
    relevance: pd.DataFrame, performance: pd.DataFrame, *, setting: str
) -> Estimate:
    """Correlation with the truth in the variant with the largest value of a setting.

    Parameters
    ----------
    relevance, performance : DataFrame
        Scores, and the settings of their variants.
    setting : str
        Dotted path of a number, such as ``dataset.examples``.
    """
    _, largest = _pearson_at_extremes(relevance, performance, setting)
    return over_seeds(largest)


def pearson_gain(
    relevance: pd.DataFrame, performance: pd.DataFrame, *, setting: str
) -> Estimate:
    """Correlation with the truth: at the largest value of a setting, less the smallest.

    The parameters are those of :func:`pearson_at_largest`.
    """
    smallest, largest = _pearson_at_extremes(relevance, performance, setting)
    return over_seeds(largest - smallest)


def _pearson_at_extremes(
    relevance: pd.DataFrame, performance: pd.DataFrame, setting: str
) -> tuple[pd.Series, pd.Series]:
    each = each_run(relevance, pearson)
    values = performance.groupby("variant")[setting].first()
    values = values[relevance["variant"].unique()]
    return each[values.idxmin()], each[values.idxmax()]


def difference_within_pairs(relevance: pd.DataFrame) -> Estimate:
    """Mean difference of the scores of a pair, as a share of the mean of the two.

    A pair are the inputs with the same true relevance above 0; one without any score
    does not count.
    """

    def difference(scores: np.ndarray, truth: np.ndarray) -> float:
        pairs = pd.Series(scores[truth > 0]).groupby(truth[truth > 0])
        return ((pairs.max() - pairs.min()) / pairs.mean()).mean()

    return over_seeds(each_run(relevance, difference))


def largest_irrelevant(relevance: pd.DataFrame) -> Estimate:
    """Largest score of an irrelevant input, as a share of the largest of all."""

    def share(scores: np.ndarray, truth: np.ndarray) -> float:
        largest = scores.max()
        return scores[truth == 0].max() / largest if largest > 0 else np.nan

    return over_seeds(each_run(relevance, share))


def smallest_to_largest(relevance: pd.DataFrame) -> Estimate:
    """Ratio of the smallest score of a run to the largest."""
    scores = normalised(score_matrix(relevance))
    return over_seeds(scores.min(axis=1, skipna=False))


def share_of_runs_with_one_input(
    relevance: pd.DataFrame, *, threshold: float
) -> Estimate:
    """Share of runs in which exactly one score is above a share of the largest."""
    return over_seeds(
        each_run(relevance, lambda scores, _: _count(scores, threshold) == 1)
    )


def _count(scores: np.ndarray, threshold: float) -> int:
    return np.count_nonzero(scores > threshold * scores.max())


def share_of_runs_that_find_it(
    relevance: pd.DataFrame, data: Datasets, *, strength: Sequence[float]
) -> Estimate:
    """Share of runs in which the input of largest score is a truly relevant one.

    Parameters
    ----------
    relevance, data : DataFrame, Datasets
        Scores, and the dataset of each run.
    strength : (smallest, largest)
        The runs that count, by the correlation strength of their dataset.
    """

    def is_found(scores: np.ndarray, truth: np.ndarray) -> bool:
        return scores.max() > 0 and truth[scores.argmax()] > 0

    found = each_run(relevance, is_found)
    smallest, largest = strength
    counts = [
        smallest <= correlation_strength(data.of(variant, seed)) <= largest
        for variant, seed in found.index
    ]
    return over_seeds(found[counts])


def detection_deficit(
    relevance: pd.DataFrame, other: pd.DataFrame, *, threshold: float, of: str
) -> Estimate:
    """How much less accurately methods detect relevant inputs than another method.

    Parameters
    ----------
    relevance, other : DataFrame
        Scores of some methods, and of the one that they are compared with.
    threshold : float
        Share of the largest score, see :func:`detection`.
    of : str
        ``worst`` or ``best``: which of the methods is taken, by its mean deficit.
    """

    def accuracy(table: pd.DataFrame) -> pd.Series:
        each = each_run(table, lambda s, truth: detection(s, truth, threshold))
        return each.droplevel("variant")

    reference = accuracy(other)
    choice = {"worst": _highest, "best": _lowest}[of]
    return choice(
        over_seeds(reference - accuracy(part))
        for _, part in relevance.groupby("method")
    )


# Scores of two methods or models --------------------------------------------------


def pearson_with_method(relevance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Pearson correlation of the scores of two methods.

    NaN for seeds and inputs that one of the tables lacks.
    """
    return over_seeds(pearson_by_seed(relevance, other))


def lowest_pearson_with_variant(relevance: pd.DataFrame, *, base: str) -> Estimate:
    """Correlation with one variant of the variant that resembles it least.

    Scores are normalised for each seed and averaged. The spread is that of the single
    seeds with the average of `base`.
    """
    reference = normalised(score_matrix(select(relevance, variant=base))).mean()
    estimates = []
    for _, part in relevance[relevance["variant"] != base].groupby("variant"):
        scores = normalised(score_matrix(part))[reference.index]
        each = over_seeds([pearson(row, reference) for row in scores.to_numpy()])
        estimates.append(each._replace(value=pearson(scores.mean(), reference)))
    return _lowest(estimates)


def range_of_magnitudes(relevance: pd.DataFrame) -> Estimate:
    """Ratio of the mean score in the variant of largest scores to that of smallest."""
    means = relevance.groupby(["seed", "variant"])["score"].mean().unstack()
    order = means.mean()
    return over_seeds(means[order.idxmax()] / means[order.idxmin()])


# How sparse scores are ------------------------------------------------------------


def share_below(relevance: pd.DataFrame, *, threshold: float) -> Estimate:
    """Share of the inputs whose score is below a share of the largest score."""
    scores = normalised(score_matrix(relevance))
    return over_seeds(share_of_inputs(scores < threshold, scores))


def share_above(relevance: pd.DataFrame, *, threshold: float) -> Estimate:
    """Share of the inputs whose score is above a share of the largest score."""
    return over_seeds(shares_above(relevance, threshold))


def ratio_of_shares_above(
    relevance: pd.DataFrame, other: pd.DataFrame, *, threshold: float
) -> Estimate:
    """Ratio of the mean shares of inputs above a share of the largest score."""
    return _ratio(
        share_above(relevance, threshold=threshold),
        share_above(other, threshold=threshold),
    )


# Time -----------------------------------------------------------------------------


def time_ratio(relevance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Time of the fastest of some methods, in units of that of another.

    NaN for seeds that one of the tables lacks.
    """
    fastest = [table.groupby("seed")["seconds"].min() for table in (relevance, other)]
    return over_seeds(fastest[0] / fastest[1])


def time_exponent(relevance: pd.DataFrame) -> Estimate:
    """Exponent of the time as a power of the number of examples.

    Parameters
    ----------
    relevance : DataFrame
        Scores of one method and variant for several numbers of examples.
    """
    return over_seeds(time_exponents(relevance))


def largest_exponent_error(complexity: pd.DataFrame) -> Estimate:
    """Largest difference of a measured exponent from theory, over methods and sizes.

    The spread is the standard error of that exponent; n counts the exponents.

    Parameters
    ----------
    complexity : DataFrame
        ``exponent_Q``, ``exponent_Q_error`` and ``theory_Q`` of the time of each method
        for Q in N0, N1 and E; NaN where one does not apply.
    """
    quantities = ("N0", "N1", "E")
    measured, error, theory = (
        complexity[[form.format(q) for q in quantities]].to_numpy().ravel()
        for form in ("exponent_{}", "exponent_{}_error", "theory_{}")
    )
    difference = np.abs(measured - theory)
    defined = np.isfinite(difference)
    if not defined.any():
        return over_seeds([])
    place = np.nanargmax(difference)
    return Estimate(
        float(difference[place]), float(error[place]), np.count_nonzero(defined)
    )


# Theory of layer-wise relevance propagation ---------------------------------------


def largest_deviation(theory: pd.DataFrame) -> Estimate:
    """Largest deviation of measured relevances from predicted ones (eq. 5–7).

    It is relative to the largest prediction of the same rule, level and run; n counts
    rules and levels, and there is no spread.

    Parameters
    ----------
    theory : DataFrame
        ``rule``, ``level``, ``seed``, ``measured``, ``predicted``.
    """
    deviations = [
        (part["measured"] - part["predicted"]).abs().max(skipna=False)
        / part["predicted"].abs().max()
        for _, part in theory.groupby(["rule", "level", "seed"])
    ]
    kinds = theory[["rule", "level"]].drop_duplicates()
    return Estimate(float(np.max(deviations)), np.nan, len(kinds))


# Performance ----------------------------------------------------------------------


def test_metric(performance: pd.DataFrame) -> Estimate:
    """Accuracy or error on the test examples."""
    return over_seeds(performance["metric"])


def ratio_of_metrics(performance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Ratio of the mean metrics of two experiments."""
    return _ratio(test_metric(performance), test_metric(other))


def difference_of_metrics(performance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Difference of the mean metrics of two experiments.

    The spread combines that of both, and n is the smaller number of runs.
    """
    first, second = test_metric(performance), test_metric(other)
    return Estimate(
        first.value - second.value,
        float(np.hypot(first.spread, second.spread)),
        min(first.n, second.n),
    )


def _ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """Ratio of two means, with the spread of both to first order.

    Its n is the smaller number of runs.
    """
    n = min(numerator.n, denominator.n)
    if denominator.value == 0:
        return Estimate(np.nan, np.nan, n)
    ratio = numerator.value / denominator.value
    spread = np.hypot(numerator.spread, ratio * denominator.spread)
    return Estimate(ratio, float(spread / denominator.value), n)


def _lowest(estimates: Iterable[Estimate]) -> Estimate:
    """Return the estimate of lowest value, or one that is undefined."""
    return min(estimates, key=lambda e: (not np.isnan(e.value), e.value))


def _highest(estimates: Iterable[Estimate]) -> Estimate:
    """Return the estimate of highest value, or one that is undefined."""
    return max(estimates, key=lambda e: (np.isnan(e.value), e.value))


# Few inputs -----------------------------------------------------------------------


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


def rise_with_inputs(curve: pd.DataFrame) -> Estimate:
    """Spearman correlation of the metric with the number of ranked inputs."""
    ranked = ranked_matrix(curve)
    return over_seeds(
        [
            pearson(stats.rankdata(ranked.columns), stats.rankdata(row))
            for row in ranked.to_numpy()
        ]
    )


def advantage_over_random(curve: pd.DataFrame) -> Estimate:
    """Metric with ranked inputs less that with random ones, averaged over n."""
    means = curve.groupby(["selection", "seed", "inputs"])["metric"].mean()
    difference = means["ranked"] - means["random"]
    return over_seeds(difference.groupby("seed").mean())


def share_of_inputs_needed(
    curve: pd.DataFrame, relevance: pd.DataFrame, *, tolerance: float
) -> Estimate:
    """Smallest share of the inputs, by rank, whose error is close to the minimum.

    Parameters
    ----------
    curve, relevance : DataFrame
        Errors against the number of inputs; the inputs.
    tolerance : float
        How far above the minimum, relative to it, still counts.
    """
    needed = inputs_needed(errors=ranked_matrix(curve), tolerance=tolerance)
    return over_seeds(needed / relevance["feature"].nunique())


# Images ---------------------------------------------------------------------------


def zeros_surround_ones(
    relevance: pd.DataFrame, data: Datasets, *, inputs: int, inner: int, outer: int
) -> Estimate:
    """Probability that a pixel of one digit lies further out than one of the other.

    Each of the highest ranked pixels belongs to the digit for which it is brighter on
    average over the training images; distances are taken from the centre of the image.

    Parameters
    ----------
    relevance : DataFrame
        Scores of the pixels of square images.
    data : Datasets
        The images, the same for all seeds.
    inputs : int
        How many of the highest ranked pixels are taken.
    inner, outer : int
        The digit expected in the centre and the one expected around it.
    """
    x, y = data.first.x_train, data.first.y_train
    brighter_outside = x[y == outer].mean(axis=0) > x[y == inner].mean(axis=0)
    scores = score_matrix(relevance)
    row, column = _pixels(scores)
    centre = row.max() / 2
    distance = np.hypot(row - centre, column - centre)
    probabilities = []
    for top in _top(scores, inputs):
        outside = distance[top[brighter_outside[top]]]
        inside = distance[top[~brighter_outside[top]]]
        further = np.sign(outside[:, None] - inside)
        probabilities.append((further.mean() + 1) / 2 if further.size else 0.0)
    return over_seeds(probabilities)


def share_in_region(
    relevance: pd.DataFrame,
    *,
    inputs: int,
    rows: Sequence[int],
    columns: Sequence[int],
) -> Estimate:
    """Share of the highest ranked pixels that lie in a rectangle of the image.

    Parameters
    ----------
    relevance : DataFrame
        Scores of the pixels of square images.
    inputs : int
        How many of the highest ranked pixels are taken.
    rows, columns : (first, last)
        The rectangle, counted from 0 at the upper left; `last` belongs to it.
    """
    scores = score_matrix(relevance)
    row, column = _pixels(scores)
    inside = (
        (row >= rows[0])
        & (row <= rows[1])
        & (column >= columns[0])
        & (column <= columns[1])
    )
    return over_seeds([inside[top].mean() for top in _top(scores, inputs)])


def _pixels(scores: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel of a square image."""
    pixels = np.arange(scores.shape[1])
    return np.divmod(pixels, round(np.sqrt(len(pixels))))


def _top(scores: pd.DataFrame, inputs: int) -> np.ndarray:
    """Positions of the highest ranked inputs: a row for each seed."""
    return np.argsort(-scores.to_numpy(), axis=1, kind="stable")[:, :inputs]


# Spectra --------------------------------------------------------------------------


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
