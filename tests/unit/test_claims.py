"""The list of claims, their verdicts, and what people read of them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from spectral_relevance import statistics
from spectral_relevance.claims import judge, markdown, read_claims, summary
from spectral_relevance.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = ROOT / "config/claims.yaml"
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"


@pytest.fixture
def claim() -> dict[str, Any]:
    return {
        "id": 4,
        "section": "2.2",
        "claim": "Numbers are large.",
        "statistic": "test_metric",
        "arguments": {},
        "tables": {"performance": "performance/one.csv"},
        "criterion": {"at_least": 0.5},
        "reason": "As an example.",
        "authors_value": "not in our copy of the text",
    }


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Any], list[dict[str, Any]]]:
    """Write claims to a file and read them back."""

    def read(claims: Any) -> list[dict[str, Any]]:
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump(claims), encoding="utf-8")
        return read_claims(path, SCHEMA)

    return read


# Reading --------------------------------------------------------------------------


def test_the_real_claims_fit_their_statistics():
    claims = read_claims(CLAIMS, SCHEMA)
    assert len(claims) >= 11
    assert [c["id"] for c in claims] == sorted({c["id"] for c in claims})
    for claim in claims:
        place = f"claim {claim['id']}"
        function = getattr(statistics, claim["statistic"])
        assert inspect.isfunction(function), place
        assert function.__module__ == statistics.__name__, place
        signature = inspect.signature(function)
        assert signature.return_annotation is statistics.Estimate, place
        # Neither too few nor too many, and none twice.
        signature.bind(**claim["tables"], **claim["arguments"])
        for name, parameter in signature.parameters.items():
            source = (
                "arguments" if parameter.kind is parameter.KEYWORD_ONLY else ("tables")
            )
            assert name in claim[source], place


def test_tables_of_the_real_claims_belong_to_experiments():
    experiments = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for claim in read_claims(CLAIMS, SCHEMA):
        for name in claim["tables"].values():
            folder, *rest = Path(name).parts
            if rest:
                experiment = Path(rest[0]).stem
                assert experiment in experiments["experiments"], (claim["id"], folder)
            else:
                assert name == "line_bands.csv"


def test_claims_are_read_as_they_stand(claim, read):
    other = claim | {"id": 5, "criterion": {"at_most": -1}}
    assert read([claim, other]) == [claim, other]


def test_a_number_twice(claim, read):
    with pytest.raises(UserError, match=r"claims\.yaml, claim 4: .* twice"):
        read([claim, claim | {"id": 5}, claim | {"section": "A"}])


@pytest.mark.parametrize("statistic", ["median_of_luck", "np_mean"])
def test_an_unknown_statistic(claim, read, statistic):
    with pytest.raises(UserError, match=rf"claim 4\.statistic: .* '{statistic}'"):
        read([claim | {"statistic": statistic}])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"criterion": {}}, "1.criterion"),
        ({"criterion": {"at_least": 0, "at_most": 1}}, "1.criterion"),
        ({"criterion": {"at_last": 0}}, "1.criterion"),
        ({"criterion": {"at_least": "1e-3"}}, "1.criterion.at_least"),
        ({"criterion": {"at_least": None}}, "1.criterion.at_least"),
        ({"criterion": 0.5}, "1.criterion"),
        ({"id": 0}, "1.id"),
        ({"id": "five"}, "1.id"),
        ({"section": 2.1}, "1.section"),
        ({"statistic": "os.system"}, "1.statistic"),
        ({"tables": {}}, "1.tables"),
        ({"tables": {"performance": "../secret.csv"}}, "1.tables.performance"),
        ({"tables": {"performance": "performance.txt"}}, "1.tables.performance"),
        ({"arguments": [1]}, "1.arguments"),
        ({"authors_value": 0.99}, "1.authors_value"),
        ({"extra": 1}, "'extra' was unexpected"),
    ],
    ids=str,
)
def test_a_malformed_claim(claim, read, changes, named):
    with pytest.raises(UserError) as error:
        read([claim, claim | {"id": 5} | changes])
    assert "claims.yaml" in str(error.value)
    assert named in str(error.value)


@pytest.mark.parametrize("key", ["id", "statistic", "criterion", "reason"])
def test_a_missing_key_of_a_claim(claim, read, key):
    with pytest.raises(UserError, match=f"claims.yaml, 0: '{key}' is a required"):
        read([{k: v for k, v in claim.items() if k != key}])


@pytest.mark.parametrize("claims", [None, [], {}, "none", 3])
def test_a_file_without_claims(read, claims):
    with pytest.raises(UserError, match=r"claims\.yaml, top level: "):
        read(claims)


@pytest.mark.parametrize(
    "changes",
    [
        {"statistic": "normalised"},  # a helper, no statistic
        {"arguments": {"level": 0.1}},
        {"tables": {"relevance": "relevance/one/spectral.csv"}},
        {"statistic": "share_below"},  # without its threshold
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_the_statistic(claim, read, changes):
    with pytest.raises(UserError, match="claims.yaml, claim 4"):
        read([claim | changes])


# Judging --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "metrics", "verdict"),
    [
        ({"at_least": 0.5}, [0.4, 0.7], "reproduced"),
        ({"at_least": 0.5}, [0.5, 0.5], "reproduced"),
        ({"at_least": 0.5}, [0.4, 0.5], "not reproduced"),
        ({"at_most": 0.5}, [0.4, 0.5], "reproduced"),
        ({"at_most": 0.5}, [0.5, 0.5], "reproduced"),
        ({"at_most": 0.5}, [0.4, 0.7], "not reproduced"),
        ({"at_least": 0.5}, [np.nan, np.nan], "not judged"),
        ({"at_most": 0.5}, [np.nan, np.nan], "not judged"),
        ({"at_least": 0.5}, [np.inf, 1], "not judged"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_verdicts(claim, criterion, metrics, verdict):
    table = pd.DataFrame({"seed": [0, 1], "metric": metrics})
    row = judge(claim | {"criterion": criterion}, {"performance": table})
    assert row["verdict"] == verdict
    assert row["n"] == 2
    if np.isfinite(metrics).all():
        assert row["value"] == pytest.approx(np.mean(metrics))
        assert row["spread"] == pytest.approx(np.std(metrics, ddof=1))
    assert row["criterion"] == ("≥ 0.5" if "at_least" in criterion else "≤ 0.5")
    for key in ("id", "section", "claim", "statistic", "authors_value"):
        assert row[key] == claim[key]


def test_arguments_reach_the_statistic(claim):
    scores = pd.DataFrame({"seed": 0, "feature": ["a", "b", "c"], "score": [1, 0.3, 0]})
    for threshold, expected in ((0.2, 1 / 3), (0.4, 2 / 3)):
        changes = {"statistic": "share_below", "arguments": {"threshold": threshold}}
        row = judge(claim | changes, {"relevance": scores})
        assert row["value"] == pytest.approx(expected)
        assert row["statistic"] == "share_below"


# Writing --------------------------------------------------------------------------


@pytest.fixture
def verdicts(claim: dict[str, Any]) -> pd.DataFrame:
    tables = [
        pd.DataFrame({"seed": [0, 1], "metric": [0.71234567, 0.75]}),
        pd.DataFrame({"seed": [0], "metric": [0.25]}),
        pd.DataFrame({"seed": [0], "metric": [np.nan]}),
    ]
    return pd.DataFrame(
        [
            judge(claim | {"id": number}, {"performance": table})
            for number, table in zip((4, 17, 23), tables, strict=True)
        ]
    )


def test_markdown_has_a_row_for_each_claim(verdicts):
    header, rule, *rows = markdown(verdicts).splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (header, rule, *rows)
    ]
    assert {len(row) for row in cells} == {9}
    assert cells[0][0] == "#" and set(cells[1]) == {"---"}
    text = ["2.2", "Numbers are large.", "test_metric"]
    end = "not in our copy of the text"
    assert cells[2:] == [
        ["4", *text, "0.7312 ± 0.027", "2", "≥ 0.5", "reproduced", end],
        ["17", *text, "0.25", "1", "≥ 0.5", "not reproduced", end],
        ["23", *text, "nan", "1", "≥ 0.5", "not judged", end],
    ]


def test_summary_counts_and_lists(verdicts):
    first, *lines = summary(verdicts, "quick").splitlines()
    assert first == "Claims at the quick scale: 1 of 3 reproduced."
    for line, words in zip(
        lines,
        [
            ("4", "reproduced", "test_metric = 0.7312 ± 0.027 (≥ 0.5, n = 2)"),
            ("17", "not reproduced", "test_metric = 0.25 (≥ 0.5, n = 1)"),
            ("23", "not judged", "test_metric = nan (≥ 0.5, n = 1)"),
        ],
        strict=True,
    ):
        assert [part.strip() for part in line.split("  ") if part.strip()] == [*words]
