"""How the effort of a global relevance grows: Table 1, checked (Appendix D)."""

from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.networks import Architecture, Hidden, Network
from spectral_relevance.replication.methods import load, scorer
from spectral_relevance.replication.operations import count_operations
from spectral_relevance.replication.timing import median_and_spread

QUANTITIES = ("N0", "N1", "E")
"""Numbers of inputs, of units of the first hidden layer and of examples."""

NOTES = """\
N0 and N1 are the numbers of units of the first two layers, E that of examples, m that
of steps; F is the time of one pass through the network. Theory: the power that follows
where F ~ N0 N1, as in a wide network. Counted: the exponent fitted to the number of
floating-point operations, which decides. Timed: the exponent fitted to the processor
time, with its standard error; it depends on the machine, is a picture only and decides
nothing. The orders given for SHAP are those of exact values; what was counted and timed
is an approximation."""


class Theory(NamedTuple):
    """What Table 1 says of a method.

    Attributes
    ----------
    name : str
        How the method is written.
    one, many : str
        Order of the time for one example and for E of them. F is the time of one
        forward or backward pass, m the number of steps.
    exponents : tuple of float
        Powers of N0, N1 and E in the latter, where F ~ N0 N1 as in a wide network.
    """

    name: str
    one: str
    many: str
    exponents: tuple[float, float, float]


THEORY = {
    "saliency": Theory("Saliency maps", "O(F)", "O(E F)", (1, 1, 1)),
    "lrp_0": Theory("LRP-0", "O(F)", "O(E F)", (1, 1, 1)),
    "lrp_epsilon": Theory("LRP-ε", "O(F)", "O(E F)", (1, 1, 1)),
    "lrp_gamma": Theory("LRP-γ", "O(F)", "O(E F)", (1, 1, 1)),
    "integrated_gradients": Theory(
        "Integrated gradients", "O(m F)", "O(E m F)", (1, 1, 1)
    ),
    "shap": Theory("SHAP", "O(2^N0 F)", "O(E 2^N0 F)", (np.nan, np.nan, 1)),
    "spectral": Theory("Spectral method", "-", "O(N0 N1)", (1, 1, 0)),
}
"""Table 1; its lines of SHAP are those of exact Shapley values, 2^N0 is no power."""


