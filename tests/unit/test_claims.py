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


@pytest.fixture
def check() -> dict[str, Any]:
    return {
        "what": "the metric",
        "statistic": "test_metric",
        "tables": {"performance": PATH},
        "criterion": {"at_least": 0.5},
        "reason": "As an example.",
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
        "criterion": {"between": [-1, 1.5]},
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
        ({"criterion": {}}, "criterion"),
        ({"criterion": {"at_least": 0, "at_most": 1}}, "criterion"),
        ({"criterion": {"at_last": 0}}, "criterion"),
        ({"criterion": {"at_least": "1e-3"}}, "criterion.at_least"),
        ({"criterion": {"at_least": None}}, "criterion.at_least"),
        ({"criterion": {"between": [1]}}, "criterion.between"),
        ({"criterion": {"between": 1}}, "criterion.between"),
        ({"criterion": 0.5}, "criterion"),
        ({"statistic": "os.system"}, "statistic"),
        ({"tables": {}}, "tables"),
        ({"tables": {"performance": "../secret.csv"}}, "tables.performance"),
        ({"tables": {"performance": "performance.txt"}}, "tables.performance"),
        ({"select": {"performance": {"seed": 1}}}, "select.performance"),
        ({"select": {"performance": {"variant": 3}}}, "select.performance.variant"),
        ({"select": {"performance": {"examples": 10}}}, "select.performance.examples"),
        ({"arguments": [1]}, "arguments"),
        ({"what": ""}, "what"),
    ],
    ids=str,
)
def test_a_malformed_check(claim, check, read, changes, named):
    with pytest.raises(UserError) as error:
        read([claim, claim | {"id": 23, "checks": [check, check | changes]}])
    assert f"claims.yaml, claim 23, checks.1.{named}" in str(error.value)


@pytest.mark.parametrize("key", ["section", "claim", "checks", "authors_value"])
def test_a_missing_key_of_a_claim(claim, read, key):
    with pytest.raises(UserError, match=f"claim 4, top level: '{key}' is a required"):
        read([{k: v for k, v in claim.items() if k != key}])


@pytest.mark.parametrize("key", ["what", "statistic", "tables", "criterion", "reason"])
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
        {"criterion": {"between": [1, 0.5]}},
    ],
    ids=str,
)
def test_parts_that_do_not_fit(claim, check, read, changes):
    with pytest.raises(UserError, match=r"claims\.yaml, claim 4b"):
        read([claim | {"checks": [check, check | changes]}])


# Judging --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "values", "verdict"),
    [
        ({"at_least": 0.5}, [0.4, 0.7], "reproduced"),
        ({"at_least": 0.5}, [0.5, 0.5], "reproduced"),
        ({"at_least": 0.5}, [0.4, 0.5], "not reproduced"),
        ({"at_most": 0.5}, [0.4, 0.5], "reproduced"),
        ({"at_most": 0.5}, [0.5, 0.5], "reproduced"),
        ({"at_most": 0.5}, [0.4, 0.7], "not reproduced"),
        ({"between": [0.5, 0.6]}, [0.5, 0.5], "reproduced"),
        ({"between": [0.4, 0.5]}, [0.5, 0.5], "reproduced"),
        ({"between": [0.5, 0.6]}, [0.4, 0.5], "not reproduced"),
        ({"between": [0.5, 0.6]}, [0.6, 0.7], "not reproduced"),
        ({"at_least": 0.5}, [np.nan, np.nan], "not judged"),
        ({"at_most": 0.5}, [np.nan, np.nan], "not judged"),
        ({"between": [0.5, 0.6]}, [np.nan, 1], "not judged"),
        ({"at_least": 0.5}, [np.inf, 1], "not judged"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_verdicts_of_one_check(claim, check, criterion, values, verdict):
    table = metrics(*values)
    checks = [check | {"criterion": criterion}]
    (row,) = judge(claim | {"checks": checks}, {PATH: table})
    assert row["verdict"] == verdict
    if verdict != "not judged":
        assert row["met"] is (verdict == "reproduced")
    assert row["n"] == 2
    if np.isfinite(values).all():
        assert row["value"] == pytest.approx(np.mean(values))
        assert row["spread"] == pytest.approx(np.std(values, ddof=1))
    text = {"at_least": "≥ 0.5", "at_most": "≤ 0.5"}
    if "between" not in criterion:
        assert row["criterion"] == text[next(iter(criterion))]
    for key in ("id", "section", "claim", "authors_value"):
        assert row[key] == claim[key]
    for key in ("what", "statistic"):
        assert row[key] == check[key]


@pytest.mark.parametrize(
    ("values", "met", "verdict"),
    [
        ([0.6, 0.7, 0.8], [True, True, True], "reproduced"),
        ([0.6, 0.4, 0.8], [True, False, True], "not reproduced"),
        ([0.6, 0.7, 0.4], [True, True, False], "not reproduced"),
        ([0.1, 0.1, 0.1], [False, False, False], "not reproduced"),
        ([0.6, np.nan, 0.8], [True, False, True], "not judged"),
        ([0.1, 0.7, np.nan], [False, True, False], "not judged"),
    ],
)
def test_verdicts_of_several_checks(claim, check, values, met, verdict):
    tables = {f"{k}.csv": metrics(v) for k, v in zip("xyz", values, strict=True)}
    checks = [check | {"tables": {"performance": path}} for path in tables]
    rows = judge(claim | {"checks": checks}, tables)
    assert [row["check"] for row in rows] == ["a", "b", "c"]
    assert [row["met"] for row in rows] == met
    assert {row["verdict"] for row in rows} == {verdict}
    np.testing.assert_array_equal([row["value"] for row in rows], values)
    assert all(np.isnan(row["spread"]) for row in rows)


def test_the_criterion_of_an_interval(claim, check):
    checks = [check | {"criterion": {"between": [0.25, 1]}}]
    (row,) = judge(claim | {"checks": checks}, {PATH: metrics(0.5)})
    assert row["criterion"] == "0.25 … 1"


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
    row = per_check(found).iloc[-2].tolist()
    assert row[:5] == ["5a", "2.2", "Numbers are large.", "not run yet", "the metric"]
    assert row[5:9] == ["", "", "≥ 0.5", ""]

    metrics(0.7, 0.8).to_csv(tmp_path / "other.csv", index=False)
    found = judge_all(claims, tmp_path)
    assert set(found["verdict"]) == {"reproduced"}
    expected = [
        row
        for c in claims
        for row in judge(c, dict.fromkeys((PATH, "other.csv"), metrics(0.7, 0.8)))
    ]
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected))


