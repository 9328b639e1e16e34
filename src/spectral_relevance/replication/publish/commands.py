"""Publish the run at the paper's settings, or restore what was published."""

import os
import time
from pathlib import Path

import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing, write_table, write_text
from spectral_relevance.replication.claims import counted, judge_all, read_claims
from spectral_relevance.replication.figures.catalogue import read_figures
from spectral_relevance.replication.figures.verdicts import overview
from spectral_relevance.replication.provenance import code_state
from spectral_relevance.replication.publish.archive import (
    ARCHIVE,
    FOLDER,
    digests,
    read_archive,
    read_computed,
    write_archive,
)
from spectral_relevance.replication.publish.page import PAGE, page
from spectral_relevance.replication.publish.pictures import (
    PIXELS_PER_INCH,
    check_data,
    draw,
    write_png,
)
from spectral_relevance.replication.publish.readme import VERDICTS
from spectral_relevance.replication.publish.records import (
    fewer_runs,
    full_commit,
    record,
)
from spectral_relevance.replication.publish.text import listed
from spectral_relevance.replication.settings import read_settings


def publish(root: Path, scale: str = "paper", commit: str | None = None) -> None:
    """Write the page and its folder."""
    state = code_state(root)
    if state is None or state["dirty"]:
        raise UserError(
            "code or settings are not those of a commit.",
            "commit the changes of Snakefile, config, src and workflow first.",
        )
    commit = commit and full_commit(root, commit)
    results = root / "results" / scale
    tables = read_computed(results)
    if not tables:
        raise UserError(
            f"results/{scale}: expected tables, found none.",
            "make paper computes them, make restore fetches the published ones.",
        )
    archived, _ = read_archive(root / ARCHIVE)
    lost = archived.keys() - tables.keys()
    if lost:
        raise UserError(
            f"results/{scale}: {listed(sorted(lost))} would no longer be published.",
            "make restore brings back what was published.",
        )
    settings = read_settings(root, scale)
    names = [*settings["experiments"], "scaling"]
    tables = {name: tables[name] for name in names if name in tables}
    records = {
        name: archived[name]
        if archived.get(name, {}).get("tables") == digests(contents)
        else record(root, scale, name, contents, commit)
        for name, contents in tables.items()
    }
    claims = read_claims(root / "config/claims.yaml")
    verdicts = judge_all(claims, results)
    figures = read_figures(root / "config/figures.yaml")
    check_data(results, figures.values())
    drawn = {f"fig{key}": draw(results, entry) for key, entry in figures.items()}
    drawn["verdicts"] = overview(claims=verdicts)
    widths = {
        key.removeprefix("fig"): figure
        and round(figure.get_figwidth() * PIXELS_PER_INCH)
        for key, figure in drawn.items()
    }
    path = results / "table1.csv"
    exponents = pd.read_csv(path) if path.is_file() else None
    text = page(
        *(root, scale, settings, figures, verdicts, exponents, widths, records),
        state["commit"],
    )
    # Nothing was written until here: what cannot be read or drawn changes nothing.
    for key, figure in drawn.items():
        path = root / FOLDER / f"{key}.png"
        if figure:
            write_png(figure, path)
        else:
            path.unlink(missing_ok=True)
    write_table(verdicts, root / VERDICTS)
    write_archive(root / ARCHIVE, records, tables)
    write_text(text, root / PAGE)
    print(counted(verdicts))


def restore(root: Path, scale: str = "paper") -> None:
    """Put the published tables where the workflow looks for them.

    They are written anew even if they are there, because Snakemake makes again what is
    older than the code.
    """
    results = root / "results" / scale
    records, archived = read_archive(root / ARCHIVE)
    few = fewer_runs(read_settings(root, scale), records)
    present = read_computed(results)
    now = time.time_ns()  # one time for all: some tables are made from others
    for experiment, tables in archived.items():
        if any(tables.get(k) != v for k, v in present.get(experiment, {}).items()):
            print(f"{experiment}: kept, there are other results already")
            continue
        for name, content in tables.items():
            with replacing(results / name) as temporary:
                temporary.write_bytes(content)
                os.utime(temporary, ns=(now, now))
        runs = f" of {few[experiment]}" if experiment in few else ""
        print(f"{experiment}: {len(tables)} tables{runs}")
