"""Small tables in the shapes that the figures are drawn from."""

import numpy as np
import pandas as pd

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets

SEEDS = (3, 5, 8)
COUNTS = (1, 10, 100)
SIZES = {"examples_500": 500, "examples_60": 60, "examples_9000": 9000}
PENALTIES = {"eigenvalues_1em4": 1e-4, "eigenvalues_1em8": 1e-8}
ARCHITECTURES = ("base", "shallow", "no_batch_norm")


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
    table = pd.DataFrame(rows, columns=columns)
    ranked = table["selection"] == "ranked"
    return table.assign(metric_reestimated=(table["metric"] / 2).where(ranked))


def performance(seeds=SEEDS):
    metric = np.linspace(0.8, 0.9, len(seeds))
    table = pd.DataFrame({"variant": "base", "seed": seeds, "metric": metric})
    return table.assign(metric_reestimated=metric + 0.05)


def controls(counts, seeds=SEEDS, draws=4, variants=("base",), few=(14, 20)):
    """Other rankings masked at all counts, each protocol at a few."""
    rng = np.random.default_rng(6)
    rows = []
    for ranking in ("spectral", "norms", "univariate", "random"):
        for protocol in ("masked", "reestimated", "retrained"):
            others = protocol == "masked" and ranking in ("norms", "univariate")
            rows += [
                (variant, seed, ranking, protocol, draw, n, rng.uniform(0.5, 1))
                for variant in variants
                for seed in seeds
                for draw in range(draws if ranking == "random" else 1)
                for n in (sorted({*counts, *few}) if others else few)
            ]
    columns = ["variant", "seed", "ranking", "protocol", "draw", "inputs", "metric"]
    return pd.DataFrame(rows, columns=columns)


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
    """The spectral method and others, whose effort is proportional to the examples."""
    tables = [scores(names, seeds, sparse=sparse).assign(operations=1_000)]
    for place, method in enumerate(methods, 1):
        for number in examples:
            about = {"method": method, "examples": number}
            table = scores(names, seeds, seed=place * number, sparse=sparse, **about)
            slow = 1 + 0.1 * table["seed"].rank(method="dense") ** 2
            effort = {"seconds": 0.01 * number * slow, "operations": 50_000 * number}
            tables.append(table.assign(**effort))
    return pd.concat(tables, ignore_index=True)


def variants(**parts):
    """One table of several variants."""
    return pd.concat([table.assign(variant=name) for name, table in parts.items()])


def noisy(rng, variant, seed, truth, method="spectral", examples=0, noise=0.3):
    names = [f"x{j + 1}" for j in range(len(truth))]
    score = np.abs(np.asarray(truth) + rng.normal(0, noise, len(truth)))
    return pd.DataFrame(
        {
            "variant": variant,
            "seed": seed,
            "method": method,
            "examples": examples,
            "feature": names,
            "truth": truth,
            "score": score,
            "seconds": rng.uniform(1e-3, 1),
        }
    )


def two_features(seeds=SEEDS):
    rng = np.random.default_rng(0)
    datasets, tables = {}, {"spectral": [], "lasso": []}
    for variant, correlation in (("independent", 0.0), ("correlated", 0.8)):
        y = np.arange(6000) % 2
        x = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 6000)
        x[:, 1] += y
        datasets[variant, None] = Dataset(
            x, y, x[:9], y[:9], np.array(["x1", "x2"]), np.array([0.0, 1.0])
        )
        for method, runs in tables.items():
            truth = [correlation, 1.0]
            runs += [noisy(rng, variant, seed, truth, method) for seed in seeds]
    return Datasets(datasets), *map(pd.concat, tables.values())


def several_features(seeds=SEEDS):
    rng = np.random.default_rng(1)
    datasets, tables = {}, []
    names = np.array([f"x{j}" for j in range(1, 5)])
    truth = np.array([1.0, 0, 0, 0])
    for variant, spread in (("spread_1", 1.0), ("spread_0", 0.0)):
        for seed in seeds:
            x = rng.normal(size=(50, 1)) + spread * rng.normal(size=(50, 4))
            y = np.arange(50) % 2
            datasets[variant, seed] = Dataset(x, y, x, y, names, truth)
            tables.append(noisy(rng, variant, seed, truth, noise=0))
    tables[-1]["score"] = [0.11, 0.0, 2.0, 0.09]
    tables[0]["score"] = 0.0
    return Datasets(datasets), pd.concat(tables)


def both_networks(seeds=SEEDS):
    rng = np.random.default_rng(2)
    truth = np.repeat([1.0, 0.0], (4, 6))
    tables = []
    for seed in seeds:
        for variant in ("spectral", "mlp"):
            for method in ("spectral", "lasso"):
                tables.append(noisy(rng, variant, seed, truth, method))
            for method in ("saliency", "integrated_gradients", "shap"):
                tables += [noisy(rng, variant, seed, truth, method, n) for n in COUNTS]
    table = pd.concat(tables)
    return table.assign(operations=1_000 + 50_000 * table["examples"])


