"""Checkouts with the commits and the records of jobs that publishing needs."""

import json
import subprocess
from pathlib import Path

from spectral_relevance.replication.provenance import RECORD, code_state, describe_job


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)


def commit(root: Path) -> str:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more", "--no-gpg-sign")
    return code_state(root)["commit"]


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def job(root: Path, name: str, *, seconds: float = 10, dirty: bool = False) -> None:
    """What a job leaves beside its tables."""
    measured = json.dumps({"s": seconds, "cpu_time": 2 * seconds})
    write(root / f"benchmarks/paper/{name}.jsonl", measured + "\n")
    record = json.dumps(describe_job(code_state(root) | {"dirty": dirty}))
    write(root / f"logs/paper/{name}.log", f"INFO begun\nINFO {RECORD}{record}\n")
