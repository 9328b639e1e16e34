"""One file to deposit: code, tables, figures and weights of a complete run.

It has the layout of a checkout and is an RO-Crate, whose metadata have the digest of
each file.
"""

import json
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing
from spectral_relevance.replication.calibration import table_files
from spectral_relevance.replication.claims import read_claims, table_paths
from spectral_relevance.replication.figures.catalogue import (
    final_files,
    read_figures,
)
from spectral_relevance.replication.publish.archive import (
    experiment_of,
    read_computed,
)
from spectral_relevance.replication.publish.crate import (
    Member,
    Part,
    check,
    describe,
)
from spectral_relevance.replication.publish.records import (
    full_commit,
    job_of,
    record,
)
from spectral_relevance.replication.publish.unpack import METADATA, SUMMARY_PART
from spectral_relevance.replication.publish.workflow import is_up_to_date
from spectral_relevance.replication.settings import blocks, read_settings, read_yaml

DEPOSIT = "archive.zip"

# They are compressed already, or are weights, which hardly can be.
STORED = (".npz", ".pdf", ".png", ".pt", ".zip")


def archive(root: Path, scale: str = "paper", commit: str | None = None) -> None:
    """Write the deposit.

    Raises
    ------
    UserError
        If files of the checkout differ from its commit, if results are missing or not
        up to date, or if it cannot be told at which commit they were computed.
    """
    check_committed(root)
    commit = commit and full_commit(root, commit)
    parts = parts_of(root, scale, commit)
    if not is_up_to_date(root, scale):
        raise UserError(
            f"results/{scale}: expected results of this code and these settings, found "
            "that Snakemake would compute some of them anew.",
            f".venv/bin/snakemake -n {scale} lists them, make {scale} computes them.",
        )
    head, date = _git(root, "log", "-1", "--format=%H %ct").decode().split()
    made = datetime.fromtimestamp(int(date), UTC)
    members = {}
    with (
        replacing(root / DEPOSIT) as temporary,
        zipfile.ZipFile(temporary, "w") as deposit,
    ):
        for name, content in _contents(root, parts):
            _add(deposit, name, content, made)
            members[name] = Member(len(content), sha256(content).hexdigest())
        citation = read_yaml(root / "CITATION.cff")
        metadata = describe(citation, head, made.isoformat(), members, parts)
        check(metadata)
        text = json.dumps(metadata, indent=1) + "\n"
        _add(deposit, METADATA, text.encode(), made)
    size = (root / DEPOSIT).stat().st_size
    print(f"{DEPOSIT}: {len(members)} files, {size / 1e6:.0f} MB, commit {head[:10]}")


def check_committed(root: Path) -> None:
    """Raise unless the checkout is what its last commit has."""
    changes = _git(root, "status", "--porcelain").decode().splitlines()
    if changes:
        raise UserError(
            f"{changes[0][3:]}: not as in the last commit, which would be deposited.",
            "commit what belongs to the deposit, remove the rest.",
        )


def parts_of(root: Path, scale: str, commit: str | None) -> dict[str, Part]:
    """Return the results of a complete run and how they were computed, by experiment.

    `commit` is that of jobs whose logs do not tell it.
    """
    results = f"results/{scale}"
    wanted = wanted_files(root, scale)
    missing = {
        part: [name for name in names if not (root / name).is_file()]
        for part, names in wanted.items()
    }
    if any(missing.values()):
        lines = [f"  {k}: {', '.join(v)}" for k, v in missing.items() if v]
        raise UserError(
            "\n".join(["expected a complete run, found none of:", *lines]),
            f"make {scale} computes what is missing; of an experiment whose tables "
            "are there without its weights, remove the tables first.",
        )
    computed = read_computed(root / results)
    parts = {}
    for part, names in wanted.items():
        if part == SUMMARY_PART:
            parts[part] = Part(sorted(names), None)
            continue
        tables = computed[part]
        jobs = {job_of(name) for name in tables}
        jobs |= {
            f"train/{part}/{Path(name).stem}" for name in names if name[-3:] == ".pt"
        }
        left = [
            *(f"logs/{scale}/{job}.log" for job in jobs),
            *(f"benchmarks/{scale}/{job}.jsonl" for job in jobs),
        ]
        files = {*names, *(f"{results}/{name}" for name in tables)}
        files |= {name for name in left if (root / name).is_file()}
        parts[part] = Part(sorted(files), record(root, scale, part, tables, commit))
    return parts


def wanted_files(root: Path, scale: str) -> dict[str, set[str]]:
    """Return the files that a complete run has at least, by experiment.

    Neither datasets nor line bands are among them: see
    :data:`~spectral_relevance.replication.publish.archive.TABLES`.
    """
    claims = read_claims(root / "config/claims.yaml")
    figures = read_figures(root / "config/figures.yaml")
    tables = {
        *table_paths(claims),
        *(table for figure in figures.values() for table in figure["tables"].values()),
        *("scaling.csv", "table1.csv"),
    }
    wanted: dict[str, set[str]] = {}
    for table in sorted(tables):
        if not table.startswith("datasets/") and table != "line_bands.csv":
            wanted.setdefault(experiment_of(table), set()).add(table)
    settings = read_settings(root, scale)
    for name, experiment in settings["experiments"].items():
        if name in wanted:
            stems = [f"models/{name}/{block}" for block in blocks(experiment)]
            wanted[name] |= {f"{s}{end}" for s in stems for end in (".pt", ".csv")}
    wanted = {
        name: {f"results/{scale}/{file}" for file in files}
        for name, files in wanted.items()
    }
    ends = {*final_files(scale, figures), *table_files(scale, settings["selection"])}
    wanted[SUMMARY_PART] = ends.difference(*wanted.values())
    return wanted


def _contents(root: Path, parts: Mapping[str, Part]) -> Iterator[tuple[str, bytes]]:
    """Go through names and contents: the code of the last commit, then the results."""
    with zipfile.ZipFile(
        BytesIO(_git(root, "archive", "--format=zip", "HEAD"))
    ) as code:
        for name in sorted(code.namelist()):
            if not name.endswith("/"):
                yield name, code.read(name)
    for name in sorted(file for part in parts.values() for file in part.files):
        yield name, (root / name).read_bytes()


def _add(deposit: zipfile.ZipFile, name: str, content: bytes, made: datetime) -> None:
    """Add a file; the same content gives the same bytes."""
    entry = zipfile.ZipInfo(name, made.timetuple()[:6])
    entry.external_attr = 0o644 << 16
    stored = name.endswith(STORED)
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    deposit.writestr(entry, content)


def _git(root: Path, *arguments: str) -> bytes:
    """Return what git says."""
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], check=True, capture_output=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"{root}: expected a clone of the repository, found none that git reads.",
        ) from error
