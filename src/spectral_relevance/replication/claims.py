"""The paper's claims: read, judged from tables, and written for people."""

from collections.abc import Mapping, Sequence
from inspect import getmembers, isfunction, signature
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd

from spectral_relevance.errors import UserError
from spectral_relevance.replication import statistics
from spectral_relevance.replication.entries import read_entries
from spectral_relevance.replication.measures import Estimate
from spectral_relevance.replication.tables import read_tables, select

SCHEMA = Path(__file__).with_name("schemas") / "claims.schema.yaml"
"""What each claim has to obey."""

STATISTICS = {
    name: function
    for name, function in getmembers(statistics, isfunction)
    if function.__module__ == statistics.__name__ and not name.startswith("_")
}
"""What a check can measure, by name."""

NOT_RUN = Estimate(np.nan, np.nan, 0)


def read_claims(path: str | Path) -> list[dict[str, Any]]:
    """Read and check the list of claims.

    Parameters
    ----------
    path : path
        The list, as in ``config/claims.yaml``.

    Raises
    ------
    UserError
        If an entry is malformed, a number is given twice, or a statistic is unknown; it
        names the claim.
    """
    claims = read_entries(path, "claim", "id", SCHEMA)
    for place, claim in claims.items():
        for letter, check in zip(ascii_lowercase, claim["checks"], strict=False):
            _bind(check, f"{place}{letter}")
    return list(claims.values())


def _bind(check: Mapping[str, Any], place: str) -> None:
    """Raise unless the parts of a check fit together."""
    function = STATISTICS.get(check["statistic"])
    if function is None:
        raise UserError(
            f"{place}.statistic: {statistics.__name__} has no statistic "
            f"{check['statistic']!r}."
        )
    try:
        signature(function).bind(**check["tables"], **check.get("arguments", {}))
    except TypeError as error:
        raise UserError(
            f"{place}: tables and arguments do not fit {check['statistic']}"
            f"{signature(function)}: {error}."
        ) from None
    foreign = set(check.get("select", {})) - set(check["tables"])
    if foreign:
        raise UserError(
            f"{place}.select: there is no table {', '.join(sorted(foreign))}.",
            f"the tables are {', '.join(check['tables'])}.",
        )
    smallest, largest = _limits(check["criterion"])
    if smallest > largest:
        raise UserError(
            f"{place}.criterion.between: expected the smaller number first, found "
            f"{[smallest, largest]}."
        )


