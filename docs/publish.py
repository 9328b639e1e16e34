"""The published run: ``make publish``, ``make restore`` and ``make readme``.

publish  judges the claims and draws the figures from the tables in results/paper and
         writes docs/replication.md, docs/replication/ and the README's table. What has
         not been computed yet is marked.
restore  puts the published tables into results/paper, so that figures can be drawn, and
         a partial run continued, without training again.
readme   puts tables into README.md: the verdicts of the published run and, where they
         are in results/, those of the quick scale and what the benchmark found, whose
         figure it copies to docs/benchmark.png.

The archive of the tables holds a manifest that tells of each experiment at which
commit, when and on what it was computed. An experiment whose tables are those of the
archive keeps what the manifest says; for the others the logs of their jobs tell it.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from spectral_relevance.replication.figures.benchmark import benchmark

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing, write_table, write_text
from spectral_relevance.replication.claims import (
    judge_all,
    per_check,
    per_claim,
    read_claims,
)
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.provenance import (
    code_state,
    describe_job,
    read_job_log,
)
from spectral_relevance.replication.scaling import NOTES, table1
from spectral_relevance.replication.settings import read_settings
from spectral_relevance.replication.tables import read_tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = "docs/replication.md"
FOLDER = "docs/replication"
VERDICTS = f"{FOLDER}/claims.csv"
ARCHIVE = f"{FOLDER}/tables.zip"
MANIFEST = "manifest.json"
# What figures and claims are made from, below results/{scale}. Neither datasets nor
# line bands: they are made from the downloads, which are not ours to pass on.
TABLES = (
    *(f"{f}/*.csv" for f in ("performance", "history", "curves", "comparison")),
    *("relevance/*/*.csv", "lrp_theory/*.csv", "scaling.csv", "table1.csv"),
)
DPI = 190  # the widest figures have 1350 pixels
PIXELS_PER_INCH = 120  # as shown, on a page that is some 900 pixels wide

NOT_YET = ["*Not computed yet.*", ""]
ARCHIVED = """\
## The tables behind it

