"""The whole workflow on small raw data, with the network off."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml
from snakemake.utils import update_config

from project import REPOSITORY, Project
from spectral_relevance.replication.claims import VERDICTS, read_claims, table_paths
from spectral_relevance.replication.figures.catalogue import read_figures
from spectral_relevance.replication.publish.archive import ARCHIVE, read_archive
from spectral_relevance.replication.publish.commands import restore
from spectral_relevance.replication.settings import dataset_settings, resolve

FIGURES = read_figures(REPOSITORY / "config/figures.yaml")
CLAIMS = read_claims(REPOSITORY / "config/claims.yaml")
TABLES = {
    *table_paths(CLAIMS),
    *(path for figure in FIGURES.values() for path in figure["tables"].values()),
}


def experiment_of(table: str) -> str:
    """The experiment that a table belongs to; others stand in no folder."""
    return Path(*Path(table).parts[1:2]).stem


def is_from_evaluation(table: str) -> bool:
    folder, *_ = Path(table).parts
    return folder in ("performance", "curves") or table.endswith("/spectral.csv")


def settings_of(project: Project, scale: str = "quick") -> dict[str, Any]:
    """The settings of the experiments that figures and claims need, by name."""
    config: dict[str, Any] = {}
    files = [project.root / f"config/{name}.yaml" for name in ("config", "quick")]
    for path in (*files, project.overlay):
        update_config(config, yaml.safe_load(path.read_text(encoding="utf-8")))
    experiments = resolve(config, scale)["experiments"]
    needed = {experiment_of(path) for path in TABLES}
    controlled = {experiment_of(path) for path in TABLES if "controls" in path}
    needed |= {
        experiments[name]["controls"]["norms"]["experiment"] for name in controlled
    }
    return {name: experiments[name] for name in experiments if name in needed}


def training_jobs(experiments: Iterable[dict[str, Any]]) -> int:
    return sum(ceil(len(e["seeds"]) / e["seeds_per_job"]) for e in experiments)


def distinct_datasets(experiments: Iterable[dict[str, Any]]) -> int:
    """How many datasets there are: equal ones are made once."""
    found = set()
    for experiment in experiments:
        variants = dataset_settings(experiment)
        own = any(dataset["seed"] is None for dataset in variants.values())
        found.add(repr((variants, experiment["seeds"] if own else None)))
    return len(found)


def test_everything_is_built(built):
    for number in FIGURES:
        for kind in ("pdf", "png"):
            assert (built.root / f"figures/quick/fig{number}.{kind}").stat().st_size
    claims = pd.read_csv(built.root / "results/quick/claims.csv")
    assert set(claims["id"]) == {claim["id"] for claim in CLAIMS}
    assert set(claims["verdict"]) <= set(VERDICTS) - {"not run yet"}
    for name in ("verdicts.pdf", "verdicts.png"):
        assert (built.root / "figures/quick" / name).stat().st_size
    table = pd.read_csv(built.root / "results/quick/table1.csv")
    assert set(table["method"]) >= {"spectral", "saliency", "shap"}


def test_tables_have_the_promised_columns(built):
    columns = [
        *("variant", "seed", "method", "examples", "feature", "truth"),
        *("score", "seconds", "seconds_spread"),
    ]
    for table in ("relevance/independent/spectral", "comparison/mnist_01"):
        scores = pd.read_csv(built.root / f"results/quick/{table}.csv")
        counted = ["operations"] if table.startswith("comparison") else []
        assert list(scores) == columns + counted
        assert set(scores["seed"]) == {0, 1}
        assert (scores["score"] >= 0).all()
    assert (scores["operations"] > 0).all()
    examples = scores.groupby("method")["examples"].unique().map(set).to_dict()
    assert examples.pop("spectral") == {0}
    compared = settings_of(built)["mnist_01"]["comparison"]
    assert examples.keys() == set(compared["methods"]) - {"spectral"}
    wanted = set(compared["examples"])
    assert all(numbers == wanted for numbers in examples.values())
    performance = pd.read_csv(built.root / "results/quick/performance/appendix_e.csv")
    assert {"dataset.examples", "regularisation.eigenvalues"} <= set(performance)


def test_the_run_ends_with_the_verdicts(built):
    verdicts = (built.root / "results/quick/verdicts.txt").read_text(encoding="utf-8")
    assert verdicts.startswith("Claims at the quick scale: ")
    assert verdicts in built.output
    assert built.output.index(verdicts) > built.output.index("(100%) done")


def test_provenance_names_versions_settings_and_sources(built):
    path = built.root / "results/quick/provenance.json"
    provenance = json.loads(path.read_text(encoding="utf-8"))
    assert set(provenance) >= {"versions", "hardware", "git", "settings", "sources"}
    assert provenance["settings"]["seeds"] == [0, 1]
    # The address of a mirror may hold a password.
    assert "mirror" not in json.dumps(provenance["settings"])
    for origins in provenance["sources"].values():
        assert all(origin.startswith("mirror ") for origin in origins.values())


def test_every_job_has_a_log(built):
    logs = list((built.root / "logs").rglob("*.log"))
    jobs = re.search(r"(\d+) of \1 steps \(100%\) done", built.output)
    assert len(logs) >= int(jobs[1]) - 1  # the target itself has none
    assert any("epoch" in log.read_text(encoding="utf-8") for log in logs)


def test_a_second_run_does_nothing(built):
    assert built.planned("quick") == {}


def test_another_mirror_fetches_nothing_again(built, configure):
    settings = built.settings
    settings["data"]["mnist"]["mirror"] = None
    configure(settings)
    assert built.planned("quick") == {}


def test_changing_a_rate_reruns_that_experiment_alone(built, configure):
    before = settings_of(built)
    settings = built.settings
    settings["quick"]["experiments"]["independent"]["training"]["learning_rate"] = 0.02
    configure(settings)
    # Its own training and that of what extends it, on the same data.
    after = settings_of(built)
    changed = {name: after[name] for name in after if after[name] != before[name]}
    assert "independent" in changed and not changed.keys() & {"mnist_01", "stellar"}
    planned = built.planned("quick")
    assert planned["train"] == training_jobs(changed.values())
    evaluated = {experiment_of(path) for path in TABLES if is_from_evaluation(path)}
    assert planned["evaluate"] == len(evaluated & changed.keys())
    assert not planned.keys() & {"dataset", "scaling", "figure_06", "figure_11"}


def test_adding_an_experiment_reruns_nothing(built, configure):
    settings = built.settings
    settings["experiments"] = {"added": {"extends": "stellar"}}
    configure(settings)
    assert built.planned("quick").keys() == {"provenance", "quick"}
    planned = built.planned("results/quick/performance/added.csv")
    assert planned.keys() == {"train", "evaluate"}


def test_editing_a_figure_redraws_figures_only(built, edited):
    edited("src/spectral_relevance/replication/figures/gaussian.py", '"""', '""" ')
    planned = built.planned("quick")
    assert planned.keys() == {"figure_02", "figure_03", "figure_04", "quick"}


def test_editing_the_layer_trains_again(built, edited):
    edited("src/spectral_relevance/replicas.py", '"""Layers', '""" Layers')
    planned = built.planned("quick")
    assert planned["train"] == training_jobs(settings_of(built).values())
    assert "dataset" not in planned


def test_one_figure_takes_only_what_it_needs(project):
    planned = project.planned("figures/paper/fig03.pdf")
    assert planned == {
        "dataset": 1,
        "train": 2,
        "evaluate": 1,
        "relevance": 1,
        "figure_03": 1,
    }


@pytest.mark.parametrize("method", ["lrp_epsilon", "integrated_gradients"])
def test_any_method_runs_on_any_model(built, method):
    target = f"results/quick/relevance/stellar/{method}.csv"
    result = built.run(target)
    assert result.returncode == 0, result.stdout
    scores = pd.read_csv(built.root / target)
    assert (scores.groupby("seed")["score"].sum() > 0).all()


def test_the_report_renders(built):
    report = built.root / "report.zip"
    result = built.run("quick", options=("--report", str(report)))
    assert result.returncode == 0, result.stdout
    with zipfile.ZipFile(report) as archive:
        names = archive.namelist()
    assert any(name.endswith("report.html") for name in names)
    for shown in ("fig03.png", "claims.html", "table1.html"):
        assert any(name.endswith(shown) for name in names)


def test_data_alone_can_be_fetched(project):
    result = project.run("data")
    assert result.returncode == 0, result.stdout
    sources = json.loads((project.root / "data/mnist/sources.json").read_text())
    assert len(sources) == 4
    # The cache serves the next checkout, although the mirror is gone.
    settings = project.settings
    for name in ("mnist", "miles"):
        settings["data"][name]["mirror"] = None
    project.configure(settings)
    (project.root / "data").rename(project.root / "elsewhere")
    result = project.run("data")
    assert result.returncode == 0, result.stdout
    sources = json.loads((project.root / "data/miles/sources.json").read_text())
    assert all(origin.startswith("cache (mirror") for origin in sources.values())


@pytest.mark.parametrize("dataset", ["mnist", "miles"])
def test_data_that_cannot_be_had_are_missed_before_anything_else_runs(project, dataset):
    settings = project.settings
    settings["data"][dataset]["mirror"] = None
    project.configure(settings)
    result = project.run("quick")
    assert result.returncode != 0
    assert f"Error: {dataset}: expected" in result.stdout
    assert f"data: {{{dataset}: {{mirror: /folder/or/URL}}}}" in result.stdout
    assert not (project.root / "results").exists()
    logs = {path.name for path in (project.root / "logs").rglob("*.log")}
    assert logs <= {"download_mnist.log", "download_miles.log"}


def test_restored_tables_need_no_training(project):
    archive = project.root / ARCHIVE
    archive.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / ARCHIVE, archive)
    result = project.run("datasets")
    assert result.returncode == 0, result.stdout
    restore(project.root)
    _, archived = read_archive(archive)
    tables = [f"results/paper/{name}" for entry in archived.values() for name in entry]
    assert project.planned(*tables) == {}


def test_kill_and_run_again_ends_with_the_same_files(built, project):
    target = "results/quick/relevance/independent/spectral.csv"
    settings = project.settings
    long = {"epochs": 200000}
    settings["quick"]["experiments"]["independent"]["training"].update(long)
    short = project.overlay.read_text(encoding="utf-8")
    project.overlay.write_text(yaml.safe_dump(settings), encoding="utf-8")
    process = subprocess.Popen(
        project.command(target),
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = project.root / "logs/quick/train/independent/0-1.log"
    deadline = time.monotonic() + 60
    while not (log.is_file() and "training base" in log.read_text()):
        assert time.monotonic() < deadline, "training did not start"
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    project.overlay.write_text(short, encoding="utf-8")
    locked = project.run(target, options=("--rerun-incomplete",))
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout
    assert project.run(target, options=("--unlock",)).returncode == 0
    result = project.run(target, options=("--rerun-incomplete",))
    assert result.returncode == 0, result.stdout
    times = ["seconds", "seconds_spread"]
    found, expected = (
        pd.read_csv(checkout.root / target).drop(columns=times)
        for checkout in (project, built)
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert not list(project.root.rglob("*.part"))


def training_processes(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if len(words := child.cmdline()) == 2 and words[1].endswith(".train.py")
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_leaves_a_checkpoint_and_a_message(project, number):
    settings = project.settings
    training = settings["quick"]["experiments"]["independent"]["training"]
    training.update(epochs=40000)  # a twentieth, which is logged, takes seconds
    project.configure(settings)
    model = project.root / "results/quick/models/independent/0-1.pt"
    log = project.root / "logs/quick/train/independent/0-1.log"
    with subprocess.Popen(
        project.command(str(model.relative_to(project.root))),
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A run in the background, as these tests may be, ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 120
        while not (log.is_file() and " of 40000" in log.read_text()):
            assert time.monotonic() < deadline, "training did not start"
            time.sleep(0.2)
        (job,) = training_processes(process)
        job.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert output.count("Interrupted; run again to go on.") == 1
    assert "Traceback" not in output
    assert log.read_text().rstrip().endswith("ERROR interrupted")
    # Long before the first regular checkpoint, after two minutes.
    (checkpoint,) = Path(f"{model}.checkpoints").glob("*.pt")
    assert checkpoint.stat().st_size


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_the_full_settings_plan_every_target(project, scale):
    planned = project.planned(scale)
    assert planned["claims"] == planned["provenance"] == 1
    assert all(planned[f"figure_{number}"] == 1 for number in FIGURES)
    experiments = settings_of(project, scale)
    assert planned["train"] == training_jobs(experiments.values())
    assert planned["dataset"] == distinct_datasets(experiments.values())
    if scale == "quick":
        # Hardly more than data, training, evaluation and a comparison of each.
        assert sum(planned.values()) <= len(FIGURES) + 4 * len(experiments)
