"""Fetch raw data from the first of several sources that gives the right bytes.

A source is trusted with nothing: each file is held in a temporary folder until its
sha256 is the one that the configuration states.
"""

import gzip
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import pooch
import requests

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing, sha256_of, write_json, write_text
from spectral_relevance.replication.datasets.kinds import kinds

SERVER_TIMEOUT = 20.0
"""Seconds that a server may take to accept a connection, and between two pieces."""

PACKAGE_TIMEOUT = 900.0
"""Seconds that npm or pip may take: 121.5 MB at 1 Mbit/s, the slowest line meant."""

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """A source does not give one file; it may still give others."""


class Unreachable(Unavailable):
    """A source gives nothing at all, so that asking it again is a waste of time."""


@dataclass(frozen=True)
class Source:
    """Somewhere that files can be had by name.

    Parameters
    ----------
    label : str
        What to call it in messages and in the record of origins.
    fetch : callable
        ``fetch(name, folder)`` puts the file called `name` into `folder`, which is the
        source's own for as long as it is being asked, and returns where it lies. It
        raises `Unavailable`, `Unreachable` or OSError.
    """

    label: str
    fetch: Callable[[str, Path], Path]


def default_cache() -> Path:
    """Return the folder that keeps downloads between checkouts.

    It is the one that the environment variable ``SPECTRAL_RELEVANCE_CACHE`` names, or
    else the user's cache folder as the operating system has it.
    """
    named = os.environ.get("SPECTRAL_RELEVANCE_CACHE")
    return Path(named) if named else Path(pooch.os_cache("spectral_relevance"))


def fetch(
    files: Mapping[str, str],
    sources: Sequence[Source],
    destination: Path,
    cache: Path | None,
    dataset: str,
) -> dict[str, str]:
    """Put the files into a folder, each with the digest it should have.

    A file that lies there already is left as it is; otherwise the cache is asked, then
    each source in turn. What a source does not give, or gives wrong, the next one is
    asked for, with a warning in the log.

    Parameters
    ----------
    files : mapping of str to str
        The sha256 of each file by its name.
    sources : sequence of Source
        In the order in which to ask them.
    destination : Path
        The folder; it is created.
    cache : Path or None
        A folder that keeps what sources gave. One that cannot be written is a warning.
    dataset : str
        Name of the dataset in the configuration, for messages.

    Returns
    -------
    dict of str to str
        Where each file came from, by its name.

    Raises
    ------
    UserError
        If some file could not be had anywhere, or `destination` cannot be written.
    """
    origins: dict[str, str] = {}
    failures: dict[str, list[str]] = {name: [] for name in files}

    def failed(names: Sequence[str], where: str, reason: Exception) -> None:
        for name in names:
            failures[name].append(f"{where}: {reason}")
        log.warning("%s: %s: %s", ", ".join(names), where, reason)

    for name, sha256 in files.items():
        try:
            if _has(destination / name, sha256):
                origins[name] = "already present"
                continue
        except (Unavailable, OSError) as reason:
            failed([name], f"the file already in {destination}", reason)
        try:
            if cache is not None and _has(_cached(cache, name, sha256), sha256):
                origins[name] = _from_cache(cache, name, sha256, destination)
        except (Unavailable, OSError) as reason:
            failed([name], f"cache {cache}", reason)

    for source in sources:
        missing = [name for name in files if name not in origins]
        with tempfile.TemporaryDirectory(prefix="spectral-relevance-") as folder:
            for position, name in enumerate(missing):
                try:
                    candidate = source.fetch(name, Path(folder))
                    _check(candidate, files[name])
                except Unreachable as reason:
                    failed(missing[position:], source.label, reason)
                    break
                except (Unavailable, OSError) as reason:
                    failed([name], source.label, reason)
                else:
                    path = destination / name
                    _place(candidate, path, shutil.copyfile)
                    if cache is not None:
                        _to_cache(path, cache, name, files[name], source.label)
                    origins[name] = source.label

    missing = [name for name in files if name not in origins]
    if missing:
        lines = [
            f"{dataset}: expected {len(files)} file(s) in {destination}, "
            f"found no source for {len(missing)}:"
        ]
        for name in missing:
            lines += [f"  {name} (sha256 {files[name]})"]
            lines += [f"    {failure}" for failure in failures[name]]
        raise UserError(
            "\n".join(lines),
            "name a folder or URL that holds the files in the configuration, "
            f"data: {{{dataset}: {{mirror: /folder/or/URL}}}}.",
        )
    for name, origin in origins.items():
        log.info("%s: %s", name, origin)
    return {name: origins[name] for name in files}


