"""Kill -9 at random moments."""

import os
import re
import signal
import subprocess
import time

import pytest
from checkout import LONG, processes_of, training_job, wait, wait_for_failure


def test_snakemake_with_all_its_jobs(
    project, reference, complete, moments, kills, outcome
):
    project.forget("results")
    killed = []
    while len(killed) < kills:
        moment = moments.uniform(0.05, 0.5) * reference.seconds
        with project.started(LONG) as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                killed.append(f"{moment:.1f}")
            else:  # so much was done before that it has ended
                assert process.returncode == 0, project.output.read_text()
                project.forget("results")
        project.unlock()
    project.finish(LONG)
    complete("independent")
    outcome(
        f"kill -9 of Snakemake and its jobs, {kills} times in a row",
        f"ended at once, after {', '.join(killed)} s",
        "`--unlock`, then complete; same tables",
    )


def test_snakemake_alone_while_its_job_lives_on(project, complete, moments, outcome):
    project.forget_training()
    with project.started(LONG) as process:
        project.wait_for_training()
        time.sleep(moments.uniform(0, 0.5))
        orphan = training_job(process.pid)
        process.kill()
        process.wait()
        project.unlock()
        assert orphan.is_running(), "the training should have outlived Snakemake"
        # Now two jobs train into the same files.
        project.finish(LONG)
        complete("independent")
        wait(lambda: not processes_of(process.pid), "the orphans do not end")
        complete("independent")
    outcome(
        "kill -9 of Snakemake alone, run again while its training goes on",
        "the orphan and the new job wrote the same files",
        "`--unlock`, then complete; same tables",
    )


@pytest.mark.short
def test_training_job(project, complete, moments, kills, outcome):
    project.forget_training()
    for _ in range(kills):
        with project.started(LONG) as process:
            project.wait_for_training()
            time.sleep(moments.uniform(0, 0.5))
            training_job(process.pid).kill()
            message = wait_for_failure(project, process)
        assert "Error in rule train" in message
        assert "SIGKILL" in message
    project.finish(LONG)
    complete("independent")
    log = (project.root / project.training_log).read_text(encoding="utf-8")
    epoch = int(re.search(r"going on from .* after epoch (\d+)", log)[1])
    assert epoch > 0
    outcome(
        f"kill -9 of a training job, {kills} times in a row",
        "Snakemake named the job and ended",
        f"went on after epoch {epoch}; same tables",
    )
