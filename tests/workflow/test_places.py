"""Checkouts in odd places, moved, copied and cloned."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from project import REPOSITORY, Project
from spectral_relevance.errors import UserError
from spectral_relevance.replication.places import check_checkout, check_python

ODD = "a (b) 'c' \"d\" $HOME; e#f é"
SOURCES = ("config", "profiles", "src", "workflow", "Snakefile", "environment.yml")


def make(folder, *arguments):
    # Not as a part of the make that may have started the tests: it would tell more.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=inherited,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def copied(built, tmp_path, copy=shutil.copy2):
    """A copy of the built checkout, with its settings."""
    root = tmp_path / "checkout"
    shutil.copytree(built.root, root, copy_function=copy)
    project = object.__new__(Project)
    project.__dict__.update(vars(built), root=root)
    return project


def make_old(root, *names):
    """Give files the times of long ago."""
    for name in names:
        for path in (root / name).rglob("*"):
            if path.is_file():
                os.utime(path, (0, 0))


def test_make_alone_starts_nothing():
    for arguments in ((), ("help",)):
        result = make(REPOSITORY, *arguments)
        assert result.returncode == 0
        listed = {line.split()[0] for line in result.stdout.splitlines()[1:]}
        phony = {
            name
            for line in (REPOSITORY / "Makefile").read_text().splitlines()
            if line.startswith(".PHONY:") and "moved" not in line
            for name in line.split()[1:]
        }
        assert listed == phony - {"test-built", "test-others"}  # the parts of test


def test_make_refuses_before_it_installs(tmp_path):
    project = Project(tmp_path / ODD)
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, project.root)
    result = make(project.root, f"PYTHON={sys.executable}", "quick")
    assert result.returncode != 0
    assert f"found {project.root}/.venv.\nHint: make VENV=" in result.stdout
    assert not (project.root / ".venv").exists()


@pytest.mark.parametrize("character", " '\"\\$`&|;<>(){}[]*?:\t\n")
def test_what_is_quoted_nowhere_is_refused_for_python(character):
    with pytest.raises(UserError, match=re.escape(f"without {character!r}, found")):
        check_python(f"/a{character}b/.venv")


@pytest.mark.parametrize("path", ["/home/é-ü/a.b_c+d@e,f%g=h~i#j!/x", "/a/Ω/中"])
def test_ordinary_places_are_taken(path):
    check_python(path)
    check_checkout(path)


def test_braces_are_refused_in_a_checkout():
    with pytest.raises(UserError, match=r"without '\{' '\}', found /a/\{b\}"):
        check_checkout("/a/{b}")


def test_snakemake_refuses_a_python_in_an_odd_place(project):
    environment = project.root.parent / "an environment"
    venv.create(environment, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    Path(site, "packages.pth").write_text(sysconfig.get_path("purelib"))
    result = subprocess.run(
        [environment / "bin/python", *project.command("quick")[1:]],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert f"without ' ', found {environment}" in result.stderr
    assert "make VENV=/another/folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_checkout_in_an_odd_place_works(tmp_path):
    project = Project(tmp_path / ODD)
    result = project.run("results/quick/relevance/independent/spectral.csv")
    assert result.returncode == 0, result.stdout
    result = project.run("figures/quick/fig01.png")
    assert result.returncode == 0, result.stdout


def test_moved(built, tmp_path):
    project = copied(built, tmp_path)
    project.root = project.root.rename(tmp_path / ODD)
    assert project.planned("quick") == {}


def test_reached_by_a_symlink(built, tmp_path):
    project = copied(built, tmp_path)
    link = tmp_path / "link"
    link.symlink_to(project.root)
    project.root = link
    assert project.planned("quick") == {}


def test_copied_without_its_times(built, tmp_path):
    project = copied(built, tmp_path, shutil.copyfile)
    make_old(project.root, "figures", "results")
    assert project.planned("quick") == {}


def test_cloned_over_old_results(built, tmp_path):
    project = copied(built, tmp_path)
    make_old(project.root, "data", "figures", "results")
    for name in SOURCES:
        path = project.root / name
        os.utime(path)
        for file in path.rglob("*"):
            os.utime(file)
    assert project.planned("quick") == {}


def test_results_without_their_records_name_the_remedy(built, tmp_path):
    project = copied(built, tmp_path)
    shutil.rmtree(project.root / ".snakemake")
    make_old(project.root, "figures")
    result = project.run("quick", options=("--dry-run",))
    assert result.stdout.count("snakemake --touch") == 1
    assert project.run("quick", options=("--touch",)).returncode == 0
    assert project.planned("quick") == {}
    assert "snakemake --touch" not in built.run("quick").stdout
