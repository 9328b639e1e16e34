"""Measure how fast training is, and what it is bounded by: ``make benchmark``.

On the four networks of the paper: this project's training, that of another checkout of
it, a plain PyTorch loop and the authors' approach with Keras, in rounds that alternate,
so that slow changes of the machine meet all alike; the matrix products of a step and
the moving of its other arrays by themselves; the memory of ten replicas; and how time
and memory grow. Writes ``results/benchmark.csv`` and ``.md`` and
``figures/benchmark.pdf`` and ``.png``.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from before import Checkout
from growth import measure_growth
from programs import (
    ONE_THREAD,
    Program,
    Watch,
    count_cores,
    our_job,
    running,
    say,
    work,
)
from report import ROOT, commit_of, report
from rows import ALONE, BEFORE, KERAS, NETWORKS, OURS, PLAIN, PRODUCTS, row
from shapes import count_bytes, count_flops, group_size, layers_of

from spectral_relevance.errors import UserError
from spectral_relevance.files import write_table, write_text
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.figures.speed import benchmark as draw
from spectral_relevance.replication.settings import read_settings
from spectral_relevance.replication.training import PARTS, rows_and_batch

PROFILED = "profiled"
"""Our training in processes that are not timed: the profile slows them down."""


def main() -> None:
    """Measure everything and write the tables and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keras", type=Path, help="Python that has TensorFlow")
    parser.add_argument(
        "--before", type=Path, help="checkout of an older commit, to be timed as well"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="length of a round")
    parser.add_argument("--datasets", type=Path, default="results/paper/datasets")
    parser.add_argument("--results", type=Path, default="results")
    parser.add_argument("--figures", type=Path, default="figures")
    arguments = parser.parse_args()
    start = perf_counter()
    rows, versions, before = [], {}, None
    if arguments.before is not None:
        before = Checkout(arguments.before)
        versions["before at commit"] = commit_of(before.root)
    python = python_with_keras(arguments.keras)
    problems = read_problems(arguments.datasets)
    for name, problem in problems.items():
        say(f"{name}: warming up, then {arguments.rounds} rounds")
        new = measure_speed(
            problem, python, before, versions, arguments.rounds, arguments.seconds
        )
        rows += [{"network": name, **found} for found in new]
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
        n, batch_size = rows_and_batch(len(dataset.x_train), training)
        problems[name] = {
            "data": str(path),
            "settings": settings,
            "classes": dataset.is_classification,
            "steps": n // batch_size,
            "replicas": experiments[name]["seeds_per_job"],
            # Training leaves out those that are 0 in every example.
            "inputs": int((dataset.x_train != 0).any(0).sum()),
            "all_inputs": dataset.x_train.shape[1],
        }
    return problems


def measure_speed(
    problem: Mapping[str, Any],
    python_keras: Path | None,
    before: Checkout | None,
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
    before : Checkout, optional
        What to compare with.
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
    times: dict[str, list[float]] = {}
    best = pd.DataFrame(np.inf, range(cores), ["alone", "in_order", "moving"])
    got: list[float] = []
    with ExitStack() as stack:
        groups = {
            system: [stack.enter_context(program) for program in group]
            for system, group in programs_for(problem, python_keras, before).items()
        }
        for system, group in groups.items():
            facts = [program.hear() for program in group]
            if system == KERAS:
                versions |= facts[0]
        profiled = groups.pop(PROFILED)
        groups[ALONE] = groups[OURS][:1]
        for _ in range(rounds):
            for system, group in groups.items():
                answers = work(group, seconds)
                if system == PRODUCTS:
                    best = np.minimum(best, pd.DataFrame(answers)[best.columns])
                    continue
                copies = replicas if system in (OURS, ALONE, BEFORE) else 1
                if system == OURS:
                    got += [a["processor"] / a["seconds"] for a in answers]
                speed = sum(a["epochs"] / a["seconds"] for a in answers)
                times.setdefault(system, []).append(1e3 / (speed * steps * copies))
        for program in profiled:
            program.dismiss()
        shares = pd.DataFrame([program.hear()["shares"] for program in profiled])
    all_cores = (cores, 1, replicas)
    layouts = {OURS: all_cores, BEFORE: all_cores, ALONE: (1, 1, replicas)}
    rows = []
    for system, found in times.items():
        layout = layouts.get(system, (1, cores, 1))
        ratios = np.divide(found, times[OURS])
        rows += [
            row("speed", system, "time", "ms per replica and step", found, layout),
            row("speed", system, "relative to ours", "1", ratios, layout),
        ]
    # One process takes a step of a group in this time, with all cores at work.
    step = np.multiply(times[OURS], group_size(problem) * cores / 1e3)
    fastest = best.mean()
    attainable = fastest["in_order"] + fastest["moving"]
    flops, size = count_flops(layers_of(problem)), count_bytes(problem)
    found = {
        ("speed", OURS, "share of the processor", "1"): got,
        **{
            ("products", PRODUCTS, order, "GFLOP/s per process"): [
                flops / fastest[order] / 1e9
            ]
            for order in ("alone", "in_order")
        },
        ("products", PRODUCTS, "bandwidth", "GB/s per process"): [
            size / fastest["moving"] / 1e9
        ],
        ("products", OURS, "share of the peak", "1"): fastest["alone"] / step,
        ("products", OURS, "share of the attainable", "1"): attainable / step,
        **{
            ("profile", OURS, part, "share of a step"): values.to_list()
            for part, values in shares.items()
        },
    }
    return [*rows, *(row(*key, values, all_cores) for key, values in found.items())]


def programs_for(
    problem: Mapping[str, Any], python_keras: Path | None, before: Checkout | None
) -> dict[str, list[AbstractContextManager[Program]]]:
    """Return the programs that are timed on one network, ready to start."""
    replicas, cores = problem["replicas"], count_cores()
    single = {
        "data": problem["data"],
        "classes": problem["classes"],
        "examples": problem["steps"] * problem["settings"]["training"]["batch_size"],
        **problem["settings"],
    }
    jobs = [our_job(problem, replicas, core * replicas) for core in range(cores)]
    needed = {"layers": layers_of(problem), "bytes": count_bytes(problem)}
    programs = {
        OURS: [running("ours.py", job, **ONE_THREAD) for job in jobs],
        PRODUCTS: [running("products.py", needed, **ONE_THREAD) for _ in jobs],
        PLAIN: [running("plain.py", single)],
        PROFILED: [
            running("ours.py", job | {"profile": True}, **ONE_THREAD) for job in jobs
        ],
    }
    if before is not None:
        programs[BEFORE] = [
            running(before.script, job, **ONE_THREAD, **before.environment)
            for job in jobs
        ]
    if python_keras is not None:
        programs[KERAS] = [running("keras_layer.py", single, python=python_keras)]
    return programs


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


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
