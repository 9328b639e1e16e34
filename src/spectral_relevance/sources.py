"""The source files that a module depends on, found by reading its imports.

What a result depends on is decided by the code that made it. Whoever keeps results (a
checkpoint, a workflow) asks here what that code is, instead of keeping a list by hand.
"""

import ast
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
"""The package, whose modules are followed; what others install is not."""

NO_RESULT = frozenset({"__init__.py", "vision.py", "progress.py", "sources.py"})
"""Modules that cannot change a result: the front door, what torchvision needs to work,
what is shown meanwhile, and this one."""


def sources(*names: str | Path) -> list[str]:
    """Return the modules of this package that others depend on, themselves included.

    Parameters
    ----------
    *names : str or path
        Modules by their path below the package, ``training.py``, or files elsewhere.

    Returns
    -------
    list of str
        Paths below the package, sorted; files elsewhere and modules that cannot change
        a result are left out.
    """
    found: set[Path] = set()
    todo = [PACKAGE / name for name in names]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _imported(path)
    inside = {p.relative_to(PACKAGE).as_posix() for p in found if PACKAGE in p.parents}
    return sorted(inside - NO_RESULT)


def fingerprints(*names: str | Path) -> dict[str, str]:
    """Return a digest of each source that modules depend on, by its name.

    A file elsewhere is among them, by the last part of its path. Neither the place of
    the package nor the times of its files enter.

    Parameters
    ----------
    *names : str or path
        As for :func:`sources`.
    """
    elsewhere = [path for name in names if PACKAGE not in (path := Path(name)).parents]
    elsewhere = [path for path in elsewhere if path.is_absolute()]
    return {path.name: _digest(path) for path in elsewhere} | {
        name: _digest(PACKAGE / name) for name in sources(*names)
    }


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the modules of the package that a file imports."""
    found: list[Path] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # The name that is imported may be a module or something in one.
            found += _modules(
                [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            )
        elif isinstance(node, ast.Import):
            found += _modules(alias.name for alias in node.names)
    return tuple(found)


def _modules(names: Iterable[str]) -> list[Path]:
    """Return the files of modules of the package by their full names."""
    found = []
    for name in names:
        package, *parts = name.split(".")
        if package == PACKAGE.name and parts:
            stem = PACKAGE.joinpath(*parts)
            files = (stem.with_suffix(".py"), stem / "__init__.py")
            found += [file for file in files if file.is_file()]
    return found
