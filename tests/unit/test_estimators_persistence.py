"""Estimators as files: what is read is what was saved, and all else is refused."""

import io
import json
import os
import pickle
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from spectral_relevance import (
    SpectralClassifier,
    SpectralClassifierCV,
    SpectralRegressor,
    SpectralRegressorCV,
    UserError,
    load,
    selection,
)

N = 40

FAST: dict[str, Any] = {
    "fdr": None,
    "hidden_layer_sizes": (4,),
    "learning_rate": 0.05,
    "max_steps": 10,
    "random_state": 0,
    "replicas": 2,
}
CHOICE: dict[str, Any] = {"alphas": [0.1, 0.01], "cv": 2}

X = np.random.default_rng(0).normal(size=(N, 4))
NAMED = pd.DataFrame(X, columns=["a", "ü", "c d", "e"])
CODES = (X[:, 0] > 0).astype(int)
TEXT = np.array(["schön", "no"])[CODES]
VALUE = X[:, 0] + X[:, 1]

MODELS: dict[str, Callable[[], Any]] = {
    "int": lambda: SpectralClassifier(**FAST).fit(X, CODES),
    "int8": lambda: SpectralClassifier(**FAST).fit(X, CODES.astype(np.int8)),
    "bool": lambda: SpectralClassifier(**FAST).fit(X, CODES == 1),
    "float": lambda: SpectralClassifier(**FAST).fit(X, CODES * 2.0),
    "text": lambda: SpectralClassifier(**FAST).fit(X, TEXT),
    "text objects": lambda: SpectralClassifier(**FAST).fit(X, TEXT.astype(object)),
    "giants": lambda: SpectralClassifier(**FAST).fit(X, CODES.astype(object) * 10**30),
    "names": lambda: SpectralClassifier(**FAST).fit(NAMED, TEXT),
    "weights": lambda: SpectralClassifier(
        **FAST, class_weight={"no": np.int64(2), "schön": 0.5}
    ).fit(X, TEXT),
    "two layers": lambda: SpectralClassifier(
        **FAST | {"hidden_layer_sizes": [4, np.int64(3)], "replicas": np.int64(3)}
    ).fit(X, CODES),
    "value": lambda: SpectralRegressor(**FAST).fit(X, VALUE),
    "column": lambda: SpectralRegressor(**FAST).fit(X, VALUE[:, None]),
    "values": lambda: SpectralRegressor(**FAST).fit(NAMED, np.c_[VALUE, CODES, X]),
    "selection": lambda: selecting(SpectralRegressor(**FAST).fit(X, VALUE)),
    "pandas": lambda: selecting(SpectralRegressor(**FAST).fit(NAMED, VALUE)).set_output(
        transform="pandas"
    ),
    "choice of classes": lambda: SpectralClassifierCV(**FAST, **CHOICE).fit(X, TEXT),
    "choice of values": lambda: SpectralRegressorCV(**FAST, cv=2).fit(X, VALUE),
}


def selecting(model: Any) -> Any:
    model.selected_ = np.array([True, False, True, False])
    model.selection_frequency_ = np.array([0.5, 0, 1, 1 / 3])
    return model


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tolist() == other.tolist()
    else:
        assert one == other


# What is read is what was saved ---------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_is_what_was_saved(tmp_path, name):
    model, path = MODELS[name](), tmp_path / "model"
    model.save(path)
    read = load(path)
    assert type(read) is type(model)
    assert read.get_params() == model.get_params()
    assert read.get_params().keys() == model.get_params().keys()

    found, expected = dict(vars(read)), dict(vars(model))
    networks = [attributes.pop("_network") for attributes in (found, expected)]
    settings = model.get_params()
    assert found.keys() == expected.keys()
    for key in expected.keys() - settings.keys():
        assert_same(found[key], expected[key])
    assert networks[0].architecture == networks[1].architecture
    assert not networks[0].training

    x = NAMED if hasattr(model, "feature_names_in_") else X
    assert_same(read.predict(x), model.predict(x))
    if hasattr(model, "predict_proba"):
        assert_same(read.predict_proba(x), model.predict_proba(x))
    if model.selected_ is not None:
        assert_array_equal(read.transform(x), model.transform(x))
        assert type(read.transform(x)) is type(model.transform(x))
        assert_array_equal(read.get_support(), model.get_support())

    # Nor does anything else differ that goes into a file.
    read.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_what_is_read_can_be_used_like_any_other(tmp_path):
    SpectralClassifierCV(**FAST, **CHOICE).fit(NAMED, TEXT).save(tmp_path / "model")
    read = load(tmp_path / "model")
    with pytest.raises(UserError, match="same order"):
        read.predict(NAMED[["e", "c d", "ü", "a"]])
    copied = pickle.loads(pickle.dumps(read))
    assert_same(copied.predict_proba(NAMED), read.predict_proba(NAMED))
    before = read.feature_importances_.copy()
    assert_array_equal(read.fit(NAMED, TEXT).feature_importances_, before)


