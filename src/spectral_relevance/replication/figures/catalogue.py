"""The list of figures, ``config/figures.yaml``: what each shows and is drawn from.

With the other files in which a scale ends.
"""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spectral_relevance.errors import UserError
from spectral_relevance.replication.entries import read_entries

FOLDER = Path(__file__).parent
SCHEMA = FOLDER.parent / "schemas/figures.schema.yaml"
"""What each figure has to obey."""

FORMATS = ("pdf", "png")
"""What each figure is written as."""


def read_figures(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read and check the list of figures.

    Parameters
    ----------
    path : path
        The list, as in ``config/figures.yaml``.

    Returns
    -------
    dict
        By number, in the order of the list: ``shows``, ``claims``, the numbers of those
        that it judges, ``draw``, the module of
        :mod:`spectral_relevance.replication.figures` and its function, and ``tables``,
        their paths below ``results/{scale}`` by the argument of that function.

    Raises
    ------
    UserError
        If an entry is malformed, a number is given twice, or there is no such function
        or it takes other tables; it names the figure.
    """
    figures = {}
    for place, figure in read_entries(path, "figure", "number", SCHEMA).items():
        _check_function(figure, place)
        figures[figure["number"]] = {k: v for k, v in figure.items() if k != "number"}
    return figures


def final_files(scale: str, numbers: Iterable[str]) -> list[str]:
    """Return the files of a scale that are made of several experiments.

    Parameters
    ----------
    scale : str
        The scale.
    numbers : iterable of str
        Those of the figures.
    """
    pictures = [*(f"fig{number}" for number in numbers), "verdicts"]
    tables = (
        *("claims.csv", "claims.md", "claims.html", "verdicts.txt"),
        *("table1.csv", "table1.md", "table1.html", "provenance.json"),
        *("selection.csv", "selection.md"),
    )
    return [
        *(f"figures/{scale}/{name}.{end}" for name in pictures for end in FORMATS),
        *(f"results/{scale}/{name}" for name in tables),
    ]


def _check_function(figure: dict[str, Any], place: str) -> None:
    """Raise unless the function is there and takes these tables.

    The source is read, not imported: rules need the list at each start, and matplotlib
    takes long to load.
    """
    module, name = figure["draw"].split(".")
    file = FOLDER / f"{module}.py"
    if not file.is_file():
        raise UserError(f"{place}.draw: there is no module figures.{module}.")
    functions = {
        node.name: [argument.arg for argument in node.args.kwonlyargs]
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    if name not in functions:
        raise UserError(f"{place}.draw: figures.{module} has no function {name!r}.")
    if set(functions[name]) != set(figure["tables"]):
        raise UserError(
            f"{place}.tables: expected {', '.join(functions[name]) or 'none'}, which "
            f"{figure['draw']} takes, found {', '.join(figure['tables']) or 'none'}."
        )
