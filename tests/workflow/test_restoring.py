"""A deposit of a whole run, and a fresh clone that needs no training with it."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from checkouts import commit, git
from project import REPOSITORY
from spectral_relevance.errors import UserError
from spectral_relevance.replication.publish import deposit
from spectral_relevance.replication.publish.deposit import DEPOSIT, archive
from spectral_relevance.replication.publish.unpack import restore_deposit
from spectral_relevance.replication.publish.workflow import is_up_to_date, take_as_made


def settle(root: Path, settings: dict) -> None:
    """Put settings into the files of a checkout."""
    for name, key in (("config", "data"), ("quick", "quick")):
        path = root / f"config/{name}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        update_config(content, {key: settings[key]})
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_a_fresh_clone_with_a_deposit_trains_nothing(built, tmp_path, monkeypatch):
    root = shutil.copytree(built.root, tmp_path / "run")
    for name in ("CITATION.cff", ".gitignore"):
        shutil.copy(REPOSITORY / name, root)
    settle(root, built.settings)
    take_as_made(root, ["quick"])  # the order of settings counts
    git(tmp_path, "init", "--quiet", str(root))
    commit(root)
    monkeypatch.setattr(deposit, "check", lambda metadata: None)  # takes a minute
    archive(root, "quick", commit="HEAD")

    clone = copy.copy(built)
    clone.root, clone.overlay = tmp_path / "clone", tmp_path / "overlay.yaml"
    git(tmp_path, "clone", "--quiet", str(root), str(clone.root))
    # What `make restore` makes first.
    for name in ("data", "results/quick/datasets"):
        shutil.copytree(root / name, clone.root / name)
    shutil.copy(root / "results/quick/line_bands.csv", clone.root / "results/quick")
    restore_deposit(clone.root, root / DEPOSIT, "quick")
    assert is_up_to_date(clone.root, "quick")

    # What changes afterwards is computed from the weights.
    settings = built.settings
    settings["quick"]["methods"]["integrated_gradients"]["steps"] += 1
    clone.configure(settings)
    planned = clone.planned("quick")
    assert planned["comparison"] and "train" not in planned

    settle(root, settings)
    commit(root)
    with pytest.raises(UserError, match="Snakemake would compute some"):
        archive(root, "quick", commit="HEAD")
