"""How far rankings of several runs agree."""

import numpy as np
import pandas as pd
import pytest

from spectral_relevance.errors import UserError
from spectral_relevance.replication.stability import jaccard, jaccard_by_chance


def _table(**scores):
    return pd.concat(
        pd.DataFrame({"seed": int(name[1:]), "feature": list("abcd"), "score": values})
        for name, values in scores.items()
    )


def test_the_index_is_the_share_of_the_union_that_is_in_both():
    table = _table(s3=[4, 3, 2, 1], s5=[4, 1, 3, 2], s8=[1, 2, 3, 4])
    found = jaccard(table, [1, 2, 4])
    assert found.index.tolist() == [(3, 5), (3, 8), (5, 8)]
    assert found.loc[(3, 5)].tolist() == [1, 1 / 3, 1]
    assert found.loc[(3, 8)].tolist() == [0, 0, 1]
    assert found.loc[(5, 8)].tolist() == [0, 1 / 3, 1]


def test_of_equal_scores_the_first_input_is_the_higher_one():
    found = jaccard(_table(s0=[0, 0, 0, 0], s1=[9, 0, 0, 0]), [1, 3])
    assert found.to_numpy().tolist() == [[1, 1]]


def test_a_single_run_has_no_pair():
    assert jaccard(_table(s0=[1, 2, 3, 4]), [1, 2]).shape == (0, 2)


@pytest.mark.parametrize("n", [0, 5])
def test_more_inputs_than_there_are(n):
    with pytest.raises(UserError, match=f"expected 1 to 4 inputs, found {n}"):
        jaccard(_table(s0=[1, 2, 3, 4]), [n])


@pytest.mark.parametrize(("inputs", "n"), [(5, 1), (6, 3), (7, 7)])
def test_chance_is_the_mean_over_random_sets(inputs, n):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4000):
        a, b = (set(rng.choice(inputs, n, replace=False)) for _ in range(2))
        found.append(len(a & b) / len(a | b))
    assert jaccard_by_chance(inputs, n) == pytest.approx(np.mean(found), abs=0.02)
