"""The figures as they are published: drawn from the tables that are there."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing
from spectral_relevance.replication.figures import drawing, style
from spectral_relevance.replication.publish.text import listed
from spectral_relevance.replication.tables import read_tables

DPI = 190  # the widest figures have 1350 pixels
PIXELS_PER_INCH = 120  # as shown, on a page that is some 900 pixels wide


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


def draw(results: Path, figure: Mapping[str, Any]) -> Figure | None:
    """Draw a figure unless one of its tables is missing."""
    paths = {name: results / table for name, table in figure["tables"].items()}
    if not all(path.is_file() for path in paths.values()):
        return None
    return drawing(figure["draw"])(**read_tables(paths))


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure without transparency and compressed as far as it goes."""
    buffer = BytesIO()
    with matplotlib.rc_context(style.STYLE):
        figure.savefig(buffer, format="png", dpi=DPI)
    with replacing(path) as temporary:
        Image.open(buffer).convert("RGB").save(temporary, format="png", optimize=True)
