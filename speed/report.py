"""What the benchmark has found, as Markdown for ``docs/speed.md``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from programs import count_cores
from rows import ALONE, BEFORE, KERAS, NETWORKS, OURS, PLAIN

from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.provenance import code_state, describe

ROOT = Path(__file__).resolve().parents[1]

GOALS_SPEED = {KERAS: 4, PLAIN: 4, BEFORE: 1.3}
"""How many times faster than each of them training should be, on every network."""
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
    cores = count_cores()
    lines = [
        f"{datetime.now(UTC):%d %B %Y}, {hardware['processor']}, {cores} cores, "
        f"{hardware['memory_gib']} GiB; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; commit {commit_of(ROOT)}.",
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
    parts = _times(table, cores), _goals(table), _profile(table), _growth(table)
    return "\n".join([*lines, "", "\n".join(map(markdown, parts))])


def commit_of(root: Path) -> str:
    """Return the commit of a checkout, and whether its code differs from it."""
    git = code_state(root)
    if git is None:
        return "unknown"
    return git["commit"][:7] + (", with uncommitted changes" if git["dirty"] else "")


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
        "before": BEFORE,
        "plain PyTorch": PLAIN,
        "Keras": KERAS,
    }
    if BEFORE not in set(table["system"]):
        del columns["before"]
    result = []
    for name in NETWORKS:
        cells = {"ms per replica and step": name}
        for title, system in columns.items():
            keys = {"network": name, "system": system, "quantity": "time"}
            cells[title] = _number(*value(table, **keys))
        for system in list(columns.values())[2:]:
            keys = {"system": system, "quantity": "relative to ours"}
            cells[f"× {system}"] = _number(*value(table, network=name, **keys))
        shares = {
            "share of the matrix-product peak": "share of the peak",
            "share of the attainable": "share of the attainable",
        }
        for title, quantity in shares.items():
            share, _ = value(table, network=name, quantity=quantity)
            cells[title] = f"{_number(100 * share)} %"
        memory, _ = value(table, network=name, quantity="memory", part="memory")
        cells["ten replicas, MiB"] = _number(memory)
        result.append(cells)
    return pd.DataFrame(result)


def _goals(table: pd.DataFrame) -> pd.DataFrame:
    goals = []
    for system, goal in GOALS_SPEED.items():
        if system == BEFORE and BEFORE not in set(table["system"]):
            continue
        keys = {"system": system, "quantity": "relative to ours"}
        found = [value(table, network=name, **keys)[0] for name in NETWORKS]
        least = np.min(found)
        text = f"every network at least {goal:g} times as fast as {system}"
        goals.append((text, least, least >= goal))
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


def _growth(table: pd.DataFrame) -> pd.DataFrame:
    result = []
    for varied, rows in table[table["part"] == "growth"].groupby("varied", sort=False):
        slopes = table[(table["part"] == "slope") & (table["varied"] == varied)]
        cells = {
            "a process grows with": varied,
            "from": f"{rows['size'].min():,.0f}",
            "to": f"{rows['size'].max():,.0f}",
        }
        for title, quantity in {
            "ms per run and epoch": "time",
            "MiB": "memory",
        }.items():
            values = rows[rows["quantity"] == quantity].sort_values("size")["value"]
            ends = map(_number, values.iloc[[0, -1]]) if len(values) else ["–"]
            cells[title] = " to ".join(ends)
            power, _ = value(slopes, quantity=quantity)
            cells[f"{quantity} as the power"] = _number(power)
        each, _ = value(slopes, quantity="memory of one more")
        cells["one more takes, KiB"] = _number(each)
        result.append(cells)
    return pd.DataFrame(result)


def _number(value: float, spread: float = np.nan) -> str:
    if np.isnan(value):
        return "–"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if np.isnan(spread):
        return text
    return f"{text} ± {spread:.1g}" if spread < 10 else f"{text} ± {spread:.0f}"
