"""The tables of a run, and the archive that they are published in."""

import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing

FOLDER = "docs/replication"
ARCHIVE = f"{FOLDER}/tables.zip"
MANIFEST = "manifest.json"
# What figures and claims are made from, below results/{scale}. Neither datasets nor
# line bands: they are made from the downloads, which are not ours to pass on.
TABLES = (
    *(f"{f}/*.csv" for f in ("performance", "history", "curves", "controls")),
    *(
        "comparison/*.csv",
        "relevance/*/*.csv",
        "lrp_theory/*.csv",
        "scaling.csv",
        "table1.csv",
    ),
)

Tables = dict[str, dict[str, bytes]]
"""Content of each table, by experiment and path below results/{scale}."""
Record = dict[str, Any]
"""What the manifest tells of an experiment."""


def read_computed(results: Path) -> Tables:
    """Return the tables that are there."""
    tables: Tables = {}
    for path in sorted(path for pattern in TABLES for path in results.glob(pattern)):
        name = path.relative_to(results).as_posix()
        tables.setdefault(experiment_of(name), {})[name] = path.read_bytes()
    return tables


def experiment_of(table: str) -> str:
    """Return the experiment that a table belongs to."""
    parts = Path(table).with_suffix("").parts
    return parts[1] if len(parts) > 1 else "scaling"


def digests(tables: Mapping[str, bytes]) -> dict[str, str]:
    """Return the digest of each table."""
    return {name: sha256(content).hexdigest() for name, content in tables.items()}


def read_archive(path: Path) -> tuple[dict[str, Record], Tables]:
    """Return records and tables of each published experiment; none without a file."""
    if not path.is_file():
        return {}, {}
    with zipfile.ZipFile(path) as archive:
        records = json.loads(archive.read(MANIFEST))
        tables = {
            experiment: {name: archive.read(name) for name in entry["tables"]}
            for experiment, entry in records.items()
        }
    for experiment, entry in records.items():
        if digests(tables[experiment]) != entry["tables"]:
            raise UserError(f"{path}: tables of {experiment} are not what they were.")
    return records, tables


def write_archive(path: Path, records: Mapping[str, Record], tables: Tables) -> None:
    """Write the archive; the same content gives the same bytes."""
    contents = {name: c for entry in tables.values() for name, c in entry.items()}
    manifest = json.dumps(records, indent=1) + "\n"
    contents[MANIFEST] = manifest.encode()
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents[name], compresslevel=9)
