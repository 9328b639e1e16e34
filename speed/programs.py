"""The measured programs, each in a process of its own (see turns.py)."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from spectral_relevance.errors import UserError

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""What Snakemake sets for a training job."""


class Program:
    """A measured program that has been started.

    Parameters
    ----------
    process : Popen
        Its process.
    errors : file
        What it writes to stderr.
    """

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self.process = process
        self.errors = errors

    def ask(self, seconds: float) -> None:
        """Let it work for about so many seconds."""
        print(seconds, file=self.process.stdin, flush=True)

    def hear(self) -> dict[str, Any]:
        """Wait for its next message.

        Raises
        ------
        UserError
            If it has ended instead.
        """
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().splitlines()[-3:]
            script = self.process.args[1]
            raise UserError(f"{script} has ended early: {' / '.join(last)}")
        return json.loads(line)

    def dismiss(self) -> None:
        """Tell it that this was all; it may have something left to say."""
        self.process.stdin.close()


@contextmanager
def running(
    script: str | Path,
    job: Mapping[str, Any],
    python: str | Path = sys.executable,
    **environment: str,
) -> Iterator[Program]:
    """Start a program, and kill it in the end if it still runs.

    Parameters
    ----------
    script : str or path
        The program: a file beside this one, or the path of another.
    job : mapping
        What it is to do.
    python : path
        The interpreter of its environment.
    **environment : str
        Environment variables, such as OMP_NUM_THREADS. Without it the library takes as
        many threads as it wants, whatever is set outside.
    """
    inherited = {k: v for k, v in os.environ.items() if "_NUM_THREADS" not in k}
    command = [str(python), str(Path(__file__).parent / script), json.dumps(job)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=inherited | environment,
        ) as process,
    ):
        try:
            yield Program(process, errors)
        finally:
            process.kill()


def our_job(
    problem: Mapping[str, Any], replicas: int, first: int = 0
) -> dict[str, Any]:
    """Return the job of one training process, without a profile."""
    return {
        "data": problem["data"],
        "variants": {"base": problem["settings"]},
        "seeds": list(range(first, first + replicas)),
        "profile": False,
    }


def work(group: Sequence[Program], seconds: float) -> list[dict[str, Any]]:
    """Let programs work at the same time, and return what they answer."""
    for program in group:
        program.ask(seconds)
    return [program.hear() for program in group]


def say(message: str) -> None:
    """Tell the user how far it is."""
    print(message, file=sys.stderr, flush=True)


class Watch(threading.Thread):
    """Look again and again what a process and its children take.

    Parameters
    ----------
    pid : int
        The process.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.watched = psutil.Process(pid)
        self.largest = 0.0
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.ended.wait(0.2):
            taken = 0
            for process in [self.watched, *self.watched.children(recursive=True)]:
                try:
                    taken += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.largest = max(self.largest, taken / 2**20)

    def stop(self) -> float:
        """Return the largest sum of resident memories, in MiB."""
        self.ended.set()
        self.join()
        return self.largest


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
