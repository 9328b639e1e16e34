"""What is needed to tell how results came about."""

import json
import logging
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import psutil

from spectral_relevance.processor import about_processor

DISTRIBUTION = "spectral-relevance"

CODE = ("Snakefile", "config", "src", "workflow")
"""What results depend on, below the repository."""

RECORD = "ran with "
"""Precedes the description of a job in its log."""


def describe(
    root: str | Path, settings: Mapping[str, Any], sources: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe software, hardware, code and settings.

    Parameters
    ----------
    root : path
        The repository.
    settings : mapping
        Settings of the scale.
    sources : mapping
        Source of each downloaded file, by dataset.

    Returns
    -------
    dict
        Plain data, ready for JSON. ``git`` is that of :func:`code_state`.
    """
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "git": code_state(root),
        **_environment(gpus),
        "sources": dict(sources),
        "settings": dict(settings),
    }


def describe_job(git: Mapping[str, Any] | None) -> dict[str, Any]:
    """Describe what a job that ends now ran with.

    Parameters
    ----------
    git : mapping or None
        :func:`code_state` when the job began.

    Returns
    -------
    dict
        Plain data, ready for JSON: as :func:`describe` without sources and settings.
        GPUs are those that the process can use, if it has used any.
    """
    # Small jobs do without torch, which takes seconds to import.
    torch = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_initialized()
    count = torch.cuda.device_count() if used else 0
    gpus = [torch.cuda.get_device_name(i) for i in range(count)]
    return {"git": git, **_environment(gpus)}


def log_job(git: Mapping[str, Any] | None) -> None:
    """Write :func:`describe_job` to the log, for :func:`read_job_log`."""
    logging.info("%s%s", RECORD, json.dumps(describe_job(git)))


def read_job_log(path: str | Path) -> dict[str, Any] | None:
    """Return what :func:`log_job` wrote; None if there is nothing, or no log."""
    path = Path(path)
    if path.is_file():
        for line in reversed(path.read_text(encoding="utf-8").splitlines()):
            if RECORD in line:
                return json.loads(line.partition(RECORD)[2])
    return None


def code_state(root: str | Path) -> dict[str, Any] | None:
    """Return the state of code and settings.

    Parameters
    ----------
    root : path
        The repository.

    Returns
    -------
    dict or None
        ``commit``, the last one that changed code or settings, and ``dirty``, whether
        they differ from it. None outside a checkout.
    """
    git = ["git", "-C", str(root)]
    try:
        commit = _output([*git, "log", "-1", "--format=%H", "--", *CODE])
        changes = _output([*git, "status", "--porcelain", "--", *CODE])
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(changes)} if commit else None


def _environment(gpus: Sequence[str]) -> dict[str, Any]:
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": {
            "processor": _processor(),
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "gpus": list(gpus),
        },
        "system": platform.platform(),
    }


def _output(command: Sequence[str]) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.strip()


def packages() -> list[str]:
    """Return the names of all packages that the library and its extras ask for."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # a checkout that is not installed
        text = Path(__file__).parents[3].joinpath("pyproject.toml").read_text("utf-8")
        project = tomllib.loads(text)["project"]
        parts = project["optional-dependencies"].values()
        lines = [*project["dependencies"], *(line for part in parts for line in part)]
    names = {re.match(r"[\w.-]+", line)[0].lower() for line in lines}
    return sorted(names - {DISTRIBUTION})


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in packages():
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _processor() -> str:
    told = about_processor("model name")
    return told or platform.processor() or platform.machine()
