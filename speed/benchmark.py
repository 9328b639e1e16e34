"""Measure how fast training is, and what it is bounded by: ``make benchmark``.

On the four networks of the paper: this project's training, a plain PyTorch loop and the
authors' approach with Keras, in rounds that alternate, so that slow changes of the
machine meet all alike; the matrix products of a step by themselves; the memory of ten
replicas; and how time and memory grow. Writes ``results/benchmark.csv`` and ``.md`` and
``figures/benchmark.pdf`` and ``.png``.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from programs import Program, Watch, count_cores, running, work
from report import ALONE, KERAS, NETWORKS, OURS, PLAIN, PRODUCTS, report

from spectral_relevance.errors import UserError
from spectral_relevance.files import write_table, write_text
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.figures.speed import benchmark as draw
from spectral_relevance.replication.settings import read_settings
from spectral_relevance.replication.timing import median_and_spread

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("network", "regularisation", "training")

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""What Snakemake sets for a training job."""

FIXED = {"replicas": 5, "inputs": 300, "hidden units": 100, "examples": 8000}
GROWTH = {
    "replicas": (1, 2, 5, 10),
    "inputs": (100, 300, 1000, 3000),
    "hidden units": (50, 100, 200, 400),
    "examples": (2000, 8000, 32000, 128000),
}
"""What is varied on made examples, the others being fixed, and its values."""


def main() -> None:
    """Measure everything and write the tables and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keras", type=Path, help="Python that has TensorFlow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="length of a round")
    parser.add_argument("--datasets", type=Path, default="results/paper/datasets")
    parser.add_argument("--results", type=Path, default="results")
    parser.add_argument("--figures", type=Path, default="figures")
    arguments = parser.parse_args()
    start = perf_counter()
    python = python_with_keras(arguments.keras)
    problems = read_problems(arguments.datasets)
    rows, versions = [], {}
    for name, problem in problems.items():
        say(f"{name}: warming up, then {arguments.rounds} rounds")
        new = measure_speed(
            problem, python, versions, arguments.rounds, arguments.seconds
        )
        rows += [{"network": name, **row} for row in new]
    say("memory of ten replicas")
    rows += measure_memory(problems)
    say("growth of time and memory")
    rows += measure_growth(arguments.seconds / 2)
    table = pd.DataFrame(rows)
    write_table(table, arguments.results / "benchmark.csv")
    style.save(
        draw(table=table),
        arguments.figures / "benchmark.pdf",
        arguments.figures / "benchmark.png",
    )
    text = report(table, versions)
    write_text(text, arguments.results / "benchmark.md")
    print(text)
    say(f"{perf_counter() - start:.0f} s in all")


def say(message: str) -> None:
    """Tell the user how far it is."""
    print(message, file=sys.stderr, flush=True)


def python_with_keras(python: Path | None) -> Path | None:
    """Return the interpreter if it has TensorFlow, else say what will be missing."""
    reason = "no environment was given (--keras)"
    if python is not None:
        try:
            command = [python, "-c", "import keras, tensorflow"]
            subprocess.run(command, check=True, capture_output=True, text=True)
            return python
        except OSError:
            reason = f"there is no {python}"
        except subprocess.CalledProcessError as error:
            told = error.stderr.strip() or f"it ended with {error.returncode}"
            reason = f"{python}: {told.splitlines()[-1]}"
    say(
        f"TensorFlow cannot be used: {reason}. Keras is left out, all else is measured."
    )
    return None


def read_problems(datasets: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of each network at the paper scale, and its data."""
    experiments = read_settings(ROOT, "paper")["experiments"]
    problems = {}
    for name in NETWORKS:
        path = datasets / name / "data.npz"
        if not path.is_file():
            raise UserError(
                f"{path}: expected the examples of {name}, found no file.",
                "make benchmark has the workflow make them first.",
            )
        (variant,) = experiments[name]["variants"].values()
        settings = {part: variant[part] for part in PARTS}
        training = settings["training"]
        dataset = Datasets.load(path).first
        n = round(len(dataset.x_train) * (1 - training["validation_fraction"]))
        problems[name] = {
            "data": str(path),
            "settings": settings,
            "classes": dataset.is_classification,
            "steps": n // training["batch_size"],
            "replicas": experiments[name]["seeds_per_job"],
            # Training leaves out those that are 0 in every example.
            "inputs": int((dataset.x_train != 0).any(0).sum()),
        }
    return problems


