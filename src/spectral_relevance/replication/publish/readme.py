"""The tables of the README, and the figure of speed beside them."""

import re
from pathlib import Path

import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.files import write_text
from spectral_relevance.replication.claims import per_claim
from spectral_relevance.replication.figures import speed
from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.publish.archive import FOLDER
from spectral_relevance.replication.publish.pictures import write_png

VERDICTS = f"{FOLDER}/claims.csv"


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
    measured = root / "results/benchmark.csv"
    if measured.is_file():
        figure = speed.benchmark(table=pd.read_csv(measured))
        write_png(figure, root / "docs/benchmark.png")
