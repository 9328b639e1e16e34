"""Copies of inputs and what is made of their scores: moments, loops, simulations."""

import numpy as np
import pytest
from scipy import stats

from spectral_relevance.knockoffs import (
    SLACK,
    knockoffs,
    normal_scores,
    order_ties,
    p_values,
    selected,
    truncated_normal,
)

NEIGHBOURS = np.abs(np.subtract.outer(range(4), range(4)))
LIKE_NEIGHBOURS = 0.6**NEIGHBOURS
ALIKE = np.where(NEIGHBOURS == 0, 1, 0.4)


def gaussian(rng: np.random.Generator, covariance: np.ndarray, n: int) -> np.ndarray:
    return rng.multivariate_normal(np.zeros(len(covariance)), covariance, size=n)


def correlations_beside(x: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Correlations of inputs and copies: shape (1 + m, d, 1 + m, d)."""
    m, n, d = copies.shape
    beside = np.concatenate([x, *copies], axis=1)
    return np.corrcoef(beside.T).reshape(1 + m, d, 1 + m, d)


# Copies ---------------------------------------------------------------------------


def largest_distances(covariance: np.ndarray, copies: int) -> np.ndarray:
    """Distances in proportion to what the others do not tell of an input, by search."""
    alone = []
    for j in range(len(covariance)):
        others = np.delete(np.arange(len(covariance)), j)
        between = covariance[j, others]
        told = between @ np.linalg.solve(covariance[np.ix_(others, others)], between)
        alone.append(covariance[j, j] - told)
    low, high = 0.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        rest = (1 + 1 / copies) * covariance - np.diag(middle * np.array(alone))
        low, high = (middle, high) if np.linalg.eigvalsh(rest)[0] > 0 else (low, middle)
    return np.minimum(1, SLACK * low * np.array(alone))


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("covariance", [LIKE_NEIGHBOURS, ALIKE, np.eye(4)])
def test_copies_are_correlated_as_their_originals(rng, covariance, copies):
    x = 5 + gaussian(rng, covariance, 20_000) * [1, 10, 0.1, 2]
    beside = correlations_beside(x, knockoffs(x, copies, rng))
    distances = np.diag(largest_distances(covariance, copies))
    for one in range(1 + copies):
        for other in range(1 + copies):
            expected = covariance - (one != other) * distances
            np.testing.assert_allclose(beside[one, :, other], expected, atol=0.05)


@pytest.mark.parametrize(
    "cuts", [[0.0], [1.0], [-0.5, 0.7]], ids=["even", "rare", "three values"]
)
def test_copies_of_few_values_are_correlated_as_their_originals(rng, cuts):
    x = np.digitize(gaussian(rng, LIKE_NEIGHBOURS, 5000), cuts).astype(float)
    copies = knockoffs(x, 2, rng)
    beside = correlations_beside(x, copies)
    within = np.corrcoef(x.T)
    off = ~np.eye(4, dtype=bool)
    for one in range(3):
        for other in range(3):
            np.testing.assert_allclose(
                beside[one, :, other][off], within[off], atol=0.07
            )
    # They are far enough from their originals to be worth something.
    assert (beside[0, range(4), 1, range(4)] < 0.9).all()


def test_copies_have_the_values_of_their_originals(rng):
    x = gaussian(rng, LIKE_NEIGHBOURS, 4000)
    x[:, 0] = np.exp(3 * x[:, 0])
    x[:, 1] = x[:, 1] > 1.5
    x[:, 2] = np.round(x[:, 2])
    before = x.copy()
    for copy in knockoffs(x, 2, rng):
        for j in range(4):
            assert np.isin(copy[:, j], x[:, j]).all()
            same = stats.ks_2samp(copy[:, j], x[:, j], method="asymp")
            assert same.pvalue > 1e-4
    np.testing.assert_array_equal(x, before)


CONSTANT = 7.0
EDGES = {
    "one input": lambda rng: rng.normal(size=(20, 1)),
    "two examples": lambda rng: rng.normal(size=(2, 3)),
    "fewer examples than inputs": lambda rng: rng.normal(size=(8, 30)),
    "a constant": lambda rng: np.c_[np.full(20, CONSTANT), rng.normal(size=(20, 2))],
    "nothing but constants": lambda rng: np.full((20, 3), CONSTANT),
    "duplicates": lambda rng: np.repeat(rng.normal(size=(50, 1)), 3, axis=1),
    "duplicates of two values": lambda rng: np.repeat(
        rng.integers(0, 2, size=(50, 1)).astype(float), 3, axis=1
    ),
    "opposites": lambda rng: (rng.integers(0, 2, size=(50, 1)) == [[0, 1]]).astype(
        float
    ),
    "one of five": lambda rng: np.eye(5)[rng.integers(0, 5, size=60)],
    "one that differs": lambda rng: np.eye(30)[:, :2],
    "far apart": lambda rng: rng.normal(size=(20, 2)) * [1e-300, 1e300],
}


@pytest.mark.parametrize("edge", EDGES)
def test_copies_of_odd_inputs(rng, edge):
    x = EDGES[edge](rng)
    copies = knockoffs(x, 6, rng)
    assert copies.shape == (6, *x.shape)
    for j in range(x.shape[1]):
        assert np.isin(copies[:, :, j], x[:, j]).all()
        if len(x) >= 20 and np.ptp(x[:, j]) > 0:
            assert np.ptp(copies[:, :, j]) > 0


def test_copies_of_a_single_input_know_nothing_of_it(rng):
    x = rng.normal(size=(20_000, 1))
    beside = correlations_beside(x, knockoffs(x, 2, rng))
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(beside[:, 0, :, 0][off], 0, atol=0.03)


def test_duplicates_have_copies_that_are_as_good_as_they(rng):
    x = np.repeat(rng.normal(size=(2000, 1)), 2, axis=1)
    beside = correlations_beside(x, knockoffs(x, 2, rng))
    assert (beside > 0.98).all()


def test_copies_are_those_of_their_generator(seed):
    x = np.random.default_rng(seed).normal(size=(30, 4)).round()
    one, again, other = (
        knockoffs(x, 2, np.random.default_rng(s)) for s in (seed, seed, seed + 1)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


# Normal scores --------------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 31])
def test_normal_scores_are_those_of_the_ranks(rng, n):
    x = rng.normal(size=(n, 3)) ** 3
    found = normal_scores(x, rng)
    expected = stats.norm.ppf((stats.rankdata(x, axis=0) - 0.5) / n)
    np.testing.assert_allclose(found, expected / expected.std(axis=0))
    np.testing.assert_array_equal(order_ties(x, found, rng), found)


def test_ties_are_in_random_order_and_nothing_else_is(rng):
    x = rng.integers(0, 3, size=(40, 2)).astype(float)
    one, other = normal_scores(x, rng), normal_scores(x, rng)
    assert (one != other).any()
    for scores in (one, other, order_ties(x, one, rng)):
        for j in range(2):
            ends = [
                (s.min(), s.max()) for s in (scores[x[:, j] == v, j] for v in range(3))
            ]
            assert ends[0][1] <= ends[1][0] and ends[1][1] <= ends[2][0]


def test_the_order_of_ties_tells_what_stands_behind_them(rng):
    """Binary inputs hide the correlation of what they were made of."""
    hidden = gaussian(rng, LIKE_NEIGHBOURS, 5000)
    x = np.digitize(hidden, [0.0]).astype(float)
    scores = order_ties(x, normal_scores(x, rng), rng)
    np.testing.assert_allclose(np.corrcoef(scores.T), LIKE_NEIGHBOURS, atol=0.08)
    assert scores.mean(axis=0) == pytest.approx(0, abs=0.05)
    assert scores.std(axis=0) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1, 2), (0.5, np.inf), (-np.inf, -3), (5, 5.5), (12, 13), (-13, -12)],
)
def test_a_truncated_normal_is_that_of_scipy(rng, low, high):
    drawn = truncated_normal(np.full(2000, float(low)), np.full(2000, float(high)), rng)
    assert stats.kstest(drawn, stats.truncnorm(low, high).cdf).pvalue > 1e-4


def test_a_truncated_normal_is_finite_wherever_its_limits_are(rng):
    low = np.array([-np.inf, 50.0, -60.0, -np.inf, 45.0])
    high = np.array([np.inf, np.inf, -50.0, -50.0, 45.0])
    drawn = truncated_normal(low, high, rng)
    assert np.isfinite(drawn).all() and (drawn >= low).all() and (drawn <= high).all()


# Selection ------------------------------------------------------------------------


def test_p_values_are_counted(rng):
    for m, d in ((1, 1), (5, 1), (3, 8), (10, 4)):
        scores = rng.integers(0, 6, size=(1 + m, d)).astype(float)
        for j, found in enumerate(p_values(scores)):
            count = 1
            for copy in range(1, 1 + m):
                for k in range(d):
                    count += scores[copy, k] >= scores[0, j]
            assert found == pytest.approx(count / (1 + m * d))


def test_selected_is_what_benjamini_and_hochberg_say(rng):
    sizes = set()
    for _ in range(200):
        m, d = rng.integers(1, 12), rng.integers(1, 9)
        scores = rng.exponential(size=(1 + m, d))
        scores[0] *= rng.choice([1, 20], size=d)
        scores[0, rng.random(d) < 0.1] = 0
        fdr = rng.uniform(0.05, 0.6)
        values = p_values(scores)
        limit = -1.0
        for rank, value in enumerate(sorted(values), 1):
            if value <= fdr * rank / d:
                limit = value
        expected = (values <= limit).tolist()
        found = selected(scores, fdr)
        assert found.tolist() == expected
        sizes.add(int(found.sum()))
    assert len(sizes) > 3


def test_a_selection_by_hand():
    """Two inputs, five copies of each: 1 of 11 where no copy gets so far."""
    scores = np.array([[9, 2], [1, 3], [3, 1], [2, 8], [1, 1], [2, 2]], dtype=float)
    assert p_values(scores).tolist() == pytest.approx([1 / 11, 7 / 11])
    assert selected(scores, 0.19).tolist() == [True, False]
    assert selected(scores, 0.18).tolist() == [False, False]  # 2 × 1 / 11 is above


@pytest.mark.parametrize("fdr", [0.5, 0.3, 0.1, 0.01])
def test_a_single_input_can_be_selected(fdr):
    """With as many copies as a selection takes."""
    scores = np.ones((1 + max(5, int(np.ceil(1 / fdr))), 40))
    scores[0, 3] = 2
    assert selected(scores, fdr).nonzero()[0].tolist() == [3]


def test_no_relevance_is_none(rng):
    scores = rng.exponential(size=(6, 3))
    scores[0] = 0
    assert not selected(scores, 0.99).any()
    assert not selected(0 * scores, 0.99).any()


@pytest.mark.parametrize("relevant", [0, 1, 5])
def test_false_selections_are_as_many_as_is_said(rng, relevant):
    """Scores of inputs that do not matter are exchangeable with those of their copies.

    They are of different sizes, and those of one input and its copies hang together.
    """
    d, m, fdr, times = 20, 10, 0.2, 1000
    sizes = np.linspace(0.5, 2, d)
    shares, powers = np.zeros(times), np.zeros(times)
    for k in range(times):
        common = rng.normal(size=d)
        scores = np.abs(common + rng.normal(size=(1 + m, d))) * sizes
        scores[0, :relevant] += 12
        found = selected(scores, fdr)
        shares[k] = found[relevant:].sum() / max(1, found.sum())
        powers[k] = found[:relevant].mean() if relevant else 1
    error = shares.std() / np.sqrt(times)
    assert shares.mean() <= fdr + 3 * error
    assert shares.mean() > fdr / 4  # else there would be no point in naming it
    assert powers.mean() > 0.9
