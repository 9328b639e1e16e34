"""How the claims fare: the picture that the published run opens with."""

from textwrap import shorten

import pandas as pd
from matplotlib.figure import Figure

from spectral_relevance.replication.figures import style

MARKS = {
    "reproduced": ("o", style.BLUE),
    "undecided": ("D", style.GREY),
    "not reproduced": ("X", style.VERMILION),
    "not judged": ("s", style.GREY),
    "not run yet": ("_", style.GREY),
}
"""Marker and colour of each verdict, told apart without colours as well."""

ROW = 4.1 * style.MILLIMETRE
LONGEST = 108
"""Characters of a claim that fit into its line."""


@style.styled
def overview(*, claims: pd.DataFrame) -> Figure:
    """Draw a line for each claim: its verdict, and that of what was registered.

    Parameters
    ----------
    claims : DataFrame
        ``claims.csv``.
    """
    first = claims.groupby("id", sort=False).first()
    figure = style.new(style.DOUBLE, (len(first) + 3) * ROW)
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(first) - 0.4, -1.6)
    axes.set_axis_off()
    columns = {"verdict": 0.045, "registered_verdict": 0.105}
    for column, x in columns.items():
        text = {"verdict": "now", "registered_verdict": "as first\nregistered"}[column]
        axes.text(x, -0.6, text, ha="center", va="bottom")
    for y, (number, claim) in enumerate(first.iterrows()):
        axes.text(0.015, y, str(number), ha="right", va="center")
        for column, x in columns.items():
            if verdict := claim[column]:
                marker, colour = MARKS[verdict]
                axes.plot(x, y, marker, color=colour, markersize=5, clip_on=False)
        text = shorten(claim["claim"], LONGEST, placeholder=" …")
        weight = "normal" if claim["verdict"] == "reproduced" else "bold"
        axes.text(0.145, y, text, va="center", fontsize=6.5, fontweight=weight)
    present = [*first["verdict"], *first["registered_verdict"]]
    handles = [
        axes.plot([], [], marker, color=colour, markersize=5, label=verdict)[0]
        for verdict, (marker, colour) in MARKS.items()
        if verdict in present
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure
