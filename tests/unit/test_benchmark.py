"""What `make benchmark` compares does the same and takes turns; what it says is so."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from spectral_relevance.errors import UserError
from spectral_relevance.networks import Network
from spectral_relevance.replication.figures.speed import (
    NETWORKS,
    SYSTEMS,
    benchmark,
)
from spectral_relevance.replication.training import architecture_of

FOLDER = Path(__file__).resolve().parents[2] / "speed"
TRAINING = {
    "epochs": 1,
    "batch_size": 12,
    "learning_rate": 0.01,
    "loss": "cross_entropy",
    "validation_fraction": 0.1,
    "records": 2,
    "compile": False,
}
PENALTY = {"norm": "l2", "eigenvalues": 0.01, "eigenvectors": 0.02}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the scripts be imported as they import one another, and forget them."""
    monkeypatch.syspath_prepend(FOLDER)
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == FOLDER:
            del sys.modules[name]


def job(description: dict[str, Any], **changes: Any) -> dict[str, Any]:
    settings = {
        "network": description,
        "regularisation": PENALTY,
        "training": TRAINING,
    }
    return {
        "data": [130, 5],
        "variants": {"base": settings},
        "seeds": [0, 1],
        "profile": True,
    } | changes


def test_our_training_takes_turns(description: dict[str, Any]) -> None:
    from programs import running, work

    with running("ours.py", job(description), OMP_NUM_THREADS="1") as program:
        program.hear()
        (answer,) = work([program], 0.2)
        program.dismiss()
        shares = program.hear()["shares"]
        assert program.process.wait(60) == 0
    assert answer["epochs"] > 1
    assert answer["seconds"] >= 0.2
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["matrix products"] > 0
    assert shares["Adam"] > 0


def test_a_program_that_fails_says_why(description: dict[str, Any]) -> None:
    from programs import running

    with (
        running("ours.py", job(description, data="nowhere.npz")) as program,
        pytest.raises(UserError, match=r"ours\.py has ended early.*nowhere\.npz"),
    ):
        program.hear()


def test_plain_network_computes_the_same(
    description: dict[str, Any], rng: np.random.Generator
) -> None:
    from plain import make_network

    ours = Network(5, architecture_of(description), 1).eval()
    ours.reset_parameters([torch.Generator().manual_seed(0)])
    plain = make_network(5, description).eval()
    layers = [layer for layer in plain if isinstance(layer, torch.nn.Linear)]
    for layer, other in zip(layers, ours.linears(), strict=True):
        with torch.no_grad():
            other.eigenvalues.uniform_(0.5, 2)
            layer.eigenvalues.copy_(other.eigenvalues[0])
            layer.weight.copy_(other.eigenvectors[0].T)
    x = torch.from_numpy(rng.normal(size=(9, 5)).astype(np.float32))
    torch.testing.assert_close(plain(x), ours(x[None])[0])


@pytest.mark.parametrize("batch", [4, 20])
def test_products_are_those_of_a_step(description: dict[str, Any], batch: int) -> None:
    from benchmark import count_flops, layers_of

    problem = {
        "settings": {"network": description, "training": {"batch_size": batch}},
        "inputs": 5,
        "replicas": 3,
    }
    network = Network(8, architecture_of(description), 3)
    network.first.present = 5
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(3, batch, 5)).sum().backward()
    assert count_flops(layers_of(problem)) == counter.get_total_flops()


def test_calls_are_the_products(description: dict[str, Any]) -> None:
    from benchmark import count_flops, layers_of
    from products import products

    problem = {
        "settings": {"network": description, "training": {"batch_size": 4}},
        "inputs": 5,
        "replicas": 3,
    }
    layers = layers_of(problem)
    with FlopCounterMode(display=False) as counter:
        for call in products(layers):
            call()
    assert count_flops(layers) == counter.get_total_flops()


@pytest.fixture
def table() -> pd.DataFrame:
    """All that is measured, with Keras twelve times slower than ours throughout."""
    rows = []

    def add(part: str, quantity: str, value: float, **others: Any) -> None:
        row = {"part": part, "system": "this project", "quantity": quantity}
        rows.append(row | {"value": value, "spread": 0.1, "n": 3} | others)

    for network in NETWORKS:
        for system, time in zip(SYSTEMS, (0.5, 0.6, 3.0, 6.0), strict=True):
            names = {"network": network, "system": system}
            add("speed", "time", time, **names)
            add("speed", "relative to ours", time / 0.5, **names)
        add("speed", "share of the processor", 0.99, network=network)
        add("products", "share of the peak", 0.7, network=network)
        add("profile", "matrix products", 0.75, network=network)
        add("profile", "Adam", 0.25, network=network)
        add("memory", "memory", 500.0, network=network)
    for varied in ("replicas", "inputs", "hidden units", "examples"):
        for size in (1, 2):
            for quantity in ("time", "memory"):
                add("growth", quantity, 3.0, varied=varied, size=size)
    return pd.DataFrame(rows)


def verdicts(text: str) -> list[str]:
    goals = text.split("| goal |")[1].split("\n\n")[0].splitlines()[2:]
    return [line.split("|")[3].strip() for line in goals]


def test_report_says_which_goals_are_met(table: pd.DataFrame) -> None:
    from report import report

    assert verdicts(report(table, {})) == ["yes"] * 6
    slower = (table["system"] == "Keras") & (table["network"] != "stellar")
    table.loc[slower & (table["quantity"] == "relative to ours"), "value"] = 7
    table.loc[table["quantity"] == "share of the peak", "value"] = 0.59
    table.loc[table["part"] == "memory", "value"] = 5000
    expected = ["**no**", "**no**", "yes", "yes", "**no**", "**no**"]
    assert verdicts(report(table, {})) == expected


def test_report_says_that_keras_is_missing(table: pd.DataFrame) -> None:
    from report import report

    text = report(table[table["system"] != "Keras"], {})
    assert verdicts(text)[:4] == ["not measured"] * 4
    assert "TensorFlow" in text


def test_report_says_that_the_machine_was_busy(table: pd.DataFrame) -> None:
    from report import report

    assert "Other work" not in report(table, {})
    table.loc[table["quantity"] == "share of the processor", "value"] = 0.6
    assert "Other work on the machine left a training process 60%" in report(table, {})


@pytest.mark.parametrize("missing", [[], ["Keras"]])
def test_figure_draws_what_the_table_says(
    table: pd.DataFrame, missing: list[str]
) -> None:
    figure = benchmark(table=table[~table["system"].isin(missing)])
    times, parts = figure.subfigs[0].axes
    drawn = [points.lines[0].get_ydata().tolist() for points in times.containers]
    values = [0.5, 0.6, 3.0, 6.0][: 4 - len(missing)]
    assert drawn == [[value] * len(NETWORKS) for value in values]
    labels = {text.get_text() for text in times.texts}
    assert {"6.0×", "12.0×"} - labels == ({"12.0×"} if missing else set())
    widths = [bar.get_width() for bars in parts.containers for bar in bars]
    assert widths == pytest.approx([0.75] * 4 + [0.25] * 4)
