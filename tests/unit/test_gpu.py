"""A GPU does the same as the CPU; skipped where there is none.

The masks of dropout are the same to the bit, the first steps to rounding, and a short
training in its statistics. What a GPU is given to do, the CPU can do as well, where
nothing is recorded and replayed: that part is not skipped.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance import hardware
from spectral_relevance import trainer as engine
from spectral_relevance.data import Dataset
from spectral_relevance.evaluation import measure, predict
from spectral_relevance.examples import Examples
from spectral_relevance.masks import Masks
from spectral_relevance.networks import Architecture
from spectral_relevance.penalty import Penalty
from spectral_relevance.replication.datasets import independent
from spectral_relevance.replication.training import train
from spectral_relevance.runs import Run, Training
from spectral_relevance.step import whole_step
from spectral_relevance.trainer import Trainer, shuffled_batches
from spectral_relevance.training import fit

SEEDS = range(5)
STEPS = 8
"""In an epoch: enough for some to be replayed, as the first three are not recorded."""

HOW = Training(epochs=2, batch_size=12, learning_rate=0.01, compile=False)

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
# The compiler advises rounding that tune_process rules out.
pytestmark = pytest.mark.filterwarnings("ignore:TensorFloat32")


def penalty_of(norm: str, network: dict[str, Any]) -> Penalty:
    """A penalty, with the network changed to one that it is for."""
    if norm == "l2":
        return Penalty(norm, eigenvalues=0.01, eigenvectors=0.02)
    network["parametrisation"] = "standard"
    return Penalty(norm, kernel=0.05)


def make_trainer(
    data: Dataset, network: dict[str, Any], penalty: Penalty, device: str, how: Training
) -> Trainer:
    """A training of three runs of its own, about to begin."""
    architecture = Architecture(
        hidden=network["hidden"], outputs=2, parametrisation=network["parametrisation"]
    )
    runs = [Run(range(100), seed=seed, penalty=penalty) for seed in range(3)]
    where = torch.device(device)
    examples = Examples(data.x_train, data.y_train, None, runs, 2, how, where)
    return Trainer(examples, runs, architecture, how, where)


def as_on_a_device(trainer: Trainer) -> torch.Tensor:
    """Train an epoch on the CPU by the very steps that a device is given."""
    size = trainer.training.batch_size
    batches = shuffled_batches(trainer.data.rows, trainer.steps, size, trainer.orders)
    with torch.no_grad():
        trainer._launch_steps(batches)
    mean = trainer.total / trainer.steps
    trainer.total.zero_()
    return mean


@pytest.mark.parametrize("norm", ["l2", "group_lasso"])
def test_launched_steps_are_those_of_the_cpu(classes, description, norm):
    penalty = penalty_of(norm, description)
    torch.set_default_dtype(torch.float64)  # so that they agree to many digits
    try:
        ours = make_trainer(classes, description, penalty, "cpu", HOW)
        other = make_trainer(classes, description, penalty, "cpu", HOW)
        other.step = whole_step(other.loss, HOW.learning_rate)
        for _ in range(2):
            torch.testing.assert_close(as_on_a_device(other), ours.train_epoch())
    finally:
        torch.set_default_dtype(torch.float32)
    state = dict(other.network.state_dict())
    for name, values in ours.network.state_dict().items():
        torch.testing.assert_close(state[name], values, rtol=1e-12, atol=1e-12)
    assert int(other.adam.count) == int(ours.adam.count) == 2 * STEPS


@pytest.mark.skipif(
    not hardware.can_compile(torch.device("cpu")), reason="needs a compiler"
)
def test_a_process_compiles_any_number_of_trainings(classes, monkeypatch):
    """The compiler gives up after eight versions of one function, unless it is told."""

    def compiled(step):
        return torch.compile(step, dynamic=False, fullgraph=True, backend="eager")

    monkeypatch.setattr(engine, "compiled", compiled)
    monkeypatch.setattr(engine, "can_compile", lambda device: True)
    how = replace(HOW, epochs=1, records=1, compile=True)
    for units in range(2, 12):
        network = {"hidden": [{"units": units}], "outputs": 2}
        x, y = classes.x_train, classes.y_train
        _, history = fit(x, y, [{"rows": range(100)}], network, how, device="cpu")
        assert np.isfinite(history["loss"]).all()


def test_a_torch_whose_compiler_fails_trains_uncompiled(monkeypatch, caplog):
    where = torch.device("cpu")
    monkeypatch.setattr(hardware, "has_compiler", lambda device: True)
    monkeypatch.setattr(hardware, "OLDEST", (99, 0))
    assert not hardware.can_compile(where)
    assert f"torch {torch.__version__} is too old" in caplog.text
    monkeypatch.setattr(hardware, "OLDEST", (2, 0))
    assert hardware.can_compile(where)


@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("step", [0, 1, 54_321, 2**33])
def test_masks_are_the_same_to_the_bit(step, compiled):
    keys = np.random.default_rng(0).integers(0, 2**64, (3, 2), np.uint64)
    masks = Masks(keys, [(100, 0.2), (7, 0.01)], 501, torch.device("cuda"))
    of_step = masks.of_step
    if compiled:
        of_step = torch.compile(of_step, dynamic=False)
    counted = of_step(torch.tensor(step, device="cuda"))
    for here, there in zip(masks.of_step(step), counted, strict=True):
        assert torch.equal(here, there.cpu())


@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("norm", ["l2", "group_lasso"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_first_steps_are_the_same_to_rounding(
    classes, description, norm, compiled, dtype
):
    """In float64 all digits but the last few agree.

    In float32 Adam divides an element's gradient by its own size at first, so that one
    that is nothing but rounding moves its parameter by up to the learning rate, to any
    side: parameters may differ by twice that for each step, but few do, and the losses
    hardly notice.
    """
    penalty = penalty_of(norm, description)
    torch.set_default_dtype(dtype)
    try:
        here = first_steps(classes, description, penalty, "cpu", False)
        there = first_steps(classes, description, penalty, "cuda", compiled)
    finally:
        torch.set_default_dtype(torch.float32)
    difference = (there[1] - here[1]).abs()
    if dtype == torch.float64:
        torch.testing.assert_close(there[0], here[0], rtol=1e-10, atol=0)
        assert difference.max() < 1e-9
    else:
        torch.testing.assert_close(there[0], here[0], rtol=1e-4, atol=0)
        assert difference.max() < 2 * STEPS * HOW.learning_rate
        assert difference.median() < 1e-5


def first_steps(data, network, penalty, device, compiled):
    """Mean losses of the first steps, and all parameters after them, on the CPU."""
    how = replace(HOW, compile=compiled)
    trainer = make_trainer(data, network, penalty, device, how)
    assert trainer.steps == STEPS
    losses = trainer.train_epoch().cpu()
    values = trainer.network.cpu().parameters()
    return losses, torch.cat([value.detach().flatten() for value in values])


@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_agrees_with_the_cpu(description, compiled):
    dataset = independent.independent(
        examples=4000,
        features=12,
        relevant=6,
        sigma=0.5,
        largest_distance=1.4,
        test_fraction=0.25,
        seed=0,
    )
    statistics = pd.DataFrame(
        {
            device: statistics_of(dataset, description, device, compiled)
            for device in ("cpu", "cuda")
        }
    )
    # On the CPU, five other seeds change them by up to 0.03.
    np.testing.assert_allclose(statistics["cuda"], statistics["cpu"], atol=0.06)


def statistics_of(dataset, description, device, compiled):
    """Claims 1, 2 and the accuracy: means over the seeds."""
    replicas, history = train(
        [dataset] * len(SEEDS),
        runs=[("base", seed) for seed in SEEDS],
        network=description,
        regularisation={"norm": "l2", "eigenvalues": 1e-4, "eigenvectors": 1e-2},
        training={
            "epochs": 60,
            "batch_size": 100,
            "learning_rate": 0.01,
            "loss": "cross_entropy",
            "validation_fraction": 0.1,
            "records": 1,
            "compile": compiled,
        },
        device=device,
    )
    relevance = replicas.network.relevance()
    x, y = torch.from_numpy(dataset.x_test), torch.from_numpy(dataset.y_test)
    accuracy = measure(predict(replicas.network, x), y.expand(len(SEEDS), -1))
    truth = torch.from_numpy(dataset.truth).float()
    found = (relevance > 0.05 * relevance.amax(1, keepdim=True)) == (truth > 0)
    correlation = [np.corrcoef(row, truth)[0, 1] for row in relevance]
    return {
        "accuracy": accuracy.mean().item(),
        "detection": found.float().mean().item(),
        "correlation": np.mean(correlation),
    }
