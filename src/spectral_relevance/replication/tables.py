"""Reading the tables that figures and claims are made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

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
