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

MEASURED = ("what", "statistic", "arguments", "tables", "select")
"""The keys that say what is measured."""

VERDICTS = ("reproduced", "undecided", "not reproduced", "not judged", "not run yet")
"""What can be said of a claim."""

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
            for rule in (registered(check), deciding(check)):
                _bind(rule, f"{place}{letter}")
                _check_limits(rule["criterion"], f"{place}{letter}")
            _check_values(check, f"{place}{letter}.holds_for")
        for number, control in enumerate(claim.get("controls", []), start=1):
            _bind(control, f"{place}, control {number}")
    return list(claims.values())


def registered(check: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a check was first to be judged: what is measured and its criterion."""
    first = check.get("registered") or check["added"]
    return {key: check[key] for key in MEASURED if key in check} | first


def deciding(check: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a check is judged now: as it was amended, if it was."""
    amended = check.get("amended", {})
    if "statistic" in amended:
        return dict(amended)
    return registered(check) | amended


def _bind(rule: Mapping[str, Any], place: str) -> None:
    """Raise unless the parts of what is measured fit together."""
    function = STATISTICS.get(rule["statistic"])
    if function is None:
        raise UserError(
            f"{place}.statistic: {statistics.__name__} has no statistic "
            f"{rule['statistic']!r}."
        )
    try:
        signature(function).bind(**rule["tables"], **rule.get("arguments", {}))
    except TypeError as error:
        raise UserError(
            f"{place}: tables and arguments do not fit {rule['statistic']}"
            f"{signature(function)}: {error}."
        ) from None
    foreign = set(rule.get("select", {})) - set(rule["tables"])
    if foreign:
        raise UserError(
            f"{place}.select: there is no table {', '.join(sorted(foreign))}.",
            f"the tables are {', '.join(rule['tables'])}.",
        )


def _check_limits(criterion: Mapping[str, Any], place: str) -> None:
    smallest, largest = _limits(criterion)
    if smallest > largest:
        raise UserError(
            f"{place}.criterion.between: expected the smaller number first, found "
            f"{[smallest, largest]}."
        )


def _check_values(check: Mapping[str, Any], place: str) -> None:
    """Raise unless an argument is varied over values with its own among them."""
    for name, values in check.get("holds_for", {}).items():
        arguments = deciding(check).get("arguments", {})
        if arguments.get(name) not in values:
            raise UserError(
                f"{place}.{name}: expected an argument of the check with its value "
                f"among those listed, found {arguments.get(name)!r}."
            )


def table_paths(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of all tables that claims are judged from, sorted."""
    rules = []
    for claim in claims:
        rules += claim.get("controls", [])
        for check in claim["checks"]:
            rules += [registered(check), deciding(check)]
    return sorted({path for rule in rules for path in rule["tables"].values()})


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
        Rows of ``claims.csv``, one for each check and control:

        ``id``, ``check``, ``section``, ``claim``
            Which one it is; ``check`` is a letter, empty for a control.
        ``what``, ``statistic``, ``value``, ``low``, ``high``, ``n``
            What is measured, with its 95 % interval; n counts runs, or draws.
        ``criterion``, ``outcome``
            ``met`` if the interval lies inside the criterion, ``missed`` if outside,
            else ``undecided``; empty for a control.
        ``holds_for``
            For which values of an argument the outcome is the same.
        ``since``, ``reason``
            The day of the criterion, and why it is what it is.
        ``registered``, ``registered_value``, ``registered_criterion``,
        ``registered_outcome``
            What was to be measured and reached in the beginning, and whether its plain
            value does; empty for what came later.
        ``verdict``
            Of the claim: ``not run yet`` if a table is missing, ``not judged`` if a
            statistic is undefined, ``not reproduced`` if a check is missed,
            ``undecided`` if one is, else ``reproduced``.
        ``registered_verdict``
            Of the claim by what was registered: ``reproduced`` if each value meets its
            criterion, else ``not reproduced``; empty for a claim that came later.
        ``authors_value``
            What the authors print.

    Raises
    ------
    UserError
        If a table lacks what a check needs; it names the check.
    """
    complete = tables.keys() >= set(table_paths([claim]))
    rows = []
    for letter, check in zip(ascii_lowercase, claim["checks"], strict=False):
        place = f"claim {claim['id']}{letter}"
        rows.append(_judged(check, tables, complete, place) | {"check": letter})
    outcomes = {row["outcome"] for row in rows}
    first = {row["registered_outcome"] for row in rows} - {""}
    for control in claim.get("controls", []):
        place = f"claim {claim['id']}, {control['what']}"
        estimate = _estimate(control, tables, place) if complete else NOT_RUN
        rows.append(_measured(control, estimate))
    about = {key: claim[key] for key in ("id", "section", "claim")}
    end = {
        "verdict": _verdict(outcomes, complete),
        "registered_verdict": _verdict(first, complete) if first else "",
        "authors_value": claim["authors_value"],
    }
    return [row | about | end for row in rows]


COLUMNS = (
    *("id", "check", "section", "claim", "what", "statistic", "value", "low", "high"),
    *("n", "criterion", "outcome", "holds_for", "since", "reason", "registered"),
    *("registered_value", "registered_criterion", "registered_outcome", "verdict"),
    *("registered_verdict", "authors_value"),
)


def _judged(
    check: Mapping[str, Any], tables: Mapping[str, Any], complete: bool, place: str
) -> dict[str, Any]:
    """Return the row of a check, without what concerns the claim."""
    rule, first = deciding(check), registered(check)
    estimate = _estimate(rule, tables, place) if complete else NOT_RUN
    row = _measured(rule, estimate) | {
        "criterion": _text(rule["criterion"]),
        "outcome": _outcome(estimate, rule["criterion"]),
        "since": rule["date"],
        "reason": check.get("defended", rule["reason"]),
    }
    if complete:
        row["holds_for"] = _holds_for(check, row["outcome"], tables, place)
    if "registered" in check:
        found = estimate
        if any(rule.get(key) != first.get(key) for key in MEASURED[1:]):
            found = _estimate(first, tables, place) if complete else NOT_RUN
        smallest, largest = _limits(first["criterion"])
        met = "met" if smallest <= found.value <= largest else "missed"
        row |= {
            "registered": first["what"],
            "registered_value": found.value,
            "registered_criterion": _text(first["criterion"]),
            "registered_outcome": met if np.isfinite(found.value) else "undefined",
        }
    return row


def _measured(rule: Mapping[str, Any], estimate: Estimate) -> dict[str, Any]:
    """Return a row of what is measured, with no criterion."""
    return dict.fromkeys(COLUMNS, "") | {
        "what": rule["what"],
        "statistic": rule["statistic"],
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "registered_value": np.nan,
    }


def _estimate(
    rule: Mapping[str, Any], tables: Mapping[str, Any], place: str
) -> Estimate:
    rows = rule.get("select", {})
    function = STATISTICS[rule["statistic"]]
    try:
        chosen = {
            name: select(tables[path], **rows[name]) if name in rows else tables[path]
            for name, path in rule["tables"].items()
        }
        return function(**chosen, **rule.get("arguments", {}))
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _outcome(estimate: Estimate, criterion: Mapping[str, Any]) -> str:
    """Return how an interval lies to a criterion."""
    smallest, largest = _limits(criterion)
    if not np.isfinite(estimate.value):
        return "undefined"
    if smallest <= estimate.low and estimate.high <= largest:
        return "met"
    if estimate.high < smallest or estimate.low > largest:
        return "missed"
    return "undecided"


def _holds_for(
    check: Mapping[str, Any], outcome: str, tables: Mapping[str, Any], place: str
) -> str:
    """Return the values of an argument for which the outcome is the same."""
    rule = deciding(check)
    for name, values in check.get("holds_for", {}).items():
        same, others = [], []
        for value in values:
            varied = {**rule, "arguments": {**rule["arguments"], name: value}}
            found = _outcome(_estimate(varied, tables, place), rule["criterion"])
            (same if found == outcome else others).append(f"{value:g}")
        but = f", not {', '.join(others)}" if others else ""
        return f"{name} {', '.join(same)}{but}"
    return ""


def _verdict(outcomes: set[str], complete: bool) -> str:
    if not complete:
        return "not run yet"
    if "undefined" in outcomes:
        return "not judged"
    if "missed" in outcomes:
        return "not reproduced"
    return "undecided" if "undecided" in outcomes else "reproduced"


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


def counted(verdicts: pd.DataFrame) -> str:
    """Return how many claims fared how, in a sentence."""
    claims = verdicts.groupby("id", sort=False)["verdict"].first()
    parts = [f"{(claims == VERDICTS[0]).sum()} of {len(claims)} claims are reproduced"]
    for verdict in VERDICTS[1:]:
        numbers = list(map(str, claims.index[claims == verdict]))
        if numbers:
            parts.append(f"{len(numbers)} {verdict} ({', '.join(numbers)})")
    return "; ".join(parts) + "."


def per_check(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the table of verdicts to be read: texts, a row for each check and control.

    What concerns the claim as a whole stands in the first of its rows only.
    """
    rows = []
    for _, checks in verdicts.groupby("id", sort=False):
        for place, row in enumerate(checks.itertuples()):
            about = (row.section, row.claim, row.verdict, row.registered_verdict)
            about = about if place == 0 else [""] * 4
            run = row.verdict != "not run yet"
            one = (checks["check"] != "").sum() == 1
            rows.append(
                {
                    "#": f"{row.id}{'' if one else row.check}" if row.check else "",
                    "section": about[0],
                    "claim": about[1],
                    "verdict": about[2],
                    "as registered": about[3],
                    "what is measured": row.what if row.check else f"({row.what})",
                    "value": with_interval(row) if run else "",
                    "n": str(row.n) if run else "",
                    "criterion": row.criterion,
                    "outcome": row.outcome if run else "",
                    "holds for": row.holds_for,
                    "registered": _registered(row) if run else "",
                    "authors' value": row.authors_value if place == 0 else "",
                }
            )
    return pd.DataFrame(rows)


def _registered(row: Any) -> str:
    """Return what was registered and how it fares, where that is not what decides."""
    same = (row.what, row.criterion) == (row.registered, row.registered_criterion)
    if not row.registered or same:
        return ""
    what = "" if row.registered == row.what else f"{row.registered}: "
    found = f"{row.registered_value:.4g}, {row.registered_criterion}"
    return f"{what}{found}: {row.registered_outcome}"


def per_claim(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts to be read: Markdown, a row for each claim."""
    rows = []
    for number, checks in verdicts.groupby("id", sort=False):
        first = checks.iloc[0]
        rows.append(
            {
                "#": number,
                "section": first.section,
                "claim": first.claim,
                "verdict": _bold(first.verdict, unless=first.verdict == "reproduced"),
                "as registered": first.registered_verdict or "(added)",
                "what decides it": ""
                if first.verdict == "not run yet"
                else (deciding_checks(checks)),
            }
        )
    return pd.DataFrame(rows)


def deciding_checks(checks: pd.DataFrame) -> str:
    """Return the checks of a claim that decide its verdict, in words.

    Those that are missed or undecided; where all are met, the first.
    """
    judged = checks[checks["check"] != ""]
    against = judged[judged["outcome"] != "met"]
    chosen = judged.iloc[:1] if against.empty else against
    return "; ".join(
        f"{row.what}: {with_interval(row)}, {row.criterion}"
        for row in chosen.itertuples()
    )


def _bold(text: str, *, unless: bool) -> str:
    return text if unless else f"**{text}**"


def summary(verdicts: pd.DataFrame, scale: str) -> str:
    """Return the verdicts for a terminal: a line for each claim.

    Behind a claim that is not reproduced stand the checks that are not met.
    """
    lines = [f"Claims at the {scale} scale: {counted(verdicts)}"]
    for number, checks in verdicts.groupby("id", sort=False):
        first = checks.iloc[0]
        told = first.verdict in ("reproduced", "not run yet")
        reasons = "" if told else f" ({deciding_checks(checks)})"
        lines.append(f"{number:>4}  {first.verdict:<14}  {first.claim}{reasons}")
    return "\n".join(lines) + "\n"


def with_interval(row: Any) -> str:
    """Return a value with its interval, if it has one that is not the value itself."""
    # What is left of 0 by rounding is 0.
    value, low, high = (round(x, 12) + 0.0 for x in (row.value, row.low, row.high))
    if np.isnan(low) or low == high:
        return f"{value:.4g}"
    return f"{value:.4g} [{low:.3g}, {high:.3g}]"