def our_job(
    problem: Mapping[str, Any], replicas: int, first: int = 0
) -> dict[str, Any]:
    """Return the job of one training process, without a profile."""
    return {
        "data": problem["data"],
        "variants": {"base": problem["settings"]},
        "seeds": list(range(first, first + replicas)),
        "profile": False,
    }


def measure_speed(
    problem: Mapping[str, Any],
    python_keras: Path | None,
    versions: dict[str, str],
    rounds: int,
    seconds: float,
) -> list[dict[str, Any]]:
    """Time all programs on one network, and see what a step of ours is spent on.

    Parameters
    ----------
    problem : mapping
        The network, see :func:`read_problems`.
    python_keras : path, optional
        The interpreter that has TensorFlow.
    versions : dict
        Where to put the versions of Keras and TensorFlow.
    rounds : int
        How often each program has its turn.
    seconds : float
        How long a turn is.

    Returns
    -------
    list of dict
        Rows of the table.
    """
    replicas, steps, cores = problem["replicas"], problem["steps"], count_cores()
    layers = layers_of(problem)
    times: dict[str, list[float]] = {}
    best = pd.DataFrame(math.inf, range(cores), ["alone", "in_order"])
    got: list[float] = []
    with ExitStack() as stack:
        groups = {
            system: [stack.enter_context(program) for program in group]
            for system, group in programs_for(problem, layers, python_keras).items()
        }
        for system, group in groups.items():
            facts = [program.hear() for program in group]
            if system == KERAS:
                versions |= facts[0]
        groups[ALONE] = groups[OURS][:1]
        for _ in range(rounds):
            for system, group in groups.items():
                answers = work(group, seconds)
                if system == PRODUCTS:
                    best = np.minimum(best, pd.DataFrame(answers)[best.columns])
                    continue
                copies = replicas if system in (OURS, ALONE) else 1
                if system == OURS:
                    got += [a["processor"] / a["seconds"] for a in answers]
                speed = sum(a["epochs"] / a["seconds"] for a in answers)
                times.setdefault(system, []).append(1e3 / (speed * steps * copies))
        for program in groups[OURS]:
            program.dismiss()
        shares = pd.DataFrame([program.hear()["shares"] for program in groups[OURS]])
    layouts = {OURS: (cores, 1, replicas), ALONE: (1, 1, replicas)}
    rows = []
    for system, found in times.items():
        layout = layouts.get(system, (1, cores, 1))
        ratios = np.divide(found, times[OURS])
        rows += [
            row("speed", system, "time", "ms per replica and step", found, layout),
            row("speed", system, "relative to ours", "1", ratios, layout),
        ]
    # One process takes a step of its replicas in this time, with all cores at work.
    step = np.multiply(times[OURS], replicas * cores / 1e3)
    fastest = best.mean()
    rates = count_flops(layers) / fastest / 1e9
    layout = layouts[OURS]
    return [
        *rows,
        row("speed", OURS, "share of the processor", "1", got, layout),
        *(
            row("products", PRODUCTS, order, "GFLOP/s per process", [rate], layout)
            for order, rate in rates.items()
        ),
        row(
            "products", OURS, "share of the peak", "1", fastest["alone"] / step, layout
        ),
        *(
            row("profile", OURS, part, "share of a step", found.to_list(), layout)
            for part, found in shares.items()
        ),
    ]


def programs_for(
    problem: Mapping[str, Any],
    layers: Sequence[Mapping[str, Any]],
    python_keras: Path | None,
) -> dict[str, list[AbstractContextManager[Program]]]:
    """Return the programs that are timed on one network, ready to start."""
    replicas, cores = problem["replicas"], count_cores()
    single = {
        "data": problem["data"],
        "classes": problem["classes"],
        "examples": problem["steps"] * problem["settings"]["training"]["batch_size"],
        **problem["settings"],
    }
    programs = {
        OURS: [
            running(
                "ours.py",
                our_job(problem, replicas, core * replicas) | {"profile": True},
                **ONE_THREAD,
            )
            for core in range(cores)
        ],
        PRODUCTS: [
            running("products.py", {"layers": layers}, **ONE_THREAD)
            for _ in range(cores)
        ],
        PLAIN: [running("plain.py", single)],
    }
    if python_keras is not None:
        programs[KERAS] = [running("keras_layer.py", single, python=python_keras)]
    return programs


