"""How time and memory of a training grow, on made examples.

Compiled, as jobs are: on the CPU that takes one replica after the other, which an
uncompiled step does not. The programs of one variation are warmed up side by side,
which is most of the time, and then work one by one.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from programs import ONE_THREAD, our_job, running, work
from rows import OURS, row

BATCH = 500

FIXED = {"runs": 5, "inputs": 100, "hidden units": 100, "examples": 5000}
GROWTH = {
    "runs": (1, 5, 20, 50, 200),
    "inputs": (20, 200, 2000, 6000, 20_000),
    "hidden units": (25, 100, 400, 800, 1600),
    "examples": (1000, 10_000, 100_000, 300_000, 1_000_000),
}
"""What is varied, the others being fixed, and its values.

The fixed ones are so few that the largest of the others take some GiB: a million
examples of 100 inputs are 0.4 GB, which a training holds several times over while it
begins.
"""


def measure_growth(seconds: float) -> list[dict[str, Any]]:
    """Return rows with time and memory of one process, and their slopes.

    Parameters
    ----------
    seconds : float
        How long each one works, and at least one epoch.
    """
    rows = []
    for varied, values in GROWTH.items():
        with ExitStack() as stack:
            programs = {}
            for value in values:
                size = {**FIXED, varied: value}
                program = running("ours.py", _job(size), **ONE_THREAD)
                programs[value] = stack.enter_context(program)
            for program in programs.values():
                program.hear()
            found = []
            for value, program in programs.items():
                (answer,) = work([program], seconds)
                found += _rows(answer, {**FIXED, varied: value}["runs"], value)
        found += slopes(found)
        names = {"network": "made examples", "varied": varied}
        rows += [names | entry for entry in found]
    return rows


def slopes(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how time and memory grow where sizes are large.

    Parameters
    ----------
    rows : sequence of mapping
        Those of one variation: ``quantity``, ``size`` and ``value``.

    Returns
    -------
    list of dict
        The power of the size with which each grows: the slope of a line through the
        logarithms. Of memory it is the power of what exceeds that of the smallest size,
        which is the process itself, some hundred MiB; and what each further one takes
        is told, too. All from the sizes above the geometric mean of the smallest and
        the largest.
    """
    result = []
    for quantity in dict.fromkeys(entry["quantity"] for entry in rows):
        of_it = [entry for entry in rows if entry["quantity"] == quantity]
        x, y = np.array([(entry["size"], entry["value"]) for entry in of_it], float).T
        large = x**2 > x[0] * x[-1]
        found = {}
        if quantity == "memory":
            each = 1024 * np.polyfit(x[large], y[large], 1)[0]
            found["memory of one more", "KiB"] = each
            y = y - y[0]
        large &= y > 0  # a few runs more take less than the process differs by
        if large.sum() > 1:
            power = np.polyfit(np.log(x[large]), np.log(y[large]), 1)[0]
            found[quantity, "power"] = power
        result += [
            row("slope", OURS, *names, [value], (1, 1, 0))
            for names, value in found.items()
        ]
    return result


def _rows(answer: Mapping[str, Any], runs: int, size: int) -> list[dict[str, Any]]:
    time = 1e3 * answer["seconds"] / (answer["epochs"] * runs)
    found = {
        "time": ("ms per run and epoch", time),
        "memory": ("MiB", answer["memory"]),
    }
    return [
        {"size": size} | row("growth", OURS, quantity, unit, [value], (1, 1, runs))
        for quantity, (unit, value) in found.items()
        if value is not None
    ]


def _job(size: Mapping[str, int]) -> dict[str, Any]:
    units = {"units": size["hidden units"], "activation": "relu"}
    settings = {
        "network": {
            "parametrisation": "spectral",
            "hidden": [
                {**units, "batch_norm": first, "dropout": 0} for first in (True, False)
            ],
            "output": {"units": 2, "activation": "linear"},
        },
        "regularisation": {"norm": "l2", "eigenvalues": 1e-2, "eigenvectors": 1e-4},
        "training": {
            "batch_size": BATCH,
            "learning_rate": 1e-3,
            "validation_fraction": 0.1,
            "loss": "cross_entropy",
            "records": 2,
            "compile": True,
        },
    }
    problem = {"data": [size["examples"], size["inputs"]], "settings": settings}
    return our_job(problem, size["runs"])
