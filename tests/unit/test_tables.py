"""What shapes the tables: rows that are chosen, scores by seed and input."""

import numpy as np
import pandas as pd
import pytest

from score_tables import scores_table
from spectral_relevance.errors import UserError
from spectral_relevance.replication import tables
from spectral_relevance.replication.measures import pearson


@pytest.fixture
def table() -> pd.DataFrame:
    """Rows 0, 1, … of two methods, with their numbers of examples, in two variants."""
    rows = [
        ("a_1", "shap", 10),
        ("a_1", "shap", 300),
        ("a_1", "saliency", 20),
        ("a_1", "saliency", 30),
        ("a_2", "shap", 5),
        ("a_2", "shap", 10),
        ("b", "spectral", 0),
    ]
    return pd.DataFrame(rows, columns=["variant", "method", "examples"])


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"variant": "a_2"}, [4, 5]),
        ({"variant": "a_1", "method": "shap"}, [0, 1]),
        ({"method": ["shap", "spectral"]}, [0, 1, 4, 5, 6]),
        ({"variant": "a_*"}, [0, 1, 2, 3, 4, 5]),
        ({"variant": "*", "examples": 10}, [0, 5]),
        ({"examples": "largest"}, [1, 3, 5, 6]),
        ({"examples": "smallest"}, [0, 2, 4, 6]),
        ({"examples": "largest", "method": "shap"}, [1, 5]),
        ({"method": ["shap", "saliency"], "variant": "a_1", "examples": "smallest"},
         [0, 2]),
    ],
    ids=str,
)  # fmt: skip
def test_select(table, values, rows):
    before = table.copy()
    assert tables.select(table, **values).index.tolist() == rows
    pd.testing.assert_frame_equal(table, before)


def test_select_without_a_match(table):
    with pytest.raises(UserError) as error:
        tables.select(table, variant="a_1", method="spectral", examples="largest")
    message = str(error.value)
    assert "expected rows with variant 'a_1', method 'spectral'" in message
    assert "Hint: the table has variant ['a_1', 'a_2', 'b'], method ['shap'" in message


def test_score_matrix_keeps_the_order_of_the_inputs(rng):
    scores = rng.random((3, 12))  # sorted by name, x10 would follow x1
    table = scores_table(scores)
    matrix = tables.score_matrix(table)
    assert matrix.columns.tolist() == [f"x{j}" for j in range(1, 13)]
    np.testing.assert_array_equal(matrix, scores)
    largest = tables.normalised(matrix).to_numpy()
    np.testing.assert_allclose(largest, [row / max(row) for row in scores])


def test_several_scores_of_an_input(rng):
    one = scores_table(rng.random((2, 3)))
    both = pd.concat([one, one.assign(method="shap")])
    several = "found several.\nHint: select one method"
    with pytest.raises(UserError, match=several):
        tables.score_matrix(both)
    with pytest.raises(UserError, match=several):
        tables.each_run(both, pearson)
    variants = pd.concat([one, one.assign(variant="other")])
    assert len(tables.each_run(variants, pearson)) == 4
    with pytest.raises(UserError, match="each seed, feature, found several"):
        tables.score_matrix(variants)


def test_truth_of_the_first_run(rng):
    names = ["x2", "x10", "x1"]
    truth = np.array([[3.0, 1, 2], [9, 9, 9]])
    found = tables.truth_of(scores_table(rng.random((2, 3)), names, truth))
    assert found.to_dict() == {"x2": 3, "x10": 1, "x1": 2}
    assert found.index.tolist() == names
