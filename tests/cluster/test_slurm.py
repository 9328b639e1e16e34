"""The profiles on a real Slurm, at the tiny scale, with what happens on clusters.

`pytest tests/cluster -k figure` is the short form.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from project import Project

FIGURE = "figures/quick/fig03.pdf"
LOCAL = ("--cores", "2")
# For jobs of seconds, and because there is no accounting that sacct could ask.
SLURM = (
    *("--profile", "profiles/slurm", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "5"),
)
# The line that the generic profile says to edit.
SUBMIT = (
    "mkdir -p logs/cluster && sbatch --parsable --output=logs/cluster/%j.log "
    "--cpus-per-task={threads} --mem={resources.mem_mb} --time={resources.runtime} "
    "--comment='rule {rule} wildcards {wildcards}'"
)
GENERIC = (
    *("--profile", "profiles/generic", "--cluster-generic-submit-cmd", SUBMIT),
    *("--seconds-between-status-checks", "3", "--latency-wait", "5"),
)


class Job(NamedTuple):
    number: str
    state: str
    name: str  # rule_NAME_wildcards_VALUES, as the Slurm plugin says
    limit: str
    megabytes: str


def slurm(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def jobs(states: str = "all") -> list[Job]:
    """Slurm's jobs, those that have ended too."""
    table = slurm(
        *("squeue", "--noheader", f"--states={states}", "--format=%i|%T|%k|%l|%m")
    )
    return [Job(*row.replace(" ", "_").split("|")) for row in table.splitlines()]


def state(number: str) -> str:
    return next(job.state for job in jobs() if job.number == number)


def node(column: str) -> str:
    return slurm("sinfo", "--noheader", f"--format={column}").strip()


class Run:
    """Snakemake at work on a checkout."""

    def __init__(self, project: Project, options: tuple[str, ...], target: str) -> None:
        self.root = project.root
        self.start = time.monotonic()
        with self.terminal.open("w", encoding="utf-8") as terminal:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "snakemake", *options),
                    *("--configfile", str(project.overlay), "--", target),
                ],
                cwd=project.root,
                env=project.environment,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                # What a shell runs in the background ignores interrupts, and so would
                # all that it starts.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def terminal(self) -> Path:
        return self.root / "terminal.txt"

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def wait_for(self, what: str, find: Callable[[], Any]) -> Any:
        end = time.monotonic() + 600
        while not (found := find()):
            assert self.process.poll() is None, self.terminal.read_text()
            assert time.monotonic() < end, f"no {what}:\n{self.terminal.read_text()}"
            time.sleep(0.2)
        return found

    def trainings(self) -> list[Job]:
        """Trainings whose script has begun its log."""
        names = set()
        for log in self.root.glob("logs/quick/train/*/*.log"):
            experiment, block = log.parent.name, log.stem
            names |= {
                f"rule_train_wildcards_quick_{experiment}_{block}",
                f"rule_train_wildcards_block={block},experiment={experiment},scale=quick",
            }
        return [job for job in jobs("RUNNING") if job.name in names]

    def strike(self, *command: str, until: str) -> Job:
        """Run a command on trainings until it puts one of them into a state."""

        def struck() -> Job | None:
            for training in self.trainings():
                # It may have ended just now: then another one serves.
                subprocess.run([*command, training.number], check=False)
                time.sleep(2)
                while (reached := state(training.number)) == "COMPLETING":
                    time.sleep(0.2)
                if reached == until:
                    return training
            return None

        return self.wait_for(f"training that is {until}", struck)

    def end(self, returncode: int = 0) -> None:
        self.process.wait(1800)
        assert self.process.returncode == returncode, self.terminal.read_text()

    def assert_sent_again(self, job: Job) -> None:
        """A job that failed had a second attempt, with more memory and time."""
        (again,) = (x for x in jobs() if x.name == job.name and x.number != job.number)
        assert again.state == "COMPLETED"
        assert int(again.megabytes[:-1]) == 2 * int(job.megabytes[:-1])
        first, second = (pd.Timedelta(x.limit.replace("-", "D ")) for x in (job, again))
        assert second == 2 * first

    def assert_reason_found(self, job: Job, reason: str) -> None:
        """Snakemake named the log of a failed job, where Slurm gives the reason."""
        rule, _, values = job.name.partition("_wildcards_")
        log = f"logs/slurm/{rule}/{values}/{job.number}.log"
        assert log in self.terminal.read_text()
        assert reason in (self.root / log).read_text()


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    runs = []

    def start(*arguments: Any) -> Run:
        runs.append(Run(*arguments))
        return runs[-1]

    yield start
    for started in runs:
        started.process.kill()
        started.process.wait()
    slurm("scancel", "--user=root")


