"""A checkout that can be started, disturbed and compared with an undisturbed one."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil
import pytest

from project import Project
from spectral_relevance.files import sha256_of

# Long enough that a kill hits the training, short enough to be repeated.
EPOCHS = 2000
# The long way: dataset, training with checkpoints, evaluation.
LONG = "results/quick/relevance/independent/spectral.csv"
# The short way: the same with three epochs of training, and a figure.
SHORT = "figures/quick/fig04.png"

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="mounting a small or read-only disk takes root on Linux",
)


class Checkout(Project):
    """A small project whose training writes a checkpoint five times a second."""

    training_log = "logs/quick/train/independent/0-1.log"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.cores = 2
        self.prefix: tuple[str, ...] = ()
        self.variables = {"NO_PROXY": "127.0.0.1"}
        self.change("independent", training={"epochs": EPOCHS, "records": 2})
        module = self.root / "src/spectral_relevance/checkpoint.py"
        text = module.read_text(encoding="utf-8")
        assert "INTERVAL = 120.0" in text
        module.write_text(
            text.replace("INTERVAL = 120.0", "INTERVAL = 0.2"), encoding="utf-8"
        )

    def change(self, experiment: str, **settings: object) -> None:
        """Change settings of one experiment."""
        everything = self.settings
        everything["quick"]["experiments"][experiment].update(settings)
        self.configure(everything)

    def use_mirror(self, dataset: str, where: str | None) -> None:
        everything = self.settings
        everything["data"][dataset]["mirror"] = where
        self.configure(everything)

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.variables}

    def command(self, *targets: str, options: tuple[str, ...] = ()) -> list[str]:
        command = super().command(*targets, options=options)
        command[command.index("--cores") + 1] = str(self.cores)
        return [*self.prefix, *command]

    @property
    def output(self) -> Path:
        """What a started run has printed; it is not on the disk of the checkout."""
        return self.folder.with_name("output.txt")

    @contextmanager
    def started(self, *targets: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a run in a process group of its own; nothing of it is left behind."""
        with (
            open(self.output, "wb") as output,
            subprocess.Popen(
                self.command(*targets, options=("--rerun-incomplete",)),
                cwd=self.root,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            self.process = process
            try:
                yield process
            finally:
                kill_session(process.pid)

    def finish(self, *targets: str) -> subprocess.CompletedProcess[str]:
        """Run again after a fault, and see it succeed."""
        result = self.run(*targets, options=("--rerun-incomplete",))
        assert result.returncode == 0, result.stdout
        return result

    def unlock(self, target: str = LONG) -> None:
        result = self.run(target, options=("--unlock",))
        assert result.returncode == 0, result.stdout

    def forget(self, *names: str) -> None:
        """Remove files and folders."""
        for name in names:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def forget_training(self) -> None:
        """Let the long training and what follows be made anew, from the same data."""
        self.forget("results/quick/models/independent", LONG, self.training_log)

    def forget_results(self, experiment: str) -> None:
        """Let all but the dataset of an experiment be made anew, and the figures."""
        self.forget("figures")
        for folder in ("models", "relevance"):
            self.forget(f"results/quick/{folder}/{experiment}")

    def wait_for_training(self) -> None:
        """Wait until the long training has written a checkpoint in this run."""
        folder = self.root / "results/quick/models/independent/0-1.pt.checkpoints"
        start = time.time()

        def begun() -> bool:
            assert self.process.poll() is None, self.output.read_text(encoding="utf-8")
            return any(p.stat().st_mtime > start for p in folder.glob("[0-9].pt"))

        wait(begun, "the training has not begun")

    def downloads(self) -> dict[str, dict[str, object]]:
        """What was downloaded, in the form of the configuration."""
        folders = {"mnist": "data/mnist/MNIST/raw", "miles": "data/miles"}
        return {
            name: {
                **settings,
                "files": {
                    file: sha256_of(self.root / folders[name] / file)
                    for file in settings["files"]
                },
            }
            for name, settings in self.settings["data"].items()
        }

    def litter(self) -> list[Path]:
        """Files that are neither complete nor absent."""
        return [
            path
            for folder in (self.root, self.cache)
            for path in folder.rglob("*")
            if path.suffix in (".part", ".checkpoints")
        ]


def processes_of(session: int) -> list[psutil.Process]:
    """The processes of a session, orphans included."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session:
                found.append(process)
        except ProcessLookupError:
            continue
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def kill_session(session: int) -> None:
    """Kill -9 all processes of a session at once."""
    for process in processes_of(session):
        process.kill()
    wait(lambda: not processes_of(session), "some processes survived")


def training_job(session: int) -> psutil.Process:
    """The Python process that trains."""
    (job,) = [
        process
        for process in processes_of(session)
        if len(words := process.cmdline()) == 2 and words[1].endswith(".train.py")
    ]
    return job


def wait(condition: Callable[[], bool], otherwise: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def tables(checkout: Project, experiment: str) -> dict[str, pd.DataFrame]:
    """All tables of an experiment, without the times, by their paths."""
    results = checkout.root / "results"
    return {
        str(path.relative_to(results)): pd.read_csv(path).drop(
            columns=["seconds", "seconds_spread"], errors="ignore"
        )
        for path in sorted(results.rglob("*.csv"))
        if experiment in str(path)
    }


def assert_same_tables(
    found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]
) -> None:
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)


def message_of(result: subprocess.CompletedProcess[str]) -> str:
    """What a user reads of a run that failed: a message and no traceback."""
    assert result.returncode != 0, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    return result.stdout


def wait_for_failure(checkout: Checkout, process: subprocess.Popen[bytes]) -> str:
    """What a user reads of a started run that fails."""
    code = process.wait(180)
    output = checkout.output.read_text(encoding="utf-8")
    return message_of(subprocess.CompletedProcess([], code, output))


def restore(checkout: Checkout) -> None:
    """Put a checkout into the state that was kept of it."""
    for path in checkout.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    kept = checkout.folder.with_name("kept")
    shutil.copytree(kept, checkout.folder, dirs_exist_ok=True)


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """Put a disk of a certain size at a path."""
    path.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def enlarge(path: Path) -> None:
    mount("-o", "remount,size=200m", str(path))


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    mount("--bind", str(path), str(path))
    try:
        mount("-o", "remount,bind,ro", str(path))
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def mount(*arguments: str) -> None:
    result = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"this machine does not let root mount: {result.stderr.strip()}")
