"""The claims of the paper as config/claims.yaml states them."""

import inspect
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest
import yaml

from spectral_relevance.replication.claims import STATISTICS, read_claims, table_paths

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = read_claims(ROOT / "config/claims.yaml")
CHECKS = [
    pytest.param(check, id=f"{claim['id']}{letter}")
    for claim in CLAIMS
    for letter, check in zip(ascii_lowercase, claim["checks"], strict=False)
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
            first = claim["checks"][0]  # others may be added to it
            assert first["criterion"] == FIRST_ISSUE[claim["id"]], claim["id"]


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_fits_its_statistic(check: dict[str, Any]):
    signature = inspect.signature(STATISTICS[check["statistic"]])
    # Neither too few nor too many, and none twice.
    signature.bind(**check["tables"], **check.get("arguments", {}))
    for name, parameter in signature.parameters.items():
        by_keyword = parameter.kind is parameter.KEYWORD_ONLY
        assert name in check["arguments" if by_keyword else "tables"]


@pytest.fixture(scope="module")
def experiments() -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    return config["experiments"]


def test_tables_belong_to_experiments(experiments):
    for path in table_paths(CLAIMS):
        folder, *rest = Path(path).parts
        if rest:
            assert Path(rest[0]).stem in experiments, path
            kinds = {"comparison", "curves", "datasets", "performance", "relevance"}
            assert folder in kinds | {"lrp_theory"}, path
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
            variants = [v for v, s in settings["variants"].items() if s is not None]
            # A pattern ends in a star.
            start = rows["variant"].rstrip("*")
            assert any(v.startswith(start) for v in variants), rows
        if folder == "comparison":
            methods = rows["method"]
            methods = methods if isinstance(methods, list) else [methods]
            assert set(methods) <= set(settings["comparison"]["methods"])
