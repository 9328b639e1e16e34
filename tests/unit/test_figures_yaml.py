"""The list of figures: what is refused, and that each can be drawn and is explained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spectral_relevance.errors import UserError
from spectral_relevance.replication.figures import drawing
from spectral_relevance.replication.figures.catalogue import read_figures
from spectral_relevance.replication.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
FIGURES = read_figures(ROOT / "config/figures.yaml")
TABLES = {
    "comparison",
    "controls",
    "curves",
    "datasets",
    "lrp_theory",
    "performance",
    "relevance",
}


@pytest.fixture
def figure() -> dict[str, Any]:
    return {
        "number": "05",
        "shows": "eigenvalues",
        "claims": [8, 30],
        "draw": "mnist.eigenvalue_map",
        "tables": {"relevance": "relevance/one/spectral.csv"},
    }


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Any], dict[str, dict[str, Any]]]:
    """Write figures to a file and read them back."""

    def read(figures: Any) -> dict[str, dict[str, Any]]:
        path = tmp_path / "figures.yaml"
        path.write_text(yaml.safe_dump(figures), encoding="utf-8")
        return read_figures(path)

    return read


def test_figures_are_found_by_number(read, figure):
    others = {"number": "S1", "draw": "scheme.decomposition", "tables": {}}
    found = read([figure, figure | others])
    assert list(found) == ["05", "S1"]
    assert found["05"] == {k: v for k, v in figure.items() if k != "number"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": 5}, r"figure 5, number: .*found 5\. \(Number .*in quotes"),
        ({"number": "5"}, r"figure 5, number: .*found '5'\."),
        ({"shows": ""}, "figure 05, shows: "),
        ({"claims": 8}, r"figure 05, claims: .*8 is not of type 'array'"),
        ({"claims": [8, 8]}, r"figure 05, claims: .*non-unique"),
        ({"claims": ["8a"]}, r"figure 05, claims\.0: .*'8a'"),
        ({"colour": "red"}, "figure 05, top level: .*colour"),
        (
            {"draw": "eigenvalue_map"},
            r"figure 05, draw: expected Function that draws it",
        ),
        ({"draw": "mnist._pixels"}, "figure 05, draw: "),
        ({"draw": "appendix.spurious"}, r"05\.draw: there is no module .*appendix"),
        ({"draw": "mnist.map"}, r"05\.draw: figures\.mnist has no function 'map'"),
        ({"draw": "mnist.np"}, r"05\.draw: figures\.mnist has no function 'np'"),
        ({"tables": {}}, r"05\.tables: expected relevance, which .* takes, found none"),
        (
            {"tables": {"relevance": "a/b.csv", "data": "a/b.npz"}},
            r"05\.tables: expected relevance, .* found .*data",
        ),
        ({"tables": {"relevance": "../a.csv"}}, r"05, tables\.relevance: "),
        ({"draw": "scheme.decomposition"}, r"05\.tables: expected none, .*relevance"),
    ],
    ids=str,
)
def test_figures_that_are_refused(read, figure, changes, message):
    with pytest.raises(UserError, match=rf"figures\.yaml, .*{message}"):
        read([figure | changes])


@pytest.mark.parametrize("key", ["number", "shows", "claims", "draw", "tables"])
def test_a_key_that_is_missing(read, figure, key):
    del figure[key]
    place = "entry 1" if key == "number" else "figure 05"
    with pytest.raises(UserError, match=f"{place}, top level: .*'{key}'"):
        read([figure])


def test_a_number_given_twice(read, figure):
    with pytest.raises(UserError, match=r"figure 05: the number stands twice\."):
        read([figure, figure])


@pytest.mark.parametrize("figures", [None, [], {}, "none"])
def test_a_file_without_figures(read, figures):
    with pytest.raises(UserError, match="top level: expected a list of figures"):
        read(figures)


def test_a_file_that_is_no_yaml(tmp_path):
    path = tmp_path / "figures.yaml"
    path.write_text("- number: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"figures\.yaml, line 1: expected the node"):
        read_figures(path)


@pytest.mark.parametrize("number", FIGURES)
def test_a_figure_can_be_drawn_from_what_experiments_make(number):
    experiments = read_settings(ROOT, "paper")["experiments"]
    assert callable(drawing(FIGURES[number]["draw"]))
    for path in FIGURES[number]["tables"].values():
        folder, *rest = Path(path).parts
        if rest:
            assert folder in TABLES and Path(rest[0]).stem in experiments, path
        else:
            assert path == "line_bands.csv"


def test_every_figure_has_a_caption_and_every_caption_a_figure():
    captions = {path.stem for path in (ROOT / "workflow/report").glob("fig*.rst")}
    assert captions == {f"fig{number}" for number in FIGURES}
