"""How often selected inputs do not matter, over many simulated data sets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from spectral_relevance.progress import progress
from spectral_relevance.replication import designs, peers

NAMES = {
    "spectral": "Spectral",
    "knockoff_lasso": "Knockoffs, lasso",
    "boruta": "Boruta",
    "lassonet": "LassoNet",
    "lasso": "Lasso",
}
"""How the peers are written, in the order of the table."""


def table_files(scale: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the tables of all designs and peers.

    Parameters
    ----------
    scale : str
        The scale.
    settings : mapping
        ``selection`` of the configuration.
    """
    return [
        f"results/{scale}/selection/{design}/{peer}.csv"
        for design in settings["designs"]
        for peer in settings["draws"]
    ]


def counted(
    design: Mapping[str, Any], peer: str, draws: int, fdr: float
) -> pd.DataFrame:
    """Let a peer select in several draws of a design, and count what is right.

    Parameters
    ----------
    design : mapping
        ``inputs``, ``response``, ``task``, ``n`` and ``d``, see
        :func:`~spectral_relevance.replication.designs.draw`.
    peer : str
        A module of :mod:`spectral_relevance.replication.peers`.
    draws : int
        How many data sets, the same for all peers; their numbers are the seeds.
    fdr : float
        The false discovery rate that is asked for.

    Returns
    -------
    DataFrame
        ``draw``, ``selected``, ``false`` (how many of these do not matter) and
        ``relevant`` (how many inputs matter).
    """
    select = peers.load(peer).select
    rows = []
    for number in progress(draws, "draw"):
        x, y, relevant = designs.draw(**design, seed=number)
        found = select(x, y, fdr, number)
        false = int((found & ~relevant).sum())
        rows.append((number, int(found.sum()), false, int(relevant.sum())))
    return pd.DataFrame(rows, columns=["draw", "selected", "false", "relevant"])


def summary(tables: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Return rates of each design and peer, with their standard errors.

    Parameters
    ----------
    tables : mapping
        What :func:`counted` returned, by design and peer.

    Returns
    -------
    DataFrame
        ``design``, ``peer``, ``draws``; ``fdr``, the mean share of false ones among
        those selected, 0 where there are none, ``fdr_error``; ``any``, the share of
        draws in which something is selected; ``power``, the mean share of those that
        matter that are selected (NaN where none does), ``power_error``.
    """
    rows = []
    for (design, peer), table in tables.items():
        share = table["false"] / table["selected"].clip(lower=1)
        found = (table["selected"] - table["false"]) / table["relevant"].replace(
            0, np.nan
        )
        rows.append(
            {
                "design": design,
                "peer": peer,
                "draws": len(table),
                "fdr": share.mean(),
                "fdr_error": share.sem(),
                "any": (table["selected"] > 0).mean(),
                "power": found.mean(),
                "power_error": found.sem(),
            }
        )
    return pd.DataFrame(rows)


def for_people(
    rates: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return a row for each design: false discovery rate, then power, of each peer.

    Parameters
    ----------
    rates : DataFrame
        From :func:`summary`.
    settings : mapping
        The designs by name.
    """
    rows = []
    for name, group in rates.groupby("design", sort=False):
        design, found = settings[str(name)], group.set_index("peer")
        row = {"Design": str(name).replace("_", " ")}
        row["Task, n × d"] = f"{design['task']}, {design['n']} × {design['d']}"
        for peer in (peer for peer in NAMES if peer in found.index):
            one = found.loc[peer]
            power = "" if np.isnan(one["power"]) else f", {one['power']:.2f}"
            row[NAMES[peer]] = f"{one['fdr']:.2f} ± {one['fdr_error']:.2f}{power}"
        rows.append(row)
    return pd.DataFrame(rows).fillna("–")
