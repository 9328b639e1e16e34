"""The claims of the paper as config/claims.yaml states them."""

import inspect
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest

from spectral_relevance.replication.claims import (
    STATISTICS,
    deciding,
    read_claims,
    registered,
    table_paths,
)
from spectral_relevance.replication.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = read_claims(ROOT / "config/claims.yaml")
CHECKS = [
    pytest.param(rule, id=f"{claim['id']}{letter}{'-registered' * first}")
    for claim in CLAIMS
    for letter, check in zip(ascii_lowercase, claim["checks"], strict=False)
    for first, rule in enumerate((deciding(check), registered(check)))
]
CHECKS += [
    pytest.param(control, id=f"{claim['id']}-{control['what']}")
    for claim in CLAIMS
    for control in claim.get("controls", [])
]

FIRST_ISSUE = {
    1: {"at_least": 0.9},
    2: {"at_least": 0.95},
    3: {"at_least": 0.9},
    7: {"at_least": 0.99},
    8: {"at_least": 0.8},
    9: {"at_least": 0.97},
    10: {"at_most": 0.8},
    11: {"at_least": 0.9},
    14: {"at_most": 0.05},
    15: {"at_most": 0.05},
    16: {"at_most": 1.2},
}
"""Criteria that were fixed before the first published run; they may never change."""


def test_all_claims_in_order():
    assert [claim["id"] for claim in CLAIMS] == list(range(1, len(CLAIMS) + 1))


def test_published_criteria_stand():
    for claim in CLAIMS:
        if claim["id"] in FIRST_ISSUE:
            first = registered(claim["checks"][0])  # others may be added to it
            assert first["criterion"] == FIRST_ISSUE[claim["id"]], claim["id"]
            assert first["date"] == "2026-11-22"


def test_what_was_published_first_stays():
    """All checks that the published run of November 2026 was judged by."""
    checks = [check for claim in CLAIMS for check in claim["checks"]]
    dates = [check["registered"]["date"] for check in checks if "registered" in check]
    assert len(dates) == 56 and dates.count("2026-11-25") == 2
    for check in checks:
        later = [check[key]["date"] for key in ("added", "amended") if key in check]
        assert all(date > "2026-11-25" for date in later), check["what"]


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_fits_its_statistic(check: dict[str, Any]):
    signature = inspect.signature(STATISTICS[check["statistic"]])
    # Neither too few nor too many, and none twice.
    arguments = check.get("arguments", {})
    bound = signature.bind(**check["tables"], **arguments)
    for name in bound.arguments:
        by_keyword = signature.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert name in (arguments if by_keyword else check["tables"])


@pytest.fixture(scope="module")
def experiments() -> dict[str, Any]:
    return read_settings(ROOT, "paper")["experiments"]


def test_tables_belong_to_experiments(experiments):
    for path in table_paths(CLAIMS):
        folder, *rest = Path(path).parts
        if rest:
            assert Path(rest[0]).stem in experiments, path
            kinds = {"comparison", "controls", "curves", "datasets", "lrp_theory"}
            assert folder in kinds | {"performance", "relevance"}, path
        else:
            assert path in {"line_bands.csv", "table1.csv"}


@pytest.mark.parametrize("check", CHECKS)
def test_selected_variants_and_methods_exist(check, experiments):
    for name, rows in check.get("select", {}).items():
        folder, *rest = Path(check["tables"][name]).parts
        if not rest:
            continue
        settings = experiments[Path(rest[0]).stem]
        if "variant" in rows:
            variants = settings["variants"]
            # A pattern ends in a star.
            start = rows["variant"].rstrip("*")
            assert any(v.startswith(start) for v in variants), rows
        if folder == "comparison":
            methods = rows["method"]
            methods = methods if isinstance(methods, list) else [methods]
            assert set(methods) <= set(settings["comparison"]["methods"])
