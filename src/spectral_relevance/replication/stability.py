"""How far the rankings of several runs agree on which inputs are the most relevant."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from spectral_relevance.errors import UserError
from spectral_relevance.replication.tables import score_matrix


def jaccard(relevance: pd.DataFrame, counts: Sequence[int]) -> pd.DataFrame:
    """Return the Jaccard index of the top n inputs of each pair of runs.

    The index of two sets is the share of their union that is in both (P. Jaccard, 1901;
    L. I. Kuncheva, 2007, on the stability of feature selection).

    Parameters
    ----------
    relevance : DataFrame
        ``seed, feature, score`` of one variant. Of equal scores the first input counts
        as the higher one.
    counts : sequence of int
        The numbers n of inputs.

    Returns
    -------
    DataFrame
        A row for each pair of seeds and a column for each n; no row for a single run.

    Raises
    ------
    UserError
        If n is not between 1 and the number of inputs.
    """
    scores = score_matrix(relevance)
    inputs = scores.shape[1]
    for n in counts:
        if not 1 <= n <= inputs:
            raise UserError(f"counts: expected 1 to {inputs} inputs, found {n}.")
    orders = np.argsort(-scores.to_numpy(), axis=1, kind="stable")
    ranks = np.argsort(orders, axis=1)
    pairs = list(combinations(range(len(scores)), 2))
    rows = [
        [_overlap(ranks[first] < n, ranks[second] < n) for n in counts]
        for first, second in pairs
    ]
    seeds = [(scores.index[first], scores.index[second]) for first, second in pairs]
    index = pd.MultiIndex.from_tuples(seeds, names=["seed", "other"]) if pairs else None
    return pd.DataFrame(rows, index=index, columns=list(counts), dtype=float)


def jaccard_by_chance(inputs: int, n: int) -> float:
    """Return the expected Jaccard index of two independent random sets.

    Parameters
    ----------
    inputs : int
        Number of inputs that both sets are drawn from.
    n : int
        Size of each set.
    """
    shared = np.arange(n + 1)
    return float(hypergeom(inputs, n, n).pmf(shared) @ (shared / (2 * n - shared)))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())