[`replication/tables.zip`](replication/tables.zip) holds the tables that figures and
claims are made from, [`replication/claims.csv`](replication/claims.csv) the verdicts.
`make restore` puts the tables into `results/paper`. Then
`.venv/bin/snakemake --cores 2 figures/paper/fig05.pdf` draws a figure without training,
and `make paper` computes the experiments that are missing. It takes restored tables for
complete: where they have fewer runs than wanted, or after a change of settings, remove
those of the experiment first (`rm -r results/paper/*/mnist_all*`), and all of its runs
are trained. After a change of the code (a `git pull`) restore again: Snakemake makes
anew what is older than the code. Datasets are not archived; they are made from the
downloads.
"""

Tables = dict[str, dict[str, bytes]]
"""Content of each table, by experiment and path below results/{scale}."""
Record = dict[str, Any]
"""What the manifest tells of an experiment."""

AGAIN = "run the experiment again, at a commit."


# How it was computed ------------------------------------------------------------------


def read_computed(results: Path) -> Tables:
    """Return the tables that are there."""
    tables: Tables = {}
    for path in sorted(path for pattern in TABLES for path in results.glob(pattern)):
        name = path.relative_to(results)
        experiment = name.with_suffix("").parts[1] if len(name.parts) > 1 else "scaling"
        tables.setdefault(experiment, {})[name.as_posix()] = path.read_bytes()
    return tables


def digests(tables: Mapping[str, bytes]) -> dict[str, str]:
    """Return the digest of each table."""
    return {name: sha256(content).hexdigest() for name, content in tables.items()}


def job_of(table: str) -> str:
    """Return the job that makes a table, as the paths of its log and benchmark do."""
    name = Path(table).with_suffix("")
    if len(name.parts) == 1:
        return "scaling"
    if name.parts[0] in ("performance", "history", "curves") or name.name == "spectral":
        return f"evaluate/{name.parts[1]}"
    return name.as_posix()


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


def number(value: Any) -> float:
    """Return a measurement of Snakemake, which is no number for the shortest jobs."""
    return float(value) if isinstance(value, int | float) else 0.0


def unique(values: Iterable[Any]) -> list[Any]:
    """Return plain values without those that stand there already."""
    return list({json.dumps(value): value for value in values}.values())


# The archive --------------------------------------------------------------------------


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


def restore(root: Path, scale: str = "paper") -> None:
    """Put the published tables where the workflow looks for them.

    They are written anew even if they are there, because Snakemake makes again what is
    older than the code.
    """
    results = root / "results" / scale
    records, archived = read_archive(root / ARCHIVE)
    few = fewer_runs(read_settings(root, scale), records)
    present = read_computed(results)
    for experiment, tables in archived.items():
        if any(tables.get(k) != v for k, v in present.get(experiment, {}).items()):
            print(f"{experiment}: kept, there are other results already")
            continue
        for name, content in tables.items():
            with replacing(results / name) as temporary:
                temporary.write_bytes(content)
        runs = f" of {few[experiment]}" if experiment in few else ""
        print(f"{experiment}: {len(tables)} tables{runs}")


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


# What is shown ------------------------------------------------------------------------


def read_figures(root: Path) -> dict[str, dict[str, Any]]:
    """Return the list of figures, a literal in the rules."""
    rules = (root / "workflow/rules/figures.smk").read_text(encoding="utf-8")
    literal = re.search(r"^FIGURES = (\{.*?^\})", rules, re.DOTALL | re.MULTILINE)
    return ast.literal_eval(literal[1])


def check_data(results: Path, figures: Iterable[Mapping[str, Any]]) -> None:
    """Raise if a figure lacks nothing but what is made from the downloads."""
    needed = set()
    for figure in figures:
        tables = set(figure["tables"].values())
        missing = {name for name in tables if not (results / name).is_file()}
        if missing < tables and all(
            name.startswith("datasets/") or name == "line_bands.csv" for name in missing
        ):
            needed |= {f"results/{results.name}/{name}" for name in missing}
    if needed:
        raise UserError(
            f"{listed(sorted(needed))}: needed to draw what was computed.",
            f".venv/bin/snakemake --cores 1 {' '.join(sorted(needed))}",
        )


def caption(root: Path, name: str) -> str:
    """Return a caption of the report as Markdown, without the scale."""
    path = root / f"workflow/report/{name}.rst"
    text = re.sub(
        r"\s*\(scale:\s*\{\{.*?\}\}\)|;\s*scale:\s*\{\{.*?\}\}",
        "",
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    text = text.replace("{{ snakemake.wildcards.scale }}", "paper").replace("``", "`")
    return f"{' '.join(text.split())}\n"


def draw(results: Path, figure: Mapping[str, Any]) -> Figure | None:
    """Draw a figure unless one of its tables is missing."""
    paths = {name: results / table for name, table in figure["tables"].items()}
    if not all(path.is_file() for path in paths.values()):
        return None
    module, function = figure["draw"].split(".")
    module = import_module(f"spectral_relevance.replication.figures.{module}")
    return getattr(module, function)(**read_tables(paths))


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure with 256 colours: a third of the size, and no eye can tell."""
    buffer = BytesIO()
    with matplotlib.rc_context(style.STYLE):
        figure.savefig(buffer, format="png", dpi=DPI)
    image = Image.open(buffer).convert("RGB").quantize(256)
    with replacing(path) as temporary:
        image.save(temporary, format="png", optimize=True)


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def days(written: Iterable[str]) -> str:
    """Return the day, or the first and the last, of some points in time."""
    found = sorted({moment[:10] for moment in written})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def machine(hardware: Mapping[str, Any]) -> str:
    """Return a machine in words."""
    parts = [hardware["processor"], f"{hardware['cores']} cores"]
    return ", ".join([*parts, f"{hardware['memory_gib']} GiB", *hardware["gpus"]])


def listed(words: Sequence[Any]) -> str:
    """Return an enumeration."""
    *most, last = map(str, words)
    return f"{', '.join(most)} and {last}" if most else last


def shared(records: Mapping[str, Record], key: str, text: Any) -> list[str]:
    """Return a line for each of what experiments had in common."""
    users: dict[str, list[str]] = {}
    for experiment, entry in records.items():
        for value in entry[key]:
            users.setdefault(text(value), []).append(experiment)
    if len(users) == 1:
        return [f"- {value}" for value in users]
    return [f"- {value}: {listed(names)}" for value, names in users.items()]


