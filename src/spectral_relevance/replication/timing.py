"""How long things take: repeated, with a median and a spread."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np


def timed(
    call: Callable[[], np.ndarray], repeats: int
) -> tuple[np.ndarray, float, float]:
    """Return what a call returns, the median time and half the interquartile range.

    Where there are several repeats, a call that does not count goes ahead.
    """
    if repeats > 1:
        call()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        result = call()
        seconds.append(perf_counter() - start)
    return result, *median_and_spread(seconds)


def median_and_spread(times: Sequence[Any]) -> tuple[Any, Any]:
    """Return the median over repeats and half their interquartile range.

    Parameters
    ----------
    times : sequence of float or of array
        One for each repeat.

    Returns
    -------
    float or array
        The median.
    float or array
        The spread; NaN for a single repeat.
    """
    lower, median, upper = np.quantile(times, [0.25, 0.5, 0.75], axis=0)
    return median, (upper - lower) / (2 if len(times) > 1 else np.nan)
