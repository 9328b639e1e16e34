"""What is needed to tell how results came about."""

import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "astropy",
    "matplotlib",
    "seaborn",
    "snakemake",
)


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
        Plain data, ready for JSON. ``git`` is null outside a checkout.
    """
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": _git(root),
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": {
            "processor": _processor(),
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "gpus": [
                torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())
            ],
        },
        "system": platform.platform(),
        "sources": dict(sources),
        "settings": dict(settings),
    }


def _git(root: str | Path) -> dict[str, Any] | None:
    try:
        commit = _output(["git", "-C", str(root), "rev-parse", "HEAD"])
        changes = _output(["git", "-C", str(root), "status", "--porcelain"])
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _output(command: Sequence[str]) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.strip()


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