def row(
    part: str,
    system: str,
    quantity: str,
    unit: str,
    values: Sequence[float],
    layout: tuple[int, int, int],
) -> dict[str, Any]:
    """Return a row of the table: the median of some values, and their spread."""
    median, spread = median_and_spread(values)
    processes, threads, replicas = layout
    return {
        "part": part,
        "system": system,
        "quantity": quantity,
        "unit": unit,
        "value": median,
        "spread": spread,
        "n": len(values),
        "processes": processes,
        "threads": threads,
        "replicas": replicas,
    }


def layers_of(problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the shapes of a network's matrix products, first layer to last."""
    settings = problem["settings"]
    batch = settings["training"]["batch_size"]
    inputs, layers = problem["inputs"], []
    for layer in [*settings["network"]["hidden"], settings["network"]["output"]]:
        layers.append(
            {
                "replicas": problem["replicas"],
                "batch": batch,
                "inputs": inputs,
                "outputs": layer["units"],
                # In the first layer λ multiplies the smaller of inputs and weights.
                "input_gradient": bool(layers) or batch < layer["units"],
            }
        )
        inputs = layer["units"]
    return layers


def count_flops(layers: Sequence[Mapping[str, Any]]) -> int:
    """Return how many additions and multiplications the products of a step take."""
    return sum(
        2
        * math.prod(layer[k] for k in ("replicas", "batch", "inputs", "outputs"))
        # The output, the gradient of the weights and that of the inputs.
        * (3 if layer["input_gradient"] else 2)
        for layer in layers
    )


def measure_memory(problems: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the largest memory of a process that trains ten replicas.

    The compiler, which starts with an empty cache here, runs in processes of its own;
    what all of them take together, shared pages counted more than once, is the second
    quantity.
    """
    rows = []
    for name, problem in problems.items():
        with (
            TemporaryDirectory() as cache,
            running(
                "ours.py",
                our_job(problem, 10),
                TORCHINDUCTOR_CACHE_DIR=cache,
                **ONE_THREAD,
            ) as program,
        ):
            watch = Watch(program.process.pid)
            program.hear()
            (answer,) = work([program], 1)
            found = {"memory": answer["memory"], "with compiler": watch.stop()}
        rows += [
            {"network": name}
            | row("memory", OURS, quantity, "MiB", [value], (1, 1, 10))
            for quantity, value in found.items()
            if value is not None
        ]
    return rows


def measure_growth(seconds: float) -> list[dict[str, Any]]:
    """Return rows with time and memory of one process on made examples.

    Not compiled: that would take longer than all the rest.
    """
    rows = []
    for varied, values in GROWTH.items():
        for value in values:
            size = {**FIXED, varied: value}
            units = {"units": size["hidden units"], "activation": "relu"}
            network = {
                "parametrisation": "spectral",
                "hidden": [
                    {**units, "batch_norm": first, "dropout": 0}
                    for first in (True, False)
                ],
                "output": {"units": 2, "activation": "linear"},
            }
            training = {
                "batch_size": 500,
                "learning_rate": 1e-3,
                "validation_fraction": 0.1,
                "loss": "cross_entropy",
                "records": 2,
                "compile": False,
            }
            penalty = {"norm": "l2", "eigenvalues": 1e-2, "eigenvectors": 1e-4}
            problem = {
                "data": [size["examples"], size["inputs"]],
                "settings": dict(zip(PARTS, (network, penalty, training), strict=True)),
            }
            job = our_job(problem, size["replicas"])
            with running("ours.py", job, **ONE_THREAD) as program:
                program.hear()
                (answer,) = work([program], seconds)
            steps = round(size["examples"] * 0.9) // 500 * answer["epochs"]
            time = 1e3 * answer["seconds"] / (steps * size["replicas"])
            layout = (1, 1, size["replicas"])
            found = {
                "time": ("ms per replica and step", time),
                "memory": ("MiB", answer["memory"]),
            }
            rows += [
                {"network": "made examples", "varied": varied, "size": value}
                | row("growth", OURS, quantity, unit, [x], layout)
                for quantity, (unit, x) in found.items()
                if x is not None
            ]
    return rows


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