# Writing --------------------------------------------------------------------------


@pytest.fixture
def verdicts(claim: dict[str, Any], check: dict[str, Any]) -> pd.DataFrame:
    tables = {
        "good.csv": metrics(0.71234567, 0.75),
        "bad.csv": metrics(0.25),
        "none.csv": metrics(np.nan),
    }
    checks = {
        path.removesuffix(".csv"): check | {"tables": {"performance": path}}
        for path in tables
    }
    low = checks["bad"] | {"what": "|error|", "criterion": {"at_most": 0.1}}
    claims = [
        claim | {"checks": [checks["good"]]},
        claim | {"id": 17, "checks": [checks["good"], checks["bad"], low]},
        claim | {"id": 23, "checks": [checks["none"]]},
    ]
    return pd.DataFrame([row for c in claims for row in judge(c, tables)])


def test_columns_of_the_table(verdicts):
    assert list(verdicts) == [
        *("id", "check", "section", "claim", "what", "statistic", "value", "spread"),
        *("n", "criterion", "met", "verdict", "authors_value"),
    ]
    assert verdicts["id"].tolist() == [4, 17, 17, 17, 23]
    assert verdicts["met"].dtype == bool


def test_a_row_for_each_check(verdicts):
    table = per_check(verdicts)
    assert list(table)[:4] == ["#", "section", "claim", "verdict"]
    text = ["2.2", "Numbers are large."]
    end = "not in our copy of the text"
    good = ["the metric", "0.7312 ± 0.027", "2", "≥ 0.5", "yes"]
    assert table.to_numpy().tolist() == [
        ["4", *text, "reproduced", *good, end],
        ["17a", *text, "not reproduced", *good, end],
        ["17b", "", "", "", "the metric", "0.25", "1", "≥ 0.5", "no", ""],
        ["17c", "", "", "", "|error|", "0.25", "1", "≤ 0.1", "no", ""],
        ["23", *text, "not judged", "the metric", "nan", "1", "≥ 0.5", "no", end],
    ]


def test_spreads_are_written_out(verdicts):
    verdicts = verdicts.assign(value=1423.4, spread=417.3)
    assert set(per_check(verdicts)["value"]) == {"1423 ± 420"}
    verdicts = verdicts.assign(value=0.95, spread=1.4e-16)
    assert set(per_check(verdicts)["value"]) == {"0.95 ± 0"}


def test_a_row_for_each_claim(verdicts):
    table = per_claim(verdicts)
    text = ["2.2", "Numbers are large."]
    three = (
        "0.7312 ± 0.027 (≥ 0.5)<br>**0.25 (≥ 0.5)**<br>**0.25 (≤ 0.1)**",
        "1 … 2",
        "**not reproduced**",
    )
    assert table.to_numpy().tolist() == [
        [4, *text, "0.7312 ± 0.027 (≥ 0.5)", "2", "reproduced"],
        [17, *text, *three],
        [23, *text, "**nan (≥ 0.5)**", "1", "**not judged**"],
    ]
    table = per_claim(verdicts.assign(verdict="not run yet"))
    assert table.iloc[-1].tolist() == [23, *text, "", "", "**not run yet**"]


def test_summary_has_a_line_for_each_claim(verdicts):
    first, *lines = summary(verdicts, "quick").splitlines()
    assert first == "Claims at the quick scale: 1 of 3 claims reproduced."
    failed = "the metric 0.25, expected ≥ 0.5; |error| 0.25, expected ≤ 0.1"
    undefined = "the metric nan, expected ≥ 0.5"
    for line, words in zip(
        lines,
        [
            ("4", "reproduced", "Numbers are large."),
            ("17", "not reproduced", f"Numbers are large. ({failed})"),
            ("23", "not judged", f"Numbers are large. ({undefined})"),
        ],
        strict=True,
    ):
        assert [part.strip() for part in line.split("  ") if part.strip()] == [*words]
