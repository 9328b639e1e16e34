"""Checkouts for the tests of the workflow."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project import Project


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of the one checkout that is built: they belong in one process."""
    if "built" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.built)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh checkout."""
    return Project(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which the quick scale has been built; leave it as it is."""
    project = Project(tmp_path_factory.mktemp("built"))
    result = project.run("quick")
    assert result.returncode == 0, result.stdout
    project.output = result.stdout
    return project


@pytest.fixture
def edited(built: Project) -> Callable[[str, str, str], None]:
    """Replace text in a file of the built checkout, until the test ends."""
    originals: dict[Path, tuple[str, os.stat_result]] = {}

    def edit(name: str, old: str, new: str) -> None:
        path = built.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        originals.setdefault(path, (text, path.stat()))
        path.write_text(text.replace(old, new), encoding="utf-8")

    yield edit
    for path, (text, stat) in originals.items():
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def configure(built: Project) -> Callable[[dict[str, Any]], None]:
    """Give the built checkout other settings, until the test ends."""
    original = built.overlay.read_text(encoding="utf-8")
    yield built.configure
    built.overlay.write_text(original, encoding="utf-8")
