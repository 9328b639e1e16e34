"""What the pages for readers say, against what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
FOLDERS = ["config", "docs", "profiles", "speed", "src", "tests", "workflow"]
FOLDERS += ["explainers", "replication"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if ":" not in link}
    for link in links:
        assert (page.parent / link).exists(), link
    if page.name == "CHANGELOG.md":  # names what is gone, too
        return
    places = (ROOT, ROOT / "src/spectral_relevance", page.parent)
    for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text):
        assert any((place / path).exists() for place in places), path


def test_the_verdict_of_the_readme_is_that_of_its_table():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- claims:paper -->\n(.*?)<!-- end -->", text, re.DOTALL)
    rows = [line.split(" | ") for line in table[1].splitlines()[2:]]
    missed = [row[0].strip("| ") for row in rows if "not reproduced" in row[-1]]
    sentence = re.search(r"\*\*(\d+) of the paper's (\d+) claims.*?;(.*?) not\.", text)
    assert [int(sentence[1]), int(sentence[2])] == [len(rows) - len(missed), len(rows)]
    assert re.findall(r"\d+", sentence[3]) == missed
