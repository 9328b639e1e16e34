"""Fitted estimators as files without pickle: a zip of JSON and of NumPy arrays.

Nothing in such a file is code, and reading it runs none. Its arrays are stored as they
are, so that reading takes no more memory than the file has bytes.
"""

import io
import json
import math
import os
import textwrap
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

import spectral_relevance
from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing
from spectral_relevance.networks import Architecture, Network

if TYPE_CHECKING:
    from spectral_relevance.estimators.base import SpectralEstimator

Array = np.ndarray[Any, np.dtype[Any]]

FORMAT = "spectral-relevance estimator"
VERSION = 1
"""The version of the format; files of another one are refused."""

HEADER = "estimator.json"
STARTED = (1980, 1, 1, 0, 0, 0)
"""The time of each file in the archive: the same estimator is the same bytes."""

NUMBERS = {"n_features_in_": int, "alpha_": float, "_one_value": bool}
"""Attributes of a fitted estimator that are single numbers, with their types."""

ARRAYS = {
    "_centre": ("f", "inputs"),
    "_spread": ("f", "inputs"),
    "_target_centre": ("f", "outputs"),
    "_target_spread": ("f", "outputs"),
    "classes_": ("biufUO", "outputs"),
    "cv_results_": ("f", None),
    "feature_importances_": ("f", "inputs"),
    "feature_names_in_": ("O", "inputs"),
    "importances_std_": ("f", "inputs"),
    "selected_": ("b", "inputs"),
    "selection_frequency_": ("f", "inputs"),
    "validation_loss_": ("f", "replicas"),
}
"""Those that are arrays: the kinds of their types, and how long they are."""

OPTIONAL = {"feature_names_in_", "_sklearn_output_config"}
"""Those that not each fitted estimator has; the second is of `set_output`."""

OF_CLASSES = {"classes_"}
OF_VALUES = {"_one_value", "_target_centre", "_target_spread"}
OF_CHOICE = {"cv_results_"}

ESTIMATORS = {
    "SpectralClassifier": OF_CLASSES,
    "SpectralClassifierCV": OF_CLASSES | OF_CHOICE,
    "SpectralRegressor": OF_VALUES,
    "SpectralRegressorCV": OF_VALUES | OF_CHOICE,
}
"""What can be saved, with the attributes that not all of them have."""


