"""Tables of scores and datasets for the tests of what is computed from them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectral_relevance.data import Dataset
from spectral_relevance.replication.measures import Estimate


def scores_table(
    scores: np.ndarray,
    names: list[str] | None = None,
    truth: np.ndarray | float = np.nan,
    **columns: Any,
) -> pd.DataFrame:
    """One row for each seed (20, 21, …) and feature, as the methods write them."""
    scores = np.asarray(scores)
    seeds, d = scores.shape
    names = names or [f"x{j + 1}" for j in range(d)]
    table = {
        "variant": "base",
        "seed": np.repeat(np.arange(20, 20 + seeds), d),
        "method": "spectral",
        "examples": 0,
        "feature": names * seeds,
        "truth": np.broadcast_to(truth, scores.shape).ravel(),
        "score": scores.ravel(),
        "seconds": 1.0,
    }
    return pd.DataFrame(table | columns)


def assert_resampled(found: Estimate, value: float, n: int):
    """A statistic of several samples: no spread, and an interval around the value."""
    assert found.value == pytest.approx(value) and found.n == n
    assert np.isnan(found.spread)
    assert n < 2 or found.low <= found.value <= found.high


def assert_estimate(found: Estimate, each: list[float], value: float | None = None):
    assert found.n == len(each)
    assert found.value == pytest.approx(np.mean(each) if value is None else value)
    variance = sum((v - np.mean(each)) ** 2 for v in each) / (len(each) - 1)
    assert found.spread == pytest.approx(np.sqrt(variance))


def dataset(x: np.ndarray, y: np.ndarray | None = None) -> Dataset:
    x = x.astype(np.float32)
    y = np.zeros(len(x), dtype=np.int64) if y is None else y
    names = np.array([f"x{j + 1}" for j in range(x.shape[1])])
    return Dataset(x, y, x[:1], y[:1], names, np.full(len(names), np.nan))
