"""Put the results of a deposit, and the weights, where the workflow looks for them."""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Any

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing, sha256_of
from spectral_relevance.replication.datasets.kinds import kinds
from spectral_relevance.replication.publish.text import listed
from spectral_relevance.replication.publish.workflow import take_as_made
from spectral_relevance.replication.settings import read_settings, read_yaml
from spectral_relevance.sources import fingerprints

METADATA = "ro-crate-metadata.json"
SUMMARY_PART = "summary"
"""Where figures and verdicts belong, beside the experiments."""
FOLDERS = ("results", "figures", "logs", "benchmarks")

AGAIN = "fetch it again, or make it by make archive."


def restore_deposit(root: Path, path: Path, scale: str = "paper") -> None:
    """Unpack the results of a deposit.

    All of it is checked before anything is written. An experiment is left out where
    other results of it are there already, or where its settings are no longer those
    of the deposit; figures and verdicts are left out with it.

    Parameters
    ----------
    root : path
        The checkout.
    path : path
        The deposit.
    scale : str
        The scale that it holds.

    Raises
    ------
    UserError
        If the file is no deposit, is damaged, or holds what would be written elsewhere.
    """
    with _opened(path) as deposit:
        graph = _read_graph(deposit, path, root)
        digests = {name: e["sha256"] for name, e in graph.items() if "sha256" in e}
        parts = {
            entity["name"]: [file["@id"] for file in entity["result"]]
            for entity in graph.values()
            if entity["@type"] == "CreateAction"
        }
        _check_names([*deposit.namelist(), *digests], path)
        _check_parts(parts, digests, path, scale)
        if lost := sorted(digests.keys() - set(deposit.namelist())):
            raise UserError(f"{path}: {lost[0]} is missing.", AGAIN)
        for name, digest in digests.items():
            with deposit.open(name) as file:
                if file_digest(file, "sha256").hexdigest() != digest:
                    raise UserError(f"{path}: {name} is not what it was.", AGAIN)
        _tell_of_code(root, digests)
        others = _other_settings(root, scale, deposit)
        restored, left_out = [], False
        for part, names in sorted(parts.items(), key=lambda p: p[0] == SUMMARY_PART):
            kept = [
                name
                for name in names
                if is_result(name)
                and (root / name).is_file()
                and sha256_of(root / name) != digests[name]
            ]
            if part in others:
                print(f"{part}: left out, its settings are others now")
            elif kept:
                print(f"{part}: kept, there are other results already ({kept[0]})")
            elif part == SUMMARY_PART and left_out:
                print(f"{part}: left out, as figures and verdicts show all experiments")
            else:
                for name in names:
                    with replacing(root / name) as temporary:
                        temporary.write_bytes(deposit.read(name))
                restored += filter(is_result, names)
                weights = sum(name.endswith(".pt") for name in names)
                print(f"{part}: {len(names)} files, {weights} of them weights")
                continue
            left_out = True
    take_as_made(root, restored)


def is_result(name: str) -> bool:
    """Whether a file is a result, not what a job leaves beside it."""
    return name.startswith(("results/", "figures/"))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield a ZIP file; what is found to be damaged is told as that."""
    if not path.is_file():
        raise UserError(f"{path}: expected a deposit, found no file.")
    try:
        with zipfile.ZipFile(path) as deposit:
            yield deposit
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(
            f"{path}: expected a deposit, found a damaged file: {error}.", AGAIN
        ) from error


def _read_graph(
    deposit: zipfile.ZipFile, path: Path, root: Path
) -> dict[str, dict[str, Any]]:
    """Return the entities of the metadata by identifier."""
    title = read_yaml(root / "CITATION.cff")["title"]
    try:
        entities = json.loads(deposit.read(METADATA))["@graph"]
        graph = {entity["@id"]: entity for entity in entities}
        if graph["./"]["name"] != title:
            raise KeyError(title)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected a deposit of {title}, found another ZIP file.",
            "make archive writes one.",
        ) from error
    print(f"{path}: version {graph['./']['version']}, {graph['./']['identifier'][:10]}")
    return graph


def _check_names(names: list[str], path: Path) -> None:
    """Raise if a name leads out of the folder."""
    for name in names:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or set("\\:") & set(name):
            raise UserError(f"{path}: the name {name!r} leads elsewhere.", AGAIN)


def _check_parts(
    parts: Mapping[str, list[str]], digests: Mapping[str, str], path: Path, scale: str
) -> None:
    """Raise unless each result is below the folders of results and has a digest."""
    folders = tuple(f"{folder}/{scale}/" for folder in FOLDERS)
    names = [name for part in parts.values() for name in part]
    if f"results/{scale}/provenance.json" not in names:
        raise UserError(f"{path}: expected results at the {scale} scale, found none.")
    for name in names:
        if name not in digests or not name.startswith(folders):
            raise UserError(f"{path}: {name!r} is no result of a run.", AGAIN)


def training_code(root: Path) -> dict[str, str]:
    """Return the beginning of the digest of each file that weights depend on."""
    scripts = [root / f"workflow/scripts/{name}.py" for name in ("dataset", "train")]
    modules = [f"replication/datasets/{kind}.py" for kind in kinds()]
    places = {path.name: path.relative_to(root).as_posix() for path in scripts}
    return {
        places.get(name, f"src/spectral_relevance/{name}"): digest
        for name, digest in fingerprints(*scripts, *modules).items()
    }


def _tell_of_code(root: Path, digests: Mapping[str, str]) -> None:
    """Tell of code of datasets and training that differs from that of the deposit."""
    changed = [
        name
        for name, digest in training_code(root).items()
        if not digests.get(name, "").startswith(digest)
    ]
    if changed:
        print(
            "The code of datasets and training differs from that of the deposit: "
            f"{listed(changed)}.\nThe weights are taken as they are."
        )


def _other_settings(root: Path, scale: str, deposit: zipfile.ZipFile) -> set[str]:
    """Return experiments whose settings differ from those of the deposit."""
    provenance = json.loads(deposit.read(f"results/{scale}/provenance.json"))
    now = _by_part(json.loads(json.dumps(read_settings(root, scale))))
    return {k for k, v in _by_part(provenance["settings"]).items() if v != now.get(k)}


def _by_part(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the results of each part depend on."""
    timed = {key: settings[key] for key in ("scaling", "methods")}
    return {**settings["experiments"], "scaling": timed}
