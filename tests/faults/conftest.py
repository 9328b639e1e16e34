"""What the tests of faults share: an undisturbed run, and the table at the end."""

import os
import platform
import random
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from checkout import LONG, SHORT, Checkout, assert_same_tables, restore, tables

ROWS = pytest.StashKey[list[tuple[str, str, str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-seed",
        type=int,
        default=random.SystemRandom().randrange(10**6),
        help="seed of the moments of the kills (default: another in each run)",
    )
    parser.addoption(
        "--kills", type=int, default=5, help="kills in a test (default: 5)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "short: part of the short form, -m short")
    config.stash[ROWS] = []


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: --fault-seed {config.getoption('--fault-seed')}"


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    rows = config.stash[ROWS]
    if rows:
        terminalreporter.section("faults")
        terminalreporter.line(
            f"{date.today()}, {platform.system()} {platform.machine()}, "
            f"{os.cpu_count()} cores, seed {config.getoption('--fault-seed')}\n"
        )
        terminalreporter.line("| Fault | What happened | After a rerun |")
        terminalreporter.line("| --- | --- | --- |")
        for row in rows:
            terminalreporter.line(f"| {' | '.join(row)} |")


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Callable[[str, str, str], None]:
    """Add a row to the table: fault, what happened, result after a rerun."""

    def add(*row: str) -> None:
        request.config.stash[ROWS].append(row)

    return add


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    """Where random moments come from."""
    name = f"{request.config.getoption('--fault-seed')} {request.node.name}"
    return random.Random(name)


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--kills")


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A run that nothing disturbed; the tests compare with its tables."""
    checkout = Checkout(tmp_path_factory.mktemp("faults") / "live")
    start = time.monotonic()
    checkout.finish(LONG)
    checkout.seconds = time.monotonic() - start
    checkout.finish(SHORT, "data")
    checkout.tables = {
        name: tables(checkout, name) for name in ("independent", "correlated")
    }
    checkout.figure = (checkout.root / SHORT).read_bytes()
    assert not checkout.litter()
    shutil.copytree(checkout.folder, checkout.folder.with_name("kept"))
    return checkout


@pytest.fixture
def project(reference: Checkout) -> Iterator[Checkout]:
    """The checkout as the undisturbed run left it, at the same path.

    Snakemake records the paths of source files: elsewhere, all would be made anew.
    """
    restore(reference)
    yield reference
    reference.cores, reference.prefix = 2, ()
    reference.variables = {"NO_PROXY": "127.0.0.1"}


@pytest.fixture
def complete(reference: Checkout) -> Callable[[str], None]:
    """Check that the tables of an experiment are those of the undisturbed run."""

    def check(experiment: str) -> None:
        assert_same_tables(tables(reference, experiment), reference.tables[experiment])
        assert not reference.litter()

    return check