def count_same_tables(found: Project, expected: Project) -> int:
    """Compare all tables but for times and what is computed from them; count them."""
    folder = expected.root / "results/quick"
    names = [
        path.relative_to(folder)
        for path in folder.rglob("*.csv")
        if path.name not in {"scaling.csv", "table1.csv", "claims.csv"}
    ]
    assert names
    for name in names:
        ours, theirs = (
            pd.read_csv(project.root / "results/quick" / name).drop(
                columns=["seconds", "seconds_spread"], errors="ignore"
            )
            for project in (found, expected)
        )
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True, obj=str(name))
    return len(names)


def test_a_figure(run, project, tmp_path, saw):
    """The short form."""
    local = Project(tmp_path / "local")
    run(local, LOCAL, FIGURE).end()
    one = run(project, (*SLURM, "--set-resources", "train:gres=shard:1"), FIGURE)
    killed = one.strike("scancel", until="CANCELLED")
    assert "TresPerNode=gres:shard:1" in slurm("scontrol", "show", "job", killed.number)
    one.end()
    one.assert_reason_found(killed, "CANCELLED")
    one.assert_sent_again(killed)
    count = count_same_tables(project, local)
    saw(
        "one figure; its training asks for a share of a GPU and is killed by `scancel`",
        f"the training sent again; the {count} tables of a local run",
        one.seconds,
    )


def test_the_whole_scale(run, project, tmp_path, saw):
    local = Project(tmp_path / "local")
    alone = run(local, LOCAL, "quick")
    alone.end()
    saw("every figure and table, without Slurm", "complete", alone.seconds)

    whole = run(project, SLURM, "quick")

    killed = whole.strike("scancel", until="CANCELLED")
    saw("a training killed by `scancel`", "sent again", whole.seconds)

    name = node("%n")
    slurm("scontrol", "update", f"nodename={name}", "state=drain", "reason=test")
    whole.wait_for("drained node", lambda: node("%T") == "drained")
    time.sleep(20)
    assert jobs("PENDING")
    assert not jobs("RUNNING")
    slurm("scontrol", "update", f"nodename={name}", "state=resume")
    saw("the node drained, and back after 20 s", "jobs waited", whole.seconds)

    # Frozen, and left a minute instead of hours.
    frozen = whole.strike("scancel", "--signal=STOP", until="STOPPED")
    slurm("scontrol", "update", f"jobid={frozen.number}", "timelimit=1")
    whole.wait_for("time limit", lambda: state(frozen.number) == "TIMEOUT")
    saw(
        "a training frozen until its time limit",
        "killed by Slurm, sent again with twice the time and memory",
        whole.seconds,
    )

    whole.end()
    whole.assert_reason_found(killed, "CANCELLED")
    whole.assert_reason_found(frozen, "DUE TO TIME LIMIT")
    whole.assert_sent_again(killed)
    whole.assert_sent_again(frozen)
    count = count_same_tables(project, local)
    saw(
        f"every figure and table, in {len(jobs('COMPLETED'))} jobs",
        f"the {count} tables of the local run",
        whole.seconds,
    )


def test_the_generic_profile(run, project, tmp_path, saw):
    target = "results/quick/performance/group_lasso.csv"
    local = Project(tmp_path / "local")
    run(local, LOCAL, target).end()

    interrupted = run(project, GENERIC, target)
    interrupted.wait_for("training", interrupted.trainings)
    interrupted.process.send_signal(signal.SIGINT)
    interrupted.end(returncode=1)
    assert not jobs("PENDING,RUNNING")
    saw("generic profile, interrupted", "its job cancelled", interrupted.seconds)

    again = run(project, GENERIC, target)
    killed = again.strike("scancel", until="CANCELLED")
    again.end()
    assert f"external_jobid: {killed.number}\n" in again.terminal.read_text()
    log = project.root / f"logs/cluster/{killed.number}.log"
    assert "CANCELLED" in log.read_text()
    count = count_same_tables(project, local)
    saw(
        "generic profile, started again, a training killed by `scancel`",
        f"sent again; the {count} tables of a local run",
        again.seconds,
    )
