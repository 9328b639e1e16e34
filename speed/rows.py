"""The rows of the benchmark's table, and what is compared."""

from collections.abc import Sequence
from typing import Any

from spectral_relevance.replication.timing import median_and_spread

NETWORKS = ("independent", "correlated", "mnist_01", "stellar")

OURS, ALONE, BEFORE, PLAIN, KERAS, PRODUCTS = (
    "this project",
    "this project, one process",
    "before",
    "plain PyTorch",
    "Keras",
    "matrix products",
)


def row(
    part: str,
    system: str,
    quantity: str,
    unit: str,
    values: Sequence[float],
    layout: tuple[int, int, int],
) -> dict[str, Any]:
    """Return a row of the table: the median of some values, and their spread."""
    median, spread = median_and_spread(values)
    processes, threads, replicas = layout
    return {
        "part": part,
        "system": system,
        "quantity": quantity,
        "unit": unit,
        "value": median,
        "spread": spread,
        "n": len(values),
        "processes": processes,
        "threads": threads,
        "replicas": replicas,
    }