def test_a_selection_is_read_as_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(selection, "STEPS", 5)
    model = SpectralRegressor(**FAST | {"fdr": 0.5}).fit(X, VALUE)
    model.save(str(tmp_path / "model"))
    read = load(str(tmp_path / "model"))
    assert_same(read.selected_, model.selected_)
    assert_same(read.selection_frequency_, model.selection_frequency_)


def test_settings_that_were_changed_after_fit_are_read_too(tmp_path):
    model = SpectralRegressor(**FAST).fit(X, VALUE)
    expected = model.predict(X)
    model.set_params(hidden_layer_sizes=(7, 7), replicas=0, device="cuda", alpha="x")
    model.save(tmp_path / "model")
    read = load(tmp_path / "model")
    assert read.get_params() == model.get_params()
    assert_same(read.predict(X), expected)


def test_the_precision_is_that_of_the_training(tmp_path, double):
    model = SpectralRegressor(**FAST).fit(X, VALUE)
    model.save(tmp_path / "model")
    expected = model.predict(X)
    torch.set_default_dtype(torch.float32)
    assert_same(load(tmp_path / "model").predict(X), expected)


def test_the_state_of_a_generator_is_left_out(tmp_path):
    settings = FAST | {"random_state": np.random.RandomState(0)}
    SpectralRegressor(**settings).fit(X, VALUE).save(tmp_path / "model")
    assert load(tmp_path / "model").random_state is None


def test_the_same_estimator_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        SpectralClassifier(**FAST).fit(X, TEXT).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    SpectralClassifier(**FAST | {"random_state": 1}).fit(X, TEXT).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() != (tmp_path / "two").read_bytes()


def test_a_file_holds_text_and_plain_arrays_alone(tmp_path):
    saved(tmp_path)
    with zipfile.ZipFile(tmp_path / "model") as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename == "estimator.json":
                assert json.loads(content)["estimator"] == "SpectralClassifierCV"
            else:
                # Which refuses whatever would have to be unpickled.
                assert np.load(io.BytesIO(content), allow_pickle=False).size
            assert entry.external_attr >> 16 == 0o644


# What cannot be saved -------------------------------------------------------------


