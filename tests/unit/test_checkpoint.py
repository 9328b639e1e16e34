"""A training that is killed and started again ends as if it had not been killed."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance import checkpoint, trainer
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.training import train_variants

L2 = {"norm": "l2", "eigenvalues": 0.01, "eigenvectors": 0.02}
L1 = {"norm": "l1", "eigenvalues": 0.003, "eigenvectors": 0.002}
HOW = {
    "epochs": 5,
    "batch_size": 12,
    "learning_rate": 0.01,
    "loss": "cross_entropy",
    "validation_fraction": 0.2,
    "records": 5,
    "compile": False,
}


class Killed(Exception):
    """Stands for a power cut."""


@pytest.fixture
def variants(description) -> dict[str, Any]:
    """Three trainings that follow one another, one by the proximal optimiser."""
    standard = {**description, "parametrisation": "standard"}
    group_lasso = {"norm": "group_lasso", "kernel": 0.02}
    return {
        "l2": {"network": description, "regularisation": L2, "training": HOW},
        "l1": {"network": description, "regularisation": L1, "training": HOW},
        "group": {"network": standard, "regularisation": group_lasso, "training": HOW},
    }


@pytest.fixture
def often(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)


def run(data, variants, folder: Path | None, seeds=(3, 1)):
    datasets = Datasets({("", None): data})
    return train_variants(datasets, variants, list(seeds), "cpu", checkpoints=folder)


def kill_after(monkeypatch, epochs: int) -> None:
    """Let training die when a number of epochs has begun, in all trainings together."""
    shuffle = trainer.shuffled_batches
    begun = []

    def dying(*arguments):
        begun.append(None)
        if len(begun) > epochs:
            raise Killed
        return shuffle(*arguments)

    monkeypatch.setattr(trainer, "shuffled_batches", dying)


def assert_same(one, other) -> None:
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    for a, b in zip(one[0], other[0], strict=True):
        assert list(a.runs()) == list(b.runs())
        state, expected = a.network.state_dict(), b.network.state_dict()
        assert list(state) == list(expected)
        assert all(torch.equal(state[name], expected[name]) for name in state)


@pytest.mark.parametrize("epochs", [0, 1, 4, 5, 8, 14])
def test_a_killed_training_goes_on(
    classes, variants, tmp_path, monkeypatch, often, epochs
):
    expected = run(classes, variants, None)
    folder = tmp_path / "checkpoints"
    with monkeypatch.context() as patch:
        kill_after(patch, epochs)
        with pytest.raises(Killed):
            run(classes, variants, folder)
    with monkeypatch.context() as patch:
        # Nothing is trained twice.
        kill_after(patch, 3 * HOW["epochs"] - epochs)
        assert_same(run(classes, variants, folder), expected)


def test_a_training_that_ended_is_not_repeated(classes, variants, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    expected = run(classes, variants, tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "0.pt",
        "1.pt",
        "2.pt",
    ]
    caplog.clear()
    assert_same(run(classes, variants, tmp_path), expected)
    assert caplog.text.count("going on from") == 3


@pytest.mark.parametrize(
    "change", ["settings", "seeds", "data", "code", "version", "damage"]
)
def test_a_checkpoint_that_does_not_fit_is_ignored(
    classes, variants, tmp_path, monkeypatch, caplog, change
):
    run(classes, variants, tmp_path)
    seeds = (3, 1)
    if change == "settings":
        variants = {
            name: {**v, "training": {**HOW, "learning_rate": 0.02}}
            for name, v in variants.items()
        }
    elif change == "seeds":
        seeds = (3, 2)
    elif change == "data":
        classes = dataclasses.replace(classes, x_train=classes.x_train[:, ::-1].copy())
    elif change == "code":
        monkeypatch.setattr(checkpoint, "fingerprints", lambda name: {})
    elif change == "version":
        monkeypatch.setattr(np, "__version__", "0")
    else:
        for path in tmp_path.iterdir():
            path.write_bytes(path.read_bytes()[:1000])
    caplog.clear()
    found = run(classes, variants, tmp_path, seeds)
    assert caplog.text.count("ignoring") == 3
    assert_same(found, run(classes, variants, None, seeds))


def test_a_checkpoint_of_compiled_training_is_ignored_without_a_compiler(
    classes, variants, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(trainer, "compiled", lambda step: step)
    for variant in variants.values():
        variant["training"] = {**HOW, "compile": True}
    for can in (True, False):
        monkeypatch.setattr(trainer, "can_compile", lambda device, can=can: can)
        run(classes, variants, tmp_path)
        assert caplog.text.count("ignoring") == (0 if can else 3)


def test_checkpoints_come_at_intervals(classes, variants, tmp_path, monkeypatch):
    saved = []
    save = checkpoint.Checkpoint.save
    monkeypatch.setattr(
        checkpoint.Checkpoint,
        "save",
        lambda self, content: (saved.append(content["epoch"]), save(self, content)),
    )
    # A clock that goes on by a minute whenever it is read.
    monkeypatch.setattr(checkpoint, "INTERVAL", 150)
    monkeypatch.setattr(
        checkpoint.time, "monotonic", iter(range(0, 10**6, 60)).__next__
    )
    run(classes, {"l2": variants["l2"]}, tmp_path)
    assert saved == [3, 5]