def mirror(where: str, dataset: str, timeout: float = SERVER_TIMEOUT) -> Source:
    """Return the source that the user named: a folder or URL with the files by name.

    Parameters
    ----------
    where : str
        A folder, or an ``http``, ``https`` or ``file`` URL of one. A file that is not
        there may be there compressed, as ``name.gz``.
    dataset : str
        Name of the dataset in the configuration, for messages.
    timeout : float
        Seconds that a server may stay silent.

    Raises
    ------
    UserError
        If there is no such folder, or the URL is of another kind.
    """
    place = f"data.{dataset}.mirror"
    url = urlsplit(where)
    if url.scheme in ("http", "https"):
        try:
            url.port  # noqa: B018
        except ValueError:
            raise UserError(
                f"{place}: expected a URL, found one whose host cannot be told.",
                "in a password write %2F for /, %3F for ? and %23 for #.",
            ) from None
        return _server("mirror", where, ("", ".gz"), timeout)
    if "://" in where and url.scheme != "file":
        raise UserError(
            f"{place}: expected a folder or an http, https or file URL, found "
            f"{_without_secrets(where)}."
        )
    folder = Path(url2pathname(url.path) if url.scheme == "file" else where)
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UserError(
            f"{place}: expected a folder that holds the files, found none at {folder}.",
            "correct the path, or set the mirror to null to use the public sources.",
        )
    return Source(
        f"mirror {folder}",
        partial(_first_of, ("", ".gz"), partial(_copy_from, folder)),
    )


def official_mnist_mirrors(timeout: float = SERVER_TIMEOUT) -> list[Source]:
    """Return the servers that torchvision lists for MNIST; they hold ``name.gz``."""
    # Here, because importing torch takes seconds and only MNIST needs the list.
    from spectral_relevance.vision import torchvision

    return [
        _server("official mirror", url, (".gz",), timeout)
        for url in torchvision.datasets.MNIST.mirrors
    ]


def npm_package(
    name: str, version: str, prefix: str, timeout: float = PACKAGE_TIMEOUT
) -> Source:
    """Return a package of the npm registry as a source.

    Parameters
    ----------
    name, version : str
        The package.
    prefix : str
        What precedes a file's name in the archive, e.g. ``package/data/``.
    timeout : float
        Seconds that npm may take.
    """

    def unpack(file: str, folder: Path) -> Path:
        if not list(folder.glob("*.tgz")):
            npm = shutil.which("npm")
            if npm is None:
                raise Unreachable("npm is not installed")
            _run([npm, "pack", f"{name}@{version}"], folder, timeout)
        path = folder / file
        for archive in folder.glob("*.tgz"):
            try:
                # Only this one member is read, and written under our own name for it.
                with tarfile.open(archive) as members:
                    member = members.extractfile(prefix + file)
                    if member is None:
                        raise Unavailable(f"{prefix}{file} is not a file in it")
                    with member, open(path, "wb") as copy:
                        shutil.copyfileobj(member, copy)
            except KeyError as error:
                raise Unavailable(f"holds no {prefix}{file}") from error
            except (tarfile.TarError, EOFError, zlib.error) as error:
                raise Unreachable(f"damaged archive: {error}") from error
        return path

    return Source(f"npm package {name} {version}", unpack)


def python_package(requirement: str, timeout: float = PACKAGE_TIMEOUT) -> Source:
    """Return a package of the Python index as a source; the file is its wheel.

    Parameters
    ----------
    requirement : str
        The package as pip takes it, e.g. ``sdss-mangadap==4.5.0``.
    timeout : float
        Seconds that pip may take.
    """

    def download(file: str, folder: Path) -> Path:
        if not list(folder.glob("*.whl")):
            pip = [sys.executable, "-m", "pip", "download"]
            options = ["--no-deps", "--only-binary=:all:", "--no-input"]
            _run([*pip, *options, requirement], folder, timeout)
        if not (folder / file).is_file():
            found = [path.name for path in folder.iterdir()]
            raise Unavailable(f"expected {file}, found {', '.join(found) or 'nothing'}")
        return folder / file

    return Source(f"Python package {requirement}", download)


def download(
    dataset: str,
    files: Mapping[str, str],
    mirror: str | None,
    path_to_sources: str | Path,
) -> None:
    """Fetch the raw files of a kind of dataset, to where it declares that they lie.

    Parameters
    ----------
    dataset : str
        The kind.
    files : mapping of str to str
        The sha256 of each file by its name.
    mirror : str or None
        A folder or URL to ask before the public sources.
    path_to_sources : path
        Where to record, as JSON, from where each file came.

    Raises
    ------
    UserError
        If a file cannot be had, or the mirror is not there.
    """
    raw = kinds()[dataset].raw
    sources = _named(mirror, dataset)
    for function, *arguments in raw.sources:
        found = globals()[function](*arguments)
        sources += found if isinstance(found, list) else [found]
    origins = fetch(files, sources, Path(raw.folder), default_cache(), dataset)
    write_json(origins, path_to_sources)


