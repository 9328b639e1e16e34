"""What `make benchmark` compares does the same and takes turns; what it says is so."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import spectral_relevance.products as engine
from spectral_relevance import trainer
from spectral_relevance.errors import UserError
from spectral_relevance.networks import Network
from spectral_relevance.replication.figures.speed import (
    NETWORKS,
    SYSTEMS,
    benchmark,
)
from spectral_relevance.replication.training import architecture_of

TIMES = (0.5, 0.6, 0.75, 3.0, 6.0)
"""Milliseconds of the systems, in the order of the figure."""

pytestmark = pytest.mark.usefixtures("speed_scripts")

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
    assert shares["Adam and what is fused with it"] > 0
    assert shares["dropout masks"] > 0


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
            layer.weight.copy_(other.eigenvectors[0])
    x = torch.from_numpy(rng.normal(size=(9, 5)).astype(np.float32))
    torch.testing.assert_close(plain(x), ours(x[None])[0])


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("aten::bmm", "matrix products"),
        ("aten::bmm_of_another_kind", None),
        ("spectral_relevance::onednn", "matrix products"),
        (
            "graph_0_cpp_fused_sum_copy__1_sqrt_2_7",
            "Adam and what is fused with it",
        ),
        # Batch normalisation takes a root and writes its statistics, too.
        ("graph_0_cpp_fused_mean_rsqrt_add_3_copy__14_1", "other kernels"),
        ("graph_0_cpp_fused_mul_unsqueeze_index_view_0", "gathering of batches"),
        ("graph_0_cpp_fused_index_1_view_neg_gather_4", "other kernels"),
        ("## Call CompiledFxGraph f7q2nr ##", "entering compiled code"),
        ("TorchDynamo Cache Lookup", "entering compiled code"),
        ("aten::add_", None),
    ],
)
def test_parts_of_a_step(name: str, part: str | None) -> None:
    from ours import part_of

    assert part_of(name) == part


def test_figure_knows_the_parts_of_a_step() -> None:
    from ours import PARTS, REST

    from spectral_relevance.replication.figures import speed

    assert list(speed.PARTS) == [*PARTS, REST]


def make_problem(description: dict[str, Any], batch: int, **others: Any) -> Any:
    training = {"batch_size": batch, "compile": False}
    return {
        "settings": {"network": description, "training": training},
        "inputs": 5,
        "replicas": 3,
    } | others


@pytest.mark.parametrize("batch", [4, 20])
def test_products_are_those_of_a_step(description: dict[str, Any], batch: int) -> None:
    from shapes import count_flops, layers_of

    problem = make_problem(description, batch)
    network = Network(8, architecture_of(description), 3)
    network.first.present = 5
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(3, batch, 5)).sum().backward()
    assert count_flops(layers_of(problem)) == counter.get_total_flops()


@pytest.mark.parametrize("batch", [4, 20])
def test_calls_are_the_products(
    description: dict[str, Any], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import products
    from shapes import count_flops, layers_of

    def shape_and_strides(a: torch.Tensor, b: torch.Tensor) -> Any:
        return a.shape, a.stride(), b.shape, b.stride()

    def watched(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        taken.append(shape_and_strides(a, b))
        return product(a, b)

    product, taken = engine.product, []
    problem = make_problem(description, batch)
    network = Network(5, architecture_of(description), 3)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "product", watched)
        network(torch.zeros(3, batch, 5)).sum().backward()
    steps, taken = taken, []
    monkeypatch.setattr(products, "product", watched)
    layers = layers_of(problem)
    with FlopCounterMode(display=False) as counter:
        for call in products.products(layers):
            call()
    assert count_flops(layers) == counter.get_total_flops()
    assert [call[::2] for call in taken] == [call[::2] for call in steps]
    # The layout of gradients is that of the compiler, here that of torch.
    assert taken[: len(layers)] == steps[: len(layers)]


def test_moving_reads_and_writes_half_each() -> None:
    from products import moving

    moved = moving(8000)()
    assert 2 * moved.numel() * moved.element_size() == 8000


def test_bytes_of_a_step() -> None:
    from shapes import count_bytes

    hidden = {"units": 4, "activation": "relu", "batch_norm": True, "dropout": 0.5}
    network = {
        "parametrisation": "spectral",
        "hidden": [hidden],
        "output": {"units": 2, "activation": "linear"},
    }
    problem = make_problem(network, 3, inputs=5, all_inputs=6)
    batch = 2 * 3 * 5
    scaled = 3 * 5 + 2 * 4  # inputs of the first layer, weights of the second
    units = 5 * 3 * 4 + 2 * 3 * 2
    masks = 2 * 3 * 4
    parameters = (5 * 4 + 5 + 4) + 2 * 4 + (4 * 2 + 4 + 2)
    absent = 4 + 1
    numbers = batch + scaled + units + 7 * parameters + 6 * absent
    assert count_bytes(problem) == 3 * (4 * numbers + masks)
    standard = network | {"parametrisation": "standard", "hidden": [], "output": hidden}
    problem = make_problem(standard, 3, replicas=1)
    assert count_bytes(problem) == 4 * (2 * 3 * 5 + 2 * 3 * 4 + 7 * (5 * 4 + 4))


def test_compiled_replicas_take_steps_one_by_one(
    description: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shapes

    problem = make_problem(description, 4)
    assert shapes.group_size(problem) == 3
    problem["settings"]["training"]["compile"] = True
    monkeypatch.setattr(shapes, "can_compile", lambda device: True)
    assert shapes.group_size(problem) == 3  # they are small
    monkeypatch.setattr(trainer, "CACHED", 0)
    assert shapes.group_size(problem) == 1
    monkeypatch.setattr(shapes, "can_compile", lambda device: False)
    assert shapes.group_size(problem) == 3


def test_slopes_are_those_of_the_large_sizes() -> None:
    from growth import slopes

    sizes = (1, 10, 100, 1000, 10_000)
    rows = [{"quantity": "time", "size": n, "value": 3 + n**1.5} for n in sizes]
    rows += [{"quantity": "memory", "size": n, "value": 300 + 2 * n} for n in sizes]
    found = {(row["quantity"], row["unit"]): row["value"] for row in slopes(rows)}
    assert found["time", "power"] == pytest.approx(1.5, abs=1e-3)
    assert found["memory", "power"] == pytest.approx(1, abs=1e-2)
    assert found["memory of one more", "KiB"] == pytest.approx(2048)


def test_growth_is_that_of_the_sizes() -> None:
    from growth import FIXED, GROWTH

    for sizes in GROWTH.values():  # enough for the slope
        assert sum(size**2 > sizes[0] * sizes[-1] for size in sizes) >= 3

    assert list(GROWTH) == list(FIXED)
    ranges = {name: (sizes[0], sizes[-1]) for name, sizes in GROWTH.items()}
    assert ranges["runs"] == (1, 200)
    assert ranges["inputs"] == (20, 20_000)
    assert ranges["examples"] == (10**3, 10**6)


def test_checkout_is_run_with_its_own_modules(description: dict[str, Any]) -> None:
    from before import Checkout
    from programs import running, work

    before = Checkout(FOLDER.parent)
    quiet = job(description, profile=False)
    environment = {"OMP_NUM_THREADS": "1", **before.environment}
    with running(before.script, quiet, **environment) as program:
        program.hear()
        (answer,) = work([program], 0.1)
    assert answer["epochs"] > 0


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    from before import Checkout

    with pytest.raises(UserError, match=r"--before .*found no speed/ours\.py"):
        Checkout(tmp_path)
    (tmp_path / "speed").mkdir()
    (tmp_path / "speed/ours.py").touch()
    with pytest.raises(UserError, match="expected Python to import .*found"):
        Checkout(tmp_path)


@pytest.fixture
def table() -> pd.DataFrame:
    """All that is measured, with Keras twelve times slower than ours throughout."""
    rows = []

    def add(part: str, quantity: str, value: float, **others: Any) -> None:
        row = {"part": part, "system": "this project", "quantity": quantity}
        rows.append(row | {"value": value, "spread": 0.1, "n": 3} | others)

    for network in NETWORKS:
        for system, time in zip(SYSTEMS, TIMES, strict=True):
            names = {"network": network, "system": system}
            add("speed", "time", time, **names)
            add("speed", "relative to ours", time / 0.5, **names)
        add("speed", "share of the processor", 0.99, network=network)
        add("products", "share of the peak", 0.7, network=network)
        add("products", "share of the attainable", 0.8, network=network)
        add("profile", "matrix products", 0.75, network=network)
        add("profile", "the rest", 0.25, network=network)
        add("memory", "memory", 500.0, network=network)
    for varied in ("runs", "inputs", "hidden units", "examples"):
        for quantity in ("time", "memory"):
            for size in (1, 2000):
                add("growth", quantity, 3.0 * size, varied=varied, size=size)
            add("slope", quantity, 0.9, varied=varied)
        add("slope", "memory of one more", 7.0, varied=varied)
    return pd.DataFrame(rows)


def verdicts(text: str) -> list[str]:
    goals = text.split("| goal |")[1].split("\n\n")[0].splitlines()[2:]
    return [line.split("|")[3].strip() for line in goals]


def test_report_says_which_goals_are_met(table: pd.DataFrame) -> None:
    from report import report

    assert verdicts(report(table, {})) == ["yes"] * 5
    ratio = table["quantity"] == "relative to ours"
    slower = (table["system"] == "Keras") & (table["network"] == "mnist_01")
    table.loc[slower & ratio, "value"] = 3.9
    table.loc[(table["system"] == "before") & ratio, "value"] = 1.2
    table.loc[table["quantity"] == "share of the peak", "value"] = 0.59
    table.loc[table["part"] == "memory", "value"] = 5000
    expected = ["**no**", "yes", "**no**", "**no**", "**no**"]
    assert verdicts(report(table, {})) == expected


def test_report_has_no_word_of_before_where_it_was_not_measured(
    table: pd.DataFrame,
) -> None:
    from report import report

    assert "| × before |" in report(table, {})
    text = report(table[table["system"] != "before"], {})
    assert "before" not in text
    assert verdicts(text) == ["yes"] * 4


def test_report_tells_shares_and_growth(table: pd.DataFrame) -> None:
    from report import report

    text = report(table, {})
    assert "| share of the matrix-product peak | share of the attainable |" in text
    assert "| 70 % | 80 % |" in text
    assert "| inputs | 1 | 2,000 | 3 to 6,000 | 0.9 | 3 to 6,000 | 0.9 | 7 |" in text


def test_report_says_that_keras_is_missing(table: pd.DataFrame) -> None:
    from report import report

    text = report(table[table["system"] != "Keras"], {})
    assert verdicts(text)[:2] == ["not measured", "yes"]
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
    values = list(TIMES)[: len(TIMES) - len(missing)]
    assert drawn == [[value] * len(NETWORKS) for value in values]
    labels = {text.get_text() for text in times.texts}
    assert {"6.0×", "12.0×"} - labels == ({"12.0×"} if missing else set())
    widths = [bar.get_width() for bars in parts.containers for bar in bars]
    assert widths == pytest.approx([0.75] * 4 + [0.25] * 4)
