"""A Slurm of one node, and a table of what was tested on it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project import Project

SCRIPT = Path(__file__).with_name("slurm.sh")
SEEN = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session", autouse=True)
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Slurm on this machine, as long as the tests last."""
    folder = tmp_path_factory.mktemp("slurm")
    try:
        for arguments in (["install"], ["start", str(folder)]):
            done = subprocess.run(
                [str(SCRIPT), *arguments],
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                pytest.exit(f"no Slurm to test on.\n{done.stderr}", returncode=1)
        yield
    finally:
        subprocess.run([str(SCRIPT), "stop", str(folder)], check=True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh checkout."""
    return Project(tmp_path)


@pytest.fixture
def saw(pytestconfig: pytest.Config) -> Callable[[str, str, float], None]:
    """Add a row to the table at the end: what was done, what came of it, seconds."""
    rows = pytestconfig.stash.setdefault(SEEN, [])

    def add(done: str, seen: str, seconds: float) -> None:
        rows.append(f"| {done} | {seen} | {seconds:.0f} s |")

    return add


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash.get(SEEN, [])
    if rows:
        terminalreporter.section("seen on Slurm")
        terminalreporter.line("| what was done | what was seen | after |")
        terminalreporter.line("| --- | --- | --- |")
        for row in rows:
            terminalreporter.line(row)
