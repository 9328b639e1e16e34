"""Statistics against scipy, explicit loops and examples worked out by hand."""

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spectral_relevance import statistics
from spectral_relevance.datasets.base import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.statistics import Estimate, over_seeds


def scores_table(scores: np.ndarray, names: list[str] | None = None) -> pd.DataFrame:
    """One row for each seed (20, 21, …) and feature, as the methods write them."""
    seeds, d = scores.shape
    names = names or [f"x{j + 1}" for j in range(d)]
    return pd.DataFrame(
        {
            "seed": np.repeat(np.arange(20, 20 + seeds), d),
            "feature": names * seeds,
            "score": scores.ravel(),
        }
    )


def features_table(truth: np.ndarray) -> pd.DataFrame:
    names = [f"x{j + 1}" for j in range(len(truth))]
    return pd.DataFrame({"feature": names, "truth": truth})


def assert_estimate(found: Estimate, each: list[float], value: float | None = None):
    assert found.n == len(each)
    assert found.value == pytest.approx(np.mean(each) if value is None else value)
    variance = sum((v - np.mean(each)) ** 2 for v in each) / (len(each) - 1)
    assert found.spread == pytest.approx(np.sqrt(variance))


def test_over_seeds():
    assert_estimate(over_seeds([1, 2, 4.5]), [1, 2, 4.5])
    single = over_seeds(pd.Series([3.0]))
    assert single.value == 3 and single.n == 1 and np.isnan(single.spread)
    assert all(type(v) is not np.float64 for v in over_seeds([1, 2]))


def test_score_matrix_keeps_the_order_of_the_inputs(rng):
    scores = rng.random((3, 12))  # sorted by name, x10 would follow x1
    table = scores_table(scores)
    matrix = statistics.score_matrix(table)
    assert matrix.columns.tolist() == [f"x{j}" for j in range(1, 13)]
    np.testing.assert_array_equal(matrix, scores)
    largest = statistics.normalised(matrix).to_numpy()
    np.testing.assert_allclose(largest, [row / max(row) for row in scores])


def test_detection_accuracy():
    truth = np.array([0.5, 0, 0, 0.01])
    scores = np.array([[2.0, 0.1, 0.3, 0.21], [4, 1, 1, 0.1]])
    # Above a tenth of the largest: 1, 0, 1, 1, then 1, 1, 1, 0.
    found = statistics.detection_accuracy(
        scores_table(scores), features_table(truth), threshold=0.1
    )
    assert_estimate(found, [3 / 4, 1 / 4])


def test_share_below():
    scores = np.array([[2.0, 0.1, 0.3, 0.21], [4, 1, 1, 0.1]])
    found = statistics.share_below(scores_table(scores), threshold=0.11)
    assert_estimate(found, [2 / 4, 1 / 4])


def test_pearson(rng):
    scores, others = rng.random((2, 4, 12))
    truth = rng.random(12)
    found = statistics.pearson_with_truth(scores_table(scores), features_table(truth))
    assert_estimate(found, [np.corrcoef(row, truth)[0, 1] for row in scores])
    found = statistics.pearson_with_method(scores_table(scores), scores_table(others))
    pairs = zip(scores, others, strict=True)
    assert_estimate(found, [np.corrcoef(a, b)[0, 1] for a, b in pairs])
    perfect = statistics.pearson_with_truth(
        scores_table(3 * truth[None] + 1), features_table(truth)
    )
    assert perfect.value == pytest.approx(1) and np.isnan(perfect.spread)
    with pytest.raises(ValueError):
        statistics.pearson_with_method(scores_table(scores), scores_table(others[1:]))


def test_metrics_and_their_ratio():
    one = pd.DataFrame({"seed": [0, 1, 2], "metric": [1.0, 2, 6]})
    other = pd.DataFrame({"seed": [0, 1], "metric": [1.0, 4]})
    assert_estimate(statistics.test_metric(one), [1, 2, 6])
    found = statistics.ratio_of_metrics(one, other)
    assert_estimate(found, [1 / 2.5, 2 / 2.5, 6 / 2.5])


