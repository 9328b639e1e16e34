"""Chance, the control of every ranking."""

import numpy as np


def count_examples(x: np.ndarray, y: np.ndarray, **settings) -> int:
    """Return 0: no example is looked at."""
    return 0


def scores(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return random scores in 0…1, shape ``(d,)``.

    Parameters
    ----------
    x : (n, d) array
        Inputs, of which only the number matters.
    y : (n,) array
        Not used.
    seed : int
        Seed of the scores.
    """
    return np.random.default_rng([seed, x.shape[1]]).random(x.shape[1])
