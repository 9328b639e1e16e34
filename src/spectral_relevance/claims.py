"""The paper's claims: read, judged from tables, and written for people."""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from spectral_relevance import statistics
from spectral_relevance.errors import UserError
from spectral_relevance.settings import check


def read_claims(path: str | Path, schema: str | Path) -> list[dict[str, Any]]:
    """Read and check the list of claims.

    Raises
    ------
    UserError
        If an entry is malformed, a number is given twice, or a statistic is unknown.
    """
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    check(claims, schema, str(path))
    seen = set()
    for claim in claims:
        place = f"{path}, claim {claim['id']}"
        if claim["id"] in seen:
            raise UserError(f"{place}: the number stands twice.")
        seen.add(claim["id"])
        function = getattr(statistics, claim["statistic"], None)
        if not callable(function) or signature(function).return_annotation is not (
            statistics.Estimate
        ):
            raise UserError(
                f"{place}.statistic: spectral_relevance.statistics has no statistic "
                f"{claim['statistic']!r}."
            )
        try:
            signature(function).bind(**claim["tables"], **claim["arguments"])
        except TypeError as error:
            raise UserError(
                f"{place}: tables and arguments do not fit {claim['statistic']}"
                f"{signature(function)}: {error}."
            ) from None
    return claims


def judge(claim: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Judge one claim.

    Parameters
    ----------
    claim : mapping
        An entry of ``config/claims.yaml``.
    tables : mapping
        The tables that it names, by argument.

    Returns
    -------
    dict
        A row of ``claims.csv``: ``id``, ``section``, ``claim``, ``statistic``,
        ``value``, ``spread``, ``n``, ``criterion``, ``verdict``, ``authors_value``.
        The verdict is ``not judged`` where the statistic is undefined.
    """
    function = getattr(statistics, claim["statistic"])
    estimate = function(**tables, **claim["arguments"])
    ((kind, limit),) = claim["criterion"].items()
    met = estimate.value >= limit if kind == "at_least" else estimate.value <= limit
    verdict = "reproduced" if met else "not reproduced"
    return {
        "id": claim["id"],
        "section": claim["section"],
        "claim": claim["claim"],
        "statistic": claim["statistic"],
        "value": estimate.value,
        "spread": estimate.spread,
        "n": estimate.n,
        "criterion": f"{'≥' if kind == 'at_least' else '≤'} {limit}",
        "verdict": verdict if np.isfinite(estimate.value) else "not judged",
        "authors_value": claim["authors_value"],
    }


def markdown(verdicts: pd.DataFrame) -> str:
    """Return the table of verdicts in Markdown."""
    lines = [
        "| # | section | claim | statistic | value | n | criterion | verdict "
        "| authors' value |",
        "| --- " * 9 + "|",
    ]
    for row in verdicts.itertuples():
        lines.append(
            f"| {row.id} | {row.section} | {row.claim} | {row.statistic} | "
            f"{_with_spread(row)} | {row.n} | {row.criterion} | {row.verdict} | "
            f"{row.authors_value} |"
        )
    return "\n".join(lines) + "\n"


def summary(verdicts: pd.DataFrame, scale: str) -> str:
    """Return the verdicts as short lines for a terminal."""
    count = (verdicts["verdict"] == "reproduced").sum()
    lines = [f"Claims at the {scale} scale: {count} of {len(verdicts)} reproduced."]
    for row in verdicts.itertuples():
        lines.append(
            f"{row.id:>4}  {row.verdict:<14}  {row.statistic} = {_with_spread(row)} "
            f"({row.criterion}, n = {row.n})"
        )
    return "\n".join(lines) + "\n"


def _with_spread(row: Any) -> str:
    if np.isnan(row.spread):
        return f"{row.value:.4g}"
    return f"{row.value:.4g} ± {row.spread:.2g}"
