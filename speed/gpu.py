"""Minutes on a GPU, used well: ``make gpu``.

Runs the tests that compare a GPU with the CPU; measures a step of the four networks of
the paper beside a plain PyTorch loop on the same GPU; then trains and evaluates the
paper's experiments at the paper's settings, those that fit the time, largest first.
Reads what ``make gpu-data`` packed. Writes ``gpu.csv``, ``gpu.md``, ``tests.txt`` and
``tables.zip``, as it goes on, so that a run that is cut off leaves what it has found.

Needs numpy, pandas, psutil, pytest, torch and tqdm, and neither an installation of this
project nor Snakemake.
"""

# ruff: noqa: E402

import argparse
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Timer
from time import perf_counter
from typing import IO, Any, NamedTuple

# Before the replication is imported, here and in the processes that are started.
os.environ["SPECTRAL_RELEVANCE_UNCHECKED"] = "1"

import gpu_data
import numpy as np
import pandas as pd
import torch
from programs import Program, running, say, work
from report import ROOT
from rows import NETWORKS, OURS, PLAIN
from turns import finish

from spectral_relevance.errors import UserError
from spectral_relevance.files import write_table, write_text
from spectral_relevance.hardware import can_compile, find_device, tune_process
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.evaluate import evaluate
from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.provenance import describe
from spectral_relevance.replication.publish.archive import write_archive
from spectral_relevance.replication.training import (
    PARTS,
    rows_and_batch,
    side_by_side,
    train_variants,
)
from spectral_relevance.training import Epoch

TESTS = ROOT / "tests/unit/test_gpu.py"
ROUNDS = 3
SHARE_OF_SPEED = 0.5
"""The part of the time after which what is not measured by then is given up."""
SHARE_OF_TRAINING = 0.95
"""The part of the time after which a training is stopped; the rest is to evaluate."""

TABLES = {
    "performance": "performance/{}.csv",
    "history": "history/{}.csv",
    "curve": "curves/{}.csv",
    "relevance": "relevance/{}/spectral.csv",
}
"""Where the workflow puts each table of an experiment."""

NO_VALUE = (math.nan, "")

FASTER = f"times faster than {PLAIN}, per replica"


class OutOfTime(Exception):
    """A training that had to be stopped."""


class Clock:
    """The time that there is.

    Parameters
    ----------
    budget : float
        Seconds from now.
    """

    def __init__(self, budget: float) -> None:
        self.start, self.budget = perf_counter(), budget

    def used(self) -> float:
        """Return the seconds that have passed."""
        return perf_counter() - self.start

    def left(self, share: float = 1) -> float:
        """Return the seconds until a share of the time has passed."""
        return share * self.budget - self.used()