def sizes_and_penalties(seeds=SEEDS):
    """Return tables of runs whose datasets have truths of their own."""
    rng = np.random.default_rng(3)
    tables, rows = [], []
    for variant in (*SIZES, *PENALTIES):
        for seed in seeds:
            truth = np.where(rng.permutation(8) < 5, rng.uniform(0.1, 1.4, 8), 0)
            tables.append(noisy(rng, variant, seed, truth))
            rows.append(
                {
                    "variant": variant,
                    "seed": seed,
                    "dataset.examples": SIZES.get(variant, 9000),
                    "regularisation.eigenvalues": PENALTIES.get(variant, 1e-6),
                }
            )
    return pd.concat(tables), pd.DataFrame(rows)


def architectures(seeds=SEEDS):
    rng = np.random.default_rng(4)
    truth = np.array([0, 1.2, 0.4, 0, 0.8])
    runs = [(variant, seed) for variant in ARCHITECTURES for seed in seeds]
    performance = pd.DataFrame(runs, columns=["variant", "seed"])
    performance["metric"] = rng.uniform(0.9, 1, len(runs))
    return pd.concat([noisy(rng, *run, truth) for run in runs]), performance


L1 = {"strong": (1e-1, 1e-4), "weak": (1e-3, 1e-6)}
KERNELS = {"l2_weak": ("l2", 1e-4), "l2_strong": ("l2", 1e-2), "l1_weak": ("l1", 1e-5)}


def open_settings(seeds=SEEDS):
    """The tables of Fig. S4."""
    rng = np.random.default_rng(7)

    def performances(settings, columns):
        rows = [
            (variant, seed, rng.uniform(0.98, 1), rng.uniform(0.98, 1), *values)
            for variant, values in settings.items()
            for seed in seeds
        ]
        columns = [f"regularisation.{column}" for column in columns]
        names = ["variant", "seed", "metric", "metric_reestimated", *columns]
        return pd.DataFrame(rows, columns=names)

    def shap(names, truth):
        kinds = {"plain": 1, **dict.fromkeys(KERNELS, 1)}
        return pd.concat(
            scores(names, seeds, seed=i, sparse=0.4, truth=truth, method="shap")
            .assign(variant=variant)
            .assign(examples=5)
            for i, variant in enumerate(kinds)
        )

    strengths = ("eigenvalues", "eigenvectors")
    kernels = {"plain": (None, np.nan), **KERNELS}
    pixels = scores(PIXELS, seeds, sparse=0.8)
    features = [f"x{i}" for i in range(1, 11)]
    truth = np.repeat([1.0, 0.0], (4, 6))
    return {
        "fives": controls([], seeds),
        "fives_settings": controls([], seeds[:1], variants=("b_10", "l1"), few=(14,)),
        "l1_performance": performances(L1, strengths),
        "l1_relevance": variants(**{v: scores(PIXELS, seeds, seed=8) for v in L1}),
        "regimes_performance": performances(
            {"few_epochs": (1e-2, 1e-4), "l1": (1e-2, 1e-5)}, strengths
        ),
        "regimes_relevance": variants(few_epochs=pixels, l1=pixels),
        "mlp_performance": performances(kernels, ("norm", "kernel")),
        "mlp": shap(PIXELS, np.nan),
        "penalties_performance": performances(kernels, ("norm", "kernel")),
        "penalties": shap(features, truth),
        "detected": both_networks(seeds),
        "zeros": pixels,
        "fives_relevance": pixels,
        "stars": scores(stars().first.features, seeds),
        "images": images(),
    }


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


def panels(figure):
    """The axes by their bold letter."""
    return {
        text.get_text(): axes
        for axes in figure.axes
        for text in axes.texts
        if text.get_fontweight() == "bold"
    }


def errorbars(axes):
    return [c for c in axes.containers if hasattr(c, "has_yerr")]


def data_of(line):
    return np.array(line.get_data(orig=False), dtype=float)


def half_lengths(container):
    (bars,) = container[2]
    return [np.ptp(segment, axis=0).max() / 2 for segment in bars.get_segments()]


def check_no_spread(figures):
    """Check that figures of a single run show neither a spread nor a NaN."""
    for number, figure in figures.items():
        figure.draw_without_rendering()
        for axes in figure.axes:
            found = [axes.get_xlabel(), axes.get_ylabel()]
            found += [text.get_text() for text in axes.texts]
            assert not any("±" in text or "nan" in text for text in found), number
            assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
        for legend in figure.legends:
            assert "±" not in legend.get_title().get_text()
