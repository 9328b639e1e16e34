"""Reading lists of numbered entries: the claims and the figures."""

from pathlib import Path
from typing import Any

from spectral_relevance.errors import UserError
from spectral_relevance.replication.settings import check, read_yaml


def read_entries(
    path: str | Path, what: str, key: str, schema: str | Path
) -> dict[str, dict[str, Any]]:
    """Read a list whose entries obey a schema and have numbers of their own.

    Parameters
    ----------
    path : path
        The list, as YAML.
    what : str
        What an entry is, for messages.
    key : str
        The key of its number.
    schema : path
        What each entry has to obey.

    Returns
    -------
    dict
        The entries in their order, by how messages name their place.

    Raises
    ------
    UserError
        If the file is no such list, an entry is malformed, or a number stands twice.
    """
    entries, rules = read_yaml(path), read_yaml(schema)
    if not isinstance(entries, list) or not entries:
        raise UserError(
            f"{path}, top level: expected a list of {what}s, found {entries}."
        )
    places: dict[str, dict[str, Any]] = {}
    for position, entry in enumerate(entries, start=1):
        has_number = isinstance(entry, dict) and key in entry
        name = f"{what} {entry[key]}" if has_number else f"entry {position}"
        place = f"{path}, {name}"
        check(entry, rules, place)
        if place in places:
            raise UserError(f"{place}: the number stands twice.")
        places[place] = entry
    return places
