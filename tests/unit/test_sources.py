"""What modules depend on, against what importing them loads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from spectral_relevance import sources

IMPORT = re.compile(
    r"^from (?P<module>spectral_relevance[\w.]*) import (?P<names>\([^)]*\)|.*)$", re.M
)
LIBRARY = sorted(
    path.relative_to(sources.PACKAGE).as_posix()
    for path in sources.PACKAGE.rglob("*.py")
    if "replication" not in path.relative_to(sources.PACKAGE).parts
)


def loaded(name: str) -> set[str]:
    """Modules of the package that Python has loaded when it has imported one."""
    module = f"spectral_relevance.{name.removesuffix('.py').replace('/', '.')}"
    code = (
        f"import sys, {module}\n"
        "for name, m in list(sys.modules.items()):\n"
        "    if name.startswith('spectral_relevance'): print(m.__file__)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={"PYTHONPATH": str(sources.PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    paths = map(Path, run.stdout.split())
    return {path.relative_to(sources.PACKAGE).as_posix() for path in paths}


@pytest.mark.parametrize(
    "name",
    ["training.py", "replication/claims.py", "replication/figures/stellar.py"],
)
def test_sources_are_the_modules_that_an_import_loads(name):
    found = set(sources.sources(name))
    # A package that is passed through on the way holds nothing that is used.
    passed = {m for m in loaded(name) if m.endswith("__init__.py")}
    assert found - passed == loaded(name) - sources.NO_RESULT - passed


def test_the_library_knows_nothing_of_the_replication():
    assert len(LIBRARY) > 15
    for name in LIBRARY:
        found = sources.sources(name)
        assert not [module for module in found if module.startswith("replication")]


def test_nothing_reaches_into_a_private_name_of_the_library():
    """The replication and the scripts take what is public of it."""
    root = sources.PACKAGE.parents[1]
    folders = (sources.PACKAGE / "replication", root / "workflow", root / "speed")
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for match in IMPORT.finditer(path.read_text(encoding="utf-8")):
            module, names = match["module"], match["names"]
            words = [*module.split("."), *re.findall(r"\w+", names)]
            if not module.startswith("spectral_relevance.replication"):
                private = [word for word in words if word.startswith("_")]
                assert not private, f"{path}: {private}"


def test_fingerprints_follow_content_and_nothing_else(tmp_path, monkeypatch):
    def make(folder: str, text: str) -> dict[str, str]:
        package = tmp_path / folder / "spectral_relevance"
        package.mkdir(parents=True)
        (package / "one.py").write_text("from spectral_relevance import two\n")
        (package / "two.py").write_text(text)
        script = tmp_path / folder / "job.py"
        script.write_text("from spectral_relevance.one import two\n")
        monkeypatch.setattr(sources, "PACKAGE", package)
        return sources.fingerprints(script)

    first = make("here", "a = 1\n")
    assert list(first) == ["job.py", "one.py", "two.py"]
    assert make("elsewhere", "a = 1\n") == first
    changed = make("third", "a = 2\n")
    assert changed.pop("two.py") != first.pop("two.py")
    assert changed == first
