"""The list of claims, their verdicts, and what people read of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from spectral_relevance.errors import UserError
from spectral_relevance.replication.claims import (
    COLUMNS,
    counted,
    judge,
    judge_all,
    per_check,
    per_claim,
    read_claims,
    summary,
    table_paths,
)

ROOT = Path(__file__).resolve().parents[2]
PATH = "performance/one.csv"


def registered(criterion: Any, date: str = "2026-11-22") -> dict[str, Any]:
    return {"date": date, "criterion": criterion, "reason": "As an example."}


@pytest.fixture
def check() -> dict[str, Any]:
    return {
        "what": "the metric",
        "statistic": "test_metric",
        "tables": {"performance": PATH},
        "registered": registered({"at_least": 0.5}),
    }


@pytest.fixture
def claim(check: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": 4,
        "section": "2.2",
        "claim": "Numbers are large.",
        "checks": [check],
        "authors_value": "not in our copy of the text",
    }


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Any], list[dict[str, Any]]]:
    """Write claims to a file and read them back."""

    def read(claims: Any) -> list[dict[str, Any]]:
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump(claims), encoding="utf-8")
        return read_claims(path)

    return read


def metrics(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(len(values)), "metric": values})


# Reading --------------------------------------------------------------------------


def test_claims_are_read_as_they_stand(claim, check, read):
    more = {
        "arguments": {"threshold": 0.1},
        "statistic": "ratio_of_shares_above",
        "tables": {"relevance": "a/b.csv", "other": "c.csv"},
        "select": {"other": {"variant": "a_*", "method": ["x", "y"]}},
        "registered": registered({"between": [-1, 1.5]}),
    }
    other = claim | {"id": 5, "checks": [check, check | more]}
    assert read([claim, other]) == [claim, other]
    assert table_paths([claim, other]) == ["a/b.csv", "c.csv", PATH]


def test_a_number_twice(claim, read):
    with pytest.raises(UserError, match=r"claims\.yaml, claim 4: .* twice"):
        read([claim, claim | {"id": 5}, claim | {"section": "A"}])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"section": 2.1}, "section: "),
        ({"authors_value": 0.99}, "authors_value: "),
        ({"extra": 1}, "'extra' was unexpected"),
        ({"checks": []}, "checks: "),
        ({"checks": None}, "checks: "),
    ],
    ids=str,
)
def test_a_malformed_claim_is_named_by_its_number(claim, read, changes, named):
    with pytest.raises(UserError) as error:
        read([claim, claim | {"id": 23} | changes])
    assert "claims.yaml, claim 23, " in str(error.value)
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"statistic": "os.system"}, "statistic"),
        ({"tables": {}}, "tables"),
        ({"tables": {"performance": "../secret.csv"}}, "tables.performance"),
        ({"tables": {"performance": "performance.txt"}}, "tables.performance"),
        ({"select": {"performance": {"seed": 1}}}, "select.performance"),
        ({"select": {"performance": {"variant": 3}}}, "select.performance.variant"),
        ({"select": {"performance": {"examples": 10}}}, "select.performance.examples"),
        ({"arguments": [1]}, "arguments"),
        ({"what": ""}, "what"),
        ({"holds_for": {"threshold": [1]}}, "holds_for.threshold"),
        ({"holds_for": {"a": [1, 2], "b": [1, 2]}}, "holds_for"),
        ({"amended": {"date": "2026-11-27", "reason": "So."}}, "amended"),
        ({"defended": ""}, "defended"),
    ],
    ids=str,
)
def test_a_malformed_check(claim, check, read, changes, named):
    with pytest.raises(UserError) as error:
        read([claim, claim | {"id": 23, "checks": [check, check | changes]}])
    assert f"claims.yaml, claim 23, checks.1.{named}" in str(error.value)


@pytest.mark.parametrize("key", ["registered", "added", "amended"])
@pytest.mark.parametrize(
    ("criterion", "named"),
    [
        ({}, "criterion"),
        ({"at_least": 0, "at_most": 1}, "criterion"),
        ({"at_last": 0}, "criterion"),
        ({"at_least": "1e-3"}, "criterion.at_least"),
        ({"at_least": None}, "criterion.at_least"),
        ({"between": [1]}, "criterion.between"),
        ({"between": 1}, "criterion.between"),
        (0.5, "criterion"),
    ],
    ids=str,
)
def test_a_malformed_criterion(claim, check, read, key, criterion, named):
    changed = {k: v for k, v in check.items() if k != "registered" or key == "amended"}
    changed[key] = registered(criterion)
    with pytest.raises(UserError) as error:
        read([claim | {"checks": [check, changed]}])
    assert f"claims.yaml, claim 4, checks.1.{key}.{named}" in str(error.value)


@pytest.mark.parametrize("date", ["yesterday", "22.11.2026", 20261122])
def test_a_malformed_day(claim, check, read, date):
    changed = check | {"registered": registered({"at_least": 0}, date)}
    with pytest.raises(UserError, match=r"checks\.0\.registered\.date"):
        read([claim | {"checks": [changed]}])


def test_a_check_is_registered_or_added(claim, check, read):
    both = check | {"added": check["registered"]}
    neither = {k: v for k, v in check.items() if k != "registered"}
    for wrong in (both, neither):
        with pytest.raises(UserError, match=r"claim 4, checks\.0"):
            read([claim | {"checks": [wrong]}])


def test_an_amendment_with_a_statistic_stands_by_itself(claim, check, read):
    amended = registered({"at_least": 1}, "2026-11-27") | {"statistic": "share_below"}
    with pytest.raises(UserError, match=r"claim 4, checks\.0\.amended"):
        read([claim | {"checks": [check | {"amended": amended}]}])


@pytest.mark.parametrize("key", ["section", "claim", "checks", "authors_value"])
def test_a_missing_key_of_a_claim(claim, read, key):
    with pytest.raises(UserError, match=f"claim 4, top level: '{key}' is a required"):
        read([{k: v for k, v in claim.items() if k != key}])


@pytest.mark.parametrize("key", ["what", "statistic", "tables"])
def test_a_missing_key_of_a_check(claim, check, read, key):
    part = {k: v for k, v in check.items() if k != key}
    with pytest.raises(UserError, match=rf"claim 4, checks\.0: '{key}' is a required"):
        read([claim | {"checks": [part]}])


@pytest.mark.parametrize(
    ("number", "named"), [(0, "claim 0, id"), ("five", "claim five, id")]
)
def test_a_malformed_number(claim, read, number, named):
    with pytest.raises(UserError, match=named):
        read([claim, claim | {"id": number}])


@pytest.mark.parametrize("entry", ["text", {}, {"section": "2.1"}, None], ids=str)
def test_an_entry_without_a_number_is_named_by_its_position(claim, read, entry):
    with pytest.raises(UserError, match=r"claims\.yaml, entry 2, "):
        read([claim, entry])


@pytest.mark.parametrize("claims", [None, [], {}, "none", 3])
def test_a_file_without_claims(read, claims):
    with pytest.raises(UserError, match=r"claims\.yaml, top level: "):
        read(claims)


@pytest.mark.parametrize(
    "statistic", ["median_of_luck", "normalised", "over_seeds", "_ratio"]
)
def test_an_unknown_statistic(claim, check, read, statistic):
    checks = [check, check | {"statistic": statistic}]
    with pytest.raises(UserError, match=rf"claim 4b\.statistic: .* '{statistic}'"):
        read([claim | {"checks": checks}])


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": {"level": 0.1}},
        {"arguments": {"performance": 1}},  # twice
        {"tables": {"relevance": "relevance/one/spectral.csv"}},
        {"tables": {"performance": PATH, "other": PATH}},
        {"statistic": "share_below"},  # without its threshold
        {"select": {"other": {"variant": "a"}}},
        {"registered": registered({"between": [1, 0.5]})},
        {"amended": registered({"between": [1, 0.5]})},
        {"amended": registered({"at_least": 1}) | {"arguments": {"level": 0.1}}},
        {"holds_for": {"threshold": [0.1, 0.2]}},  # there is no such argument
    ],
    ids=str,
)
def test_parts_that_do_not_fit(claim, check, read, changes):
    with pytest.raises(UserError, match=r"claims\.yaml, claim 4b"):
        read([claim | {"checks": [check, check | changes]}])


# Judging --------------------------------------------------------------------------


def judged(claim, *checks, **tables: pd.DataFrame) -> list[dict[str, Any]]:
    return judge(claim | {"checks": list(checks)}, {PATH: metrics(1), **tables})


@pytest.mark.parametrize(
    ("criterion", "values", "outcome", "verdict"),
    [
        # The interval of a few values is at most as wide as they are.
        ({"at_least": 0.5}, [0.6, 0.7, 0.8], "met", "reproduced"),
        ({"at_least": 0.5}, [0.5, 0.5], "met", "reproduced"),
        ({"at_least": 0.5}, [0.4, 0.9, 0.8], "undecided", "undecided"),
        ({"at_least": 0.5}, [0.3, 0.4, 0.49], "missed", "not reproduced"),
        ({"at_most": 0.5}, [0.4, 0.45, 0.49], "met", "reproduced"),
        ({"at_most": 0.5}, [0.4, 0.7], "undecided", "undecided"),
        ({"at_most": 0.5}, [0.51, 0.7], "missed", "not reproduced"),
        ({"between": [0.4, 0.6]}, [0.45, 0.5], "met", "reproduced"),
        ({"between": [0.4, 0.6]}, [0.5, 0.7], "undecided", "undecided"),
        ({"between": [0.4, 0.6]}, [0.1, 0.9], "undecided", "undecided"),
        ({"between": [0.4, 0.6]}, [0.61, 0.7], "missed", "not reproduced"),
        ({"between": [0.4, 0.6]}, [0.3, 0.39], "missed", "not reproduced"),
        # A single run tells nothing of others.
        ({"at_least": 0.5}, [0.9], "undecided", "undecided"),
        ({"at_least": 0.5}, [np.nan, np.nan], "undefined", "not judged"),
        ({"between": [0.5, 0.6]}, [np.nan, 1], "undefined", "not judged"),
        ({"at_least": 0.5}, [np.inf, 1], "undefined", "not judged"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_verdicts_of_one_check(claim, check, criterion, values, outcome, verdict):
    table = metrics(*values)
    checks = [check | {"registered": registered(criterion)}]
    (row,) = judge(claim | {"checks": checks}, {PATH: table})
    assert list(row) == list(COLUMNS)
    assert (row["outcome"], row["verdict"]) == (outcome, verdict)
    assert row["n"] == len(values)
    if outcome != "undefined" and len(values) > 1:
        assert row["value"] == pytest.approx(np.mean(values))
        assert min(values) <= row["low"] <= row["value"] <= row["high"] <= max(values)
    text = {"at_least": "≥ 0.5", "at_most": "≤ 0.5", "between": row["criterion"]}
    assert row["criterion"] == text[next(iter(criterion))]
    assert (row["since"], row["reason"]) == ("2026-11-22", "As an example.")
    for key in ("id", "section", "claim", "authors_value"):
        assert row[key] == claim[key]
    for key in ("what", "statistic"):
        assert row[key] == check[key]


@pytest.mark.parametrize(
    ("values", "outcomes", "verdict"),
    [
        ([0.6, 0.7, 0.8], ["met", "met", "met"], "reproduced"),
        ([0.6, 0.4, 0.8], ["met", "missed", "met"], "not reproduced"),
        ([0.6, (0, 1), 0.8], ["met", "undecided", "met"], "undecided"),
        ([0.4, (0, 1), 0.8], ["missed", "undecided", "met"], "not reproduced"),
        ([0.6, np.nan, 0.8], ["met", "undefined", "met"], "not judged"),
        ([0.1, 0.7, np.nan], ["missed", "met", "undefined"], "not judged"),
    ],
)
def test_verdicts_of_several_checks(claim, check, values, outcomes, verdict):
    pairs = [v if isinstance(v, tuple) else (v, v) for v in values]
    tables = {f"{k}.csv": metrics(*v) for k, v in zip("xyz", pairs, strict=True)}
    checks = [check | {"tables": {"performance": path}} for path in tables]
    rows = judge(claim | {"checks": checks}, tables)
    assert [row["check"] for row in rows] == ["a", "b", "c"]
    assert [row["outcome"] for row in rows] == outcomes
    assert {row["verdict"] for row in rows} == {verdict}
    np.testing.assert_array_equal(
        [row["value"] for row in rows], [np.mean(v) for v in pairs]
    )


def test_what_was_registered_is_judged_by_its_plain_value(claim, check):
    """As in the beginning, when no interval was asked for."""
    wide = metrics(0.4, 0.9, 0.8)
    (row,) = judge(claim | {"checks": [check]}, {PATH: wide})
    assert (row["verdict"], row["registered_verdict"]) == ("undecided", "reproduced")
    assert row["registered_value"] == row["value"] == pytest.approx(0.7)
    assert row["registered_outcome"] == "met"


def test_an_amended_check_shows_both(claim, check):
    amended = registered({"between": [0.8, 1.2]}, "2026-11-27")
    checks = [check | {"amended": amended | {"reason": "Two-sided."}}]
    (row,) = judge(claim | {"checks": checks}, {PATH: metrics(2, 2)})
    assert (row["verdict"], row["registered_verdict"]) == (
        "not reproduced",
        "reproduced",
    )
    assert (row["criterion"], row["registered_criterion"]) == ("0.8 … 1.2", "≥ 0.5")
    assert (row["since"], row["reason"]) == ("2026-11-27", "Two-sided.")
    other = amended | {
        "what": "the lowest metric",
        "statistic": "lowest_metric",
        "tables": {"performance": "other.csv"},
    }
    tables = {PATH: metrics(0.1, 0.1), "other.csv": metrics(1, 3)}
    (row,) = judge(claim | {"checks": [check | {"amended": other}]}, tables)
    assert (row["what"], row["value"], row["verdict"]) == (
        *("the lowest metric", 1), "reproduced",
    )  # fmt: skip
    assert (row["registered"], row["registered_value"]) == ("the metric", 0.1)
    assert row["registered_verdict"] == "not reproduced"


def test_what_was_added_later_does_not_count_as_registered(claim, check):
    later = {k: v for k, v in check.items() if k != "registered"}
    later["added"] = registered({"at_most": 0.5}, "2026-11-27")
    table = {PATH: metrics(0.9, 0.9)}
    first, second = judge(claim | {"checks": [check, later]}, table)
    assert first["verdict"] == "not reproduced"
    assert first["registered_verdict"] == second["registered_verdict"] == "reproduced"
    assert (second["outcome"], second["registered_outcome"]) == ("missed", "")
    (row,) = judge(claim | {"checks": [later]}, table)
    assert row["registered_verdict"] == "" and row["verdict"] == "not reproduced"


def test_controls_decide_nothing(claim, check):
    control = {key: check[key] for key in ("what", "statistic")}
    control |= {"what": "of chance", "tables": {"performance": "other.csv"}}
    tables = {PATH: metrics(0.9, 0.9), "other.csv": metrics(0.1, 0.2)}
    rows = judge(claim | {"checks": [check], "controls": [control]}, tables)
    assert [row["check"] for row in rows] == ["a", ""]
    assert {row["verdict"] for row in rows} == {"reproduced"}
    assert rows[1]["value"] == pytest.approx(0.15)
    assert rows[1]["outcome"] == rows[1]["criterion"] == ""


def test_for_which_thresholds_an_outcome_holds(claim, check):
    changes = {
        "statistic": "share_below",
        "arguments": {"threshold": 0.35},
        "tables": {"relevance": "scores.csv"},
        "select": {"relevance": {"variant": "x"}},
        "registered": registered({"at_least": 0.5}),
        "holds_for": {"threshold": [0.1, 0.35, 0.5]},
    }
    scores = pd.concat([SCORES, SCORES.assign(seed=1)])
    (row,) = judge(claim | {"checks": [check | changes]}, {"scores.csv": scores})
    assert (row["outcome"], row["holds_for"]) == ("met", "threshold 0.35, 0.5, not 0.1")


SCORES = pd.DataFrame(
    {
        "variant": ["x"] * 3 + ["y"] * 3,
        "seed": 0,
        "feature": ["a", "b", "c"] * 2,
        "score": [1, 0.3, 0, 1, 1, 1],
    }
)


@pytest.mark.parametrize(
    ("threshold", "variant", "expected"),
    [(0.2, "x", 1 / 3), (0.4, "x", 2 / 3), (0.4, "y", 0)],
)
def test_arguments_and_rows_reach_the_statistic(
    claim, check, threshold, variant, expected
):
    changes = {
        "statistic": "share_below",
        "arguments": {"threshold": threshold},
        "tables": {"relevance": "scores.csv"},
        "select": {"relevance": {"variant": variant}},
    }
    checks = [check, check | changes]
    tables = {PATH: metrics(1), "scores.csv": SCORES}
    _, row = judge(claim | {"checks": checks}, tables)
    assert row["value"] == pytest.approx(expected)
    assert row["statistic"] == "share_below"


def test_a_table_without_the_rows_of_a_check(claim, check):
    changes = {
        "statistic": "share_below",
        "arguments": {"threshold": 0.5},
        "tables": {"relevance": "scores.csv"},
        "select": {"relevance": {"variant": "z"}},
    }
    checks = [check, check | changes]
    tables = {PATH: metrics(1), "scores.csv": SCORES}
    with pytest.raises(UserError, match="claim 4b: expected rows with variant 'z'"):
        judge(claim | {"checks": checks}, tables)


def test_a_claim_without_all_of_its_tables(claim, check, tmp_path):
    other = check | {"tables": {"performance": "other.csv"}}
    claims = [claim, claim | {"id": 5, "checks": [check, other]}]
    (tmp_path / PATH).parent.mkdir()
    metrics(0.7, 0.8).to_csv(tmp_path / PATH, index=False)
    found = judge_all(claims, tmp_path)
    assert found["verdict"].tolist() == ["reproduced", "not run yet", "not run yet"]
    assert found["value"].isna().tolist() == [False, True, True]
    assert found["n"].tolist() == [2, 0, 0]
    row = per_check(found).iloc[1]
    assert row["verdict"] == row["as registered"] == "not run yet"
    assert row[["value", "n", "outcome", "registered"]].tolist() == [""] * 4

    metrics(0.7, 0.8).to_csv(tmp_path / "other.csv", index=False)
    found = judge_all(claims, tmp_path)
    assert set(found["verdict"]) == {"reproduced"}
    tables = dict.fromkeys((PATH, "other.csv"), metrics(0.7, 0.8))
    expected = [row for c in claims for row in judge(c, tables)]
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected))


# Writing --------------------------------------------------------------------------


@pytest.fixture
def verdicts(claim: dict[str, Any], check: dict[str, Any]) -> pd.DataFrame:
    tables = {
        "good.csv": metrics(0.71234567, 0.75),
        "bad.csv": metrics(0.25, 0.25),
        "none.csv": metrics(np.nan, 1),
    }
    checks = {
        path.removesuffix(".csv"): check | {"tables": {"performance": path}}
        for path in tables
    }
    amended = registered({"at_most": 0.1}, "2026-11-27") | {"what": "|error|"}
    low = checks["bad"] | {"amended": amended}
    control = {"what": "of chance", "statistic": "test_metric"}
    control["tables"] = {"performance": "bad.csv"}
    claims = [
        claim | {"checks": [checks["good"]], "controls": [control]},
        claim | {"id": 17, "checks": [checks["good"], checks["bad"], low]},
        claim | {"id": 23, "checks": [checks["none"]]},
    ]
    return pd.DataFrame([row for c in claims for row in judge(c, tables)])


def test_a_row_for_each_check(verdicts):
    table = per_check(verdicts)
    good = ["the metric", "0.7312 [0.712, 0.75]", "2", "≥ 0.5", "met", "", ""]
    bad = ["the metric", "0.25", "2", "≥ 0.5", "missed", "", ""]
    end, text = "not in our copy of the text", ["2.2", "Numbers are large."]
    no = "not reproduced"
    registered = "the metric: 0.25, ≥ 0.5: missed"
    assert table.to_numpy().tolist() == [
        ["4", *text, "reproduced", "reproduced", *good, end],
        ["", *[""] * 4, "(of chance)", "0.25", "2", "", "", "", "", ""],
        ["17a", *text, no, no, *good, end],
        ["17b", *[""] * 4, *bad, ""],
        ["17c", *[""] * 4, "|error|", *bad[1:3], "≤ 0.1", "missed", "", registered, ""],
        [
            *("23", *text, "not judged", "not judged", "the metric", "nan", "2"),
            *("≥ 0.5", "undefined", "", "", end),
        ],
    ]


def test_intervals_are_written_out(verdicts):
    verdicts = verdicts.assign(value=1423.4, low=1006.1, high=1840.7)
    assert set(per_check(verdicts)["value"]) == {"1423 [1.01e+03, 1.84e+03]"}
    verdicts = verdicts.assign(value=1e-17, low=-1e-17, high=1e-17)
    assert set(per_check(verdicts)["value"]) == {"0"}
    verdicts = verdicts.assign(value=0.25, low=np.nan, high=np.nan)
    assert set(per_check(verdicts)["value"]) == {"0.25"}


def test_a_row_for_each_claim(verdicts):
    table = per_claim(verdicts)
    text = ["2.2", "Numbers are large."]
    missed = "the metric: 0.25, ≥ 0.5; |error|: 0.25, ≤ 0.1"
    assert table.to_numpy().tolist() == [
        [
            4,
            *text,
            "reproduced",
            "reproduced",
            "the metric: 0.7312 [0.712, 0.75], ≥ 0.5",
        ],
        [17, *text, "**not reproduced**", "not reproduced", missed],
        [23, *text, "**not judged**", "not judged", "the metric: nan, ≥ 0.5"],
    ]
    table = per_claim(verdicts.assign(verdict="not run yet"))
    assert table.iloc[-1]["what decides it"] == ""


def test_summary_has_a_line_for_each_claim(verdicts):
    first, *lines = summary(verdicts, "quick").splitlines()
    sentence = "1 of 3 claims are reproduced; 1 not reproduced (17); 1 not judged (23)."
    assert counted(verdicts) == sentence
    assert first == f"Claims at the quick scale: {sentence}"
    failed = "the metric: 0.25, ≥ 0.5; |error|: 0.25, ≤ 0.1"
    for line, words in zip(
        lines,
        [
            ("4", "reproduced", "Numbers are large."),
            ("17", "not reproduced", f"Numbers are large. ({failed})"),
            ("23", "not judged", "Numbers are large. (the metric: nan, ≥ 0.5)"),
        ],
        strict=True,
    ):
        assert [part.strip() for part in line.split("  ") if part.strip()] == [*words]