def table_paths(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of all tables that claims are judged from, sorted."""
    checks = [check for claim in claims for check in claim["checks"]]
    return sorted({path for check in checks for path in check["tables"].values()})


def judge_all(claims: Sequence[Mapping[str, Any]], folder: str | Path) -> pd.DataFrame:
    """Judge claims from the tables that are there.

    Parameters
    ----------
    claims : sequence of mappings
        The list, as :func:`read_claims` returns it.
    folder : path
        Where the tables lie: ``results/{scale}``.

    Returns
    -------
    DataFrame
        The rows of :func:`judge`, in the order of the claims.
    """
    paths = {path: Path(folder, path) for path in table_paths(claims)}
    tables = read_tables({k: path for k, path in paths.items() if path.is_file()})
    return pd.DataFrame([row for claim in claims for row in judge(claim, tables)])


def judge(claim: Mapping[str, Any], tables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Judge one claim.

    Parameters
    ----------
    claim : mapping
        An entry of ``config/claims.yaml``.
    tables : mapping
        The tables that it names, by path; some may not have been made yet.

    Returns
    -------
    list of dict
        Rows of ``claims.csv``, one for each check: ``id``, ``check`` (a letter),
        ``section``, ``claim``, ``what``, ``statistic``, ``value``, ``spread``, ``n``,
        ``criterion``, ``met``, ``verdict``, ``authors_value``. The verdict is that of
        the claim: ``not run yet`` if a table of any check is missing, ``not judged`` if
        a statistic is undefined, ``reproduced`` if every criterion is met, else ``not
        reproduced``.

    Raises
    ------
    UserError
        If a table lacks what a check needs; it names the check.
    """
    rows = []
    complete = tables.keys() >= set(table_paths([claim]))
    for letter, check in zip(ascii_lowercase, claim["checks"], strict=False):
        try:
            estimate = _estimate(check, tables) if complete else NOT_RUN
        except UserError as error:
            raise UserError(f"claim {claim['id']}{letter}: {error}") from None
        smallest, largest = _limits(check["criterion"])
        rows.append(
            {
                "id": claim["id"],
                "check": letter,
                "section": claim["section"],
                "claim": claim["claim"],
                "what": check["what"],
                "statistic": check["statistic"],
                "value": estimate.value,
                "spread": estimate.spread,
                "n": estimate.n,
                "criterion": _text(check["criterion"]),
                "met": bool(smallest <= estimate.value <= largest),
            }
        )
    if not complete:
        verdict = "not run yet"
    elif not np.isfinite([row["value"] for row in rows]).all():
        verdict = "not judged"
    elif all(row["met"] for row in rows):
        verdict = "reproduced"
    else:
        verdict = "not reproduced"
    end = {"verdict": verdict, "authors_value": claim["authors_value"]}
    return [row | end for row in rows]


def _estimate(check: Mapping[str, Any], tables: Mapping[str, Any]) -> Estimate:
    rows = check.get("select", {})
    chosen = {
        name: select(tables[path], **rows[name]) if name in rows else tables[path]
        for name, path in check["tables"].items()
    }
    function = STATISTICS[check["statistic"]]
    return function(**chosen, **check.get("arguments", {}))


def _limits(criterion: Mapping[str, Any]) -> tuple[float, float]:
    ((kind, limit),) = criterion.items()
    if kind == "between":
        return tuple(limit)
    return (limit, np.inf) if kind == "at_least" else (-np.inf, limit)


def _text(criterion: Mapping[str, Any]) -> str:
    ((kind, limit),) = criterion.items()
    if kind == "between":
        return f"{limit[0]} … {limit[1]}"
    return f"{'≥' if kind == 'at_least' else '≤'} {limit}"


def per_check(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the table of verdicts to be read: texts, a row for each check.

    What concerns the claim as a whole stands in the first of its rows only.
    """
    rows = []
    for _, checks in verdicts.groupby("id", sort=False):
        for place, row in enumerate(checks.itertuples()):
            about = (row.section, row.claim, row.verdict, row.authors_value)
            section, claim, verdict, authors_value = about if place == 0 else [""] * 4
            value, n, met = _with_spread(row), str(row.n), "yes" if row.met else "no"
            if row.verdict == "not run yet":
                value = n = met = ""
            rows.append(
                {
                    "#": f"{row.id}{row.check}" if len(checks) > 1 else str(row.id),
                    "section": section,
                    "claim": claim,
                    "verdict": verdict,
                    "what is measured": row.what,
                    "value": value,
                    "n": n,
                    "criterion": row.criterion,
                    "met": met,
                    "authors' value": authors_value,
                }
            )
    return pd.DataFrame(rows)


def per_claim(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the table of verdicts to be read: Markdown, a row for each claim.

    What was measured stands in one cell, a line for each check, with its criterion;
    what missed it is bold.
    """
    rows = []
    for number, checks in verdicts.groupby("id", sort=False):
        first, measured, counts = checks.iloc[0], "", ""
        if first.verdict != "not run yet":
            measured = "<br>".join(
                _bold(f"{_with_spread(row)} ({row.criterion})", unless=row.met)
                for row in checks.itertuples()
            )
            counts = " … ".join(
                map(str, sorted({checks["n"].min(), checks["n"].max()}))
            )
        rows.append(
            {
                "#": number,
                "section": first.section,
                "claim": first.claim,
                "measured": measured,
                "n": counts,
                "verdict": _bold(first.verdict, unless=first.verdict == "reproduced"),
            }
        )
    return pd.DataFrame(rows)


def _bold(text: str, *, unless: bool) -> str:
    return text if unless else f"**{text}**"


def summary(verdicts: pd.DataFrame, scale: str) -> str:
    """Return the verdicts for a terminal: a line for each claim.

    Behind a claim that is not reproduced stand the checks that failed.
    """
    claims = verdicts.groupby("id", sort=False)
    count = (claims["verdict"].first() == "reproduced").sum()
    lines = [
        f"Claims at the {scale} scale: {count} of {len(claims)} claims reproduced."
    ]
    for number, checks in claims:
        first = checks.iloc[0]
        failed = [
            f"{row.what} {_with_spread(row)}, expected {row.criterion}"
            for row in checks[~checks["met"]].itertuples()
        ]
        reasons = f" ({'; '.join(failed)})" if failed else ""
        lines.append(f"{number:>4}  {first.verdict:<14}  {first.claim}{reasons}")
    return "\n".join(lines) + "\n"


def _with_spread(row: Any) -> str:
    if np.isnan(row.spread):
        return f"{row.value:.4g}"
    # Two digits, but not as 4.2e+02; what is left of equal values by rounding is 0.
    spread = float(f"{round(row.spread, 12):.2g}")
    return f"{row.value:.4g} ± {spread:g}"