def save(estimator: "SpectralEstimator", path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator into one file; see :meth:`SpectralEstimator.save`."""
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if type(estimator) is not _class(name):
        raise UserError(
            f"{name}: expected one of {', '.join(ESTIMATORS)}, found another class, "
            "which load would not know.",
        )
    network = estimator._network
    attributes, arrays = _split(estimator)
    state = network.state_dict()
    arrays |= {f"network/{key}": tensor.numpy() for key, tensor in state.items()}
    settings = estimator.get_params(deep=False)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "made_with": spectral_relevance.__version__,
        "estimator": name,
        "settings": {k: _plain(v, f"{name}.{k}") for k, v in settings.items()},
        "architecture": asdict(network.architecture),
        "inputs": network.inputs,
        "replicas": network.replicas,
        "attributes": attributes,
    }
    # Numbers of units may be NumPy's.
    text = json.dumps(header, indent=2, default=lambda number: number.item()).encode()
    try:
        with replacing(Path(path)) as temporary:
            _write(temporary, text, arrays)
    except OSError as error:
        raise UserError(
            f"{path}: expected a file that can be written, found: "
            f"{error.strerror or error}."
        ) from error


def load(path: str | os.PathLike[str]) -> "SpectralEstimator":
    """Read an estimator that :meth:`SpectralEstimator.save` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    estimator
        A fitted one of the class that was saved, which predicts the same to the bit.

    Raises
    ------
    UserError
        If there is no such file, or it is damaged, of another version or none of these.
    """
    if not Path(path).is_file():
        found = "a folder" if Path(path).is_dir() else "none"
        raise UserError(f"{path}: expected the file of an estimator, found {found}.")
    try:
        header, arrays = _read(Path(path))
        if header["version"] == VERSION:
            return _made(header, arrays)
        found = f"{header['version']!r}, made with {header['made_with']!r}"
    # Whatever a damaged or foreign file leads to.
    except Exception as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
        raise UserError(
            f"{path}: expected an estimator that save wrote, found a damaged file or "
            f"another one ({reason}).",
            "save the estimator again.",
        ) from error
    raise UserError(
        f"{path}: expected version {VERSION} of the format, found {found}.",
        "read it with that version of spectral-relevance, or fit again.",
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what is in a file: the header, and the arrays of this version."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its parts are compressed")
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError("its parts are larger than the file")
        header: dict[str, Any] = json.loads(archive.read(HEADER))
        if header["format"] != FORMAT:
            raise ValueError(f"its format is {header['format']!r}")
        if header["version"] != VERSION:
            return header, {}
        names = [entry.filename for entry in entries if entry.filename != HEADER]
        arrays = {name.removesuffix(".npy"): _array(archive, name) for name in names}
        if len(arrays) < len(names):
            raise ValueError("two of its parts have the same name")
        return header, arrays


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    """Return an array of finite numbers or of text."""
    file = io.BytesIO(archive.read(name))
    array: Array = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):
        raise ValueError(f"{name} goes on behind the array")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} has numbers that are not finite")
    return array


def _made(header: dict[str, Any], arrays: dict[str, Array]) -> "SpectralEstimator":
    name = header["estimator"]
    if name not in ESTIMATORS:
        raise ValueError(f"there is no estimator {name!r}")
    settings = {key: _restored(value) for key, value in header["settings"].items()}
    estimator = cast("SpectralEstimator", _class(name)(**settings))
    if settings.keys() != estimator.get_params(deep=False).keys():
        raise ValueError("there are settings missing")
    network = _network(header, arrays)
    attributes = {k: _restored(v) for k, v in header["attributes"].items()}
    for key, array in arrays.items():
        folder, _, attribute = key.partition("/")
        attribute, _, part = attribute.partition("/")
        if folder != "fitted":
            raise ValueError(f"there is no place for {key}")
        if part:
            attributes.setdefault(attribute, {})[part] = array
        else:
            attributes[attribute] = array
    _check(name, attributes, network)
    estimator.__dict__.update(attributes)
    estimator._network = network
    return estimator


def _network(header: dict[str, Any], arrays: dict[str, Array]) -> Network:
    """Return the network, and take its arrays out of those that are given."""
    architecture = Architecture.of(header["architecture"])
    with torch.device("meta"):  # nothing is allocated for sizes that are made up
        network = Network(header["inputs"], architecture, header["replicas"])
    state = {}
    for key, expected in network.state_dict().items():
        array = arrays.pop(f"network/{key}")
        if array.shape != expected.shape or array.dtype.kind != "f":
            raise ValueError(f"network/{key} is {array.dtype}{list(array.shape)}")
        state[key] = torch.from_numpy(array)
    network.load_state_dict(state, assign=True)
    return network.eval()


def _check(name: str, attributes: dict[str, Any], network: Network) -> None:
    """Raise unless there is all that fit finds, and nothing else."""
    of_all = (NUMBERS.keys() | ARRAYS.keys()) - OF_CLASSES - OF_VALUES - OF_CHOICE
    expected = of_all - OPTIONAL | ESTIMATORS[name]
    for key in attributes.keys() ^ expected:
        if key in expected or key not in OPTIONAL:
            raise ValueError(f"{key} is {'missing' if key in expected else 'unknown'}")
    for key in attributes.keys() & NUMBERS:
        if type(attributes[key]) is not NUMBERS[key]:
            raise ValueError(f"{key} is {attributes[key]!r}")
    if attributes["n_features_in_"] != network.inputs:
        raise ValueError(f"n_features_in_ is {attributes['n_features_in_']}")
    sizes = {
        "inputs": network.inputs,
        "outputs": network.architecture.outputs,
        "replicas": network.replicas,
    }
    for key in attributes.keys() & ARRAYS:
        kinds, length = ARRAYS[key]
        value = attributes[key]
        if value is None and key in ("selected_", "selection_frequency_"):
            continue
        for array in value.values() if isinstance(value, dict) else [value]:
            if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
                raise ValueError(f"{key} is of a type that it never has")
            if length is not None and array.shape != (sizes[length],):
                raise ValueError(f"{key} has the shape {array.shape}")


def _class(name: str) -> Any:
    """Return the estimator of a name; None where there is none."""
    from spectral_relevance import estimators  # which imports this module

    return getattr(estimators, name) if name in ESTIMATORS else None


def _split(estimator: "SpectralEstimator") -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the attributes of a fitted estimator as JSON has them, and as arrays."""
    name = type(estimator).__name__
    settings = estimator.get_params(deep=False)
    fitted = {k: v for k, v in vars(estimator).items() if k not in settings}
    del fitted["_network"]
    attributes: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for key, value in fitted.items():
        what = f"{name}.{key}"
        if key not in NUMBERS.keys() | ARRAYS.keys() | OPTIONAL:
            raise UserError(
                f"{what}: expected what fit has found, found an attribute that is not "
                "saved.",
                "delete it first.",
            )
        if key == "cv_results_":
            arrays |= {f"fitted/{key}/{k}": array for k, array in value.items()}
        elif isinstance(value, np.ndarray) and value.dtype != object:
            arrays[f"fitted/{key}"] = value
        elif isinstance(value, np.ndarray):
            labels = [_plain(item, what) for item in value.tolist()]
            attributes[key] = {"labels": labels}
        else:
            attributes[key] = _plain(value, what)
    return attributes, arrays


def _plain(value: Any, what: str) -> Any:
    """Return a setting as JSON has it; what JSON has not is marked."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{what}: expected a finite number, found {value!r}.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | np.ndarray):
        return {"list": [_plain(item, what) for item in value]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, what) for item in value]}
    if isinstance(value, Mapping):
        pairs = [[_plain(k, what), _plain(v, what)] for k, v in value.items()]
        return {"pairs": pairs}
    if isinstance(value, np.random.RandomState):
        return None  # it has gone on since; what was found does not need it
    raise UserError(
        f"{what}: expected plain numbers, texts and lists, which can be saved, found "
        f"{type(value).__name__}."
    )


def _restored(value: Any) -> Any:
    """Return what :func:`_plain` was given."""
    if not isinstance(value, dict):
        return value
    ((kind, items),) = value.items()
    if kind == "pairs":
        return {_restored(k): _restored(v) for k, v in items}
    restored = [_restored(item) for item in items]
    if kind == "labels":
        labels = np.empty(len(restored), dtype=object)
        labels[:] = restored
        return labels
    return {"list": list, "tuple": tuple}[kind](restored)


def _write(path: Path, header: bytes, arrays: dict[str, Array]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_entry(HEADER), header)
        for key, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(_entry(f"{key}.npy"), content.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, STARTED)
    entry.create_system = 3  # the same everywhere
    entry.external_attr = 0o644 << 16
    return entry
