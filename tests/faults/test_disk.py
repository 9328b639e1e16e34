"""A disk that is full or read-only."""

import pytest
from checkout import (
    LONG,
    SHORT,
    enlarge,
    message_of,
    needs_root,
    read_only,
    restore,
    small_disk,
    wait_for_failure,
)

pytestmark = needs_root
FULL = "No space left on device"


@pytest.mark.short
def test_full_during_a_training(project, complete, outcome):
    with small_disk(project.folder, "40m"):
        restore(project)
        project.forget_training()
        filler = project.folder / "filler"
        with project.started(LONG) as process:
            project.wait_for_training()
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
                while True:
                    file.write(bytes(2**12))
            message = wait_for_failure(project, process)
        assert FULL in message
        assert "make room" in message
        filler.unlink()
        project.finish(LONG)
        log = (project.root / project.training_log).read_text(encoding="utf-8")
        assert "going on from" in log
        complete("independent")
    outcome(
        "the disk fills up during a training",
        f"“{FULL}”, with a hint; the last checkpoint stays",
        "went on from the checkpoint; same tables",
    )


@pytest.mark.parametrize("where", ["data", "tmp"])
def test_full_during_a_download(project, where, outcome):
    project.forget("data", "../cache")
    project.variables["TMPDIR"] = str(project.root / "tmp")
    (project.root / "tmp").mkdir()
    disk = project.root / where
    with small_disk(disk, "64k"):
        message = message_of(project.run("data/miles/sources.json"))
        assert FULL in message
        assert not list((project.root / "data").rglob("*.whl"))
        assert not project.litter()
        enlarge(disk)
        project.finish("data")
        assert project.planned("data") == {}
        assert project.downloads() == project.settings["data"]
    name = {"data": "the results' disk", "tmp": "the temporary folder"}[where]
    outcome(
        f"{name} is full during a download",
        f"“{FULL}”, with the file's name; nothing partial",
        "complete; same files",
    )


def test_full_during_a_figure(project, reference, outcome):
    project.forget("figures")
    disk = project.root / "figures"
    with small_disk(disk, "32k"):
        message = message_of(project.run(SHORT))
        assert FULL in message
        assert "make room" in message
        assert not [path for path in disk.rglob("*") if path.is_file()]
        enlarge(disk)
        project.finish(SHORT)
        assert (project.root / SHORT).read_bytes() == reference.figure
    outcome(
        "the disk is full during a figure",
        f"“{FULL}”, with a hint; nothing partial",
        "the same PNG to the byte",
    )


def test_read_only_results(project, complete, outcome):
    project.forget_results("correlated")
    with read_only(project.root / "results"):
        message = message_of(project.run(SHORT))
        assert "Write-protected output files for rule evaluate" in message
        assert "results/quick/performance/correlated.csv" in message
    project.finish(SHORT)
    complete("correlated")
    outcome(
        "a read-only results folder",
        "“Write-protected output files”, with their names",
        "complete; same tables",
    )
