"""Reading and shaping the tables that figures and claims are made from.

The tables `relevance` have the columns ``variant, seed, method, examples, feature,
truth, score, seconds``, those of comparisons also ``operations``; a *run* is a variant
and a seed of them.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.base import Datasets


def read_tables(paths: Mapping[str, str | Path]) -> dict[str, Any]:
    """Read tables by name.

    Parameters
    ----------
    paths : mapping
        Path of each table: ``.csv`` or, for a dataset, ``.npz``.

    Returns
    -------
    dict
        A DataFrame, or :class:`Datasets`, for each name. Names of features, variants
        and line indices are text.
    """
    return {name: _read(Path(path)) for name, path in paths.items()}


def _read(path: Path) -> pd.DataFrame | Datasets:
    if path.suffix == ".npz":
        return Datasets.load(path)
    text = {"variant": str, "feature": str, "index": str}
    return pd.read_csv(path, dtype=text)


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


def ranked_matrix(curve: pd.DataFrame, measured: str = "metric") -> pd.DataFrame:
    """Return a column by rank: a row for each seed, a column for each n of inputs."""
    ranked = curve[curve["selection"] == "ranked"]
    return ranked.pivot(index="seed", columns="inputs", values=measured)


def normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """Divide the scores of each seed by the largest of them; NaN where all are 0."""
    return scores.div(scores.max(axis=1), axis=0)