def verdict_lines(verdicts: pd.DataFrame) -> list[str]:
    """Return how many claims fared how, and which did not."""
    claims = verdicts.groupby("id", sort=False)["verdict"].first()
    lines = []
    for verdict in ("reproduced", "not reproduced", "not judged", "not run yet"):
        numbers = claims.index[claims == verdict]
        if verdict == "reproduced":
            lines.append(f"{len(numbers)} of {len(claims)} claims are reproduced.")
        elif len(numbers):
            few = "claim" if len(numbers) == 1 else "claims"
            lines.append(f"{verdict.capitalize()}: {few} {listed(numbers)}.")
    return lines


def missing_lines(
    settings: Mapping[str, Any], records: Mapping[str, Record], undrawn: Sequence[str]
) -> list[str]:
    """Return what is left to compute, and where runs are fewer than they should be."""
    few = [f"{k} ({runs})" for k, runs in fewer_runs(settings, records).items()]
    absent = [e for e in (*settings["experiments"], "scaling") if e not in records]
    return [
        *([f"Experiments not computed yet: {listed(absent)}."] if absent else []),
        *([f"Figures not computed yet: {listed(undrawn)}."] if undrawn else []),
        *([f"With fewer runs than wanted: {listed(few)}."] if few else []),
    ]


def computing_lines(
    settings: Mapping[str, Any], records: Mapping[str, Record], commit: str
) -> list[str]:
    """Return how long each experiment took, when, at which commit, and on what."""
    rows = []
    for name in (*settings["experiments"], "scaling"):
        if name not in records:
            rows.append([name, "not computed yet", *[""] * 5])
            continue
        entry = records[name]
        mark = "" if entry["recorded"] else " (stated)"
        rows.append(
            [
                *(name, len(entry["seeds"]) or "", entry["jobs"]),
                *(duration(entry["cpu_seconds"]), duration(entry["seconds"])),
                days(entry["written"]),
                ", ".join(f"`{c[:10]}`" for c in entry["commits"]) + mark,
            ]
        )
    total = [
        f"**{duration(sum(entry[key] for entry in records.values()))}**"
        for key in ("cpu_seconds", "seconds")
    ]
    jobs = sum(entry["jobs"] for entry in records.values())
    rows.append(["**all**", "", jobs, *total, "", ""])
    head = ["experiment", "runs", "jobs", "processor time", "elapsed time", "date"]
    head.append("commit")
    stated = [name for name, entry in records.items() if not entry["recorded"]]
    return [
        "Times are sums over the jobs of an experiment (data, training, evaluation, "
        "scores), some of which ran side by side; of a job that was interrupted only "
        "the last sitting counts. The commit is the last one that changed code or "
        "settings"
        + (
            "; it was recorded by the jobs, or stated by hand where the table says so."
            if stated
            else ", as the jobs recorded it."
        ),
        "",
        *(f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * 7, *rows)),
        "",
        "Machines:",
        "",
        *shared(records, "hardware", machine),
        "",
        "Versions:",
        "",
        *shared(
            records,
            "versions",
            lambda versions: ", ".join(f"{k} {v}" for k, v in versions.items()),
        ),
        "",
        f"The figures were drawn and the claims judged at commit `{commit[:10]}`.",
    ]