class Results:
    """What has been found, on the disk as soon as it is.

    Parameters
    ----------
    folder : path
        Where to write.
    title : str
        What was measured, and on what.
    clock : Clock
        The time.
    """

    def __init__(self, folder: Path, title: str, clock: Clock) -> None:
        self.folder, self.title, self.clock = folder, title, clock
        self.rows: list[dict[str, Any]] = []
        self.tables: dict[str, dict[str, bytes]] = {}

    def add(
        self,
        part: str,
        name: str,
        system: str = OURS,
        replicas: int = 0,
        *,
        outcome: str,
        values: Mapping[str, tuple[float, str]] | None = None,
    ) -> None:
        """Add what is known of one thing.

        Parameters
        ----------
        part, name, system, replicas
            What it is.
        outcome : str
            How it ended.
        values : mapping, optional
            By quantity a number and its unit.
        """
        for quantity, (value, unit) in {**(values or {}), "outcome": NO_VALUE}.items():
            self.rows.append(
                {
                    "part": part,
                    "name": name,
                    "system": system,
                    "replicas": replicas,
                    "quantity": quantity,
                    "value": value,
                    "unit": unit,
                    "note": outcome if quantity == "outcome" else "",
                }
            )
        say(f"{part}, {name}, {system}: {outcome}")
        self.write()

    def write(self) -> None:
        """Write all files."""
        write_table(pd.DataFrame(self.rows), self.folder / "gpu.csv")
        write_text(self.text(), self.folder / "gpu.md")

    def keep(self, name: str, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write the tables of an experiment, beside those of the others."""
        self.tables[name] = {
            path.format(name): tables[table].to_csv(index=False).encode()
            for table, path in TABLES.items()
        }
        write_archive(self.folder / "tables.zip", {}, self.tables)

    def text(self) -> str:
        """Return all that is found as one table for people."""
        keys = ["part", "name", "system", "replicas"]
        lines: dict[Any, dict[str, str]] = {}
        for row in self.rows:
            line = lines.setdefault(tuple(row[k] for k in keys), {})
            if row["quantity"] == "outcome":
                line["outcome"] = row["note"]
            else:
                unit = "" if row["unit"] == "1" else f", {row['unit']}"
                line[f"{row['quantity']}{unit}"] = f"{row['value']:.3g}"
        table = pd.DataFrame(
            [
                {**dict(zip(keys, map(str, key), strict=True)), **line}
                for key, line in lines.items()
            ]
        ).fillna("")
        if "outcome" in table:
            table["outcome"] = table.pop("outcome")  # last
        used = f"{self.clock.used():.0f} s of {self.clock.budget:.0f} s were used."
        return f"{self.title}\n\n{used}\n\n{markdown(table)}"


class Key(NamedTuple):
    """A program that is timed: what it trains, whose it is, how many replicas."""

    name: str
    system: str
    replicas: int


class Group(NamedTuple):
    """A batched training.

    Attributes
    ----------
    replicas, inputs : int
        How many replicas of a network with how many inputs.
    compiled : bool
        Whether its steps are compiled.
    steps, epochs : int
        Steps of an epoch, and epochs.
    """

    replicas: int
    inputs: int
    compiled: bool
    steps: int
    epochs: int


class Rate(NamedTuple):
    """How long a batched training takes, as it was measured.

    Attributes
    ----------
    replicas, inputs, compiled : int, int, bool
        What was trained, see :class:`Group`.
    step : float
        Seconds of a step.
    set_up : float
        Seconds until the end of the first epoch: to compile and to record.
    """

    replicas: int
    inputs: int
    compiled: bool
    step: float
    set_up: float


class Watch:
    """What an experiment's training is asked after each epoch.

    Parameters
    ----------
    clock : Clock
        The time.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.marks: list[tuple[float, float, float, int]] = []
        """Of each group: its start, the ends of its first and last epoch, and their
        number."""
        self.end = perf_counter()

    def __call__(self, epoch: Epoch) -> None:
        """Take the time, and stop the training where there is none left."""
        finish()
        start, self.end = self.end, perf_counter()
        if epoch.number == 1:
            self.marks.append((start, self.end, self.end, 1))
        self.marks[-1] = (*self.marks[-1][:2], self.end, epoch.number)
        if self.clock.left(SHARE_OF_TRAINING) < 0:
            raise OutOfTime

    def rates(self, groups: Sequence[Group]) -> list[Rate]:
        """Return what was measured of groups that had more than one epoch."""
        return [
            Rate(
                *group[:3],
                (last - first) / (group.steps * (epochs - 1)),
                first - start,
            )
            for group, (start, first, last, epochs) in zip(
                groups, self.marks, strict=False
            )
            if epochs > 1
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do as much of everything as fits the time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    out = os.environ.get("OUT") or "results/gpu"
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--budget", type=float, default=480, help="seconds in all")
    parser.add_argument("--data", type=Path, default="results/gpu-data")
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--tiny", action="store_true", help="to try it on the CPU")
    options = parser.parse_args(arguments)
    clock = Clock(options.budget)
    device = check_device(options.device)
    tune_process()
    experiments = gpu_data.read_experiments(options.data)
    if options.tiny:
        experiments = {name: tiny(entry) for name, entry in experiments.items()}
    results = Results(options.out, describe_run(device, options.tiny), clock)
    loaded: dict[str, Datasets] = {}

    def datasets(name: str) -> Datasets:
        """Return the datasets of an experiment, which may be those of another."""
        entry = experiments[name]
        key = repr((entry["file"], entry["request"]))
        if key not in loaded:
            found = gpu_data.load(options.data, entry)
            loaded[key] = shortened(found) if options.tiny else found
        return loaded[key]

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        tests = stack.enter_context(testing())
        programs: dict[Key, Program] = {}
        for name in filter(experiments.__contains__, NETWORKS):
            with reporting(results, "speed", name):
                file = folder / f"{name}.npz"
                datasets(name).save(file)
                programs |= start_programs(
                    stack, name, experiments[name], datasets(name), device, file
                )
        plans = {}
        for name, entry in experiments.items():  # while all of these start
            with reporting(results, "training", name):
                plans[name] = plan(entry, datasets(name))
        report_tests(results, *tests)
        rates = measure_speed(programs, plans, results, 0.05 if options.tiny else 1)
    train_all(experiments, plans, datasets, device, results, rates)
    print(results.text())


@contextmanager
def reporting(
    results: Results, part: str, name: str, replicas: int = 0
) -> Iterator[None]:
    """Report what fails inside, so that all else has its turn."""
    try:
        yield
    except Exception as error:
        results.add(part, name, replicas=replicas, outcome=failure(error))


def failure(error: Exception) -> str:
    """Return what to say of an error, in a line."""
    if isinstance(error, OutOfTime):
        return "stopped: the time was over; no tables"
    return f"failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def check_device(name: str) -> str:
    """Return the type of a device that torch can use.

    Raises
    ------
    UserError
        If it cannot.
    """
    try:
        return find_device(name).type
    except UserError as error:
        raise UserError(
            f"--{str(error).splitlines()[0]}",
            "without a GPU, --device cpu --tiny tries what can be tried.",
        ) from None


def describe_run(device: str, tiny: bool) -> str:
    """Return what results were made with."""
    about = describe(ROOT, {}, {})
    hardware, versions = about["hardware"], about["versions"]
    processor = f"{hardware['processor']}, {hardware['cores']} cores"
    where = ", ".join(hardware["gpus"]) if device == "cuda" else "the CPU alone"
    facts = [
        f"{about['written'][:10]}, {where}; {processor}; Python {versions['python']}",
        f"torch {versions['torch']}",
        "" if can_compile(torch.device(device)) else "**not compiled**",
        f"commit {about['git']['commit'][:7]}" if about["git"] else "",
        "uncommitted changes" if about["git"] and about["git"]["dirty"] else "",
        "**tiny settings, which say nothing of speed**" if tiny else "",
    ]
    return ", ".join(filter(None, facts)) + "."


@contextmanager
def testing() -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run the tests in a process of their own, and yield it with what it writes."""
    # A warning of another torch than the one it was written with is no failure here.
    options = ("-q", "-rA", "-W", "default", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, str(TESTS)]
    with (
        TemporaryFile("w+") as output,
        subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        try:
            yield process, output
        finally:
            process.kill()


def report_tests(
    results: Results, process: subprocess.Popen[str], output: IO[str]
) -> None:
    """Wait for the tests, as long as there is time, and keep what they say."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(results.clock.left(SHARE_OF_SPEED), 0))
    output.seek(0)
    text = output.read()
    write_text(text, results.folder / "tests.txt")
    last = (text.strip() or "nothing was said").splitlines()[-1].strip("= ")
    outcome = last if process.poll() is not None else f"stopped: {last}"
    results.add("tests", TESTS.name, outcome=outcome)


def start_programs(
    stack: ExitStack,
    name: str,
    entry: Mapping[str, Any],
    data: Datasets,
    device: str,
    file: Path,
) -> dict[Key, Program]:
    """Start to train the network of an experiment by several programs.

    Parameters
    ----------
    stack : ExitStack
        Ends the programs.
    name, entry : str, mapping
        The experiment, of one variant.
    data : Datasets
        Its examples.
    device : str
        Where to train.
    file : path
        Where the examples lie.
    """
    ((variant, settings),) = training_settings(entry).items()
    (group,) = plan(entry, data)
    job = {"data": str(file), "device": device}
    ours = {**job, "variants": {variant: settings}, "profile": False}
    plain = {
        **job,
        **settings,
        "classes": data.first.is_classification,
        "examples": group.steps * settings["training"]["batch_size"],
    }
    # A few compilers for each, as all of them start at once.
    few = {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "2"}
    started = {Key(name, PLAIN, 1): running("plain.py", plain)}
    for count in dict.fromkeys((len(entry["seeds"]), 1)):
        seeds = entry["seeds"][:count]
        started[Key(name, OURS, count)] = running(
            "ours.py", {**ours, "seeds": seeds}, **few
        )
    return {key: stack.enter_context(program) for key, program in started.items()}


def measure_speed(
    programs: Mapping[Key, Program],
    plans: Mapping[str, Sequence[Group]],
    results: Results,
    seconds: float,
) -> list[Rate]:
    """Time a step of several programs, which take turns on the device.

    Parameters
    ----------
    programs : mapping
        The programs, see :func:`start_programs`.
    plans : mapping
        What is trained, by name.
    results : Results
        Where to put what is found.
    seconds : float
        How long a turn is.

    Returns
    -------
    list of Rate
        What is known of all replicas side by side.
    """
    warm: dict[Key, float] = {}
    times: dict[Key, list[float]] = {key: [] for key in programs}
    failed: dict[Key, str] = {}

    def hear(key: Key, ask: bool) -> None:
        if key in failed:
            return
        try:
            if not ask:
                warm[key] = programs[key].hear()["warm"]
                return
            (answer,) = work([programs[key]], seconds)
            steps = answer["epochs"] * plans[key.name][0].steps
            times[key].append(answer["seconds"] / steps)
        except (UserError, OSError) as error:
            failed[key] = failure(error)

    def end() -> None:
        for program in programs.values():
            program.process.kill()

    # One that hangs ends the same way as one that fails.
    limit = Timer(max(results.clock.left(SHARE_OF_SPEED), 0), end)
    limit.start()
    for key in programs:  # nothing is timed while one is not warm
        hear(key, ask=False)
    for name in dict.fromkeys(key.name for key in programs):
        for _ in range(ROUNDS):
            for key in programs:
                if key.name == name:
                    hear(key, ask=True)
    limit.cancel()
    rates = []
    found = {key: float(np.median(each)) for key, each in times.items() if each}
    for key in programs:
        values = {}
        if key in found:
            values["time"] = (1e3 * found[key], "ms per step")
            values["set-up"] = (warm[key], "s")
            plain = found.get(Key(key.name, PLAIN, 1))
            if key.system == OURS and plain is not None:
                values[FASTER] = (plain * key.replicas / found[key], "1")
            (group,) = plans[key.name]
            if key == Key(key.name, OURS, group.replicas):
                rates.append(Rate(*group[:3], found[key], warm[key]))
        outcome = failed.get(key, f"{ROUNDS} rounds")
        results.add("speed", *key, values=values, outcome=outcome)
    return rates


def train_all(
    experiments: Mapping[str, Any],
    plans: Mapping[str, Sequence[Group]],
    datasets: Callable[[str], Datasets],
    device: str,
    results: Results,
    rates: Sequence[Rate],
) -> None:
    """Train and evaluate the experiments that fit the time, largest first.

    Parameters
    ----------
    experiments : mapping
        The experiments, see :func:`gpu_data.read_experiments`.
    plans : mapping
        Their batched trainings.
    datasets : callable
        Returns the examples of one.
    device : str
        Where to train.
    results : Results
        Where to put what is found.
    rates : sequence of Rate
        How fast it is, as far as is known.
    """
    known, total = list(rates), 0.0

    def size(name: str) -> tuple[float, int]:
        work = sum(
            group.replicas * group.inputs * group.steps * group.epochs
            for group in plans[name]
        )
        return estimate(plans[name], known), work

    for name in sorted(plans, key=size, reverse=True):
        groups = plans[name]
        needed, left = estimate(groups, known), results.clock.left(SHARE_OF_TRAINING)
        replicas = sum(group.replicas for group in groups)
        if needed > left:
            estimated = f"it needs about {needed:.0f} s, " if known else ""
            outcome = f"skipped: {estimated}{max(left, 0):.0f} s were left"
            results.add("training", name, replicas=replicas, outcome=outcome)
            continue
        watch = Watch(results.clock)
        with reporting(results, "training", name, replicas):
            values = train_one(
                name, experiments[name], datasets(name), device, groups, watch, results
            )
            total += values["training"][0]
            values["estimate"] = (needed, "s")
            outcome = "finished"
            if not same_examples(experiments[name], datasets(name)):
                outcome += ", on examples that were drawn anew and are other ones"
            results.add(
                "training", name, replicas=replicas, values=values, outcome=outcome
            )
        # The latest first: of several that are as near it is taken.
        known[:0] = watch.rates(groups)
    results.add(
        "training",
        "all of them",
        values={"training": (total, "s")},
        outcome=f"{len(results.tables)} of {len(experiments)} finished",
    )


def train_one(
    name: str,
    entry: Mapping[str, Any],
    data: Datasets,
    device: str,
    groups: Sequence[Group],
    watch: Watch,
    results: Results,
) -> dict[str, tuple[float, str]]:
    """Train and evaluate an experiment, keep its tables, and return what it took."""
    start = perf_counter()
    trained, history = train_variants(
        data, training_settings(entry), entry["seeds"], device=device, on_epoch=watch
    )
    ended = perf_counter()
    variants, curve = entry["variants"], entry["curve"]
    tables = {"history": history, **evaluate(data, trained, variants, curve, device)}
    results.keep(name, tables)
    steps = sum(group.steps * group.epochs for group in groups)
    set_up = sum(rate.set_up for rate in watch.rates(groups))
    return {
        "time": (1e3 * (ended - start - set_up) / steps, "ms per step"),
        "set-up": (set_up, "s"),
        "training": (ended - start, "s"),
        "evaluation": (perf_counter() - ended, "s"),
    }


def same_examples(entry: Mapping[str, Any], data: Datasets) -> bool:
    """Whether examples that were drawn again are those that were packed."""
    return entry["digest"] in (None, gpu_data.digest(data))


def training_settings(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the settings of each variant that training depends on."""
    variants = entry["variants"].items()
    return {name: {part: v[part] for part in PARTS} for name, v in variants}


def plan(entry: Mapping[str, Any], data: Datasets) -> list[Group]:
    """Return the batched trainings of an experiment."""
    variants, seeds, groups = training_settings(entry), entry["seeds"], []
    for names in side_by_side(data, variants, seeds):
        examples, inputs = data.of(names[0], seeds[0]).x_train.shape
        training = variants[names[0]]["training"]
        n, batch_size = rows_and_batch(examples, training)
        steps = n // batch_size
        what = len(names) * len(seeds), inputs, training["compile"]
        groups.append(Group(*what, steps, training["epochs"]))
    return groups


def estimate(groups: Sequence[Group], rates: Sequence[Rate]) -> float:
    """Return in how many seconds an experiment is trained; 0 if nothing is known.

    A step takes as long as that of the network whose number of inputs is nearest (of
    those that are compiled, or not, as this one), or longer in proportion where there
    are more replicas.
    """
    seconds = 0.0
    for group in groups if rates else ():
        rate = min(rates, key=partial(_distance, group))
        longer = max(1, group.replicas / rate.replicas)
        seconds += rate.set_up + group.epochs * group.steps * rate.step * longer
    return seconds


def _distance(group: Group, rate: Rate) -> tuple[bool, float]:
    """How much a training differs from one whose rate is known."""
    ratio = rate.inputs / group.inputs
    return rate.compiled != group.compiled, abs(math.log(ratio))


# A try of all of it -----------------------------------------------------------------


FEW = 250
"""Examples of a dataset."""


def tiny(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an experiment with two seeds, two epochs and few examples."""
    small = {"epochs": 2, "batch_size": 50, "records": 1, "compile": False}
    request = entry["request"]
    return {
        **entry,
        "variants": {
            name: {**variant, "training": {**variant["training"], **small}}
            for name, variant in entry["variants"].items()
        },
        "seeds": entry["seeds"][:2],
        "curve": {**entry["curve"], "points": 3, "random_draws": 1},
        "request": {
            "variants": {
                name: {**dataset, "examples": FEW} if "examples" in dataset else dataset
                for name, dataset in request["variants"].items()
            },
            "seeds": request["seeds"][:2],
        },
        "digest": None,
    }


def shortened(datasets: Datasets) -> Datasets:
    """Return datasets with the first of their examples."""
    short = {
        id(dataset): replace(
            dataset,
            x_train=dataset.x_train[:FEW],
            y_train=dataset.y_train[:FEW],
            x_test=dataset.x_test[:FEW],
            y_test=dataset.y_test[:FEW],
        )
        for dataset in datasets.entries.values()
    }
    return Datasets({key: short[id(d)] for key, d in datasets.entries.items()})


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
