"""Files, tables and messages; progress and process settings."""

import hashlib
import json
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance import progress as progress_module
from spectral_relevance.errors import UserError
from spectral_relevance.files import (
    replacing,
    sha256_of,
    verify,
    write_json,
    write_table,
)
from spectral_relevance.hardware import find_device, tune_process
from spectral_relevance.progress import progress
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.tables import read_tables

# Complete or absent ---------------------------------------------------------------


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
        # On the same file system, as a rename is atomic only there.
        assert temporary.parent == path.parent
    assert path.read_text() == "all of it"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    written = []
    sync = os.fsync

    def watched(descriptor):
        written.append((os.fstat(descriptor).st_ino, path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    path = tmp_path / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("all of it")
    file, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert written == [(file, False), (folder, True)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", ["old content", None])
def test_an_error_leaves_the_former_state(tmp_path, error, old):
    path = tmp_path / "file.txt"
    if old is not None:
        path.write_text(old)

    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half of")
        raise error
    assert os.listdir(tmp_path) == ([] if old is None else ["file.txt"])
    assert old is None or path.read_text() == old


def test_an_error_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError), replacing(tmp_path / "file.txt"):
        raise ValueError
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file.txt"):
        pass  # nobody wrote anything
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    """Not what one that runs writes, what another machine does, or another file's."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = platform.node()
    (tmp_path / f".a[1].csv.{here}.{ended.pid}.part").touch()
    kept = {
        f".a[1].csv.{here}.{os.getppid()}.part",
        f".a[1].csv.not-{here}.{ended.pid}.part",
        f".b.csv.{here}.{ended.pid}.part",
    }
    for name in kept:
        (tmp_path / name).touch()
    with replacing(tmp_path / "a[1].csv") as temporary:
        temporary.touch()
    assert set(os.listdir(tmp_path)) == {"a[1].csv", *kept}


# Tables and JSON ------------------------------------------------------------------


def test_floats_read_back_to_the_bit(tmp_path, rng):
    values = rng.normal(size=2000) * 10.0 ** rng.integers(-300, 300, size=2000)
    special = [0.1, 1 / 3, 5e-324, np.finfo(float).max, -0.0, np.inf, np.nan]
    table = pd.DataFrame({"value": [*values, *special]})
    table["single"] = table["value"].clip(-1e30, 1e30).astype(np.float32)
    table["whole"] = np.arange(len(table)) - 5
    path = tmp_path / "table.csv"
    write_table(table, path)
    for found in (pd.read_csv(path), read_tables({"one": path})["one"]):
        assert found.columns.tolist() == ["value", "single", "whole"]
        expected = table["value"].to_numpy()
        np.testing.assert_array_equal(found["value"], expected)
        assert (np.signbit(found["value"]) == np.signbit(expected))[expected == 0].all()
        single = found["single"].to_numpy().astype(np.float32)
        np.testing.assert_array_equal(single, table["single"])
        assert found["whole"].dtype == np.int64
        np.testing.assert_array_equal(found["whole"], table["whole"])
    assert os.listdir(tmp_path) == ["table.csv"]


def test_tables_are_read_by_name(tmp_path, classes):
    write_table(
        pd.DataFrame({"variant": ["1", "2"], "feature": ["4000.10", "007"]}),
        tmp_path / "scores.csv",
    )
    write_table(pd.DataFrame({"index": ["4000"], "left": [3.5]}), tmp_path / "b.csv")
    Datasets({("a", 3): classes}).save(tmp_path / "data.npz")
    found = read_tables(
        {
            "relevance": tmp_path / "scores.csv",
            "bands": str(tmp_path / "b.csv"),
            "data": tmp_path / "data.npz",
        }
    )
    assert list(found) == ["relevance", "bands", "data"]
    assert found["relevance"]["variant"].tolist() == ["1", "2"]
    assert found["relevance"]["feature"].tolist() == ["4000.10", "007"]
    assert found["bands"]["index"].tolist() == ["4000"]
    assert isinstance(found["data"], Datasets)
    np.testing.assert_array_equal(found["data"].of("a", 3).x_train, classes.x_train)


def test_json_is_read_back(tmp_path):
    value = {"name": "Ångström", "list": [1, 2.5, None, True], "map": {"a": "b"}}
    write_json(value, tmp_path / "value.json")
    assert json.loads((tmp_path / "value.json").read_text(encoding="utf-8")) == value
    with pytest.raises(TypeError):
        write_json({"value": {1, 2}}, tmp_path / "value.json")
    assert json.loads((tmp_path / "value.json").read_text(encoding="utf-8")) == value
    assert os.listdir(tmp_path) == ["value.json"]


# Digests --------------------------------------------------------------------------


def test_digests(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)
    digest = hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert sha256_of(path) == digest
    verify(path, digest)
    path.write_bytes(b"abc" * 99_999)
    with pytest.raises(UserError) as error:
        verify(path, digest)
    message, hint = str(error.value).splitlines()
    found = hashlib.sha256(b"abc" * 99_999).hexdigest()
    assert message == f"{path}: expected sha256 {digest}, found {found}."
    assert hint.startswith("Hint: delete the file")


def test_a_missing_file_and_a_folder_have_no_digest(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UserError, match=f"^{path}: expected a file, found none.$"):
            verify(path, "0" * 64)


def test_user_errors_have_an_optional_hint():
    assert str(UserError("This is wrong.")) == "This is wrong."
    assert str(UserError("Wrong.", "do that.")) == "Wrong.\nHint: do that."


# Progress -------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "lines"), [(1, 1), (3, 3), (20, 20), (1000, 20)])
def test_progress_is_logged_at_most_twenty_times(caplog, monkeypatch, total, lines):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with caplog.at_level(logging.INFO, logger="spectral_relevance"):
        assert list(progress(total, "epoch")) == list(range(1, total + 1))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(set(messages)) == lines
    assert messages[-1] == f"epoch {total} of {total}"


def test_progress_on_a_terminal_is_a_bar(caplog, monkeypatch):
    shown = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        progress_module, "tqdm", lambda steps, **look: shown.append(look) or steps
    )
    with caplog.at_level(logging.INFO, logger="spectral_relevance"):
        assert list(progress(5, "epoch")) == [1, 2, 3, 4, 5]
        assert list(progress(5, "epoch", done=3)) == [4, 5]
    assert not caplog.records
    assert shown == [
        {"unit": "epoch", "initial": 0, "total": 5},
        {"unit": "epoch", "initial": 3, "total": 5},
    ]


# The process ----------------------------------------------------------------------


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_flush_denormal(False)


def test_the_process_is_made_repeatable_and_flushes_denormals(restored):
    denormal = torch.tensor([1e-310], dtype=torch.float64)
    assert denormal * 0.5 != 0
    assert not torch.are_deterministic_algorithms_enabled()
    tune_process()
    assert torch.are_deterministic_algorithms_enabled()
    assert denormal * 0.5 == 0


def test_products_are_not_rounded_to_tf32(restored):
    torch.set_float32_matmul_precision("high")  # as TORCH_ALLOW_TF32_CUBLAS_OVERRIDE
    tune_process()
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32


def test_devices(monkeypatch):
    assert find_device("cpu") == torch.device("cpu")
    for available, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda yes=available: yes)
        assert find_device("auto") == torch.device(expected)
