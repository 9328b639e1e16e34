"""What captions say of the settings and of the claims."""

from pathlib import Path

import pytest

from spectral_relevance.replication.captions import judged, number, shown_settings
from spectral_relevance.replication.figures.catalogue import read_figures
from spectral_relevance.replication.settings import read_settings, read_yaml

ROOT = Path(__file__).resolve().parents[2]
FIGURES = read_figures(ROOT / "config/figures.yaml")
SETTINGS = read_settings(ROOT, "paper")


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ([], ""),
        ([3], "Judged by claim 3."),
        ([3, 4], "Judged by claims 3 and 4."),
        ([9, 10, 32], "Judged by claims 9, 10 and 32."),
    ],
)
def test_claims_are_named(claims, text):
    assert judged(claims) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (48000, "48,000"),
        (0.2, "0.2"),
        (1e-3, "0.001"),
        (1e-4, "10⁻⁴"),
        (2.5e-12, "2.5·10⁻¹²"),
    ],
)
def test_numbers_are_as_people_write_them(value, text):
    assert number(value) == text


def test_settings_are_those_of_the_experiments_that_are_shown():
    found = shown_settings(FIGURES["11"], SETTINGS)
    assert list(found) == ["stellar", "stellar_mlp"]
    assert shown_settings(FIGURES["01"], SETTINGS) == {}


def test_settings_in_words():
    found = shown_settings(FIGURES["11"], SETTINGS)
    assert found["stellar"]["base"]["setup"] == (
        "spectral network, hidden layers 200 (ReLU, batch normalisation, dropout "
        "0.01), 50 (tanh) and 50 (tanh), 1 tanh output; L2 penalty of 0.01 on the "
        "eigenvalues and 10⁻⁴ on the eigenvectors of the first layer; 1,000 epochs in "
        "batches of 10 at a learning rate of 0.001; 10 runs"
    )
    assert found["stellar"]["base"]["dataset"]["seed"] == 42
    assert found["stellar_mlp"]["base"]["penalty"] == "no penalty"
    lasso = shown_settings(FIGURES["S3"], SETTINGS)["group_lasso"]["group_lasso"]
    assert lasso["network"] == "standard network, no hidden layer, 2 linear outputs"
    assert lasso["penalty"].startswith("group-lasso penalty of 0.02 on the weights")
    assert lasso["epochs"] == "800 epochs"


def test_every_claim_but_that_of_a_table_has_a_figure_and_no_figure_another():
    claims = {entry["id"] for entry in read_yaml(ROOT / "config/claims.yaml")}
    of_figures = {claim for figure in FIGURES.values() for claim in figure["claims"]}
    assert claims - of_figures == {27}  # Table 1
    assert of_figures <= claims
