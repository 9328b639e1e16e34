"""A kind of dataset is one module and an entry of the configuration."""

import hashlib
import json

from spectral_relevance.replication.datasets.base import Datasets

MODULE = '''
"""Points on rings, read from a file."""

from pathlib import Path

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.files import verify
from spectral_relevance.replication.datasets import kinds


def rings(*, folder, files, used, tested):
    ((name, sha256),) = files.items()
    path = Path(folder, name)
    verify(path, sha256)
    x = np.loadtxt(path, delimiter=",")[:used]
    y = (np.hypot(*x.T) > 1).astype(int)
    return Dataset.split(x, y, truth=np.ones(2), test_fraction=tested / used)


def _problems(settings):
    if settings["tested"] >= settings["used"]:
        yield kinds.Problem("tested", "fewer than are used")


KIND = kinds.Kind(
    rings,
    {
        "used": {"description": "Number of points that are used.", **kinds.COUNT},
        "tested": {"description": "Number kept for testing.", **kinds.COUNT},
    },
    problems=_problems,
    raw=kinds.Raw(
        folder="data/rings/csv",
        sources=(),
        arguments=lambda folder, files: {"folder": folder, "files": dict(files)},
    ),
)
'''


def test_a_new_kind(project):
    folder = project.root / "src/spectral_relevance/replication/datasets"
    (folder / "rings.py").write_text(MODULE, encoding="utf-8")
    content = b"".join(b"%d,%d\n" % (k % 3, k % 2) for k in range(60))
    (project.raw / "points.csv").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()

    settings = project.settings
    message = project.run("quick", options=("--dry-run",)).stdout
    assert "data: 'rings' is a required property" in message

    settings["data"]["rings"] = {
        "mirror": str(project.raw),
        "files": {"points.csv": sha256},
    }
    dataset = {"kind": "rings", "used": 50, "tested": 50}
    settings["experiments"] = {"own": {"extends": "independent", "dataset": dataset}}
    project.configure(settings)
    target = "results/quick/datasets/own/data.npz"
    message = project.run(target, options=("--dry-run",)).stdout
    assert "experiments.own.dataset.tested: expected fewer than are used" in message

    dataset["tested"] = 10
    project.configure(settings)
    assert project.planned(target) == {"dataset": 1, "download_rings": 1}
    assert "download_rings" in project.planned("data")
    result = project.run(target)
    assert result.returncode == 0, result.stdout
    assert (project.root / "data/rings/csv/points.csv").read_bytes() == content
    origins = json.loads((project.root / "data/rings/sources.json").read_text())
    assert origins == {"points.csv": f"mirror {project.raw}"}
    made = Datasets.load(project.root / target).first
    assert made.x_train.shape == (40, 2) and made.x_test.shape == (10, 2)
