"""What a kind of dataset declares of itself: its settings, its raw files, its task."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from spectral_relevance.data import Dataset

Settings = Mapping[str, Any]

FRACTION = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
COUNT = {"type": "integer", "minimum": 1}
NUMBER_FROM_0 = {"type": "integer", "minimum": 0}
POSITIVE = {"type": "number", "exclusiveMinimum": 0}
RANGE = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}}
CORRELATION = {"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 1}

EXAMPLES = {"description": "Number of examples.", "type": "integer", "minimum": 2}
FEATURES = {"description": "Number of inputs.", **COUNT}
SIGMA = {"description": "Standard deviation of each input in a class.", **POSITIVE}
TEST_FRACTION = {"description": "Share of the examples kept for testing.", **FRACTION}
SEED = {
    "description": "Seed of the dataset; null draws one for each run from the seed of "
    "the run.",
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": 2**32 - 1,
}
"""JSON schemas of settings that several kinds have."""


class Problem(NamedTuple):
    """What is wrong with a setting, though a schema allows it.

    Attributes
    ----------
    setting : str
        Its name.
    expected : str
        What belongs there.
    """

    setting: str
    expected: str


@dataclass(frozen=True)
class Raw:
    """Raw files that are downloaded, with an entry of the kind's name under ``data``.

    Parameters
    ----------
    folder : str
        Where they lie, below the checkout.
    sources : tuple of tuples of str
        The public sources, in the order in which to ask them: each a function of
        :mod:`~spectral_relevance.replication.download` and its arguments.
    arguments : callable
        Returns the further arguments of the kind's function from the folder and from
        the sha256 of each file by its name.
    """

    folder: str
    sources: tuple[tuple[str, ...], ...]
    arguments: Callable[[str, Mapping[str, str]], dict[str, Any]]


def _no_problems(settings: Settings) -> Iterator[Problem]:
    yield from ()


@dataclass(frozen=True)
class Kind:
    """A kind of dataset.

    Parameters
    ----------
    make : callable
        Takes the settings as keywords, and the arguments of `raw`.
    settings : mapping
        A JSON schema with a description for each setting; all of them are required.
    task : str
        ``classes`` or ``values``.
    outputs : callable
        Returns how many outputs a network for such a dataset needs.
    problems : callable
        Yields what is wrong with settings that the schema allows.
    raw : Raw, optional
        The files that it is made from.
    """

    make: Callable[..., Dataset]
    settings: Mapping[str, Any]
    task: str = "classes"
    outputs: Callable[[Settings], int] = lambda settings: 2
    problems: Callable[[Settings], Iterator[Problem]] = _no_problems
    raw: Raw | None = None


@cache
def kinds() -> dict[str, Kind]:
    """Return all kinds by name: the modules of this package that declare one."""
    package = __name__.rpartition(".")[0]
    names = [module.name for module in iter_modules(import_module(package).__path__)]
    found = {name: import_module(f"{package}.{name}") for name in names}
    return {n: module.KIND for n, module in found.items() if hasattr(module, "KIND")}


def increasing(settings: Settings, *names: str) -> Iterator[Problem]:
    """Yield the ranges whose ends are in the wrong order."""
    for name in names:
        low, high = settings[name]
        if low > high:
            yield Problem(name, "the smaller number first")