def scaling(
    *,
    methods: Mapping[str, Mapping[str, Any]],
    N0: Sequence[int],
    N1: Sequence[int],
    E: Sequence[int],
    fixed: Mapping[str, int],
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """Count and time the global relevance of methods while one quantity is varied.

    The networks are untrained, as neither operations nor times depend on the values of
    the weights, and have one hidden layer and one output. Operations are counted first.
    Then each method is timed once at all points before any is timed again, so that slow
    changes of the machine meet all of them alike. The times are those of the processor:
    what else runs on the machine does not count, but threads add up. Their number is
    left to the caller; it should be one.

    Parameters
    ----------
    methods : mapping
        The settings of each method; ``examples``, where it is one, is replaced by E.
    N0, N1, E : sequence of int
        Numbers of inputs, of units of the first hidden layer and of examples.
    fixed : mapping
        What ``N0``, ``N1`` and ``E`` are while another one is varied.
    repeats : int
        How often each time is taken.
    seed : int
        Seed of weights, examples and methods.

    Returns
    -------
    DataFrame
        ``method``, ``quantity``, ``value``, ``operations`` (floating-point, of one
        call), ``seconds`` (the median over the repeats) and ``seconds_spread`` (half
        their interquartile range, NaN for a single one).

    Raises
    ------
    UserError
        If the settings of a method need more examples than there are.
    """
    points = [
        (quantity, value, tuple({**fixed, quantity: value}[q] for q in QUANTITIES))
        for quantity, values in zip(QUANTITIES, (N0, N1, E), strict=True)
        for value in values
    ]
    calls = {}
    for size in dict.fromkeys(size for _, _, size in points):
        model, dataset = _problem(*size, seed)
        for method, settings in methods.items():
            if "examples" in settings:
                settings = {**settings, "examples": size[2]}
            load(method).count_examples(dataset, **settings)
            calls[method, size] = scorer(method, model, dataset, seed, settings)
    # First, because it loads libraries besides.
    operations = {case: count_operations(call) for case, call in calls.items()}
    rounds = [[_seconds(call) for call in calls.values()] for _ in range(repeats)]
    summary = zip(*median_and_spread(rounds), strict=True)
    times = dict(zip(calls, summary, strict=True))
    rows = [
        (method, quantity, value, operations[method, size], *times[method, size])
        for method in methods
        for quantity, value, size in points
    ]
    names = ["method", "quantity", "value", "operations", "seconds", "seconds_spread"]
    return pd.DataFrame(rows, columns=names)


def _problem(
    n0: int, n1: int, examples: int, seed: int
) -> tuple[nn.Sequential, Dataset]:
    """Return an untrained network and examples for it."""
    architecture = Architecture([Hidden(n1, "relu")], outputs=1)
    network = Network(n0, architecture, replicas=1)
    network.reset_parameters([torch.Generator().manual_seed(seed)])
    shape = (examples, n0)
    x = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    y = np.zeros(examples, dtype=np.float32)
    features = np.arange(n0).astype(str)
    return network.replica(0), Dataset(x, y, x, y, features, np.full(n0, np.nan))


def _seconds(call: Callable[[], np.ndarray]) -> float:
    """Return the processor time of one call."""
    start = process_time()
    call()
    return process_time() - start


def exponents(scaling: pd.DataFrame) -> pd.DataFrame:
    """Fit powers of N0, N1 and E: Table 1 beside what was counted and timed.

    Exponents are slopes of the logarithm of operations or of seconds on that of Q, by
    least squares over all values. Terms that grow otherwise, such as those of later
    layers, keep those of the counts from being whole. The exact Shapley values of
    Table 1 are out of reach. What is counted and timed under `shap` is the
    approximation of :mod:`spectral_relevance.explainers.shap`, of which the theory says
    only that it takes a time proportional to E.

    Parameters
    ----------
    scaling : DataFrame
        From :func:`scaling`; at least three values of each quantity.

    Returns
    -------
    DataFrame
        ``method``, ``local_theory``, ``global_theory`` and, for each quantity Q,
        ``counted_Q`` (the exponent of the operations), ``exponent_Q`` (that of the
        time), ``exponent_Q_error`` (its standard error) and ``theory_Q`` (what both
        should be in a wide network; NaN where the effort is no power of Q).
    """
    rows = []
    for method, table in scaling.groupby("method", sort=False):
        theory = THEORY[method]
        row = {
            "method": method,
            "local_theory": theory.one,
            "global_theory": theory.many,
        }
        for quantity, expected in zip(QUANTITIES, theory.exponents, strict=True):
            part = table[table["quantity"] == quantity]
            logarithms = np.log(part[["value", "operations", "seconds"]])
            value, operations, seconds = logarithms.to_numpy().T
            line = stats.linregress(value, seconds)
            row[f"counted_{quantity}"] = stats.linregress(value, operations).slope
            row[f"exponent_{quantity}"] = line.slope
            row[f"exponent_{quantity}_error"] = line.stderr
            row[f"theory_{quantity}"] = expected
        rows.append(row)
    return pd.DataFrame(rows)


def table1(exponents: pd.DataFrame) -> pd.DataFrame:
    """Return Table 1 with its exponents to be read; :data:`NOTES` explain it.

    Parameters
    ----------
    exponents : DataFrame
        From :func:`exponents`.
    """
    return pd.DataFrame(
        {
            "Method": THEORY[row["method"]].name,
            "One example": row["local_theory"],
            "E examples": row["global_theory"],
            **{
                f"{q}: theory / counted / timed": f"{_or_dash(row[f'theory_{q}'])} / "
                f"{row[f'counted_{q}']:z.2f} / {row[f'exponent_{q}']:.2f} ± "
                f"{row[f'exponent_{q}_error']:.2f}"
                for q in QUANTITIES
            },
        }
        for row in exponents.to_dict("records")
    )


def _or_dash(exponent: float) -> str:
    return "–" if np.isnan(exponent) else f"{exponent:g}"
