"""One step in all its forms: by torch's Adam, as one function, compiled."""

import numpy as np
import pytest
import torch

from spectral_relevance import fit, trainer
from spectral_relevance.hardware import can_compile
from spectral_relevance.penalty import Penalty
from spectral_relevance.runs import Run, Training
from spectral_relevance.step import whole_step

HIDDEN = [
    {"units": 33, "activation": "tanh", "batch_norm": True, "dropout": 0.2},
    {"units": 20, "activation": "relu", "dropout": 0.5},
    {"units": 7, "activation": "linear", "batch_norm": True},
]
SPECTRAL = {"hidden": HIDDEN, "outputs": 3}
STANDARD = {**SPECTRAL, "parametrisation": "standard", "output_activation": "tanh"}
PENALTIES = {
    "alike": (SPECTRAL, [Penalty("l2", eigenvalues=1e-3, eigenvectors=1e-2)] * 3),
    "unlike": (
        SPECTRAL,
        [Penalty("l2", eigenvalues=s, eigenvectors=2 * s) for s in (0.01, 0.1, 0)],
    ),
    "l1": (SPECTRAL, [None, *[Penalty("l1", eigenvalues=1e-3, eigenvectors=1e-3)] * 2]),
    "lasso": (STANDARD, [Penalty("group_lasso", kernel=s) for s in (0.01, 0.1, 0.2)]),
    "none": (STANDARD, [None] * 3),
}
CASES = pytest.mark.parametrize("case", PENALTIES)


@pytest.fixture
def examples(rng):
    """Inputs, one of them always 0, labels and weights."""
    x = rng.normal(size=(200, 6)).astype(np.float32)
    x[:, 2] = 0
    y = rng.integers(0, 3, 200)
    x[:, 4] += y
    return x, y, rng.uniform(0.5, 2, 200)


def trained(examples, case, chosen=(0, 1, 2), **changes):
    """Train some of the three runs of a case: history and state of each."""
    x, y, weights = examples
    architecture, penalties = PENALTIES[case]
    runs = [
        Run(np.arange(r, 160 + r), np.arange(170, 200), 10 + r, penalties[r])
        for r in chosen
    ]
    how = {
        "epochs": 8,
        "batch_size": 40,
        "learning_rate": 3e-3,
        "records": 8,
        **changes,
    }
    network, history = fit(x, y, runs, architecture, Training(**how), weights=weights)
    return history, network.state_dict()


def assert_close(found, expected, tolerance):
    columns = ["loss", "validation_loss"]
    for column in columns:
        np.testing.assert_allclose(
            found[0][column], expected[0][column], rtol=tolerance, atol=tolerance
        )
    for name, values in expected[1].items():
        torch.testing.assert_close(
            found[1][name],
            values,
            rtol=tolerance,
            atol=tolerance,
            msg=lambda m, name=name: f"{name}: {m}",
        )


@CASES
def test_a_step_as_one_function_is_that_of_fused_adam(
    examples, case, double, monkeypatch
):
    """In double precision, where rounding does not hide a difference."""
    expected = trained(examples, case)
    original = trainer.Trainer.__init__

    def init(self, *arguments):
        original(self, *arguments)
        self.step = whole_step(self.loss, self.training.learning_rate)

    monkeypatch.setattr(trainer.Trainer, "__init__", init)
    assert_close(trained(examples, case), expected, 1e-9)


needs_compiler = pytest.mark.skipif(
    not can_compile(torch.device("cpu")), reason="needs a compiler"
)


@needs_compiler
@pytest.mark.parametrize("case", ["unlike", "lasso"])
def test_a_compiled_training_is_the_same_to_rounding(
    examples, case, double, monkeypatch
):
    monkeypatch.setattr(trainer, "CACHED", 0)
    compiled = trained(examples, case, compile=True)
    assert_close(compiled, trained(examples, case), 1e-9)
    # Replicas take turns, so that their company changes not a bit.
    _, alone = trained(examples, case, [1], compile=True)
    for name, values in alone.items():
        assert torch.equal(values[0], compiled[1][name][1]), name


@needs_compiler
def test_a_compiled_training_in_single_precision(examples):
    (found, _), (expected, _) = (
        trained(examples, "alike", epochs=3, compile=compile)
        for compile in (True, False)
    )
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=2e-3)