@pytest.fixture
def curve() -> pd.DataFrame:
    rows = [
        *((s, "ranked", 0, n, 10 * s + n) for s in (0, 1) for n in (1, 20)),
        *((0, "random", k, 20, metric) for k, metric in enumerate([0.1, 0.7, 0.4])),
        *((1, "random", k, 20, metric) for k, metric in enumerate([0.2, 0.3, 0.1])),
        (0, "random", 0, 1, 99),
    ]
    columns = ["seed", "selection", "draw", "inputs", "metric"]
    return pd.DataFrame(rows, columns=columns)


def test_metric_at(curve):
    found = statistics.metric_at(curve, inputs=20, selection="ranked")
    assert_estimate(found, [20, 30])
    found = statistics.metric_at(curve, inputs=20, selection="random")
    assert_estimate(found, [0.4, 0.2])


def test_best_metric_at(curve):
    found = statistics.best_metric_at(curve, inputs=20, selection="random")
    assert_estimate(found, [0.7, 0.3], value=0.7)


@pytest.mark.parametrize("function", ["metric_at", "best_metric_at"])
def test_a_missing_point_of_a_curve(curve, function):
    with pytest.raises(UserError, match="no point with 7 ranked inputs.\nHint: raise"):
        getattr(statistics, function)(curve, inputs=7, selection="ranked")


def test_share_of_inputs_needed():
    rows = []
    for s, errors in {
        0: {1: 9.0, 2: 1.04, 10: 1.0, 40: 1.2},  # 2 are enough
        1: {1: 9.0, 2: 2.11, 10: 2.09, 40: 2.0},  # 10 are
    }.items():
        # The rows of a file need not be in order.
        for n, error in reversed(errors.items()):
            rows += [(s, "ranked", 0, n, error), (s, "random", 0, n, 0.001)]
    columns = ["seed", "selection", "draw", "inputs", "metric"]
    curve = pd.DataFrame(rows, columns=columns)
    features = features_table(np.zeros(40))
    found = statistics.share_of_inputs_needed(curve, features, tolerance=0.05)
    assert_estimate(found, [2 / 40, 10 / 40])
    found = statistics.share_of_inputs_needed(curve, features, tolerance=0)
    assert_estimate(found, [10 / 40, 40 / 40])


# Images ---------------------------------------------------------------------------


def images(ring: np.ndarray, bar: np.ndarray, rng: np.random.Generator) -> Dataset:
    y = rng.permutation(np.repeat([0, 1], 30))
    pictures = np.stack([ring, bar])
    x = (pictures[y] + rng.normal(0, 0.05, size=(60, *ring.shape))).reshape(60, -1)
    names = np.array([f"x{j + 1}" for j in range(ring.size)])
    x = x.astype(np.float32)
    return Dataset(x, y, x[:1], y[:1], names, np.full(ring.size, np.nan))


def test_zeros_surround_ones_on_a_ring_and_a_bar(rng):
    rows, columns = np.mgrid[:9, :9] - 4
    ring = ((np.hypot(rows, columns) > 2.5) & (np.hypot(rows, columns) < 3.6)) * 1.0
    bar = (np.hypot(rows, columns) < 1.5) * 1.0
    data = images(ring, bar, rng)
    lit = int(ring.sum() + bar.sum())
    scores = (ring + bar + rng.uniform(0, 0.1, size=(3, 9, 9))).reshape(3, 81)
    table = scores_table(scores)

    def share(**settings: int) -> Estimate:
        return statistics.zeros_surround_ones(table, data, **settings)

    assert_estimate(share(inputs=lit, inner=1, outer=0), [1, 1, 1])
    assert_estimate(share(inputs=lit, inner=0, outer=1), [0, 0, 0])
    # Over all pixels it is the common-language effect size of Mann and Whitney.
    means = [data.x_train[data.y_train == digit].mean(axis=0) for digit in (0, 1)]
    outside = means[0] > means[1]
    distance = np.hypot(rows, columns).ravel()
    u = stats.mannwhitneyu(distance[outside], distance[~outside]).statistic
    expected = u / (outside.sum() * (~outside).sum())
    assert 0.2 < expected < 0.95
    assert_estimate(share(inputs=81, inner=1, outer=0), [expected] * 3)


