"""Early stopping against trainings that end with the best epoch."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spectral_relevance import checkpoint
from spectral_relevance.errors import UserError
from spectral_relevance.networks import Architecture, Hidden
from spectral_relevance.penalty import Penalty
from spectral_relevance.stopping import Best
from spectral_relevance.training import Diverged, Epoch, Fitted, Run, Training, fit

PATIENCE = 4
HIDDEN = [Hidden(12, "tanh", batch_norm=True, dropout=0.2)]
CLASSES = Architecture(HIDDEN, outputs=2, parametrisation="spectral_first")
RUNS = [
    Run(range(40), range(40, 70), seed, Penalty("l2", a, a))
    for seed, a in enumerate((0, 0.001, 0.01, 0.1, 0.1, 0))
]


def training(epochs: int = 40, **changes: Any) -> Training:
    settings = {"batch_size": 10, "learning_rate": 0.05, "records": epochs}
    return Training(epochs, **settings | changes)


@pytest.fixture
def examples(rng) -> tuple[np.ndarray, np.ndarray]:
    """Labels that are half noise, so that validation soon gets worse."""
    x = rng.normal(size=(70, 8))
    return x, (x[:, 0] + rng.normal(size=70) > 0).astype(int)


def validation_losses(examples) -> np.ndarray:
    """The validation loss of each run after each epoch, from the first."""
    history = fit(*examples, RUNS, CLASSES, training()).history
    return history.pivot(index="run", columns="epoch", values="validation_loss").values


def best_and_last(losses: np.ndarray) -> tuple[int, int]:
    """The epoch that a single run keeps, and the one that it ends with."""
    best = 1
    for epoch in range(2, len(losses) + 1):
        if losses[epoch - 1] < losses[best - 1]:
            best = epoch
        if epoch - best == PATIENCE:
            return best, epoch
    return best, len(losses)


def assert_same(one: Fitted, other: Fitted) -> None:
    assert one.history.equals(other.history)
    state, expected = one.network.state_dict(), other.network.state_dict()
    for name, values in state.items():
        assert torch.equal(values, expected[name]), name


def test_each_run_has_the_parameters_of_its_best_epoch(examples):
    losses = validation_losses(examples)
    ends = [best_and_last(own) for own in losses]
    assert len({best for best, _ in ends}) > 1
    shown = []
    found = fit(
        *examples,
        RUNS,
        CLASSES,
        training(patience=PATIENCE),
        on_epoch=lambda epoch: shown.append(epoch.least.tolist()),
    )
    last = max(end for _, end in ends)
    assert last < 40 and found.history["epoch"].max() == len(shown) == last
    state = found.network.state_dict()
    for run, (best, _) in enumerate(ends):
        assert shown[-1][run] == losses[run, best - 1]
        expected = fit(*examples, RUNS, CLASSES, training(best)).network.state_dict()
        for name, values in state.items():
            assert torch.equal(values[run], expected[name][run]), (run, name)


def test_a_run_does_not_depend_on_how_long_others_go_on(examples, double):
    together = fit(*examples, RUNS, CLASSES, training(patience=PATIENCE))
    state = together.network.state_dict()
    for place, run in enumerate(RUNS):
        alone = fit(*examples, [run], CLASSES, training(patience=PATIENCE))
        for name, values in alone.network.state_dict().items():
            torch.testing.assert_close(values[0], state[name][place])


def test_who_is_patient_has_the_best_of_all_epochs(examples):
    losses = validation_losses(examples)
    found = fit(*examples, RUNS, CLASSES, training(patience=40))
    assert found.history["epoch"].max() == 40
    for run, best in enumerate(losses.argmin(axis=1) + 1):
        expected = fit(*examples, RUNS, CLASSES, training(int(best))).network
        assert torch.equal(found.network.relevance()[run], expected.relevance()[run])


def test_the_best_epoch_of_losses_by_hand():
    network = nn.Module()
    network.epoch = nn.Parameter(torch.zeros(4, 1))
    best = Best(network, patience=3)
    epochs = [
        # better too late, better and then as good, a number at last, better in time
        [1.0, 3.0, math.nan, 2.0],
        [2.0, 2.0, math.nan, 3.0],
        [3.0, 2.0, 5.0, 2.5],
        [1.5, 2.0, 4.0, 1.0],
        [0.1, 2.5, 4.5, 1.5],
        [0.1, 2.5, 4.5, 1.5],
        [0.1, 1.0, 4.5, 1.5],
    ]
    for number, losses in enumerate(epochs, 1):
        with torch.no_grad():
            network.epoch.fill_(number)
        ended = best.update(number, torch.tensor(losses), network)
        assert ended is (number == 7)
    assert best.loss.tolist() == [1, 2, 4, 1]
    best.restore(network)
    assert network.epoch.flatten().tolist() == [1, 2, 4, 4]


def test_early_stopping_takes_validation_rows(examples):
    with pytest.raises(UserError, match=r"patience: .*\n.*Run\(..., validation="):
        fit(*examples, [Run(range(40))], CLASSES, training(patience=2))


class Killed(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 1, None])
def test_a_killed_training_keeps_its_best_epochs(
    examples, tmp_path, monkeypatch, share
):
    """Also where it was killed while a run waited, or after the end."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)

    def trained(path: Path | None, killed: int = 0) -> Fitted:
        def watch(epoch: Epoch) -> None:
            if epoch.number == killed:
                raise Killed

        how = training(patience=PATIENCE, records=7)
        return fit(*examples, RUNS, CLASSES, how, on_epoch=watch, checkpoint=path)

    expected = trained(None)
    path, last = tmp_path / "checkpoint.pt", expected.history["epoch"].max()
    if share is None:
        trained(path)
        assert_same(trained(path, last), expected)
    else:
        with pytest.raises(Killed):
            trained(path, 1 + round(share * (last - 1)))
        assert_same(trained(path), expected)


def test_what_diverges_is_no_best_epoch(examples):
    x, y = examples
    how = training(patience=2, learning_rate=1e30, loss="mean_squared_error", records=1)
    with pytest.raises(Diverged, match="run 0 .seed 0., epoch .*found nan"):
        fit(x, np.eye(2)[y], RUNS, Architecture(HIDDEN[:0], outputs=2), how)


def test_validation_that_never_gives_a_number_is_no_success(examples):
    """Training itself goes well: one row that it does not see is out of all bounds."""
    x, y = examples
    x[69] = 1e30
    how = training(patience=2, loss="mean_squared_error")
    linear = Architecture([], outputs=2)
    with pytest.raises(Diverged, match="run 0 .seed 0., epoch .*found inf"):
        fit(x, np.eye(2)[y], RUNS, linear, how)