def page(
    root: Path,
    scale: str,
    settings: Mapping[str, Any],
    figures: Mapping[str, Mapping[str, Any]],
    verdicts: pd.DataFrame,
    exponents: pd.DataFrame | None,
    widths: Mapping[str, int | None],
    records: Mapping[str, Record],
    commit: str,
) -> str:
    """Return docs/replication.md.

    `exponents` are those of Table 1, None if they were not measured; `widths` gives for
    each figure how wide it is shown, or None if it was not drawn.
    """
    titles = {
        key: f"Figure {key.lstrip('0')}: {figure['shows']}"
        for key, figure in figures.items()
    }
    anchors = {k: re.sub(r"[^\w -]", "", t.lower()) for k, t in titles.items()}
    links = [f"[{k.lstrip('0')}](#{v.replace(' ', '-')})" for k, v in anchors.items()]
    undrawn = [key.lstrip("0") for key, width in widths.items() if width is None]
    lines = [
        "# The replication at the paper's settings",
        "",
        "<!-- Written by `make publish`; do not edit. -->",
        "",
        *(f"- {line}" for line in verdict_lines(verdicts)),
        *(f"- {line}" for line in missing_lines(settings, records, undrawn)),
        "",
        "What differs from the paper, and why claims were not reproduced, is discussed "
        "in [`deviations.md`](deviations.md).",
        "",
        f"[Claims](#claims) · Figures {' '.join(links)} · [Table 1](#table-1) · "
        "[How it was computed](#how-it-was-computed) · "
        "[The tables behind it](#the-tables-behind-it)",
        "",
        "## Claims",
        "",
        caption(root, "claims"),
        markdown(per_check(verdicts)),
        "## Figures",
        "",
        "Under the numbers that they have in the paper; S1 to S3 go beyond it.",
        "",
    ]
    for key, title in titles.items():
        image = (
            f'<img src="replication/fig{key}.png" width="{widths[key]}" alt="{title}">'
        )
        shown = [image, "", caption(root, f"fig{key}")] if widths[key] else NOT_YET
        lines += [f"### {title}", "", *shown]
    shown = NOT_YET
    if exponents is not None:
        shown = [markdown(table1(exponents)), NOTES, "", caption(root, "table1")]
    lines += ["## Table 1", "", *shown]
    lines += ["## How it was computed", ""]
    lines += [*computing_lines(settings, records, commit), "", ARCHIVED]
    return "\n".join(lines)


# The commands -------------------------------------------------------------------------


def publish(root: Path, scale: str = "paper", commit: str | None = None) -> None:
    """Write the page, its folder and the README's table."""
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
    figures = read_figures(root)
    check_data(results, figures.values())
    drawn = {key: draw(results, entry) for key, entry in figures.items()}
    widths = {
        key: figure and round(figure.get_figwidth() * PIXELS_PER_INCH)
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
        path = root / FOLDER / f"fig{key}.png"
        if figure:
            write_png(figure, path)
        else:
            path.unlink(missing_ok=True)
    write_table(verdicts, root / VERDICTS)
    write_archive(root / ARCHIVE, records, tables)
    write_text(text, root / PAGE)
    print("\n".join(verdict_lines(verdicts)))


def read_verdicts(path: Path) -> str:
    """Return the short table of verdicts as Markdown."""
    return markdown(per_claim(pd.read_csv(path, dtype={"section": str})))


def read_text(path: Path) -> str:
    """Return a table that is Markdown already."""
    return path.read_text(encoding="utf-8")


README_TABLES = {
    "claims:paper": (VERDICTS, read_verdicts),
    "claims:quick": ("results/quick/claims.csv", read_verdicts),
    "benchmark": ("results/benchmark.md", read_text),
}
"""Files of the README's tables, and what makes Markdown of them, by their mark."""


def update_readme(root: Path) -> None:
    """Replace the README's tables, and the figure of speed, where there are results."""
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    for mark, (name, read) in README_TABLES.items():
        if not (root / name).is_file():
            print(f"README.md: no {name}, table left as it is")
            continue
        table = read(root / name)
        text, count = re.subn(
            rf"(<!-- {mark} -->\n).*?(<!-- end -->)",
            lambda match, table=table: match[1] + table + match[2],
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise UserError(f"README.md: expected one <!-- {mark} -->.")
    write_text(text, readme)
    speed = root / "results/benchmark.csv"
    if speed.is_file():
        write_png(benchmark(table=pd.read_csv(speed)), root / "docs/benchmark.png")


def main() -> None:
    """Run the command that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("publish", "restore", "readme"))
    parser.add_argument(
        "--commit", help="commit of results whose jobs did not record one"
    )
    options = parser.parse_args()
    try:
        if options.command == "publish":
            publish(ROOT, commit=options.commit)
        if options.command == "restore":
            restore(ROOT)
        else:
            update_readme(ROOT)
    except UserError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
