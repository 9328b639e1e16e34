"""Reading the tables that figures and claims are made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spectral_relevance.datasets.base import Dataset


def read_tables(paths: Mapping[str, str | Path]) -> dict[str, Any]:
    """Read tables by name.

    Parameters
    ----------
    paths : mapping
        Path of each table: ``.csv`` or, for a dataset, ``.npz``.

    Returns
    -------
    dict
        A DataFrame or a :class:`Dataset` for each name. Names of features and of line
        indices are text.
    """
    return {name: _read(Path(path)) for name, path in paths.items()}


def _read(path: Path) -> pd.DataFrame | Dataset:
    if path.suffix == ".npz":
        return Dataset.load(path)
    return pd.read_csv(path, dtype={"feature": str, "index": str})