def test_there_has_to_be_something_to_save(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        SpectralRegressor().save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


class Special(SpectralRegressor):
    """An estimator that somebody made of another."""


def broken(**changes: Any) -> Any:
    return SpectralRegressor(**FAST).fit(X, VALUE).set_params(**changes)


def with_note() -> Any:
    model = broken()
    model.note = "of Monday"
    return model


@pytest.mark.parametrize(
    "make, part",
    [
        (lambda: Special(**FAST).fit(X, VALUE), "Special: expected one of Spectral"),
        (lambda: broken(device=torch.device("cpu")), "SpectralRegressor.device: exp"),
        (lambda: broken(alpha=np.nan), "alpha: expected a finite number, found nan"),
        (lambda: broken(random_state=object()), "random_state: expected plain"),
        (with_note, "SpectralRegressor.note: expected what fit has found"),
    ],
    ids=["class", "device", "NaN", "object", "note"],
)
def test_what_could_not_be_read_is_not_saved(tmp_path, make, part):
    with pytest.raises(UserError, match=part):
        make().save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


@contextmanager
def full_disk() -> Iterator[None]:
    """Let files be no longer than a thousand bytes, and fail like a full disk.

    What pytest writes its results to may be longer: within a test only.
    """
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_full_disk_leaves_what_was_there(tmp_path):
    model = SpectralRegressor(**FAST).fit(X, VALUE)
    (tmp_path / "old").write_text("old")
    with full_disk():
        new = "new: expected a file that can be written, f"
        with pytest.raises(UserError, match=new):
            model.save(tmp_path / "new")
        with pytest.raises(UserError, match="old: expected .*: File too large"):
            model.save(tmp_path / "old")
    assert (tmp_path / "old").read_text() == "old"
    assert os.listdir(tmp_path) == ["old"]


def test_a_place_that_nothing_can_be_written_to_is_named(tmp_path):
    model = SpectralRegressor(**FAST).fit(X, VALUE)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for place in ("file/model", "folder"):
        with pytest.raises(UserError, match=f"{place}: expected a file that can be w"):
            model.save(tmp_path / place)
    with pytest.raises(UserError, match="/proc/model: expected a file that can be w"):
        model.save("/proc/model")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert os.listdir(tmp_path / "folder") == []


def test_a_file_is_replaced_when_the_new_one_is_complete(tmp_path, monkeypatch):
    first, second = saved(tmp_path), SpectralRegressor(**FAST).fit(X, VALUE)
    content = (tmp_path / "model").read_bytes()
    replace, seen = os.replace, []

    def watched(source: Path, destination: Path) -> None:
        seen.append((destination.read_bytes(), load(source).predict(X).tolist()))
        replace(source, destination)

    monkeypatch.setattr(os, "replace", watched)
    second.save(tmp_path / "model")
    assert seen == [(content, second.predict(X).tolist())]
    assert type(load(tmp_path / "model")) is not type(first)
    assert os.listdir(tmp_path) == ["model"]


# What cannot be read --------------------------------------------------------------


@cache
def classifier() -> Any:
    model = SpectralClassifierCV(**FAST, **CHOICE).fit(NAMED, TEXT.astype(object))
    return selecting(model)


def saved(folder: Path) -> Any:
    """Save a classifier that has everything, and return it."""
    classifier().save(folder / "model")
    return classifier()


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected ")
    assert len(message.splitlines()) <= 2 and len(message) < 600
    for part in parts:
        assert part in message


OTHERS: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("a,b\n1,2\n"),
    "pickle": lambda path: path.write_bytes(pickle.dumps(classifier())),
    "torch": lambda path: torch.save({"a": torch.ones(1)}, path),
    "arrays": lambda path: np.savez(path.open("wb"), estimator=np.ones(3)),
    "zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "JSON": lambda path: rewritten(path, b"[]", {}),
    "no JSON": lambda path: rewritten(path, b"{", {}),
    "no text": lambda path: rewritten(path, b"\xff\xfe\x00", {}),
    "deep": lambda path: rewritten(path, b"[" * 10**5, {}),
    "another format": lambda path: rewritten(path, b'{"format": "cake"}', {}),
}


def rewritten(
    path: Path, header: bytes, arrays: dict[str, bytes], how: int = 0
) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("estimator.json", header)
        for name, content in arrays.items():
            archive.writestr(name, content)


def assert_refused(
    folder: Path, change: Callable[[dict, dict[str, bytes]], Any], part: str
) -> None:
    """Change header or arrays of a file, and read it."""
    saved(folder)
    header, arrays = parts(folder / "model")
    change(header, arrays)
    rewritten(folder / "model", json.dumps(header).encode(), arrays)
    refused(folder / "model", "a damaged file or another one (", part)


@pytest.mark.filterwarnings("ignore:unclosed file")
@pytest.mark.parametrize("name", OTHERS)
def test_another_file_is_refused(tmp_path, name):
    OTHERS[name](tmp_path / "model")
    refused(tmp_path / "model", "a damaged file or another one (", "save the estimator")


def test_there_has_to_be_a_file(tmp_path):
    refused(tmp_path / "model", "found none")
    refused(tmp_path, "found a folder")


def test_a_file_that_ends_too_early_is_refused(tmp_path):
    saved(tmp_path)
    content = (tmp_path / "model").read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        (tmp_path / "part").write_bytes(content[:length])
        refused(tmp_path / "part", "a damaged file")


