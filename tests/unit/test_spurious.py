"""The components of Appendix B against eq. 12."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.spurious import spurious

SETTINGS = {
    "examples": 20_000,
    "components": 6,
    "slopes": [0.5, 1.5],
    "offsets": [-0.5, 0.25],
    "spread": 0.2,
    "test_fraction": 0.2,
}

# 2.5 / √n is exceeded with probability 2 exp(-2 · 2.5²) = 7e-6.
KOLMOGOROV = 2.5


def make(seed: int, **changes: Any) -> Dataset:
    return spurious(**SETTINGS | changes, seed=seed)


def inputs(data: Dataset) -> np.ndarray:
    return np.vstack([data.x_train, data.x_test]).astype(float)


def lines(seed: int, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
    """α_i and β_i, from examples without noise."""
    x = inputs(make(seed, spread=0, **changes))
    line = np.stack([x[:, 0], np.ones(len(x))], axis=1)
    (alpha, beta), residuals, *_ = np.linalg.lstsq(line, x[:, 1:])
    assert (residuals < len(x) * 1e-13).all()
    return alpha, beta


def test_the_class_is_that_of_the_subinterval(seed):
    data = make(seed)
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        first = x[:, 0]
        odd = ((first >= 0.25) & (first < 0.5)) | (first >= 0.75)
        np.testing.assert_array_equal(y, odd)
    first = inputs(data)[:, 0]
    assert first.min() >= 0 and first.max() < 1
    assert kstest(first, "uniform").statistic < KOLMOGOROV / np.sqrt(len(first))
    assert data.truth.tolist() == [1, 0, 0, 0, 0, 0]


def test_slopes_and_offsets_are_drawn_once_for_each_component(seed):
    many = [lines(1000 * seed + k, examples=20) for k in range(100)]
    alpha, beta = np.array(many).transpose(1, 0, 2).reshape(2, -1)
    assert len(np.unique(alpha.round(5))) > 490
    for found, left, width in ((alpha, 0.5, 1), (beta, -0.5, 0.75)):
        statistic = kstest(found, "uniform", (left, width)).statistic
        assert statistic < KOLMOGOROV / np.sqrt(500)
    assert abs(np.corrcoef(alpha, beta)[0, 1]) < 5 / np.sqrt(500)


def test_each_example_varies_in_slope_and_offset(seed):
    alpha, beta = lines(seed)
    x = inputs(make(seed))
    first = x[:, :1]
    noise = (x[:, 1:] - alpha * first - beta) / (0.2 * np.sqrt(1 + first**2))
    # Where x_1 is small, the offset is what varies.
    for part in (noise[first[:, 0] < 0.3], noise[first[:, 0] > 0.7]):
        for values in part.T:
            statistic = kstest(values, "norm").statistic
            assert statistic < KOLMOGOROV / np.sqrt(len(values))
    coupling = np.corrcoef(np.hstack([first, noise]).T) - np.eye(6)
    assert np.abs(coupling).max() < 5.5 / np.sqrt(len(x))


@pytest.mark.parametrize("spread", [0, 0.1, 0.8])
def test_the_correlations_follow_from_the_spread(seed, spread):
    alpha, _ = lines(seed)
    # Var x_1 = 1/12 and ⟨x_1²⟩ = 1/3.
    with_first = alpha / np.sqrt(alpha**2 + 16 * spread**2)
    factors = np.append(1, with_first)
    expected = np.outer(factors, factors)
    np.fill_diagonal(expected, 1)
    data = make(seed, spread=spread)
    found = np.corrcoef(inputs(data).T)
    assert np.abs(found - expected).max() < 5.5 / np.sqrt(SETTINGS["examples"])


def test_the_spread_changes_nothing_else(seed):
    one, other = make(seed), make(seed, spread=0.4)
    np.testing.assert_array_equal(one.x_train[:, 0], other.x_train[:, 0])
    np.testing.assert_array_equal(one.y_train, other.y_train)
    none = make(seed, spread=0).x_train
    np.testing.assert_allclose(
        other.x_train - none, 2 * (one.x_train - none), atol=1e-5
    )
