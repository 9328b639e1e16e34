"""The page of the published run, ``docs/replication.md``."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import StrictUndefined, Template, TemplateError

from spectral_relevance.errors import UserError
from spectral_relevance.replication.captions import shown_settings
from spectral_relevance.replication.claims import (
    counted,
    deciding_checks,
    per_check,
    per_claim,
)
from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.publish.archive import FOLDER, Record
from spectral_relevance.replication.publish.records import fewer_runs, of_one_code
from spectral_relevance.replication.publish.text import days, duration, listed, machine
from spectral_relevance.replication.scaling import NOTES, table1

PAGE = "docs/replication.md"

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
    """Return docs/replication.md; `commit` is that of the code of now.

    `exponents` are those of Table 1, None if they were not measured; `widths` gives for
    each figure, and for `verdicts`, how wide it is shown, or None if it was not drawn.
    """
    titles = {
        key: f"Figure {key.lstrip('0')}: {figure['shows']}"
        for key, figure in figures.items()
    }
    anchors = {k: re.sub(r"[^\w -]", "", t.lower()) for k, t in titles.items()}
    links = [f"[{k.lstrip('0')}](#{v.replace(' ', '-')})" for k, v in anchors.items()]
    undrawn = [key.lstrip("0") for key in figures if widths[key] is None]
    lines = [
        "# The replication at the paper's settings",
        "",
        "<!-- Written by `make publish`; do not edit. -->",
        "",
        f"**{counted(verdicts)}**",
        "",
        *(f"- {line}" for line in missing_lines(settings, records, undrawn)),
        "",
        f'<img src="{Path(FOLDER).name}/verdicts.png" width="{widths["verdicts"]}" '
        'alt="The verdict on each claim">',
        "",
        caption(root, scale, "verdicts"),
        "What differs from the paper, and what stands behind each claim that is not "
        "reproduced, is told in [`deviations.md`](deviations.md). The values that the "
        "paper prints are missing in our copy of its text, so that criteria had to be "
        "chosen; `config/claims.yaml` gives the reason of each.",
        "",
        f"[Claims](#claims) · Figures {' '.join(links)} · [Table 1](#table-1) · "
        "[Every check](#every-check) · [How it was computed](#how-it-was-computed) · "
        "[The tables behind it](#the-tables-behind-it)",
        "",
        "## Claims",
        "",
        markdown(per_claim(verdicts)),
        "## Figures",
        "",
        "Under the numbers that they have in the paper; those with an S go beyond it.",
        "",
    ]
    for key, title in titles.items():
        image = (
            f'<img src="replication/fig{key}.png" width="{widths[key]}" alt="{title}">'
        )
        shown = NOT_YET
        if widths[key]:
            # What the verdicts say takes the place of the claims' numbers.
            words = {"settings": shown_settings(figures[key], settings), "judged": ""}
            text = caption(root, scale, f"fig{key}", words)
            shown = [image, "", text, *here(verdicts, figures[key]["claims"])]
        lines += [f"### {title}", "", *shown]
    shown = NOT_YET
    if exponents is not None:
        shown = [markdown(table1(exponents)), NOTES, "", caption(root, scale, "table1")]
    lines += ["## Table 1", "", *shown]
    lines += ["## Every check", "", caption(root, scale, "claims")]
    lines += [markdown(per_check(verdicts))]
    lines += ["## How it was computed", ""]
    same = of_one_code(root, records, commit)
    lines += [*computing_lines(settings, records, commit, same), "", ARCHIVED]
    return "\n".join(lines)


def caption(
    root: Path, scale: str, name: str, params: Mapping[str, Any] | None = None
) -> str:
    """Return a caption of the report as Markdown; `params` are those of its rule."""
    path = root / f"workflow/report/{name}.rst"
    if not path.is_file():
        raise UserError(f"{path}: expected a caption, found no file.")
    try:
        text = Template(
            path.read_text(encoding="utf-8"), undefined=StrictUndefined
        ).render(snakemake={"wildcards": {"scale": scale}, "params": params or {}})
    except TemplateError as error:
        raise UserError(
            f"{path}: {error}.",
            "a caption knows snakemake.wildcards.scale and what "
            "replication/captions.py says.",
        ) from None
    return f"{' '.join(text.replace('``', '`').split())}\n"


def here(verdicts: pd.DataFrame, numbers: Sequence[int]) -> list[str]:
    """Return what came of the claims that a figure shows: a line for each."""
    lines = []
    for number in numbers:
        checks = verdicts[verdicts["id"] == number]
        verdict = checks["verdict"].iloc[0]
        found = "" if verdict == "not run yet" else f" {deciding_checks(checks)}."
        lines.append(f"- Here: claim {number}, {verdict}.{found}")
    return [*lines, ""] if lines else []


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
    settings: Mapping[str, Any],
    records: Mapping[str, Record],
    commit: str,
    same: bool | None,
) -> list[str]:
    """Return how long each experiment took, when, at which commit, and on what.

    `same` tells whether the commits agree in what weights depend on, None if there is
    only one of them.
    """
    of_commits = {
        None: "",
        True: " The code that datasets and weights depend on is the same at all of "
        "these commits, to the byte.",
        False: " These commits differ in code that datasets or weights depend on.",
    }[same]
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
        )
        + of_commits,
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


def shared(records: Mapping[str, Record], key: str, text: Any) -> list[str]:
    """Return a line for each of what experiments had in common."""
    users: dict[str, list[str]] = {}
    for experiment, entry in records.items():
        for value in entry[key]:
            users.setdefault(text(value), []).append(experiment)
    if len(users) == 1:
        return [f"- {value}" for value in users]
    return [f"- {value}: {listed(names)}" for value, names in users.items()]
