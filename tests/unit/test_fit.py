"""The engine itself: what it takes, what it refuses, and what side by side means."""

import logging
import os
import signal
import sys
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from spectral_relevance import checkpoint
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import predict
from spectral_relevance.networks import Architecture, Hidden
from spectral_relevance.penalty import Penalty
from spectral_relevance.training import Diverged, Epoch, Fitted, Run, Training, fit

CLASSES = Architecture([Hidden(6, "tanh")], outputs=2)
HOW = Training(epochs=3, batch_size=10, learning_rate=0.01, records=3)


@pytest.fixture
def examples(rng) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that the first of four inputs tells apart."""
    x = rng.normal(size=(60, 4))
    return x, (x[:, 0] > 0).astype(int)


def runs(*penalties: Penalty | None) -> list[Run]:
    return [
        Run(range(40), range(40, 60), seed, penalty)
        for seed, penalty in enumerate(penalties)
    ]


def assert_close(one: Fitted, i: int, other: Fitted, j: int, **tolerance: float):
    state, expected = one.network.state_dict(), other.network.state_dict()
    for name, values in state.items():
        torch.testing.assert_close(
            values[i],
            expected[name][j],
            **(tolerance or {"rtol": 1e-4, "atol": 1e-5}),
            msg=lambda m, name=name: f"{name}: {m}",
        )
    for name in set(one.history) - {"run"}:
        a, b = (
            f.history.set_index("run").loc[r, name] for f, r in ((one, i), (other, j))
        )
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5, err_msg=name)


# What it takes --------------------------------------------------------------------


def test_arrays_of_any_kind_are_the_same_examples(examples):
    x, y = examples
    x = x.round(1).astype(np.float32)
    expected = fit(x, y, runs(None), CLASSES, HOW)
    read_only = x.copy()
    read_only.flags.writeable = False
    for same_x, same_y in (
        (x.astype(float), y.astype(np.uint8)),
        (np.asfortranarray(x), y.tolist()),
        (x.tolist(), y.astype(bool)),
        (pd.DataFrame(x), pd.Series(y)),
        (torch.from_numpy(x).requires_grad_(), torch.from_numpy(y)),
        (read_only, y),
    ):
        found = fit(same_x, same_y, runs(None), CLASSES, HOW)
        for name, values in found.network.state_dict().items():
            assert torch.equal(values, expected.network.state_dict()[name])
    before = x.copy()
    fit(x * 10 // 1, y, runs(None), CLASSES, HOW)
    fit((x * 10).astype(int), y, runs(None), CLASSES, HOW)
    np.testing.assert_array_equal(x, before)


def test_inputs_that_are_all_zero_tell_nothing(examples):
    y = examples[1]
    network, history = fit(np.zeros((60, 4)), y, runs(None), CLASSES, HOW)
    assert (network.first.eigenvalues == 1).all()
    assert history["validation_metric"].between(0, 1).all()


def test_specifications_may_be_mappings(examples):
    settings = {"hidden": [{"units": 6, "activation": "tanh"}], "outputs": 2}
    how = {"epochs": 3, "batch_size": 10, "learning_rate": 0.01, "records": 3}
    penalty = {"norm": "l2", "eigenvalues": 0.1}
    run = Run(range(40), range(40, 60), 0, penalty)
    found = fit(*examples, [run], settings, how)
    expected = fit(*examples, runs(Penalty("l2", 0.1)), CLASSES, HOW)
    assert_close(found, 0, expected, 0, rtol=0, atol=0)


def test_the_history_has_a_row_for_each_run_and_recorded_epoch(examples):
    _, history = fit(*examples, runs(None, None), CLASSES, HOW)
    columns = ["run", "epoch", "loss", "validation_loss", "validation_metric"]
    assert history.columns.tolist() == [*columns, "inputs_above_1_percent"]
    assert history["run"].tolist() == [0, 1] * 3
    assert history["epoch"].tolist() == [1, 1, 2, 2, 3, 3]


def test_without_validation_rows_nothing_is_validated(examples):
    _, history = fit(*examples, [Run(range(40))], CLASSES, HOW)
    assert history.columns.tolist() == [
        "run",
        "epoch",
        "loss",
        "inputs_above_1_percent",
    ]


# Side by side ---------------------------------------------------------------------


def test_rows_are_those_that_are_named_in_any_order(examples, rng):
    x, y = examples
    order = rng.permutation(60)
    expected = fit(x, y, runs(None), CLASSES, HOW)
    places = np.argsort(order)  # where row k of x has gone
    moved = [Run(places[:40], places[40:], 0)]
    assert_close(
        fit(x[order], y[order], moved, CLASSES, HOW), 0, expected, 0, rtol=0, atol=0
    )


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_strengths_belong_to_a_run(examples, norm):
    penalties = [
        Penalty(norm, eigenvalues=a, eigenvectors=b)
        for a, b in ((0.1, 0.01), (1e-4, 0.2), (0, 0.05))
    ]
    together = fit(*examples, runs(*penalties), CLASSES, HOW)
    for place, run in enumerate(runs(*penalties)):
        alone = fit(*examples, [run], CLASSES, HOW)
        assert_close(together, place, alone, 0)


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_of_two_sizes_are_trained_together(examples, weighted, rng):
    x, y = examples
    weights = rng.uniform(0, 3, size=60) if weighted else None
    folds = np.array_split(np.arange(50), 4)  # of 13, 13, 12 and 12
    of_fold = [Run(np.setdiff1d(np.arange(50), f), f, seed=3) for f in folds]
    how = Training(epochs=3, batch_size=19, records=3)  # 37 rows: one step; 38: two
    together = fit(x, y, of_fold, CLASSES, how, weights=weights)
    shortest = fit(x, y, [of_fold[0]], CLASSES, how, weights=weights)
    assert_close(together, 0, shortest, 0)
    # The loss on a fold is that of its own rows, however long the others are.
    for place, fold in enumerate(folds):
        outputs = predict(together.network, torch.from_numpy(x[fold]).float())[place]
        labels = torch.from_numpy(y[fold])
        each = functional.cross_entropy(outputs, labels, reduction="none").numpy()
        own = None if weights is None else weights[fold]
        loss = np.average(each, weights=own)
        accuracy = np.average(outputs.argmax(1).numpy() == y[fold], weights=own)
        last = together.history.query(f"run == {place} and epoch == 3").iloc[0]
        assert last["validation_loss"] == pytest.approx(loss, rel=1e-5)
        assert last["validation_metric"] == pytest.approx(accuracy)


# Losses and weights ---------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mean_absolute_error", "mean_squared_error"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_values_of_one_or_several_outputs(rng, loss, outputs):
    x = rng.normal(size=(300, 4))
    y = np.stack([x[:, k] + 0.5 * x[:, 3] for k in range(outputs)], axis=1)
    y += rng.normal(0, 0.05, size=y.shape)
    how = Training(epochs=150, batch_size=20, learning_rate=0.01, loss=loss, records=1)
    split = [Run(range(200), range(200, 300), 0)]
    targets = y[:, 0] if outputs == 1 else y
    network, history = fit(x, targets, split, Architecture([], outputs), how)
    held_out = predict(network, torch.from_numpy(x[200:]).float())[0].numpy()
    errors = held_out - y[200:]
    power = 1 if loss == "mean_absolute_error" else 2
    expected = (np.abs(errors) ** power).mean()
    assert history["validation_loss"].item() == pytest.approx(expected, rel=1e-4)
    assert history["validation_metric"].item() == pytest.approx(
        np.abs(errors).mean(), rel=1e-4
    )
    assert np.abs(errors).mean() < 0.1


def test_a_squared_error_is_minimised_where_least_squares_is(rng):
    x = rng.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.0] + 0.7 + rng.normal(0, 0.3, size=200)
    weights = rng.integers(0, 4, size=200)
    how = Training(
        epochs=800, batch_size=200, learning_rate=0.02, loss="mean_squared_error"
    )
    network, _ = fit(x, y, [Run(range(200))], Architecture([], 1), how, weights=weights)
    # The weight of an example is the number of its copies.
    copies = np.repeat(np.arange(200), weights)
    design = np.column_stack([x, np.ones(200)])[copies]
    expected = np.linalg.lstsq(design, y[copies], rcond=None)[0]
    layer = network.replica(0)[0]
    found = [*layer.weight.detach()[0].tolist(), layer.bias.item()]
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("others", [0.02, 0.3], ids=["alike", "unlike"])
@pytest.mark.parametrize(
    ("parametrisation", "names"),
    [
        ("spectral", ("eigenvalues", "eigenvectors")),
        ("spectral_first", ("eigenvalues", "eigenvectors")),
        ("standard", ("kernel",)),
    ],
)
def test_penalty_and_ridge_are_added_to_the_loss(
    examples, double, parametrisation, names, others
):
    """The same training by torch alone, one run after the other."""
    x, y = (torch.from_numpy(values) for values in examples)
    hidden = [Hidden(6, "tanh"), Hidden(5, "tanh")]
    architecture = Architecture(hidden, outputs=2, parametrisation=parametrisation)
    side_by_side = [
        Run(range(60), None, seed, Penalty("l2", **dict.fromkeys(names, strength)))
        for seed, strength in enumerate((0.02, others))
    ]

    def trained(epochs: int, rate: float) -> list[torch.nn.Sequential]:
        how = Training(epochs, batch_size=60, learning_rate=rate, ridge=0.05)
        network = fit(x, y, side_by_side, architecture, how).network
        return [network.replica(run) for run in (0, 1)]

    # A step too small to change a digit leaves the initial values.
    initial, found = trained(1, 1e-300), trained(8, 0.01)
    for model, strength, ours in zip(initial, (0.02, others), found, strict=True):
        adam = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
        for _ in range(8):
            loss = functional.cross_entropy(model(x), y)
            for name, values in model.named_parameters():
                if not name.endswith("bias"):
                    size = strength if name.startswith("0.") else 0.05
                    loss = loss + size * values.square().sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
        for one, other in zip(ours.parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_equal_weights_are_no_weights(examples):
    expected = fit(*examples, runs(None, None), CLASSES, HOW)
    found = fit(*examples, runs(None, None), CLASSES, HOW, weights=np.full(60, 2.0))
    for r in (0, 1):
        assert_close(found, r, expected, r)


def test_examples_without_weight_are_not_learnt_from(examples):
    x, y = examples
    weights = np.where(np.arange(60) % 2, 1.0, 0.0)
    changed = np.where(weights > 0, y, 1 - y)
    one, other = (
        fit(x, labels, [Run(range(60))], CLASSES, HOW, weights=weights)
        for labels in (y, changed)
    )
    assert_close(one, 0, other, 0, rtol=0, atol=0)


# Watching -------------------------------------------------------------------------


def test_every_epoch_is_shown_and_can_be_the_last(examples):
    seen = []

    def watch(epoch: Epoch) -> bool:
        loss, metric = epoch.validation
        assert epoch.loss.shape == loss.shape == metric.shape == (2,)
        assert epoch.relevance.shape == (2, 4)
        seen.append((epoch.number, epoch.relevance.clone()))
        return epoch.number == 2

    network, history = fit(*examples, runs(None, None), CLASSES, HOW, on_epoch=watch)
    assert [number for number, _ in seen] == [1, 2]
    assert history["epoch"].max() == 2
    assert torch.equal(seen[-1][1], network.relevance())
    shorter = Training(epochs=2, batch_size=10, learning_rate=0.01)
    expected = fit(*examples, runs(None, None), CLASSES, shorter)
    assert_close(Fitted(network, history), 0, expected, 0, rtol=0, atol=0)


def test_relevance_is_shown_in_the_order_of_the_inputs(examples):
    x, y = examples
    x = np.insert(x, [0, 2], 0, axis=1)  # training leaves these out
    shown = []
    network, _ = fit(
        x, y, runs(None), CLASSES, HOW, on_epoch=lambda e: shown.append(e.relevance)
    )
    assert torch.equal(shown[-1], network.relevance())
    assert network.relevance().shape == (1, 6)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_quiet_training_shows_nothing(
    examples, capsys, caplog, monkeypatch, terminal
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    caplog.set_level(logging.INFO)
    for quiet in (False, True):
        fit(*examples, runs(None), CLASSES, HOW, quiet=quiet)
        shown = "".join([caplog.text, *capsys.readouterr()])
        assert bool(shown) is not quiet
        caplog.clear()


def test_an_early_end_is_not_made_up_for(examples, tmp_path):
    path = tmp_path / "checkpoint.pt"
    first = fit(
        *examples, runs(None), CLASSES, HOW, on_epoch=lambda e: True, checkpoint=path
    )
    again = fit(*examples, runs(None), CLASSES, HOW, checkpoint=path)
    assert_close(first, 0, again, 0, rtol=0, atol=0)
    assert again.history["epoch"].tolist() == [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_a_checkpoint(
    examples, tmp_path, monkeypatch, caplog, number
):
    """Sent in the middle of an epoch, it waits for the end of it."""
    path, epochs = tmp_path / "checkpoint.pt", []
    usual = signal.getsignal(number)

    def interrupt(epoch: Epoch) -> None:
        epochs.append(epoch.number)
        if epoch.number == 2:
            os.kill(os.getpid(), number)

    def raise_it(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(number, raise_it)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(
                *examples,
                runs(None),
                CLASSES,
                HOW,
                on_epoch=interrupt,
                checkpoint=path,
            )
        assert signal.getsignal(number) is raise_it
    finally:
        signal.signal(number, usual)
    assert epochs == [1, 2]
    with caplog.at_level(logging.INFO):
        resumed = fit(*examples, runs(None), CLASSES, HOW, checkpoint=path)
    assert "after epoch 2" in caplog.text
    expected = fit(*examples, runs(None), CLASSES, HOW)
    assert_close(resumed, 0, expected, 0, rtol=0, atol=0)


def test_a_thread_of_its_own_trains_as_well(examples):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(fit(*examples, runs(None), CLASSES, HOW))
    )
    thread.start()
    thread.join()
    assert_close(found[0], 0, fit(*examples, runs(None), CLASSES, HOW), 0)


def test_weights_and_rows_are_part_of_a_checkpoint(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    path = tmp_path / "checkpoint.pt"

    def trained(rows: range, weights: Any) -> Fitted:
        run = [Run(rows, range(50, 60))]
        return fit(*examples, run, CLASSES, HOW, weights=weights, checkpoint=path)

    cases = [(range(40), None), (range(5, 45), None), (range(40), np.arange(60))]
    for case in cases:
        found = trained(*case)
        path.unlink()
        assert_close(found, 0, trained(*case), 0, rtol=0, atol=0)


# What it refuses ------------------------------------------------------------------


def with_value(x: np.ndarray, value: float) -> np.ndarray:
    x = x.copy()
    x[7, 2] = value
    return x


ROWS = range(40), range(40, 60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, y: (with_value(x, np.nan), y),
            r"x: .* found nan \(row 7, column 2;",
        ),
        (
            lambda x, y: (with_value(x, np.inf), y),
            r"x: .* found inf \(row 7, column 2;",
        ),
        (lambda x, y: (with_value(x, 1e300), y), r"x: .* found 1e\+300 \(row 7"),
        (lambda x, y: (x[:, 0], y), r"x: expected a table .* shape \(60,\)"),
        (lambda x, y: (x[:, :0], y), r"x: .* shape \(60, 0\)"),
        (lambda x, y: (x.astype(str), y), "x: expected numbers, found the type <U"),
        (lambda x, y: (x.astype(object), y), "x: .* found the type object"),
        (lambda x, y: ([[1, 2], [3]], y), "x: expected an array of numbers"),
        (lambda x, y: (x, y[:50]), "y: expected 60 targets, .* found 50"),
        (
            lambda x, y: (x, y + 1),
            "y: expected labels from 0 to 1, .* 2.\n.*uniq",
        ),
        (lambda x, y: (x, y - 1), "y: expected labels from 0 to 1, .* found -1"),
        (lambda x, y: (x, y.astype(float)), "y: expected whole numbers .* float64"),
        (lambda x, y: (x, y.astype(str)), "y: expected whole numbers .* type <U"),
        (lambda x, y: (x, y[:, None]), r"y: expected labels of shape \(n,\)"),
    ],
)
def test_examples_that_make_no_sense(examples, change, message):
    with pytest.raises(UserError, match=message):
        fit(*change(*examples), runs(None), CLASSES, HOW)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.r_[np.zeros(59), np.nan],
            r"y: expected finite numbers, .* nan \(row 59",
        ),
        (np.zeros((60, 3)), r"y: expected values of shape \(n, 2\), .* \(60, 3\)"),
        (np.zeros(60), r"y: expected values of shape \(n, 2\), .* \(60,\)"),
        (np.zeros((2, 2)), "y: expected 60 targets, .* found 2"),
    ],
)
def test_values_that_make_no_sense(examples, y, message):
    how = Training(epochs=1, loss="mean_squared_error")
    with pytest.raises(UserError, match=message):
        fit(examples[0], y, runs(None), CLASSES, how)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), "weights: expected 60, .* found 59"),
        (np.r_[np.ones(59), -1], "weights: .* found -1 in row 59"),
        (np.r_[np.ones(59), np.nan], r"weights: .* found nan \(row 59"),
        (np.r_[np.zeros(40), np.ones(20)], "weights: .* none in those of run 0"),
        (np.r_[np.ones(40), np.zeros(20)], "validation rows .* none in those of run 0"),
        (np.ones((60, 1)), r"weights: .* shape \(60, 1\)"),
    ],
)
def test_weights_that_make_no_sense(examples, weights, message):
    with pytest.raises(UserError, match=message):
        fit(*examples, runs(None), CLASSES, HOW, weights=weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": []}, "Run.rows: expected at least one row"),
        ({"rows": range(9), "validation": []}, "Run.validation: expected at least one"),
        ({"rows": range(9), "validation": [7, 8, 9]}, "validation: .* 7 .2 in all"),
        ({"rows": [0, -1]}, "Run.rows: expected numbers of at least 0, found -1"),
        ({"rows": [0.5]}, "Run.rows: expected whole numbers, found the type float64"),
        ({"rows": np.ones(9, bool)}, "truth values.\nHint: np.flatnonzero"),
        ({"rows": range(9), "seed": -1}, "Run.seed: .* found -1"),
        ({"rows": range(9), "seed": 1.5}, "Run.seed: .* found 1.5"),
        ({"rows": range(9), "penalty": "l2"}, "expected Penalty or a mapping"),
        ({"rows": range(9), "penalty": {"norm": "L2"}}, "did you mean 'l2'"),
        ({"row": range(9)}, "found 'row'.\nHint: did you mean 'rows'"),
        ({}, "Run: the setting 'rows' is missing"),
    ],
)
def test_a_run_that_makes_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        Run.of(settings)


@pytest.mark.parametrize(
    ("side_by_side", "message"),
    [
        ([], r"runs: expected a sequence of at least one Run, found \[\]"),
        (Run(*ROWS), "runs: expected a sequence of at least one Run, found Run"),
        ([range(40)], "expected Run or a mapping of its settings, found range"),
        ([Run(range(61))], r"runs\[0\].rows: expected rows from 0 to 59, .* found 60"),
        ([Run(*ROWS), Run(range(9), [99])], r"runs\[1\].validation: .* found 99"),
        ([Run(*ROWS), Run(range(40))], "validation rows for all of them or for none"),
        ([Run(range(9))], "Training.batch_size: expected at most 9, .* found 10"),
        ([Run(range(12)), Run(range(60))], "about the same number .* 12 and 60"),
    ],
)
def test_runs_that_do_not_fit(examples, side_by_side, message):
    with pytest.raises(UserError, match=message):
        fit(*examples, side_by_side, CLASSES, HOW)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "Training.epochs: .* at least 1, found 0"),
        ({"epochs": True}, "Training.epochs: .* found True"),
        ({"epochs": 2.0}, "Training.epochs: .* found 2.0"),
        ({"batch_size": 0}, "Training.batch_size: .* found 0"),
        ({"learning_rate": 0}, "Training.learning_rate: .* above 0, found 0"),
        ({"learning_rate": np.inf}, "Training.learning_rate: .* found inf"),
        ({"learning_rate": "1e-3"}, "Training.learning_rate: .* found '1e-3'"),
        ({"loss": "mse"}, "Training.loss: expected one of 'cross_entropy', .* 'mse'"),
        ({"loss": "Cross_Entropy"}, "did you mean 'cross_entropy'"),
        ({"records": 0}, "Training.records"),
        ({"ridge": -1e-4}, "Training.ridge: expected a number of at least 0"),
        ({"patience": 0}, "Training.patience: .* at least 1, found 0"),
        ({"patience": 0.2}, "Training.patience: .* found 0.2"),
        ({"compile": "yes"}, "Training.compile: expected True or False"),
        ({"learning_rat": 1}, "found 'learning_rat'.\nHint: .* 'learning_rate'"),
    ],
)
def test_a_training_that_makes_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        Training.of({"epochs": 1} | settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"outputs": 0}, "Architecture.outputs: .* at least 1, found 0"),
        ({"hidden": [Hidden(3), 4]}, "expected Hidden or a mapping"),
        ({"hidden": 5}, "Architecture.hidden: expected a sequence"),
        ({"hidden": "relu"}, "Architecture.hidden: expected a sequence"),
        ({"hidden": [{"units": 0}]}, "Hidden.units: .* found 0"),
        (
            {"hidden": [{"units": 3, "dropout": 1}]},
            "Hidden.dropout: .* below 1, .* 1",
        ),
        ({"hidden": [{"units": 3, "dropout": -0.1}]}, "Hidden.dropout: .* found -0.1"),
        ({"hidden": [{"units": 3, "activation": "ReLU"}]}, "did you mean 'relu'"),
        ({"hidden": [{"units": 3, "batch_norm": 1}]}, "Hidden.batch_norm: .* found 1"),
        ({"hidden": [{"unit": 3}]}, "found 'unit'.\nHint: did you mean 'units'"),
        ({"hidden": [{}]}, "Hidden: the setting 'units' is missing"),
        ({"output_activation": "softmax"}, "Architecture.output_activation"),
        ({"parametrisation": "dense"}, "'spectral_first', 'standard', found 'dense'"),
    ],
)
def test_an_architecture_that_makes_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        Architecture.of({"hidden": [], "outputs": 2} | settings)


def test_numbers_of_numpy_are_numbers(examples, tmp_path):
    how = Training(epochs=np.int64(1), batch_size=np.int32(10), ridge=np.float32(0.1))
    penalty = Penalty("l2", eigenvalues=np.float32(0.1))
    run = Run(range(40), seed=np.int64(3), penalty=penalty)
    fit(*examples, [run], CLASSES, how, checkpoint=tmp_path / "checkpoint.pt")


def test_a_penalty_that_does_not_fit_the_network(examples):
    with pytest.raises(UserError, match="a spectral network has no kernel"):
        fit(*examples, runs(Penalty("l2", kernel=0.1)), CLASSES, HOW)


@pytest.mark.parametrize("device", ["gpu", "cpu:x", "cuda:99"])
def test_a_device_that_there_is_not(examples, device):
    with pytest.raises(UserError, match=f"device: .* found '{device}'"):
        fit(*examples, runs(None), CLASSES, HOW, device=device)


def test_a_checkpoint_is_a_file(examples, tmp_path):
    with pytest.raises(UserError, match="checkpoint: .* found the folder"):
        fit(*examples, runs(None), CLASSES, HOW, checkpoint=tmp_path)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_may_be_switched_off_outside(examples, mode):
    expected = fit(*examples, runs(None), CLASSES, HOW)
    with mode():
        found = fit(*examples, runs(None), CLASSES, HOW)
    assert_close(found, 0, expected, 0, rtol=0, atol=0)


def test_a_rate_that_diverges_is_named_as_such(examples):
    x, y = examples[0], examples[0][:, :2]
    how = Training(
        epochs=4, batch_size=10, learning_rate=1e30, loss="mean_squared_error"
    )
    with pytest.raises(
        Diverged,
        match="run 0 .seed 0., epoch .*has diverged.\nHint: lower the",
    ):
        fit(x, y, runs(None, None), CLASSES, how)


def test_what_is_refused_is_a_value_error_too():
    with pytest.raises(ValueError):
        Training(epochs=0)
