"""Snakemake, asked about a checkout or told about it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from spectral_relevance.errors import UserError


def is_up_to_date(root: Path, target: str) -> bool:
    """Whether Snakemake would compute nothing."""
    return "Nothing to be done" in _snakemake(root, "--dry-run", "--", target)


def take_as_made(root: Path, files: Sequence[str]) -> None:
    """Let Snakemake record files as made by the code and settings that are there."""
    if files:
        _snakemake(root, "--touch", "--force", "--", *files)


def _snakemake(root: Path, *arguments: str) -> str:
    """Return what Snakemake says."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    found = subprocess.run(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if found.returncode:
        raise UserError(f"Snakemake failed:\n{found.stdout.strip()}")
    return found.stdout
