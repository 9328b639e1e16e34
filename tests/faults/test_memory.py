"""Little memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from checkout import SHORT, Checkout, message_of, needs_root

pytestmark = needs_root


@contextmanager
def limited(checkout: Checkout, mebibytes: int) -> Iterator[Path]:
    """Let Snakemake and its jobs have so much memory together.

    A control group counts what is really used. Limits of a single process do not:
    torch reserves gibibytes of addresses that it never touches.
    """
    groups = Path("/sys/fs/cgroup")
    if (groups / "memory").is_dir():  # version 1
        groups, limit, peak = (
            groups / "memory",
            "memory.limit_in_bytes",
            "memory.max_usage_in_bytes",
        )
    else:
        limit, peak = "memory.max", "memory.peak"
    group = groups / f"faults-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        (group / limit).write_text(str(mebibytes * 2**20))
    except OSError as error:
        group.rmdir()
        pytest.skip(f"control groups do not limit memory here: {error}")
    join = f'echo $$ > "{group}/cgroup.procs"; exec "$@"'
    checkout.prefix = ("sh", "-c", join, "sh")
    try:
        yield group / peak
    finally:
        checkout.prefix = ()
        group.rmdir()


def test_little_memory(project, complete, outcome):
    project.forget("results", "figures")
    with limited(project, 300):
        message = message_of(project.run(SHORT))
        assert "Error in rule" in message
        assert "SIGKILL" in message
        assert not project.litter()
    with limited(project, 2048) as peak:
        project.finish(SHORT)
        used = int(peak.read_text()) // 2**20
    complete("correlated")
    outcome(
        "300 MiB of memory, then 2 GiB",
        "the kernel killed a job, which Snakemake named",
        f"complete with 2 GiB ({used} MiB used at most); same tables",
    )
