"""A clock that is changed."""

import os
import shutil
import subprocess
import time

import pytest
from checkout import LONG, SHORT, Checkout, message_of, wait_for_failure

needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="faketime (libfaketime) is not installed"
)


SKEW = "clock skew problem"


@needs_faketime
@pytest.mark.parametrize("jump", ["-1d", "+1d"])
def test_the_clock_jumps_during_a_training(project, complete, jump, outcome):
    preloaded = subprocess.run(
        ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    clock = project.folder / "clock"
    clock.write_text("+0")
    # Debian's libfaketime makes Python's sleep fail now and then (its issue 426).
    sleep = "import select, time\ntime.sleep = lambda s: select.select([], [], [], s)\n"
    (project.folder / "sitecustomize.py").write_text(sleep)
    right = project.variables
    project.variables = right | {
        "LD_PRELOAD": preloaded.stdout.strip(),
        "PYTHONPATH": str(project.folder),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Files have the times of the disk, as on a server with a clock of its own.
        "NO_FAKE_STAT": "1",
    }
    project.forget_training()
    with project.started(LONG) as process:
        project.wait_for_training()
        clock.write_text(jump)
        if jump == "-1d":
            assert SKEW in wait_for_failure(project, process)
        else:
            assert process.wait(180) == 0, project.output.read_text()
    log = (project.root / project.training_log).read_text(encoding="utf-8")
    assert len({line[:10] for line in log.splitlines()}) > 1, "the clock did not jump"
    assert not project.litter()
    project.variables = right
    project.finish(LONG)
    assert project.planned(LONG) == {}
    complete("independent")
    outcome(
        f"the clock jumps by {jump} during a training",
        f"“This could indicate a {SKEW}”; nothing partial"
        if jump == "-1d"
        else "the run ended well",
        "under the right clock complete; same tables",
    )


def test_files_from_tomorrow(project, complete, reference, outcome):
    project.forget("figures")
    date(project, time.time() + 86400)
    message = message_of(project.run(SHORT))
    assert SKEW in message
    assert not [path for path in project.root.glob("figures/**/*") if path.is_file()]
    date(project, time.time())
    assert project.planned(LONG) == {}
    project.finish(SHORT)
    assert (project.root / SHORT).read_bytes() == reference.figure
    complete("correlated")
    outcome(
        "data and results are dated tomorrow",
        f"“This could indicate a {SKEW}”; nothing partial",
        "with the dates put right, complete; same figure to the byte",
    )


def date(project: Checkout, when: float) -> None:
    for folder in ("data", "results"):
        for path in (project.root / folder).rglob("*"):
            os.utime(path, (when, when))
