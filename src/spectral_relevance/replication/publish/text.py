"""How the page writes times, machines and enumerations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def days(written: Iterable[str]) -> str:
    """Return the day, or the first and the last, of some points in time."""
    found = sorted({moment[:10] for moment in written})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def machine(hardware: Mapping[str, Any]) -> str:
    """Return a machine in words."""
    parts = [hardware["processor"], f"{hardware['cores']} cores"]
    return ", ".join([*parts, f"{hardware['memory_gib']} GiB", *hardware["gpus"]])


def listed(words: Sequence[Any]) -> str:
    """Return an enumeration."""
    *most, last = map(str, words)
    return f"{', '.join(most)} and {last}" if most else last
