"""The record of how results came about."""

import json
import platform
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch

from spectral_relevance.replication import provenance
from spectral_relevance.replication.provenance import (
    code_state,
    describe,
    log_job,
    read_job_log,
)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/file").write_text("one")
    git(tmp_path, "add", "src")
    git(tmp_path, "commit", "-m", "first", "--no-gpg-sign")
    return tmp_path


def test_the_fields(checkout):
    settings = {"seeds": [0, 1], "experiments": {"one": {"curve": None}}}
    sources = {"mnist": {"file": "https://example.org"}}
    found = describe(checkout, settings, sources)
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {
        *("written", "git", "versions", "hardware", "system", "sources", "settings")
    }
    age = datetime.now(UTC) - datetime.fromisoformat(found["written"])
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert found["settings"] == settings and found["sources"] == sources
    assert found["system"] == platform.platform()

    versions = found["versions"]
    assert versions["python"] == platform.python_version()
    assert versions["torch"] == version("torch")
    assert set(versions) == {"python", *provenance.packages()}
    # What the numbers depend on, whatever brings it.
    assert set(versions) >= {"torch", "captum", "shap", "zennit", "snakemake"}
    hardware = found["hardware"]
    assert hardware["cores"] >= 1 and hardware["memory_gib"] > 0.1
    assert hardware["processor"] and len(hardware["gpus"]) == torch.cuda.device_count()


def test_a_package_that_is_not_installed(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "packages", lambda: ["torch", "no-such-package"])
    versions = describe(checkout, {}, {})["versions"]
    assert versions["no-such-package"] is None and versions["torch"]


def test_a_checkout_that_is_not_installed_tells_its_packages(monkeypatch):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    installed = provenance.packages()
    monkeypatch.setattr(provenance, "requires", missing)
    assert set(provenance.packages()) >= {"torch", "zennit", "snakemake"}
    assert set(installed) >= {"torch", "zennit", "snakemake"}


def test_the_commit_and_whether_it_is_what_ran(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    assert describe(checkout, {}, {})["git"] == {"commit": commit, "dirty": False}
    (checkout / "src/file").write_text("two")
    assert describe(checkout, {}, {})["git"] == {"commit": commit, "dirty": True}
    git(checkout, "commit", "-am", "second", "--no-gpg-sign")
    found = describe(checkout, {}, {})["git"]
    assert found["commit"] != commit and found["dirty"] is False
    (checkout / "src/untracked").write_text("three")
    assert describe(checkout, {}, {})["git"]["dirty"] is True


def test_what_is_neither_code_nor_settings_changes_nothing(checkout):
    found = code_state(checkout)
    (checkout / "README.md").write_text("one")
    assert code_state(checkout) == found
    git(checkout, "add", "README.md")
    git(checkout, "commit", "-m", "second", "--no-gpg-sign")
    assert code_state(checkout) == found
    (checkout / "Snakefile").write_text("one")
    assert code_state(checkout) == found | {"dirty": True}


def test_a_job_tells_in_its_log_what_it_ran_with(checkout, tmp_path, caplog):
    state = code_state(checkout)
    log = tmp_path / "job.log"
    assert read_job_log(log) is None, "there is no log"
    log.write_text("2026-11-24 INFO epoch 15 of 300\n")
    assert read_job_log(log) is None
    with caplog.at_level("INFO"):
        log_job(state)
    log.write_text(
        f"2026-11-24 INFO epoch 15 of 300\n2026-11-24 INFO {caplog.messages[0]}\n"
    )
    found = read_job_log(log)
    assert found["git"] == state
    whole = describe(checkout, {}, {})
    assert found["versions"] == whole["versions"]
    assert found["hardware"] == whole["hardware"] | {"gpus": []}, "none was used"


def test_outside_a_checkout_and_without_git(tmp_path, checkout, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    assert describe(outside, {}, {})["git"] is None
    assert describe(tmp_path / "nowhere", {}, {})["git"] is None
    git(outside, "init")
    assert describe(outside, {}, {})["git"] is None, "there is no commit yet"
    monkeypatch.setenv("PATH", str(outside))
    assert describe(checkout, {}, {})["git"] is None
