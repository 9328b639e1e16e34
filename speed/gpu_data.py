"""What ``make gpu`` reads: made by ``make gpu-data``, where Snakemake is.

``experiments.json`` has the settings of the paper's experiments, and files have the
examples of those that are made from raw data. All other examples are drawn from seeds:
random digits do not compress, and they would take 200 MB, so that their settings and a
digest stand for them. Where they are read, neither Snakemake nor YAML is needed.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from report import ROOT

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing, write_json
from spectral_relevance.replication import datasets
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.datasets.kinds import kinds

EXPERIMENTS = "experiments.json"
LARGEST = 50 * 10**6
"""Bytes that all of it may take."""


def main() -> None:
    """Pack what there is at the paper scale."""
    # Here, as it needs packages that a machine that only reads may lack.
    from spectral_relevance.replication.settings import read_settings

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=Path, default="results/paper/datasets")
    parser.add_argument("--out", type=Path, default="results/gpu-data")
    arguments = parser.parse_args()
    experiments = read_settings(ROOT, "paper")["experiments"]
    size = pack(experiments, arguments.datasets, arguments.out)
    print(f"{arguments.out}: {len(experiments)} experiments, {size / 1e6:.1f} MB")


def pack(experiments: Mapping[str, Any], made: Path, out: Path) -> int:
    """Write settings and datasets of experiments, and return how many bytes they take.

    Parameters
    ----------
    experiments : mapping
        Their complete settings.
    made : path
        Where the workflow has put their datasets.
    out : path
        Where to write.

    Raises
    ------
    UserError
        If a dataset is missing, or if it is too much.
    """
    from spectral_relevance.replication.settings import dataset_request

    entries: dict[str, Any] = {}
    for name, settings in experiments.items():
        request = dataset_request(settings)
        same = [entry for entry in entries.values() if entry["request"] == request]
        data = {k: same[0][k] for k in ("file", "digest")} if same else None
        entries[name] = {
            **{key: settings[key] for key in ("variants", "seeds", "curve")},
            "request": request,
            **(data or _keep(name, request, made, out)),
        }
    write_json(entries, out / EXPERIMENTS)
    files = {entry["file"] for entry in entries.values()} - {None} | {EXPERIMENTS}
    size = sum((out / file).stat().st_size for file in files)
    if size > LARGEST:
        raise UserError(
            f"{out}: expected at most {LARGEST / 1e6:.0f} MB, found {size / 1e6:.1f}.",
            "examples that are made from raw data take all but a little of it.",
        )
    return size


def _keep(
    name: str, request: Mapping[str, Any], made: Path, out: Path
) -> dict[str, str | None]:
    """Return how to get the datasets of an experiment again."""
    (kind,) = {settings["kind"] for settings in request["variants"].values()}
    if kinds()[kind].raw is None:
        drawn = datasets.make(**request, raw={})
        return {"file": None, "digest": digest(drawn)}
    source = made / name / "data.npz"
    if not source.is_file():
        raise UserError(
            f"{source}: expected the examples of {name}, found no file.",
            "make gpu-data has the workflow make them first.",
        )
    with replacing(out / f"{name}.npz") as temporary:
        shutil.copyfile(source, temporary)
    return {"file": f"{name}.npz", "digest": None}


def read_experiments(folder: Path) -> dict[str, Any]:
    """Read what :func:`pack` wrote of the experiments.

    Raises
    ------
    UserError
        If it is not there.
    """
    path = folder / EXPERIMENTS
    if not path.is_file():
        raise UserError(
            f"{path}: expected the settings of the experiments, found no file.",
            "run make gpu-data where Snakemake is, and bring the folder along.",
        )
    return json.loads(path.read_text(encoding="utf-8"))


def load(folder: Path, entry: Mapping[str, Any]) -> Datasets:
    """Return the datasets of an experiment: read, or drawn again."""
    if entry["file"] is not None:
        return Datasets.load(folder / entry["file"])
    return datasets.make(**entry["request"], raw={})


def digest(found: Datasets) -> str:
    """Return a digest of all examples."""
    result = sha256()
    for key, dataset in found.entries.items():
        result.update(repr(key).encode())
        for values in vars(dataset).values():
            result.update(np.asarray(values).tobytes())
    return result.hexdigest()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
