"""What is generated within pages that are written by hand, and the figure of speed."""

import re
from pathlib import Path

import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.files import write_text
from spectral_relevance.replication.claims import COLUMNS, counted
from spectral_relevance.replication.figures import speed
from spectral_relevance.replication.publish.archive import FOLDER
from spectral_relevance.replication.publish.pictures import write_png

VERDICTS = f"{FOLDER}/claims.csv"

MEASURED = ("value", "low", "high", "registered_value")
"""The columns of verdicts that are numbers and may be empty."""


def read_verdicts(path: str | Path) -> pd.DataFrame:
    """Read ``claims.csv`` as it was judged: where text is empty, it is empty text.

    Raises
    ------
    UserError
        If it has other columns.
    """
    types = dict.fromkeys(COLUMNS, str) | dict.fromkeys(MEASURED, float)
    verdicts = pd.read_csv(
        path,
        dtype=types | {"id": int, "n": int},
        keep_default_na=False,
        na_values={name: [""] for name in MEASURED},
    )
    if tuple(verdicts) != COLUMNS:
        raise UserError(
            f"{path}: expected the columns {', '.join(COLUMNS)}, found "
            f"{', '.join(verdicts)}.",
            "it was written by another version; judge the claims again.",
        )
    return verdicts


def read_paper(path: Path) -> str:
    """Return the verdicts of the published run, with where they are explained."""
    told = tell(read_verdicts(path), " [Why?](docs/deviations.md#claim-{})")
    return f"{told}\n![The verdict on each claim]({FOLDER}/verdicts.png)\n"


def read_quick(path: Path) -> str:
    """Return the verdicts of the quick scale."""
    return tell(read_verdicts(path))


def tell(verdicts: pd.DataFrame, explained: str = "") -> str:
    """Return the verdicts in a sentence, and a line for each claim that does not hold.

    `explained` comes after it, with the number of the claim.
    """
    lines = [f"**{counted(verdicts)}**", ""]
    for number, claim in verdicts.groupby("id", sort=False).first().iterrows():
        if claim["verdict"] not in ("reproduced", "not run yet"):
            why = explained.format(number)
            lines.append(f"- Claim {number}, {claim['verdict']}: {claim['claim']}{why}")
    return "\n".join(lines).rstrip() + "\n"


def read_text(path: Path) -> str:
    """Return what is Markdown already."""
    return path.read_text(encoding="utf-8")


MARKS = {
    "verdicts:paper": ("README.md", VERDICTS, read_paper),
    "verdicts:quick": ("docs/guide.md", "results/quick/claims.csv", read_quick),
    "selection:paper": ("docs/selection.md", "results/paper/selection.md", read_text),
    "benchmark": ("docs/speed.md", "results/benchmark.md", read_text),
}
"""By mark: the page that has it, the file it tells of, what makes Markdown of that."""


def update_readme(root: Path) -> None:
    """Replace what is marked, and the figure of speed, where there are results."""
    for mark, (page, name, read) in MARKS.items():
        if not (root / name).is_file():
            print(f"{page}: no {name}, {mark} left as it is")
            continue
        told = read(root / name)
        text, count = re.subn(
            rf"(<!-- {mark} -->\n).*?(<!-- end -->)",
            lambda match, told=told: match[1] + told + match[2],
            (root / page).read_text(encoding="utf-8"),
            flags=re.DOTALL,
        )
        if count != 1:
            raise UserError(f"{page}: expected one <!-- {mark} -->.")
        write_text(text, root / page)
    measured = root / "results/benchmark.csv"
    if measured.is_file():
        figure = speed.benchmark(table=pd.read_csv(measured))
        write_png(figure, root / "docs/benchmark.png")
