"""The statistics that the paper's claims are judged by, over tidy tables.

Each public function is a statistic that a claim can name. It takes tables and returns
an :class:`~spectral_relevance.replication.measures.Estimate` with its interval. The
tables `relevance` and `other` have the columns ``variant, seed, method, examples,
feature, truth, score, seconds``, those of comparisons also ``operations``; a *run* is a
variant and a seed of them. `performance` has ``variant, seed, metric`` and the settings
in which variants differ; `curve` is that of
:func:`~spectral_relevance.replication.performance.input_curve`, `controls` that of
:func:`~spectral_relevance.replication.controls.controls`; `data` is the datasets of an
experiment.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import diptest
import numpy as np
import pandas as pd
from scipy import stats

from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.measures import (
    Estimate,
    correlation_strength,
    detection,
    exact,
    exponent,
    inputs_needed,
    over_seeds,
    pearson,
    pearson_by_seed,
    resampled,
    share_of_inputs,
    share_of_runs,
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


def exponent_of_truth(relevance: pd.DataFrame) -> Estimate:
    """Exponent of the scores as a power of the true relevance, if that is above 0."""

    def slope(scores: np.ndarray, truth: np.ndarray) -> float:
        known = truth > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(truth[known]), np.log(scores[known])
        return np.polyfit(*logs, deg=1)[0] if np.isfinite(logs).all() else np.nan

    return over_seeds(each_run(relevance, slope))


def lowest_pearson_with_truth(relevance: pd.DataFrame) -> Estimate:
    """Correlation with the truth of the variant in which it is lowest on average."""
    each = each_run(relevance, pearson).groupby("variant", sort=False)
    return _lowest_mean(part.droplevel("variant") for _, part in each)


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
    return share_of_runs(_has_one_input(relevance, threshold))


def lowest_share_with_one_input(
    relevance: pd.DataFrame, *, threshold: float
) -> Estimate:
    """Share of runs as before, in the variant in which it is lowest."""
    each = _has_one_input(relevance, threshold).groupby("variant", sort=False)
    return _lowest(share_of_runs(part) for _, part in each)


def _has_one_input(relevance: pd.DataFrame, threshold: float) -> pd.Series:
    def holds(scores: np.ndarray, truth: np.ndarray) -> bool:
        return np.count_nonzero(scores > threshold * scores.max()) == 1

    return each_run(relevance, holds)


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
    return share_of_runs(found[counts])


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
    deficits = _deficits(relevance, other, threshold)
    return {"worst": _highest_mean, "best": _lowest_mean}[of](deficits)


def lowest_detection_deficit(
    relevance: pd.DataFrame, other: pd.DataFrame, *, thresholds: Sequence[float]
) -> Estimate:
    """Deficit of the best method, at the threshold at which it is smallest.

    Parameters
    ----------
    relevance, other
        See :func:`detection_deficit`.
    thresholds : sequence of float
        Shares of the largest score.
    """
    return _lowest_mean(
        deficit
        for threshold in thresholds
        for deficit in _deficits(relevance, other, threshold)
    )


def _deficits(
    relevance: pd.DataFrame, other: pd.DataFrame, threshold: float
) -> list[pd.Series]:
    """Return the deficit of each method by seed."""

    def accuracy(table: pd.DataFrame) -> pd.Series:
        each = each_run(table, lambda s, truth: detection(s, truth, threshold))
        return each.droplevel("variant")

    reference = accuracy(other)
    return [reference - accuracy(part) for _, part in relevance.groupby("method")]


# Scores of two methods or models --------------------------------------------------


def pearson_with_method(relevance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Pearson correlation of the scores of two methods.

    NaN for seeds and inputs that one of the tables lacks.
    """
    return over_seeds(pearson_by_seed(relevance, other))


def lowest_pearson_with_variant(relevance: pd.DataFrame, *, base: str) -> Estimate:
    """Correlation with one variant of the variant that resembles it least.

    Scores are normalised for each seed and averaged; both variants are resampled.
    """
    reference = normalised(score_matrix(select(relevance, variant=base)))
    others = relevance[relevance["variant"] != base].groupby("variant")
    return _lowest(
        resampled(
            _pearson_of_means,
            normalised(score_matrix(part))[reference.columns].to_numpy(),
            reference.to_numpy(),
        )
        for _, part in others
    )