def test_a_file_with_a_wrong_byte_is_refused_or_says_the_same(tmp_path):
    """Of dates and rights in the archive nothing depends."""
    model = saved(tmp_path)
    content = bytearray((tmp_path / "model").read_bytes())
    expected, same = model.predict_proba(NAMED), 0
    places = range(0, len(content), 31)
    for place in places:
        content[place] ^= 1 << place % 8
        (tmp_path / "wrong").write_bytes(content)
        content[place] ^= 1 << place % 8
        try:
            read = load(tmp_path / "wrong")
        except UserError as error:
            assert "a damaged file" in str(error)
            continue
        same += 1
        assert_same(read.predict_proba(NAMED), expected)
        for key in vars(model).keys() - model.get_params().keys() - {"_network"}:
            assert_same(vars(read)[key], vars(model)[key])
    assert 0 < same < 0.2 * len(places)


def test_another_version_is_named(tmp_path):
    saved(tmp_path)
    header, arrays = parts(tmp_path / "model")
    for version in (2, 0, "1", None):
        changed = header | {"version": version, "made_with": "9.9"}
        rewritten(tmp_path / "model", json.dumps(changed).encode(), arrays)
        refused(
            tmp_path / "model",
            f"version 1 of the format, found {version!r}, made with '9.9'",
            "or fit again",
        )


