"""Tables for people."""

from html.parser import HTMLParser

import pandas as pd
import pytest

from spectral_relevance.replication.markup import html, markdown


class Cells(HTMLParser):
    """Collects the cells of a page, and which of them are bold."""

    def __init__(self, page):
        super().__init__()
        self.cells, self.bold, self.path = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.path.append(tag)
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_endtag(self, tag):
        while self.path.pop() != tag:
            pass

    def handle_data(self, text):
        if {"th", "td"} & set(self.path):
            self.cells[-1] += text
            if self.path[-1] == "b":
                self.bold.append(text)


@pytest.fixture
def table():
    return pd.DataFrame({"a | b": [1, "x|y"], "<what>": ["<p> & q", "no"]})


def test_markdown(table):
    assert markdown(table) == (
        "| a \\| b | <what> |\n| --- | --- |\n| 1 | <p> & q |\n| x\\|y | no |\n"
    )


def test_html(table):
    page = html(table, "Here & there", "Read <this>.", bold=("no",))
    found = Cells(page)
    assert found.cells == ["a | b", "<what>", "1", "<p> & q", "x|y", "no"]
    assert found.bold == ["no"]
    assert "<title>Here &amp; there</title>" in page
    assert "<p>Read &lt;this&gt;.</p>" in page
    assert "<p>" not in html(table, "Here")