def _pearson_of_means(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the correlation of the mean rows, ``(..., n, d)`` and ``(..., m, d)``."""
    a, b = (x.mean(axis=-2) for x in (a, b))
    a, b = (x - x.mean(axis=-1, keepdims=True) for x in (a, b))
    squares = (a**2).sum(axis=-1) * (b**2).sum(axis=-1)
    return (a * b).sum(axis=-1) / np.sqrt(squares)


def range_of_magnitudes(relevance: pd.DataFrame) -> Estimate:
    """Ratio of the mean score in the variant of largest scores to that of smallest."""
    means = relevance.groupby(["seed", "variant"])["score"].mean().unstack()
    order = means.mean()
    return over_seeds(means[order.idxmax()] / means[order.idxmin()])


def share_of_bimodal_runs(relevance: pd.DataFrame, *, level: float) -> Estimate:
    """Share of runs whose scores Hartigan's dip test finds to have several modes.

    Parameters
    ----------
    relevance : DataFrame
        Scores of one variant.
    level : float
        Significance level of the test that they have a single mode.
    """
    scores = score_matrix(relevance).to_numpy()
    return share_of_runs([diptest.diptest(row)[1] <= level for row in scores])


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
    return _ratio(shares_above(relevance, threshold), shares_above(other, threshold))


def ratio_of_shares_above_where_accurate(
    relevance: pd.DataFrame,
    other: pd.DataFrame,
    performance: pd.DataFrame,
    *,
    threshold: float,
    accuracy: float,
) -> Estimate:
    """Ratio of shares as before, over the runs that classify well enough.

    Parameters
    ----------
    relevance, other : DataFrame
        Scores of two experiments.
    performance : DataFrame
        The accuracy of the runs of `relevance`.
    threshold : float
        Share of the largest score.
    accuracy : float
        The smallest accuracy with which a run of `relevance` counts.
    """
    accurate = performance.loc[performance["metric"] >= accuracy, "seed"]
    if accurate.empty:
        return over_seeds([])
    chosen = relevance[relevance["seed"].isin(accurate)]
    return ratio_of_shares_above(chosen, other, threshold=threshold)


def share_of_lit_above(
    relevance: pd.DataFrame, data: Datasets, *, threshold: float
) -> Estimate:
    """Share of the lit inputs whose score is above a share of the largest score.

    Parameters
    ----------
    relevance : DataFrame
        Scores.
    data : Datasets
        An input is lit if it is above 0 in some training example.
    threshold : float
        Share of the largest score.
    """
    lit = data.first.features[data.first.x_train.max(axis=0) > 0]
    scores = normalised(score_matrix(relevance))[list(lit)]
    return over_seeds(share_of_inputs(scores > threshold, scores))


# Time and operations --------------------------------------------------------------


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


def operations_ratio(relevance: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Operations of the cheapest of some methods, in units of those of another.

    They are counted, and the same in each run.
    """
    return exact(
        relevance["operations"].min() / other["operations"].min(),
        relevance["seed"].nunique(),
    )


def operations_exponent(relevance: pd.DataFrame) -> Estimate:
    """Exponent of the operations as a power of the number of examples.

    Parameters
    ----------
    relevance : DataFrame
        Scores of one method and variant for several numbers of examples.
    """
    counts = relevance.groupby("examples")["operations"].first()
    return exact(exponent(counts), relevance["seed"].nunique())


def largest_exponent_error(complexity: pd.DataFrame, *, of: str) -> Estimate:
    """Largest difference of an exponent from theory, over methods and sizes.

    For times the spread is the standard error of that exponent, and the interval a
    normal one; counts have none. n counts the exponents.

    Parameters
    ----------
    complexity : DataFrame
        ``exponent_Q``, ``exponent_Q_error``, ``counted_Q`` and ``theory_Q`` of each
        method for Q in N0, N1 and E; NaN where one does not apply.
    of : str
        ``exponent``, that of the measured time, or ``counted``, that of the operations.
    """
    quantities = ("N0", "N1", "E")
    found, error, theory = (
        complexity[[form.format(q) for q in quantities]].to_numpy().ravel()
        for form in (of + "_{}", "exponent_{}_error", "theory_{}")
    )
    difference = np.abs(found - theory)
    defined = np.isfinite(difference)
    if not defined.any():
        return over_seeds([])
    place, n = np.nanargmax(difference), np.count_nonzero(defined)
    value = float(difference[place])
    if of == "counted":
        return exact(value, n)
    half = float(stats.norm.ppf(0.975) * error[place])
    return Estimate(value, float(error[place]), n, value - half, value + half)


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
    return exact(np.max(deviations), len(kinds))


# Performance ----------------------------------------------------------------------


def test_metric(performance: pd.DataFrame, *, measured: str = "metric") -> Estimate:
    """Accuracy or error on the test examples.

    Parameters
    ----------
    performance : DataFrame
        What was measured.
    measured : str
        Its column: ``metric`` or, with batch normalisation re-estimated,
        ``metric_reestimated``.
    """
    return over_seeds(performance[measured])


def lowest_metric(performance: pd.DataFrame, *, measured: str = "metric") -> Estimate:
    """Lowest accuracy of all runs; each of them counts, and so there is no interval."""
    return exact(performance[measured].min(skipna=False), len(performance))


def share_of_accurate_runs(
    performance: pd.DataFrame, *, accuracy: float, measured: str = "metric"
) -> Estimate:
    """Share of the runs that reach an accuracy, see :func:`test_metric`."""
    return share_of_runs(performance[measured] >= accuracy)


def ratio_of_metrics(
    performance: pd.DataFrame, other: pd.DataFrame, *, measured: str = "metric"
) -> Estimate:
    """Ratio of the mean metrics of two experiments, see :func:`test_metric`."""
    return _ratio(performance[measured], other[measured])


def difference_of_metrics(
    performance: pd.DataFrame, other: pd.DataFrame, *, measured: str = "metric"
) -> Estimate:
    """Difference of the mean metrics of two experiments, see :func:`test_metric`."""
    return resampled(
        lambda a, b: a.mean(axis=-1) - b.mean(axis=-1),
        performance[measured],
        other[measured],
    )


def _ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Estimate:
    """Return the ratio of two means, both of which are resampled."""
    return resampled(
        lambda a, b: a.mean(axis=-1) / b.mean(axis=-1), numerator, denominator
    )


def _lowest_mean(parts: Iterable[Sequence[float]]) -> Estimate:
    """Return the lowest mean; which one it is may differ between resamples."""
    return _extreme_mean(parts, np.min)


def _highest_mean(parts: Iterable[Sequence[float]]) -> Estimate:
    """Return the highest mean; which one it is may differ between resamples."""
    return _extreme_mean(parts, np.max)


def _extreme_mean(parts: Iterable[Sequence[float]], extreme: Any) -> Estimate:
    """Return an extreme of means; parts of the same runs are resampled together."""
    samples = [pd.Series(part) for part in parts]
    paired = all(sample.index.equals(samples[0].index) for sample in samples)
    return resampled(
        lambda *drawn: extreme([x.mean(axis=-1) for x in drawn], axis=0),
        *samples,
        paired=paired,
    )


def _lowest(estimates: Iterable[Estimate]) -> Estimate:
    """Return the estimate of lowest value, or one that is undefined."""
    return min(estimates, key=lambda e: (not np.isnan(e.value), e.value))


# Few inputs -----------------------------------------------------------------------


def metric_at(curve: pd.DataFrame, *, inputs: int, selection: str) -> Estimate:
    """Metric with a given number of inputs, averaged over draws, for each seed."""
    return over_seeds(_at(curve, inputs, selection).groupby("seed")["metric"].mean())


def best_metric_at(curve: pd.DataFrame, *, inputs: int, selection: str) -> Estimate:
    """Largest metric with a given number of inputs over all draws and seeds.

    The spread is that of the largest of each seed.
    """
    found = _at(curve, inputs, selection)
    each = found.groupby("seed")["metric"].max()
    return resampled(lambda best: best.max(axis=-1), each)


def share_of_random_sets_close(
    curve: pd.DataFrame, *, inputs: int, margin: float
) -> Estimate:
    """Share of the random sets of inputs that do about as well as the ranked ones.

    Parameters
    ----------
    curve : DataFrame
        Accuracies with few inputs.
    inputs : int
        Their number.
    margin : float
        How far below the accuracy of the ranked inputs of its own run a set may stay.
    """
    ranked = _at(curve, inputs, "ranked").set_index(["variant", "seed"])["metric"]
    return _share_close(_at(curve, inputs, "random"), ranked, margin)


def _share_close(sets: pd.DataFrame, own: pd.Series, margin: float) -> Estimate:
    """Return the share of sets that reach the metric of their own run, but a margin."""
    found = sets.set_index(["variant", "seed"])["metric"]
    return share_of_runs(found >= own.reindex(found.index) - margin)


def _at(curve: pd.DataFrame, inputs: int, selection: str) -> pd.DataFrame:
    found = curve[(curve["inputs"] == inputs) & (curve["selection"] == selection)]
    if found.empty:
        raise UserError(
            f"the curve has no point with {inputs} {selection} inputs.",
            "raise curve.largest or curve.points of this experiment.",
        )
    return found


def metric_of(
    controls: pd.DataFrame, *, ranking: str, protocol: str, inputs: int
) -> Estimate:
    """Metric with the first inputs of a ranking, averaged over draws, for each seed.

    Parameters
    ----------
    controls : DataFrame
        What each ranking reaches.
    ranking : str
        ``spectral``, ``norms``, ``univariate`` or ``random``.
    protocol : str
        ``masked``, ``reestimated`` or ``retrained``.
    inputs : int
        The number of inputs.
    """
    return over_seeds(_of(controls, ranking, protocol, inputs))


def share_of_sets_close(
    controls: pd.DataFrame, *, ranking: str, protocol: str, inputs: int, margin: float
) -> Estimate:
    """Share of the sets of another ranking that do about as well as the eigenvalues'.

    Parameters
    ----------
    controls, ranking, protocol, inputs
        See :func:`metric_of`.
    margin : float
        How far below the accuracy of the eigenvalues' inputs, in its own run, a set may
        stay.
    """
    own = _of(controls, "spectral", protocol, inputs)
    chosen = select(controls, ranking=ranking, protocol=protocol, inputs=inputs)
    return _share_close(chosen, own, margin)


def lowest_advantage(
    controls: pd.DataFrame, *, rankings: Sequence[str], protocol: str, inputs: int
) -> Estimate:
    """Accuracy with the eigenvalues' choice less that with the best of other rankings.

    The parameters are those of :func:`metric_of`; `rankings` are the others, of whose
    draws the best of each run counts.
    """
    own = _of(controls, "spectral", protocol, inputs)
    return _lowest_mean(
        own - _of(controls, ranking, protocol, inputs, draw="max")
        for ranking in rankings
    )


def _of(
    controls: pd.DataFrame,
    ranking: str,
    protocol: str,
    inputs: int,
    draw: str = "mean",
) -> pd.Series:
    """Return the metric of each run: the mean of its draws, or the largest."""
    chosen = select(controls, ranking=ranking, protocol=protocol, inputs=inputs)
    return chosen.groupby(["variant", "seed"])["metric"].agg(draw)


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


def share_of_inputs_within_error(
    curve: pd.DataFrame,
    relevance: pd.DataFrame,
    performance: pd.DataFrame,
    *,
    errors: float,
    reestimated: bool = False,
) -> Estimate:
    """Smallest share of the inputs, by rank, that no test can tell from the best.

    Parameters
    ----------
    curve, relevance : DataFrame
        Errors against the number of inputs; the inputs.
    performance : DataFrame
        The standard error of the test error of each run, ``metric_error``.
    errors : float
        How many standard errors above the minimum still count.
    reestimated : bool
        Whether both are those with batch normalisation re-estimated.
    """
    end = "_reestimated" if reestimated else ""
    margin = errors * performance.set_index("seed")[f"metric_error{end}"]
    found = ranked_matrix(curve, f"metric{end}")
    needed = inputs_needed(errors=found, margin=margin)
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
    relevance: pd.DataFrame,
    bands: pd.DataFrame,
    *,
    names: Sequence[str],
    within: float | None = None,
) -> Estimate:
    """P-value of the share of relevance that falls into wavelength bands.

    The scores, normalised for each seed and averaged, are shifted cyclically along the
    wavelengths, which keeps their clustering. The value is the share of shifts, with
    none among them, that put at least as much relevance into the bands. The spread is
    that of the p-values of the single seeds; there is no interval, as a p-value
    estimates nothing.

    Parameters
    ----------
    relevance : DataFrame
        Scores; the features are wavelengths in Å, evenly spaced.
    bands : DataFrame
        ``index``, ``left``, ``right`` in Å.
    names : sequence of str
        The bands that are taken.
    within : float, optional
        Largest shift in Å, so that a trend along the wavelengths stays what it is; None
        for every possible one.
    """

    def p_value(rows: np.ndarray) -> np.ndarray:
        sums = shifted(rows)
        # Rounding of the transform must not decide a tie with the observed sum.
        least = sums[..., :1] - 1e-9 * rows.mean(axis=-2).sum(axis=-1, keepdims=True)
        found = np.mean(sums >= least, axis=-1)
        return np.where(np.isnan(sums).any(axis=-1), np.nan, found)

    rows, shifted = _shifts(relevance, bands, names, within)
    each = p_value(rows[:, None])
    spread = float(each.std(ddof=1)) if len(each) > 1 else np.nan
    return Estimate(float(p_value(rows)), spread, len(rows))


