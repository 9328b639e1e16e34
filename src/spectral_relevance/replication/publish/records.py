"""How an experiment was computed, from what its jobs left."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.replication.provenance import describe_job, read_job_log
from spectral_relevance.replication.publish.archive import Record, digests
from spectral_relevance.replication.publish.unpack import training_code

AGAIN = "run the experiment again, at a commit."


def record(
    root: Path,
    scale: str,
    experiment: str,
    tables: Mapping[str, bytes],
    commit: str | None,
) -> Record:
    """Return how the tables of an experiment were computed, from what its jobs left.

    `commit` is that of jobs whose logs do not tell it.
    """
    benchmarks, logs = root / "benchmarks" / scale, root / "logs" / scale
    jobs = {job_of(name) for name in tables}
    seeds: list[int] = []
    if experiment != "scaling":
        trained = sorted(benchmarks.glob(f"train/{experiment}/*.jsonl"))
        seeds = read_seeds(next(iter(tables.values())))
        check_blocks([path.stem for path in trained], seeds, experiment)
        jobs |= {f"train/{experiment}/{path.stem}" for path in trained}
        if (benchmarks / f"dataset/{experiment}.jsonl").is_file():
            jobs.add(f"dataset/{experiment}")
    found, recorded = [], True
    for job in sorted(jobs):
        log, benchmark = logs / f"{job}.log", benchmarks / f"{job}.jsonl"
        if not benchmark.is_file():
            raise UserError(f"{benchmark.relative_to(root)}: expected a file.", AGAIN)
        job = read_job_log(log)
        if job is None or job["git"] is None:
            if commit is None:
                raise UserError(
                    f"{log.relative_to(root)}: it does not tell the commit.",
                    "if you know it, state it with --commit; the page will say so.",
                )
            recorded = False
            ended = datetime.fromtimestamp(benchmark.stat().st_mtime, UTC)
            job = describe_job({"commit": commit, "dirty": False})
            job["written"] = ended.isoformat(timespec="seconds")
        if job["git"]["dirty"]:
            raise UserError(
                f"{log.relative_to(root)}: code or settings had changes that were not "
                "committed when this job ran.",
                AGAIN,
            )
        found.append(job | json.loads(benchmark.read_text(encoding="utf-8")))
    written = sorted(job["written"] for job in found)
    return {
        "tables": digests(tables),
        "seeds": seeds,
        "jobs": len(found),
        "cpu_seconds": round(sum(number(job["cpu_time"]) for job in found)),
        "seconds": round(sum(number(job["s"]) for job in found)),
        "written": [written[0], written[-1]],
        "commits": unique(job["git"]["commit"] for job in found),
        "recorded": recorded,
        "hardware": unique(job["hardware"] for job in found),
        "versions": unique(job["versions"] for job in found),
    }


def job_of(table: str) -> str:
    """Return the job that makes a table, as the paths of its log and benchmark do."""
    name = Path(table).with_suffix("")
    if len(name.parts) == 1:
        return "scaling"
    if name.parts[0] in ("performance", "history", "curves") or name.name == "spectral":
        return f"evaluate/{name.parts[1]}"
    return name.as_posix()


def full_commit(root: Path, name: str) -> str:
    """Return the hash of a commit that the user names."""
    found = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", f"{name}^{{commit}}"],
        capture_output=True,
        text=True,
    )
    if found.returncode:
        raise UserError(f"--commit: expected a commit, found {name!r}.")
    return found.stdout.strip()


def of_one_code(root: Path, records: Mapping[str, Record], commit: str) -> bool | None:
    """Return whether what weights depend on is the same at all commits of a run.

    None if there is only one commit, or if it cannot be told, as one is not in this
    checkout. `commit` is that of the code of now.
    """
    others = unique(c for entry in records.values() for c in entry["commits"])
    if set(others) <= {commit}:
        return None
    command = ["git", "-C", str(root), "diff", "--quiet"]
    files = sorted(training_code(root))
    found = {
        subprocess.run(
            [*command, other, commit, "--", *files], stderr=subprocess.DEVNULL
        ).returncode
        for other in others
    }
    if 1 in found:  # git found a difference
        return False
    return True if found == {0} else None


def read_seeds(table: bytes) -> list[int]:
    """Return the seeds of an experiment from one of its tables."""
    return sorted(map(int, pd.read_csv(BytesIO(table))["seed"].unique()))


def check_blocks(blocks: Sequence[str], seeds: Sequence[int], experiment: str) -> None:
    """Raise unless each seed was trained by one job, as its times would be wrong."""
    spans = [(int(b.split("-")[0]), int(b.split("-")[-1])) for b in blocks]
    for seed in seeds:
        if sum(first <= seed <= last for first, last in spans) != 1:
            raise UserError(
                f"benchmarks of training {experiment}: expected one job of seed "
                f"{seed}, found jobs {', '.join(blocks) or 'none'}.",
                "remove those of earlier runs; they are not counted twice.",
            )


def fewer_runs(
    settings: Mapping[str, Any], records: Mapping[str, Record]
) -> dict[str, str]:
    """Return how many runs an experiment has, for those with fewer than wanted."""
    found = {}
    for name, experiment in settings["experiments"].items():
        wanted = len(experiment["seeds"])
        count = len(records[name]["seeds"]) if name in records else wanted
        if count < wanted:
            found[name] = f"{count} of {wanted} runs"
    return found


def number(value: Any) -> float:
    """Return a measurement of Snakemake, which is no number for the shortest jobs."""
    return float(value) if isinstance(value, int | float) else 0.0


def unique(values: Iterable[Any]) -> list[Any]:
    """Return plain values without those that stand there already."""
    return list({json.dumps(value): value for value in values}.values())