def test_zeros_surround_ones_takes_the_highest_ranked_pixels_of_each_seed(rng):
    ring, bar = np.zeros((3, 3)), np.zeros((3, 3))
    ring[0, 0] = ring[1, 1] = 1  # √2 and 0 from the centre
    bar[0, 1] = bar[2, 1] = 1  # both 1
    data = images(ring, bar, rng)
    scores = np.full((4, 9), 0.0)
    scores[0, [0, 1]] = 2, 1  # a corner of the ring further out than the bar
    scores[1, [4, 1]] = 2, 1  # the centre, for zeros, within it
    scores[2, [0, 4, 1, 7]] = 4, 3, 2, 1  # only two of these are taken: both of zeros
    scores[3, [7, 0]] = 1, 2
    found = statistics.zeros_surround_ones(
        scores_table(scores), data, inputs=2, inner=1, outer=0
    )
    assert_estimate(found, [1, 0, 0, 1])


# Bands ----------------------------------------------------------------------------

WAVELENGTHS = np.arange(120) * 0.9 + 4000
BANDS = pd.DataFrame(
    {
        "index": ["A", "B", "NaD"],
        "left": [4010.0, 4060.3, 4090],
        "right": [4017.2, 4070, 4099],
    }
)


def spectra(scores: np.ndarray) -> pd.DataFrame:
    return scores_table(scores, [f"{value:.1f}" for value in WAVELENGTHS])


def inside_bands() -> np.ndarray:
    steps = np.arange(len(WAVELENGTHS))
    return ((steps >= 12) & (steps <= 19)) | ((steps >= 67) & (steps <= 77))


def test_band_alignment_is_an_explicit_permutation_test(rng):
    scores = rng.random((4, 120)) ** 3
    inside = inside_bands()
    assert inside.sum() == 8 + 11  # from 4010.8 to 4017.1 and from 4060.3 to 4069.3

    def p_value(row: np.ndarray) -> float:
        observed = row[inside].sum()
        shifts = [np.roll(row, k)[inside].sum() for k in range(len(row))]
        return np.mean([total >= observed - 1e-12 for total in shifts])

    found = statistics.band_alignment_p_value(spectra(scores), BANDS, names=["A", "B"])
    shares = scores / scores.max(axis=1, keepdims=True)
    assert_estimate(
        found,
        [p_value(row) for row in scores],
        value=p_value(shares.mean(axis=0)),
    )


def test_aligned_bands_have_the_smallest_p_value(rng):
    scores = rng.random((2, 120)) * 0.01 + inside_bands()
    found = statistics.band_alignment_p_value(spectra(scores), BANDS, names=["A", "B"])
    assert found == Estimate(pytest.approx(1 / 120), pytest.approx(0), 2)
    opposite = statistics.band_alignment_p_value(
        spectra(1.01 - scores.clip(max=1)), BANDS, names=["A", "B"]
    )
    assert opposite.value > 0.9
    flat = statistics.band_alignment_p_value(
        spectra(np.ones((2, 120))), BANDS, names=["A"]
    )
    assert flat.value == 1


def test_p_values_of_scores_without_alignment_are_uniform(rng):
    # Scores in clusters, like those of neighbouring wavelengths.
    noise = rng.random((300, 120))
    smooth = np.stack([np.convolve(np.tile(row, 2), np.ones(5), "same")[60:180]
                       for row in noise])  # fmt: skip
    values = [
        statistics.band_alignment_p_value(
            spectra(row[None]), BANDS, names=["A", "B"]
        ).value
        for row in smooth
    ]
    # It happens once in a thousand seeds that p < 0.001.
    assert stats.kstest(values, "uniform", method="exact").pvalue > 0.001


def test_no_relevance_at_all_is_not_alignment():
    found = statistics.band_alignment_p_value(
        spectra(np.zeros((2, 120))), BANDS, names=["A"]
    )
    assert not found.value < 0.05


def test_every_statistic_takes_tables_first_and_settings_by_keyword():
    tables = {"relevance", "other", "features", "curve", "performance", "data", "bands"}
    helpers = {"over_seeds", "score_matrix", "normalised"}
    for name, function in inspect.getmembers(statistics, inspect.isfunction):
        if function.__module__ != statistics.__name__ or name[0] == "_":
            continue
        if name in helpers:
            continue
        for parameter in inspect.signature(function).parameters.values():
            by_keyword = parameter.kind is parameter.KEYWORD_ONLY
            assert (parameter.name not in tables) is by_keyword, (name, parameter)