def parts(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(arrays.pop("estimator.json")), arrays


def array(values: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def claiming(shape: str) -> bytes:
    """An array whose header claims to be of another shape."""
    content = array(np.zeros(4))
    former = b"'shape': (4,), }" + b" " * len(shape)
    assert former in content
    claim = f"'shape': {shape}, }}".encode().ljust(len(former))
    return content.replace(former, claim)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a function": (lambda h: h.update(estimator="load"), "no estimator 'load'"),
    "a base": (lambda h: h.update(estimator="SpectralEstimator"), "no estimator"),
    "another": (lambda h: h.update(estimator="SpectralRegressorCV"), "class_weight"),
    "a list": (lambda h: h.update(estimator=["SpectralClassifier"]), "unhashable"),
    "a module": (lambda h: h.update(estimator="persistence"), "no estimator"),
    "no format": (lambda h: h.pop("format"), "KeyError: 'format'"),
    "no settings": (lambda h: h.pop("settings"), "KeyError: 'settings'"),
    "unknown setting": (lambda h: h["settings"].update(colour=1), "colour"),
    "missing setting": (lambda h: h["settings"].pop("ridge"), "missing"),
    "strange setting": (lambda h: h["settings"].update(ridge={"eval": []}), "eval"),
    "strange settings": (lambda h: h.update(settings=[]), "AttributeError"),
    "unknown attribute": (lambda h: h["attributes"].update(fit=1), "fit is unknown"),
    "a class": (lambda h: h["attributes"].update(__class__=1), "__class__ is unknown"),
    "missing attribute": (lambda h: h["attributes"].pop("alpha_"), "alpha_ is missing"),
    "strange attribute": (
        lambda h: h["attributes"].update(alpha_="x"),
        "alpha_ is 'x'",
    ),
    "number of inputs": (lambda h: h["attributes"].update(n_features_in_=5), "is 5"),
    "labels": (lambda h: h["attributes"].update(classes_=1), "classes_ is of a type"),
    "more labels": (
        lambda h: h["attributes"]["classes_"]["labels"].append("z"),
        "classes_ has the shape (3,)",
    ),
    "fewer names": (
        lambda h: h["attributes"]["feature_names_in_"]["labels"].pop(),
        "feature_names_in_ has the shape (3,)",
    ),
    "more inputs": (lambda h: h.update(inputs=5), "network/layers.0.eigenvalues"),
    "huge inputs": (lambda h: h.update(inputs=10**15), "network/layers.0.eigenvalues"),
    "giant inputs": (lambda h: h.update(inputs=10**30), "Error"),
    "negative inputs": (lambda h: h.update(inputs=-4), "Error"),
    "inputs as text": (lambda h: h.update(inputs="4"), "Error"),
    "huge replicas": (lambda h: h.update(replicas=10**12), "network/layers.0"),
    "huge layer": (
        lambda h: h["architecture"]["hidden"][0].update(units=10**15),
        "network/layers.0",
    ),
    "another layer": (
        lambda h: h["architecture"]["hidden"].append(h["architecture"]["hidden"][0]),
        "network/layers",
    ),
    "unknown layer": (
        lambda h: h["architecture"]["hidden"][0].update(activation="os.system"),
        "activation",
    ),
    "unknown network": (lambda h: h["architecture"].update(depth=3), "'depth'"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_makes_no_sense_is_refused(tmp_path, name):
    change, part = HEADERS[name]
    assert_refused(tmp_path, lambda header, arrays: change(header), part)


ARRAYS: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "missing": (lambda a: a.pop("fitted/_centre.npy"), "_centre is missing"),
    "missing weights": (lambda a: a.pop("network/layers.0.bias.npy"), "layers.0.bias"),
    "unknown": (lambda a: a.update({"fitted/fit.npy": array([1.0])}), "fit is unknown"),
    "unknown weights": (
        lambda a: a.update({"network/x.npy": array([1.0])}),
        "no place for network/x",
    ),
    "a path": (
        lambda a: a.update({"../../estimator.npy": array([1.0])}),
        "no place for ../../estimator",
    ),
    "an absolute path": (
        lambda a: a.update({"/tmp/fitted/_centre.npy": array([1.0])}),
        "no place for /tmp",
    ),
    "a path inside": (
        lambda a: a.update({"fitted/../_centre.npy": array([1.0])}),
        ".. is unknown",
    ),
    "a folder": (lambda a: a.update({"fitted/": b""}), "Error"),
    "a file": (lambda a: a.update({"fitted/_centre.npy": b"1,2"}), "Error"),
    "too short": (
        lambda a: a.update({"fitted/_centre.npy": array(np.ones(3))}),
        "_centre has the shape (3,)",
    ),
    "another dimension": (
        lambda a: a.update({"fitted/_spread.npy": array(np.ones((4, 1)))}),
        "_spread has the shape (4, 1)",
    ),
    "no number": (
        lambda a: a.update({"fitted/_spread.npy": array(np.full(4, np.nan))}),
        "not finite",
    ),
    "another type": (
        lambda a: a.update({"fitted/selected_.npy": array(np.ones(4))}),
        "selected_ is of a type",
    ),
    "text": (
        lambda a: a.update({"fitted/_centre.npy": array(["a"] * 4)}),
        "_centre is of a type",
    ),
    "objects": (
        lambda a: a.update({"fitted/_centre.npy": array(np.array([None] * 4))}),
        "allow_pickle",
    ),
    "weights of another shape": (
        lambda a: a.update({"network/layers.0.bias.npy": array(np.ones((2, 9)))}),
        "network/layers.0.bias is float64[2, 9]",
    ),
    "whole weights": (
        lambda a: a.update({"network/layers.0.bias.npy": array(np.ones((2, 4), int))}),
        "network/layers.0.bias is int64[2, 4]",
    ),
    "more than claimed": (
        lambda a: a.update({"fitted/_centre.npy": claiming("(3,)")}),
        "goes on behind",
    ),
    "less than claimed": (
        lambda a: a.update({"fitted/_centre.npy": claiming("(10000000000000,)")}),
        "Error",
    ),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_make_no_sense_are_refused(tmp_path, name):
    change, part = ARRAYS[name]
    assert_refused(tmp_path, lambda header, arrays: change(arrays), part)
    assert os.listdir(tmp_path) == ["model"]


def test_a_file_takes_no_more_memory_than_it_is_large(tmp_path):
    saved(tmp_path)
    header, arrays = parts(tmp_path / "model")
    arrays["fitted/_centre.npy"] = array(np.zeros(10**6))
    text = json.dumps(header).encode()
    rewritten(tmp_path / "model", text, arrays, how=zipfile.ZIP_DEFLATED)
    refused(tmp_path / "model", "its parts are compressed")
    rewritten(tmp_path / "model", text, arrays)
    with zipfile.ZipFile(tmp_path / "model", "a") as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        archive.filelist.extend([largest] * 2)
        archive.writestr("end", b"")
    refused(tmp_path / "model", "its parts are larger than the file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_in_a_file_are_different(tmp_path):
    saved(tmp_path)
    with zipfile.ZipFile(tmp_path / "model", "a") as archive:
        archive.writestr("fitted/_centre.npy", array(np.ones(4)))
    refused(tmp_path / "model", "two of its parts have the same name")
