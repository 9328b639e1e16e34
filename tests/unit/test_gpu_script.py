"""`make gpu` on the CPU: what it writes, skips and survives. No GPU has run it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from spectral_relevance import replication
from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication import datasets
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.settings import read_settings

pytestmark = pytest.mark.usefixtures("speed_scripts")

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("independent", "stellar_short", "stellar_mlp", "appendix_a")


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    experiments = read_settings(ROOT, "paper")["experiments"]
    return {name: experiments[name] for name in NAMES}


@pytest.fixture
def packed(settings: dict[str, Any], values: Dataset, tmp_path: Path) -> Path:
    """What `make gpu-data` leaves, with few stars."""
    from gpu_data import pack

    path = tmp_path / "made/stellar_short/data.npz"
    path.parent.mkdir(parents=True)
    Datasets({("", None): values}).save(path)
    size = pack(settings, tmp_path / "made", tmp_path / "data")
    assert size == sum(file.stat().st_size for file in (tmp_path / "data").iterdir())
    return tmp_path / "data"


def change(packed: Path, **entries: Any) -> None:
    file = packed / "experiments.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def outcomes(table: pd.DataFrame, part: str) -> dict[str, str]:
    rows = table[(table["part"] == part) & (table["quantity"] == "outcome")]
    return dict(zip(rows["name"], rows["note"], strict=True))


def test_all_of_it_on_the_cpu(packed, tmp_path, monkeypatch, capsys):
    import gpu

    tests = tmp_path / "test_nothing.py"
    tests.write_text("def test_nothing(): pass\n")
    monkeypatch.setattr(gpu, "TESTS", tests)
    monkeypatch.setattr(gpu, "tune_process", lambda: None)
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    experiments = gpu.gpu_data.read_experiments(packed)
    # An experiment that can be trained, but not evaluated: it has 20 inputs.
    broken = experiments["independent"] | {"curve": {"largest": 99}}
    change(packed, broken=broken, lost=experiments["independent"] | {"file": "lost"})
    gpu.main(["--device", "cpu", "--tiny", "--budget", "300", "--data", str(packed)])

    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"gpu.csv", "gpu.md", "tests.txt", "tables.zip"}
    printed = capsys.readouterr().out.strip()
    assert printed == (tmp_path / "out/gpu.md").read_text().strip()
    assert "1 passed" in (tmp_path / "out/tests.txt").read_text()
    table = pd.read_csv(tmp_path / "out/gpu.csv", keep_default_na=False)
    table["value"] = pd.to_numeric(table["value"])

    assert "1 passed" in outcomes(table, "tests")["test_nothing.py"]
    timed = table[(table["part"] == "speed") & (table["quantity"] == "time")]
    times = timed.set_index(["name", "system", "replicas"])["value"]
    (plain,) = times[:, "plain PyTorch", 1]
    ours = times["independent", "this project"]
    faster = table[table["quantity"] == gpu.FASTER].set_index("replicas")["value"]
    assert set(ours.index) == set(faster.index) == {1, 2}
    for replicas in (1, 2):
        assert faster[replicas] == pytest.approx(plain * replicas / ours[replicas])

    found = outcomes(table, "training")
    assert {name: found[name] for name in NAMES} == dict.fromkeys(NAMES, "finished")
    assert "failed: UserError: curve.largest: expected at most" in found["broken"]
    assert "failed: FileNotFoundError" in found["lost"]
    assert found["all of them"] == "4 of 6 finished"
    with zipfile.ZipFile(tmp_path / "out/tables.zip") as archive:
        written = set(archive.namelist()) - {"manifest.json"}
        performance = pd.read_csv(archive.open("performance/appendix_a.csv"))
        relevance = pd.read_csv(archive.open("relevance/stellar_mlp/spectral.csv"))
        history = pd.read_csv(archive.open("history/independent.csv"))
    folders = ("performance/{}", "history/{}", "curves/{}", "relevance/{}/spectral")
    assert written == {f"{f.format(name)}.csv" for f in folders for name in NAMES}
    assert sorted(zip(performance["variant"], performance["seed"], strict=True)) == [
        (variant, seed) for variant in ("correlated", "independent") for seed in (0, 1)
    ]
    assert set(performance["dataset.correlation"]) == {0, 0.8}
    assert len(relevance) == 2 * 5
    assert history["epoch"].max() == 2


def prepared(packed: Path, out: Path, budget: float) -> tuple[Any, ...]:
    """What `train_all` takes, apart from the rates."""
    import gpu

    read = gpu.gpu_data.read_experiments(packed)
    experiments = {name: gpu.tiny(entry) for name, entry in read.items()}
    loaded = {
        name: gpu.shortened(gpu.gpu_data.load(packed, entry))
        for name, entry in experiments.items()
    }
    plans = {name: gpu.plan(entry, loaded[name]) for name, entry in experiments.items()}
    results = gpu.Results(out, "", gpu.Clock(budget))
    return experiments, plans, loaded.__getitem__, "cpu", results


def test_what_does_not_fit_is_skipped(packed, tmp_path):
    import gpu

    arguments = prepared(packed, tmp_path, budget=100)
    results = arguments[-1]
    # A step on five inputs takes long, on others next to nothing.
    seconds = {5: 100.0, 20: 1e-3, 2: 1e-3}
    rates = [gpu.Rate(2, inputs, False, step, 0) for inputs, step in seconds.items()]
    gpu.train_all(*arguments, rates)
    found = outcomes(pd.DataFrame(results.rows), "training")
    steps = round(0.9 * 130) // 50 * 2
    for name in ("stellar_short", "stellar_mlp"):
        assert found[name].startswith(f"skipped: it needs about {100 * steps} s, 9")
    assert set(results.tables) == {"independent", "appendix_a"}


def test_a_training_that_outlasts_the_time_is_stopped(packed, tmp_path, monkeypatch):
    import gpu

    arguments = prepared(packed, tmp_path, budget=1000)
    results, train_variants, epochs = arguments[-1], gpu.train_variants, []

    def train(*args: Any, on_epoch: Any, **others: Any) -> Any:
        def told(epoch: Any) -> None:
            epochs.append(epoch.number)
            results.clock.budget = 0
            on_epoch(epoch)

        return train_variants(*args, on_epoch=told, **others)

    monkeypatch.setattr(gpu, "train_variants", train)
    gpu.train_all(*arguments, [])
    found = outcomes(pd.DataFrame(results.rows), "training")
    assert epochs == [1]
    # That of the most steps, replicas and inputs is first where no time is known.
    assert found.pop("independent") == "stopped: the time was over; no tables"
    assert found.pop("all of them") == "0 of 4 finished"
    assert set(found.values()) == {"skipped: 0 s were left"}
    assert not results.tables


def test_largest_first_by_what_was_measured():
    from gpu import Group, Rate, estimate

    rates = [
        Rate(10, 20, True, 1e-3, 5),
        Rate(10, 4000, True, 3e-3, 7),
        Rate(10, 20, True, 9.0, 9),  # an earlier one
        Rate(10, 800, False, 2e-3, 0),
    ]
    for group, seconds in {
        Group(10, 30, True, 100, 50): 5 + 5,
        Group(30, 10, True, 100, 50): 5 + 15,
        Group(5, 800, True, 10, 100): 7 + 3,
        Group(5, 30, False, 10, 100): 2,
    }.items():
        assert estimate([group] * 2, rates) == pytest.approx(2 * seconds)
        assert estimate([group], []) == 0


def test_rates_are_those_of_each_group(monkeypatch):
    import gpu

    now = [0.0]
    monkeypatch.setattr(gpu, "perf_counter", lambda: now[0])
    watch = gpu.Watch(gpu.Clock(1e9))
    for number, time in ((1, 5), (2, 6), (3, 7), (1, 20), (1, 30), (2, 34)):
        now[0] = time
        watch(SimpleNamespace(number=number))
    groups = [gpu.Group(r, 4, True, 10, 3) for r in (1, 2, 3)]
    assert watch.rates(groups) == [
        gpu.Rate(1, 4, True, 0.1, 5),
        gpu.Rate(3, 4, True, 0.4, 10),
    ]


def test_a_program_that_fails_leaves_the_others(tmp_path):
    import gpu
    from programs import running

    def train(device: str) -> dict[str, Any]:
        variants = {"base": {"training": {"batch_size": 2}}}
        return {"data": "nowhere", "variants": variants, "device": device}

    class Answering:
        def __init__(self) -> None:
            self.said = [{"warm": 2.0}, *[{"epochs": 2, "seconds": 1.0}] * 3]

        def hear(self) -> dict[str, Any]:
            return self.said.pop(0)

        def ask(self, seconds: float) -> None:
            assert seconds == 0.5

    results = gpu.Results(tmp_path, "", gpu.Clock(100))
    ours, plain = gpu.Key("a", gpu.OURS, 10), gpu.Key("a", gpu.PLAIN, 1)
    with running("ours.py", train("cpu")) as broken:
        programs = {plain: broken, ours: Answering()}
        plans = {"a": [gpu.Group(10, 20, True, 5, 1000)]}
        rates = gpu.measure_speed(programs, plans, results, 0.5)
    assert rates == [gpu.Rate(10, 20, True, 0.1, 2.0)]
    found = {row["system"]: row["note"] for row in results.rows if row["note"]}
    assert found[gpu.PLAIN].startswith("failed: UserError: ")
    assert "ours.py has ended early" in found[gpu.PLAIN]
    assert found[gpu.OURS] == "3 rounds"
    assert gpu.FASTER not in {row["quantity"] for row in results.rows}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_to_do(tmp_path):
    import gpu

    with pytest.raises(UserError, match=r"found 'cuda'[^$]*\nHint: .*--device cpu"):
        gpu.main(["--data", str(tmp_path)])


def test_without_data_it_says_what_to_do(tmp_path, monkeypatch):
    import gpu

    monkeypatch.setattr(gpu, "tune_process", lambda: None)
    with pytest.raises(UserError, match="found no file.\nHint: run make gpu-data"):
        gpu.main(["--device", "cpu", "--data", str(tmp_path)])


# Its data -------------------------------------------------------------------------


def test_data_are_those_that_were_packed(packed, values):
    from gpu_data import digest, load, read_experiments

    entries = read_experiments(packed)
    stars = Datasets({("", None): values})
    for name in ("stellar_short", "stellar_mlp"):
        assert entries[name]["file"] == "stellar_short.npz"
        assert digest(load(packed, entries[name])) == digest(stars)
    entry = entries["appendix_a"]
    assert entry["file"] is None
    assert digest(load(packed, entry)) == entry["digest"]
    request = json.loads(json.dumps(entry["request"]))
    request["variants"]["correlated"]["seed"] = 1
    assert digest(datasets.make(**request, raw={})) != entry["digest"]


def test_examples_that_are_drawn_otherwise_are_told(packed, tmp_path):
    import gpu

    arguments = prepared(packed, tmp_path, budget=100)
    (entry := arguments[0]["independent"])["digest"] = "of others"
    only = {"independent": entry}
    plans = {"independent": arguments[1]["independent"]}
    gpu.train_all(only, plans, *arguments[2:], [])
    found = outcomes(pd.DataFrame(arguments[-1].rows), "training")
    assert found["independent"].startswith("finished, on examples that were drawn anew")


def test_data_that_are_missing_or_too_large(settings, values, tmp_path, monkeypatch):
    import gpu_data

    with pytest.raises(UserError, match="expected the examples of stellar_short"):
        gpu_data.pack(settings, tmp_path, tmp_path / "data")
    (tmp_path / "stellar_short").mkdir()
    Datasets({("", None): values}).save(tmp_path / "stellar_short/data.npz")
    monkeypatch.setattr(gpu_data, "LARGEST", 1000)
    with pytest.raises(UserError, match="expected at most 0 MB, found"):
        gpu_data.pack(settings, tmp_path, tmp_path / "data")


def test_it_needs_neither_snakemake_nor_yaml(packed):
    """What a machine that only trains may lack is imported nowhere on the way."""
    absent = {*replication.PACKAGES, "captum", "scipy", "shap", "sklearn", "snakemake"}
    absent.remove("psutil")
    code = (
        "import sys\n"
        f"for name in {absent}: sys.modules[name] = None\n"
        f"sys.path.insert(0, {str(ROOT / 'speed')!r})\n"
        "import gpu\n"
        "gpu.main(['--device', 'cpu', '--tiny', '--budget', '0.1', '--data',\n"
        f"          {str(packed)!r}, '--out', {str(packed / 'out')!r}])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "all of them" in run.stdout
