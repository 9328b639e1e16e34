"""Seeds and small examples that the tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spectral_relevance.data import Dataset
from spectral_relevance.replication import measures

SPEED = Path(__file__).resolve().parents[1] / "speed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds",
        type=int,
        default=1,
        help="how many seeds every random test is run with (default: 1)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # The arrays are small: several threads would mostly wait for one another.
    torch.set_num_threads(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give random tests their seeds, so that the name of a failed one tells it."""
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("seeds")
        metafunc.parametrize("seed", range(count), ids="seed={}".format)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let intervals be rough: how good they are is tested where they are made."""
    monkeypatch.setattr(measures, "RESAMPLES", 199)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def double() -> Iterator[None]:
    """Compute in float64, so that two ways of computing agree to many digits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def classes(rng: np.random.Generator) -> Dataset:
    """Two classes that the first two of five inputs tell apart."""
    y = rng.integers(0, 2, size=160)
    x = rng.normal(0, 0.5, size=(160, 5))
    x[:, :2] += np.where(y == 1, 0.7, -0.7)[:, None]
    return _dataset(x.astype(np.float32), y)


@pytest.fixture
def values(rng: np.random.Generator) -> Dataset:
    """A regression on the first of five inputs, one unit being 2.5 dex."""
    x = rng.normal(0, 1, size=(160, 5))
    y = np.tanh(x[:, 0]) + rng.normal(0, 0.1, size=160)
    return _dataset(x.astype(np.float32), y.astype(np.float32), target_scale=2.5)


def _dataset(x: np.ndarray, y: np.ndarray, **settings: Any) -> Dataset:
    return Dataset(
        x_train=x[30:],
        y_train=y[30:],
        x_test=x[:30],
        y_test=y[:30],
        features=np.array([f"x{j + 1}" for j in range(x.shape[1])]),
        truth=np.full(x.shape[1], np.nan),
        **settings,
    )


@pytest.fixture
def description() -> dict[str, Any]:
    """A spectral network in which every option of a layer occurs."""
    return {
        "parametrisation": "spectral",
        "hidden": [
            {"units": 7, "activation": "tanh", "batch_norm": True, "dropout": 0.25},
            {"units": 6, "activation": "relu", "batch_norm": False, "dropout": 0.1},
            {"units": 4, "activation": "linear", "batch_norm": False, "dropout": 0},
        ],
        "output": {"units": 2, "activation": "linear"},
    }


@pytest.fixture
def speed_scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the scripts be imported as they import one another, and forget them."""
    monkeypatch.syspath_prepend(SPEED)
    monkeypatch.setenv("SPECTRAL_RELEVANCE_UNCHECKED", "")  # which one of them sets
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == SPEED:
            del sys.modules[name]