def _named(where: str | None, dataset: str) -> list[Source]:
    return [] if where is None else [mirror(where, dataset)]


def _check(path: Path, sha256: str) -> None:
    found = sha256_of(path)
    if found != sha256:
        size = path.stat().st_size
        raise Unavailable(f"expected sha256 {sha256}, found {found} ({size} bytes)")


def _has(path: Path, sha256: str) -> bool:
    """Return whether the file is there; raise `Unavailable` if it is another."""
    if not path.is_file():
        return False
    _check(path, sha256)
    return True


def _place(candidate: Path, path: Path, put: Callable[..., Any]) -> None:
    try:
        with replacing(path) as temporary:
            put(candidate, temporary)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error}.") from error


def _link_or_copy(source: Path, path: Path) -> None:
    """Give a file a second name, or a copy where the disk is another one.

    The checkout and the cache hold the same large files. Both are judged by their
    digest whenever they are used, so that damage to one is noticed in the other.
    """
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def _cached(cache: Path, name: str, sha256: str) -> Path:
    return cache / sha256 / name


def _from_cache(cache: Path, name: str, sha256: str, destination: Path) -> str:
    entry = _cached(cache, name, sha256)
    _place(entry, destination / name, _link_or_copy)
    note = entry.with_name(f"{name}.origin")
    origin = note.read_text(encoding="utf-8") if note.is_file() else "origin unknown"
    return f"cache ({origin})"


def _to_cache(path: Path, cache: Path, name: str, sha256: str, origin: str) -> None:
    entry = _cached(cache, name, sha256)
    try:
        with replacing(entry) as temporary:
            _link_or_copy(path, temporary)
        write_text(origin, entry.with_name(f"{name}.origin"))
    except OSError as error:
        log.warning("%s: not kept in the cache %s: %s", name, cache, error)


def _first_of(
    suffixes: Sequence[str],
    get: Callable[[str, Path], None],
    name: str,
    folder: Path,
) -> Path:
    """Get the file under the first of several suffixes that is there, and expand it."""
    reasons = []
    for suffix in suffixes:
        received = folder / f"{name}{suffix}"
        try:
            get(received.name, received)
        except Unreachable:
            raise
        except Unavailable as reason:
            reasons.append(f"{received.name}: {reason}")
        else:
            return _expanded(received) if suffix else received
    raise Unavailable("; ".join(reasons))


def _expanded(compressed: Path) -> Path:
    path = compressed.with_suffix("")
    try:
        with gzip.open(compressed) as packed, open(path, "wb") as copy:
            shutil.copyfileobj(packed, copy)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unavailable(f"{compressed.name} is damaged: {error}") from error
    return path


def _copy_from(folder: Path, name: str, path: Path) -> None:
    if not (folder / name).is_file():
        raise Unavailable("no such file")
    shutil.copyfile(folder / name, path)


def _server(kind: str, url: str, suffixes: Sequence[str], timeout: float) -> Source:
    return Source(
        f"{kind} {_without_secrets(url)}",
        partial(_first_of, suffixes, partial(_download, url, timeout)),
    )


def _without_secrets(url: str) -> str:
    """Return a URL without password or token, which concern the server only."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _download(url: str, timeout: float, name: str, path: Path) -> None:
    # Otherwise a server may announce a .gz file as an encoding, which is then undone.
    headers = {"Accept-Encoding": "identity"}
    get = pooch.HTTPDownloader(timeout=timeout, chunk_size=2**16, headers=headers)
    parts = urlsplit(url)
    there = f"{parts.path.rstrip('/')}/{quote(name)}"
    try:
        get(parts._replace(path=there, fragment="").geturl(), path, None)
    except requests.HTTPError as error:
        answer = error.response
        raise Unavailable(f"{answer.status_code} {answer.reason}") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        cause = error.args[0] if error.args else error
        raise Unreachable(str(getattr(cause, "reason", cause))) from error
    except requests.RequestException as error:
        raise Unavailable(str(error)) from error


def _run(command: Sequence[str], folder: Path, timeout: float) -> None:
    """Run a package manager in a folder; its first errors are the reason it failed."""
    tool = Path(command[0]).name if command[0] != sys.executable else "pip"
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{tool} had not finished after {timeout:g} s") from error
    if result.returncode != 0:
        lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines[-1:]
        raise Unreachable(
            f"{tool} ended with status {result.returncode}: {'; '.join(errors[:3])}"
        )