def alignment_over_shifts(
    relevance: pd.DataFrame,
    bands: pd.DataFrame,
    *,
    names: Sequence[str],
    within: float | None = None,
) -> Estimate:
    """Relevance inside wavelength bands, in units of what one shift in twenty reaches.

    Above 1 where :func:`band_alignment_p_value`, whose parameters these are, is below
    0.05. The shifts are the same in each resample of the runs.
    """

    def ratio(rows: np.ndarray) -> np.ndarray:
        sums = shifted(rows)
        return sums[..., 0] / np.quantile(sums, 0.95, axis=-1)

    rows, shifted = _shifts(relevance, bands, names, within)
    return resampled(ratio, rows)


def _shifts(
    relevance: pd.DataFrame,
    bands: pd.DataFrame,
    names: Sequence[str],
    within: float | None,
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the normalised scores of each run and what shifts put into the bands.

    The function takes rows ``(..., n, d)`` and returns, for the mean of them, the sum
    inside the bands for each shift ``(..., shifts)``, the first of which is none.
    """
    scores = normalised(score_matrix(relevance))
    wavelength = scores.columns.to_numpy().astype(float)
    inside = np.fft.rfft(_inside(wavelength, bands, names))
    d = len(wavelength)
    shifts = np.arange(d)
    if within is not None:
        step = (wavelength[-1] - wavelength[0]) / (d - 1)
        shifts = shifts[np.minimum(shifts, d - shifts) * step <= within]

    def sums(rows: np.ndarray) -> np.ndarray:
        transformed = np.fft.rfft(rows.mean(axis=-2)).conj()
        return np.fft.irfft(transformed * inside, n=d)[..., shifts]

    return scores.to_numpy(), sums


def lowest_enrichment(
    relevance: pd.DataFrame, bands: pd.DataFrame, *, names: Sequence[str]
) -> Estimate:
    """Relevance in a band, in units of what its width lets expect: the lowest of some.

    1 is what relevance that is spread evenly puts there. The parameters are those of
    :func:`band_alignment_p_value`.
    """
    return _lowest_mean(_enrichment(relevance, bands, [name]) for name in names)


def highest_enrichment(
    relevance: pd.DataFrame, bands: pd.DataFrame, *, names: Sequence[str]
) -> Estimate:
    """Relevance in a band as before: the highest of some."""
    return _highest_mean(_enrichment(relevance, bands, [name]) for name in names)


def enrichment_of_top(
    relevance: pd.DataFrame,
    bands: pd.DataFrame,
    *,
    names: Sequence[str],
    inputs: int,
) -> Estimate:
    """How many of the highest ranked inputs lie in bands, in units of their width.

    Parameters
    ----------
    relevance, bands, names
        See :func:`band_alignment_p_value`.
    inputs : int
        How many of the highest ranked inputs are counted.
    """
    return over_seeds(_enrichment_of_top(relevance, bands, names, inputs))


def ratio_of_top_enrichments(
    relevance: pd.DataFrame,
    other: pd.DataFrame,
    bands: pd.DataFrame,
    *,
    names: Sequence[str],
    inputs: int,
) -> Estimate:
    """Enrichment of the highest ranked inputs, in units of that of another ranking.

    Numbers of inputs are compared, as sums of scores would favour the sparser ranking.
    """
    return _ratio(
        _enrichment_of_top(relevance, bands, names, inputs),
        _enrichment_of_top(other, bands, names, inputs),
    )


def _enrichment_of_top(
    relevance: pd.DataFrame, bands: pd.DataFrame, names: Sequence[str], inputs: int
) -> list[float]:
    scores = score_matrix(relevance)
    inside = _inside(scores.columns.to_numpy().astype(float), bands, names)
    return [inside[top].mean() / inside.mean() for top in _top(scores, inputs)]


def _enrichment(
    relevance: pd.DataFrame, bands: pd.DataFrame, names: Sequence[str]
) -> pd.Series:
    scores = score_matrix(relevance)
    inside = _inside(scores.columns.to_numpy().astype(float), bands, names)
    share = scores.loc[:, inside].sum(axis=1) / scores.sum(axis=1)
    return share / inside.mean()


def _inside(
    wavelength: np.ndarray, bands: pd.DataFrame, names: Sequence[str]
) -> np.ndarray:
    chosen = bands.set_index("index").loc[list(names)]
    return np.any(
        (wavelength >= chosen["left"].to_numpy()[:, None])
        & (wavelength <= chosen["right"].to_numpy()[:, None]),
        axis=0,
    )
