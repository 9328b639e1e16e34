"""Trainings in parts against all at once, and their losses against predictions."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from spectral_relevance import sidebyside
from spectral_relevance.evaluation import predict
from spectral_relevance.networks import Architecture, Hidden
from spectral_relevance.problem import Problem
from spectral_relevance.runs import Run, Training
from spectral_relevance.sidebyside import HELD, train

CLASSES = Architecture([Hidden(6)], outputs=3, parametrisation="spectral_first")
PARAMETERS = 5 + 6 * 5 + 6 + 3 * 6 + 3
HOW = Training(15, batch_size=16, learning_rate=0.02, records=1, ridge=1e-3, patience=3)


@pytest.fixture
def problem(rng) -> Problem:
    x = rng.normal(size=(80, 5)).astype(np.float32)
    y = (x[:, :3] + rng.normal(size=(80, 3))).argmax(axis=1)
    return Problem(x, y, 3, rng.uniform(0.5, 2, size=80).astype(np.float32))


@pytest.fixture
def runs(problem) -> list[Run]:
    rows = np.arange(80).reshape(5, 16)
    return [
        Run(np.delete(rows, k, axis=0).ravel(), rows[k], k, problem.penalty(alpha, 6))
        for k, alpha in enumerate((0.5, 0.1, 0.02, 0, 0.3))
    ]


@pytest.mark.parametrize("together", [1, 2, 5])
def test_parts_are_trained_as_all_at_once(problem, runs, double, monkeypatch, together):
    expected = train(problem, runs, CLASSES, HOW, "cpu")
    sizes, fit = [], sidebyside.fit

    def counted(x, y, part, *arguments, **settings):
        sizes.append(len(part))
        return fit(x, y, part, *arguments, **settings)

    monkeypatch.setattr(sidebyside, "fit", counted)
    monkeypatch.setattr(sidebyside, "NUMBERS", HELD * (PARAMETERS * together + 1))
    found = train(problem, runs, CLASSES, HOW, "cpu")
    assert sizes == {1: [1] * 5, 2: [2, 2, 1], 5: [5]}[together]
    assert found.network.replicas == 5 and not found.network.training
    assert found.network.architecture == CLASSES
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)
    state = expected.network.state_dict()
    for name, values in found.network.state_dict().items():
        torch.testing.assert_close(values, state[name], rtol=1e-6, atol=1e-9)


def test_a_network_that_is_too_large_is_trained_by_itself(problem, runs, monkeypatch):
    monkeypatch.setattr(sidebyside, "NUMBERS", 1)
    assert train(problem, runs[:2], CLASSES, HOW, "cpu").network.replicas == 2


def test_losses_are_those_of_the_networks_on_what_they_held_out(problem, runs):
    network, loss = train(problem, runs, CLASSES, HOW, "cpu")
    outputs = predict(network, torch.from_numpy(problem.x))
    for place, run in enumerate(runs):
        logits = outputs[place, run.validation]
        labels = torch.from_numpy(problem.y[run.validation])
        each = functional.cross_entropy(logits, labels, reduction="none").numpy()
        expected = np.average(each, weights=problem.weights[run.validation])
        assert loss[place] == pytest.approx(expected, rel=1e-5)


def test_without_early_stopping_there_are_no_losses(problem, runs):
    alone = [Run(run.rows, None, run.seed, run.penalty) for run in runs]
    how = Training(2, batch_size=16, records=1)
    network, loss = train(problem, alone, CLASSES, how, "cpu")
    assert network.replicas == 5 and np.isinf(loss).all() and len(loss) == 5


def test_it_is_silent(problem, runs, capsys, caplog):
    caplog.set_level("INFO")
    train(problem, runs, CLASSES, HOW, "cpu")
    assert not caplog.text and not any(capsys.readouterr())
