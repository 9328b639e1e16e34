"""Files that are either complete or absent, and the checks made on reading them."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

import pandas as pd

from spectral_relevance.errors import UserError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place on success.

    On an error, a kill or a loss of power `path` keeps its former state. What a
    killed process left beside it is removed when `path` is written again on the same
    machine; one that shares the folder cannot tell whether the process still lives.

    Parameters
    ----------
    path : path
        The file to write. Its folder is created.

    Yields
    ------
    Path
        Where to write. The name does not keep the suffix of `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{platform.node()}."
    for part in path.parent.glob(f"{escape(prefix)}*.part"):
        if not _lives(int(part.suffixes[-2][1:])):
            part.unlink(missing_ok=True)
    temporary = path.with_name(f"{prefix}{os.getpid()}.part")
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)
        _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    """Whether there is a process of this number here, if that can be told."""
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV with floats that read back to the same bits."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def write_text(text: str, path: str | Path) -> None:
    """Write text as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Any, path: str | Path) -> None:
    """Write plain data as indented JSON."""
    write_text(json.dumps(value, indent=2) + "\n", path)


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 digest of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: str | Path, sha256: str) -> None:
    """Raise unless the file exists and has the digest that the configuration states.

    Raises
    ------
    UserError
        If the file is missing or differs.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: expected a file, found none.")
    found = sha256_of(path)
    if found != sha256:
        raise UserError(
            f"{path}: expected sha256 {sha256}, found {found}.",
            "delete the file and run again to fetch it anew.",
        )
