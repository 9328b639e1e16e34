"""The statistics that the paper's claims are judged by, over tidy tables.

Each function takes tables and returns an :class:`Estimate`. The tables `relevance` and
`other` have the columns ``variant, seed, method, examples, feature, truth, score,
seconds``; a *run* is a variant and a seed of them. `performance` has ``variant, seed,
metric`` and the settings in which variants differ; `curve` is that of
:func:`~spectral_relevance.replication.performance.input_curve`; `data` is the datasets
of an experiment.
"""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.base import Datasets


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


# Tables ---------------------------------------------------------------------------


def select(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the rows that have given values in some columns.

    Parameters
    ----------
    table : DataFrame
        Any table.
    **values
        By column: a value, a list of them, or a pattern with ``*``; for `examples` also
        ``largest`` or ``smallest``, of each method that the other values leave.

    Raises
    ------
    UserError
        If there is no such row.

    Examples
    --------
    >>> table = pd.DataFrame({"variant": ["a_1", "a_2", "b"], "seed": [5, 6, 7]})
    >>> select(table, variant="a_*", seed=[6, 7])["variant"].tolist()
    ['a_2']
    """
    wanted = dict(values)
    extreme = {"largest": "max", "smallest": "min"}.get(str(wanted.get("examples")))
    if extreme:
        del wanted["examples"]
    rows = table
    for column, value in wanted.items():
        rows = rows[_has(rows[column], value)]
    if extreme:
        numbers = rows.groupby(["variant", "method"])["examples"]
        rows = rows[rows["examples"] == numbers.transform(extreme)]
    if rows.empty:
        found = {column: table[column].unique().tolist() for column in values}
        raise UserError(
            f"expected rows with {_listed(values)}, found none.",
            f"the table has {_listed(found)}.",
        )
    return rows


def _has(column: pd.Series, value: Any) -> pd.Series:
    if isinstance(value, list):
        return column.isin(value)
    if isinstance(value, str) and "*" in value:
        return column.map(lambda text: fnmatchcase(text, value)).astype(bool)
    return column == value


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{column} {value!r}" for column, value in values.items())


def score_matrix(relevance: pd.DataFrame) -> pd.DataFrame:
    """Return scores with a row for each seed and a column for each input, in order.

    Raises
    ------
    UserError
        If a seed has several scores of an input.
    """
    _check_unique(relevance, ["seed", "feature"])
    order = relevance["feature"].drop_duplicates()
    return relevance.pivot(index="seed", columns="feature", values="score")[order]


def each_run(
    relevance: pd.DataFrame, function: Callable[[np.ndarray, np.ndarray], float]
) -> pd.Series:
    """Return a function of the scores and the truth of each run, by variant and seed.

    Raises
    ------
    UserError
        If a run has several scores of an input.
    """
    _check_unique(relevance, ["variant", "seed", "feature"])
    groups = relevance.groupby(["variant", "seed"], sort=False)
    values = [
        function(run["score"].to_numpy(), run["truth"].to_numpy()) for _, run in groups
    ]
    index = pd.MultiIndex.from_tuples([key for key, _ in groups])
    return pd.Series(values, index.set_names(["variant", "seed"]), dtype=float)


def _check_unique(relevance: pd.DataFrame, columns: list[str]) -> None:
    if relevance.duplicated(columns).any():
        raise UserError(
            f"expected one score for each {', '.join(columns)}, found several.",
            "select one method, one number of examples and, if need be, one variant.",
        )


def truth_of(relevance: pd.DataFrame) -> pd.Series:
    """Return the true relevance by input, in order: that of the first run."""
    return relevance.drop_duplicates("feature").set_index("feature")["truth"]


def ranked_matrix(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the metric by rank: a row for each seed, a column for each n of inputs."""
    ranked = curve[curve["selection"] == "ranked"]
    return ranked.pivot(index="seed", columns="inputs", values="metric")


def normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """Divide the scores of each seed by the largest of them; NaN where all are 0."""
    return scores.div(scores.max(axis=1), axis=0)


# Single runs ----------------------------------------------------------------------


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
    pair = score_matrix(relevance).align(score_matrix(other))
    rows = zip(*(scores.to_numpy() for scores in pair), strict=True)
    return over_seeds([pearson(a, b) for a, b in rows])


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
    return _share_of_inputs(scores < threshold, scores)


def share_above(relevance: pd.DataFrame, *, threshold: float) -> Estimate:
    """Share of the inputs whose score is above a share of the largest score."""
    scores = normalised(score_matrix(relevance))
    return _share_of_inputs(scores > threshold, scores)


def _share_of_inputs(holds: pd.DataFrame, scores: pd.DataFrame) -> Estimate:
    """Share of inputs for which something holds; NaN for seeds without scores."""
    return over_seeds(holds.astype(float).where(scores.notna()).mean(axis=1))


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

    The slope of a straight line through the logarithms, for the upper half of the
    numbers: with few examples the constant effort of a call prevails.

    Parameters
    ----------
    relevance : DataFrame
        Scores of one method and variant for several numbers of examples.
    """
    times = relevance.pivot_table("seconds", index="seed", columns="examples")
    upper = np.log(times.iloc[:, (times.shape[1] - 1) // 2 :])
    if upper.shape[1] < 2:
        return over_seeds([np.nan] * len(times))
    return over_seeds(np.polyfit(np.log(upper.columns), upper.to_numpy().T, deg=1)[0])


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
