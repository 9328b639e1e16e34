"""What the benchmark has found, as Markdown for the README."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from programs import count_cores

from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.provenance import describe

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("independent", "correlated", "mnist_01", "stellar")

OURS, ALONE, PLAIN, KERAS, PRODUCTS = (
    "this project",
    "this project, one process",
    "plain PyTorch",
    "Keras",
    "matrix products",
)

GOALS_SPEED = {"independent": 10, "correlated": 10, "mnist_01": 6, "stellar": 6}
"""How many times faster than Keras training should be."""
GOAL_SHARE = 0.6
"""Share of the matrix-product peak that the training on MNIST should reach."""
GOAL_MEMORY = 4 * 1024
"""What ten replicas may take, in MiB."""


UNDISTURBED = 0.95
"""Share of a core that a training process with one thread gets on an idle machine."""


def report(table: pd.DataFrame, versions: Mapping[str, str]) -> str:
    """Return what was found as Markdown: times, goals, and what a step is spent on.

    Parameters
    ----------
    table : DataFrame
        What was measured.
    versions : mapping
        Versions of what is not in this environment.
    """
    about = describe(ROOT, {}, {})
    hardware = about["hardware"]
    versions = {
        "Python": about["versions"]["python"],
        "torch": about["versions"]["torch"],
        **versions,
    }
    commit = "unknown"
    if about["git"]:
        commit = about["git"]["commit"][:7]
        commit += ", with uncommitted changes" if about["git"]["dirty"] else ""
    cores = count_cores()
    lines = [
        f"{datetime.now(UTC):%d %B %Y}, {hardware['processor']}, {cores} cores, "
        f"{hardware['memory_gib']} GiB; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; commit {commit}.",
    ]
    if KERAS not in set(table["system"]):
        lines += ["", "**Keras was not measured: there was no TensorFlow.**"]
    got = table[table["quantity"] == "share of the processor"]["value"].min()
    if got < UNDISTURBED:
        lines += [
            "",
            f"**Other work on the machine left a training process {got:.0%} of a core: "
            "these times are too long, those of programs with several threads most of "
            "all. Run it again when the machine is idle.**",
        ]
    parts = (_times(table, cores), _goals(table), _profile(table))
    return "\n".join([*lines, "", "\n".join(map(markdown, parts))])


def value(table: pd.DataFrame, **keys: str) -> tuple[float, float]:
    """Return value and spread of the row with such keys, NaN if there is none."""
    found = table[np.logical_and.reduce([table[k] == v for k, v in keys.items()])]
    if found.empty:
        return np.nan, np.nan
    ((number, spread),) = found[["value", "spread"]].to_numpy()
    return number, spread


def _times(table: pd.DataFrame, cores: int) -> pd.DataFrame:
    columns = {
        f"this project, {cores} processes": OURS,
        "this project, 1 process": ALONE,
        "plain PyTorch": PLAIN,
        "Keras": KERAS,
    }
    result = []
    for name in NETWORKS:
        cells = {"ms per replica and step": name}
        for title, system in columns.items():
            keys = {"network": name, "system": system, "quantity": "time"}
            cells[title] = _number(*value(table, **keys))
        for system in (PLAIN, KERAS):
            keys = {"system": system, "quantity": "relative to ours"}
            cells[f"× {system}"] = _number(*value(table, network=name, **keys))
        share, spread = value(table, network=name, quantity="share of the peak")
        cells["share of the matrix-product peak"] = f"{_number(100 * share)} %"
        memory, _ = value(table, network=name, quantity="memory", part="memory")
        cells["ten replicas, MiB"] = _number(memory)
        result.append(cells)
    return pd.DataFrame(result)


def _goals(table: pd.DataFrame) -> pd.DataFrame:
    goals = [
        (f"{name}: at least {goal} times faster than Keras", ratio, ratio >= goal)
        for name, goal in GOALS_SPEED.items()
        for ratio, _ in [
            value(table, network=name, system=KERAS, quantity="relative to ours")
        ]
    ]
    share, _ = value(table, network="mnist_01", quantity="share of the peak")
    goals.append(
        (
            f"mnist_01: at least {GOAL_SHARE:.0%} of the matrix-product peak",
            share,
            share >= GOAL_SHARE,
        )
    )
    memory = table[(table["part"] == "memory")]["value"].max()
    goals.append(
        (
            f"ten replicas of each network in less than {GOAL_MEMORY} MiB, with the "
            "compiler",
            memory,
            memory < GOAL_MEMORY,
        )
    )
    return pd.DataFrame(
        {
            "goal": goal,
            "found": _number(found),
            "met": "not measured" if np.isnan(found) else "yes" if met else "**no**",
        }
        for goal, found, met in goals
    )


def _profile(table: pd.DataFrame) -> pd.DataFrame:
    parts = table[table["part"] == "profile"]
    shares = parts.pivot(index="network", columns="quantity", values="value")
    shares = shares.loc[list(NETWORKS), list(dict.fromkeys(parts["quantity"]))]
    text = (100 * shares).map("{:.0f} %".format)
    return text.rename_axis("a step is spent on").reset_index()


def _number(value: float, spread: float = np.nan) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:.3g}" + ("" if np.isnan(spread) else f" ± {spread:.1g}")
