"""Tables for people: as Markdown and as a page for a browser."""

from collections.abc import Collection
from html import escape

import pandas as pd

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ background: white; color: black; font: 14px sans-serif; margin: 1.5em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ddd; padding: 0.3em 0.6em; text-align: left;
         vertical-align: top; }}
</style>
</head>
<body>
<h1>{title}</h1>
{table}
{notes}
</body>
</html>
"""


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, without its index.

    Parameters
    ----------
    table : DataFrame
        Of texts, or of what reads well as text.
    """
    rows = [table.columns, ["---"] * table.shape[1], *table.to_numpy()]
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|")


def html(
    table: pd.DataFrame, title: str, notes: str = "", bold: Collection[str] = ()
) -> str:
    """Return a page that shows a table, without its index.

    Parameters
    ----------
    table : DataFrame
        As for :func:`markdown`.
    title, notes : str
        What stands above and below the table.
    bold : collection of str
        Cells that stand out.
    """

    def cell(value: object) -> str:
        text = escape(str(value))
        return f"<b>{text}</b>" if value in bold else text

    return PAGE.format(
        title=escape(title),
        table=table.map(cell)
        .rename(columns=escape)
        .to_html(index=False, border=0, escape=False),
        notes=f"<p>{escape(notes)}</p>" if notes else "",
    )
