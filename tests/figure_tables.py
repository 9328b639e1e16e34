"""Small tables in the shapes that the figures are drawn from."""

import numpy as np
import pandas as pd

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets

SEEDS = (3, 5, 8)


def scores(names, seeds=SEEDS, *, seed=0, sparse=0.0, truth=np.nan, **columns):
    """Random scores, a share of them 0."""
    rng = np.random.default_rng(seed)
    constant = {"variant": "base", "method": "spectral", "examples": 0} | columns
    tables = []
    for run in seeds:
        score = rng.uniform(0.1, 2, size=len(names))
        score[rng.uniform(size=len(names)) < sparse] = 0
        table = pd.DataFrame({"seed": run, "feature": names, "truth": truth})
        table = table.assign(**constant, score=score, seconds_spread=np.nan)
        tables.append(table.assign(seconds=rng.uniform(1, 2) * 1e-4))
    return pd.concat(tables, ignore_index=True)


def matrix(table):
    """The scores, a row for each seed, divided by the largest of the row."""
    rows = [run["score"].to_numpy() for _, run in table.groupby("seed")]
    return np.array(rows) / np.max(rows, axis=1, keepdims=True)


def curve(counts, seeds=SEEDS, draws=4):
    rng = np.random.default_rng(1)
    rows = [
        ("base", seed, selection, draw, n, rng.uniform(0.5, 1))
        for seed in seeds
        for selection, number in (("ranked", 1), ("random", draws))
        for draw in range(number)
        for n in counts
    ]
    columns = ["variant", "seed", "selection", "draw", "inputs", "metric"]
    return pd.DataFrame(rows, columns=columns)


def performance(seeds=SEEDS):
    metric = np.linspace(0.8, 0.9, len(seeds))
    return pd.DataFrame({"variant": "base", "seed": seeds, "metric": metric})


def alone(*content):
    """Datasets of which all runs share the one."""
    return Datasets({("", None): Dataset(*content)})


def gaussian():
    truth = np.array([0, 1.2, 0.3, 0, 0.7, 0.0])
    names = np.array([f"x{i}" for i in range(1, 7)])
    y = np.arange(400) % 2
    rng = np.random.default_rng(2)
    x = (rng.normal(-0.5, 0.5, (400, 6)) + np.outer(y, truth)).astype(np.float32)
    return alone(x, y, x[:10], y[:10], names, truth)


def pairs():
    """Four features whose pairs differ in sign in class 1, and two irrelevant ones."""
    truth = np.array([0.3, 0.3, 0.9, 0.9, 0, 0])
    names = np.array([f"x{i}" for i in range(1, 7)])
    rng = np.random.default_rng(5)
    y = np.arange(900) % 2
    x = rng.normal(0, 0.5, (900, 6)).astype(np.float32)
    for first in (0, 2):
        mirrored = (y == 1) & (rng.uniform(size=900) < truth[first])
        x[:, first + 1] = np.where(mirrored, -x[:, first], x[:, first])
    return alone(x, y, x[:10], y[:10], names, truth)


def images(number=5):
    rng = np.random.default_rng(3)
    y = np.arange(2 * number) % 2
    x = rng.uniform(size=(2 * number, 784)).astype(np.float32)
    x[x < 0.5] = 0
    names = np.array([str(i) for i in range(784)])
    return alone(x, y, x, y, names, np.full(784, np.nan))


PIXELS = [str(i) for i in range(784)]


def stars(number=12):
    rng = np.random.default_rng(4)
    wavelength = 3545 + 0.9 * np.arange(4287)
    x = rng.uniform(0.2, 1, (number, wavelength.size)).astype(np.float32)
    y = np.linspace(-1, 0.5, number).astype(np.float32)
    names = np.array([f"{value:.1f}" for value in wavelength])
    return alone(x, y, x, y, names, np.full(wavelength.size, np.nan), 2.0)


def bands():
    rows = [("CaHK", 3899.5, 4003.5), ("TiO2", 6189.6, 6272.1), ("Mgb", 5160, 5192)]
    return pd.DataFrame(rows, columns=["index", "left", "right"])


def comparison(names, methods, seeds=SEEDS, examples=(10, 100, 1000), sparse=0.8):
    """The spectral method and others, whose time is proportional to the examples."""
    tables = [scores(names, seeds, sparse=sparse)]
    for place, method in enumerate(methods, 1):
        for number in examples:
            about = {"method": method, "examples": number}
            table = scores(names, seeds, seed=place * number, sparse=sparse, **about)
            slow = 1 + 0.1 * table["seed"].rank(method="dense") ** 2
            tables.append(table.assign(seconds=0.01 * number * slow))
    return pd.concat(tables, ignore_index=True)


def variants(**parts):
    """One table of several variants."""
    return pd.concat([table.assign(variant=name) for name, table in parts.items()])


def texts(axes):
    return " ".join(text.get_text() for text in axes.texts)


def line(axes, label):
    (found,) = [line for line in axes.lines if line.get_label().startswith(label)]
    return found


def points_of(axes):
    """Position and half the vertical error bar of each point that has one."""
    found = []
    for container in axes.containers:
        if getattr(container, "has_yerr", False):
            points, _, bars = container
            sticks = [np.diff(bar[:, 1]).item() / 2 for bar in bars[-1].get_segments()]
            found += zip(*points.get_data(), sticks, strict=True)
    return found


def letters(figure):
    """The bold letters of the panels."""
    return [
        text.get_text()
        for axes in figure.axes
        for text in axes.texts
        if text.get_fontweight() == "bold"
    ]
