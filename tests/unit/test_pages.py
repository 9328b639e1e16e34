"""What the pages for readers say, against what is there."""

import re
from pathlib import Path

import pytest

from spectral_relevance.errors import UserError
from spectral_relevance.replication.publish import readme

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
FOLDERS = ["config", "docs", "profiles", "speed", "src", "tests", "workflow"]
FOLDERS += ["explainers", "replication"]


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in links."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if ":" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    if page.name == "CHANGELOG.md":  # names what is gone, too
        return
    places = (ROOT, ROOT / "src/spectral_relevance", page.parent)
    for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text):
        assert any((place / path).exists() for place in places), path


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 170


def test_continuous_integration_runs_what_the_readme_says():
    commands = re.findall(r"^make .*", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^(make .*?) *(?:#.*)?$", text, re.MULTILINE)
    assert sorted(commands) == sorted(shown)


def test_the_readme_has_the_verdicts_of_the_published_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.search(r"<!-- verdicts:paper -->\n(.*?)<!-- end -->", text, re.DOTALL)[1]
    try:
        expected = readme.read_paper(ROOT / readme.VERDICTS)
    except UserError:  # of a run that was judged before there were intervals
        expected = (
            "The run at the paper's settings is being computed anew; the former one is "
            "in the history.\n"
        )
    assert told == expected
