"""Folders that the tools of the workflow cannot work in.

Run as a program, before an environment is made: ``python -m ... ENVIRONMENT``.
"""

import sys
from pathlib import Path

from spectral_relevance.errors import UserError

SPECIAL = frozenset(" \t\n\"'\\$`&|;<>(){}[]*?:")
"""What neither Snakemake nor torch's compiler quotes in the path of Python, and the
colon, which cannot be in a PATH."""

BRACES = frozenset("{}")
"""What Snakemake takes for a wildcard in the path of a checkout."""


def check_python(path: str | Path) -> None:
    """Refuse a Python, or an environment, whose path the workflow cannot use.

    Parameters
    ----------
    path : path
        Where it lies.

    Raises
    ------
    UserError
        If a character of the path is in `SPECIAL`.
    """
    _refuse(
        *("Python", path, SPECIAL),
        "make VENV=/another/folder puts it elsewhere; the checkout can stay.",
    )


def check_checkout(path: str | Path) -> None:
    """Refuse a checkout whose path the workflow cannot use.

    Parameters
    ----------
    path : path
        Where it lies.

    Raises
    ------
    UserError
        If a character of the path is in `BRACES`.
    """
    _refuse("the checkout", path, BRACES, "move it.")


def _refuse(what: str, path: str | Path, characters: frozenset[str], hint: str) -> None:
    found = sorted(characters & set(str(path)))
    if found:
        raise UserError(
            f"expected {what} at a path without {' '.join(map(repr, found))}, found "
            f"{path}.",
            hint,
        )


if __name__ == "__main__":
    try:
        check_checkout(Path.cwd())
        check_python(Path(sys.argv[1]).absolute())
    except UserError as error:
        sys.exit(f"Error: {error}")
