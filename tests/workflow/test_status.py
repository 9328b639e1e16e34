"""How the generic profile learns how a job fares."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "profiles/generic/status.sh"
# What Grid Engine 8.1.9 says of a job whose folder for logs is missing.
HELD = """\
job_number:                 7
error reason          1:      11/25/2026 14:36:09 [0:9]: error: can't open output file
scheduling info:            Job is in error state"""


def status(folder: Path, commands: dict[str, str]) -> str:
    """Ask for job 7 where these are the commands of a scheduler."""
    for name, script in commands.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
    return subprocess.run(
        ["sh", SCRIPT, "Your job 7 has been submitted"],
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def sge(says: str) -> str:
    """Grid Engine's qstat, which knows `-j NUMBER` and no bare number."""
    return f"""[ "$1 $2" = "-j 7" ] || exit 1\ncat <<'END'\n{says}\nEND"""


NONE = {name: "exit 1" for name in ("squeue", "bjobs", "qstat")} | {"sleep": ""}


@pytest.mark.parametrize(
    "commands",
    [
        {"squeue": "echo 7"},
        {"bjobs": "echo PEND"},
        {"qstat": '[ "$1" = 7 ]'},
        {"qstat": sge("job_number:                 7")},
    ],
)
def test_a_job_in_the_queue(tmp_path, commands):
    assert status(tmp_path, NONE | commands) == "running"


@pytest.mark.parametrize("end", ["success", "failed"])
def test_a_job_that_said_how_it_ended(tmp_path, end):
    told = tmp_path / ".snakemake/cluster/7"
    told.parent.mkdir(parents=True)
    told.write_text(f"{end}\n", encoding="utf-8")
    assert status(tmp_path, NONE) == end
    assert not told.exists()


def test_a_job_that_nobody_knows_was_killed(tmp_path):
    assert status(tmp_path, NONE) == "failed"


def test_a_job_that_sge_holds_in_error_is_deleted(tmp_path):
    commands = {"qstat": sge(HELD), "qdel": 'echo "$1" >deleted'}
    assert status(tmp_path, NONE | commands) == "failed"
    assert (tmp_path / "deleted").read_text() == "7\n"
