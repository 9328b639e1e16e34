"""Figures 17 to 20 and S1: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.figures import appendix, style

SEEDS = (3, 5, 8)
COUNTS = (1, 10, 100)
SIZES = {"examples_500": 500, "examples_60": 60, "examples_9000": 9000}
PENALTIES = {"eigenvalues_1em4": 1e-4, "eigenvalues_1em8": 1e-8}
ARCHITECTURES = ("base", "shallow", "no_batch_norm")


def _run(rng, variant, seed, truth, method="spectral", examples=0, noise=0.3):
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


def _two_features(seeds=SEEDS):
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
            runs += [_run(rng, variant, seed, truth, method) for seed in seeds]
    return Datasets(datasets), *map(pd.concat, tables.values())


def _spurious(seeds=SEEDS):
    rng = np.random.default_rng(1)
    datasets, tables = {}, []
    names = np.array([f"x{j}" for j in range(1, 5)])
    truth = np.array([1.0, 0, 0, 0])
    for variant, spread in (("spread_1", 1.0), ("spread_0", 0.0)):
        for seed in seeds:
            x = rng.normal(size=(50, 1)) + spread * rng.normal(size=(50, 4))
            y = np.arange(50) % 2
            datasets[variant, seed] = Dataset(x, y, x, y, names, truth)
            tables.append(_run(rng, variant, seed, truth, noise=0))
    tables[-1]["score"] = [0.11, 0.0, 2.0, 0.09]
    tables[0]["score"] = 0.0
    return Datasets(datasets), pd.concat(tables)


def _comparison(seeds=SEEDS):
    rng = np.random.default_rng(2)
    truth = np.repeat([1.0, 0.0], (4, 6))
    tables = []
    for seed in seeds:
        for variant in ("spectral", "mlp"):
            for method in ("spectral", "lasso"):
                tables.append(_run(rng, variant, seed, truth, method))
            for method in ("saliency", "integrated_gradients", "shap"):
                tables += [_run(rng, variant, seed, truth, method, n) for n in COUNTS]
    return pd.concat(tables)


def _settings(seeds=SEEDS):
    """Return tables of runs whose datasets have truths of their own."""
    rng = np.random.default_rng(3)
    tables, rows = [], []
    for variant in (*SIZES, *PENALTIES):
        for seed in seeds:
            truth = np.where(rng.permutation(8) < 5, rng.uniform(0.1, 1.4, 8), 0)
            tables.append(_run(rng, variant, seed, truth))
            rows.append(
                {
                    "variant": variant,
                    "seed": seed,
                    "dataset.examples": SIZES.get(variant, 9000),
                    "regularisation.eigenvalues": PENALTIES.get(variant, 1e-6),
                }
            )
    return pd.concat(tables), pd.DataFrame(rows)


def _architectures(seeds=SEEDS):
    rng = np.random.default_rng(4)
    truth = np.array([0, 1.2, 0.4, 0, 0.8])
    runs = [(variant, seed) for variant in ARCHITECTURES for seed in seeds]
    performance = pd.DataFrame(runs, columns=["variant", "seed"])
    performance["metric"] = rng.uniform(0.9, 1, len(runs))
    return pd.concat([_run(rng, *run, truth) for run in runs]), performance


def _all(seeds=SEEDS):
    """Draw every figure."""
    data, relevance, lasso = _two_features(seeds)
    many, found = _spurious(seeds)
    by_setting, settings = _settings(seeds)
    by_architecture, accuracy = _architectures(seeds)
    return {
        "17": appendix.two_features(data=data, relevance=relevance, lasso=lasso),
        "18": appendix.spurious(data=many, relevance=found),
        "19": appendix.methods_compared(comparison=_comparison(seeds)),
        "20": appendix.robustness_to_settings(
            relevance=by_setting, performance=settings
        ),
        "S1": appendix.architectures(relevance=by_architecture, performance=accuracy),
    }


@pytest.fixture(scope="module")
def figures():
    return _all()


def _letters(figure):
    return {
        text.get_text(): axes
        for axes in figure.axes
        for text in axes.texts
        if text.get_fontweight() == "bold"
    }


def _errorbars(axes):
    return [c for c in axes.containers if hasattr(c, "has_yerr")]


def _data(line):
    return np.array(line.get_data(orig=False), dtype=float)


def _half_lengths(container):
    (bars,) = container[2]
    return [np.ptp(segment, axis=0).max() / 2 for segment in bars.get_segments()]


def test_panels_are_lettered_and_as_wide_as_the_page(figures):
    counts = {"17": 3, "18": 3, "19": 6, "20": 4, "S1": 3}
    for number, figure in figures.items():
        assert "".join(_letters(figure)) == "abcdef"[: counts[number]]
        assert figure.get_figwidth() == pytest.approx(180 / 25.4)


def test_a_single_run_has_no_spread():
    for number, figure in _all(seeds=(7,)).items():
        figure.draw_without_rendering()
        for axes in figure.axes:
            texts = [axes.get_xlabel(), axes.get_ylabel()]
            texts += [text.get_text() for text in axes.texts]
            assert not any("±" in text or "nan" in text for text in texts), number
            assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
        for legend in figure.legends:
            assert "±" not in legend.get_title().get_text()


def test_contours_hold_their_share_of_a_class(figures):
    data, *_ = _two_features()
    panels = _letters(figures["17"])
    for letter, variant in (("b", "independent"), ("c", "correlated")):
        dataset = data.of(variant, 3)
        assert panels[letter].get_title() == variant
        lines = panels[letter].collections[1::2]
        for label, contours in zip((0, 1), lines, strict=True):
            colour = style.COLOURS[f"class {label}"]
            assert same_color(contours.get_edgecolor()[0], colour)
            x = dataset.x_train[dataset.y_train == label]
            shares = [path.contains_points(x).mean() for path in contours.get_paths()]
            np.testing.assert_allclose(shares, appendix.MASSES, atol=0.02)


def test_marginals_show_either_feature_of_both_variants(figures):
    data, *_ = _two_features()
    marginals = [a for a in figures["17"].axes if "density" in a.get_ylabel()]
    for j, axes in enumerate(marginals):
        assert axes.get_xlabel().startswith(f"x{j + 1} ")
        drawn = {patch.get_label(): patch for patch in axes.patches}
        for variant in ("independent", "correlated"):
            dataset = data.of(variant, 3)
            for label in (0, 1):
                corners = drawn[f"class {label}, {variant}"].get_xy()
                edges = np.unique(corners[:, 0])
                values = dataset.x_train[dataset.y_train == label, j]
                expected = np.histogram(values, edges, density=True)[0]
                assert corners[:, 1].max() == pytest.approx(expected.max())


def test_bars_are_shares_and_their_texts_the_values(figures):
    _, relevance, lasso = _two_features()
    below = {axes.get_title(): axes for axes in figures["17"].axes}
    assert set(below) == {"", "independent", "correlated"}
    bars = [axes for axes in figures["17"].axes if "larger" in axes.get_xlabel()]
    for axes, variant in zip(bars, ("independent", "correlated"), strict=True):
        widths, texts = [], []
        for table in (relevance, lasso):
            part = table[table["variant"] == variant]
            scores = part["score"].to_numpy().reshape(3, 2)
            widths += list((scores / scores.max(axis=1, keepdims=True)).mean(axis=0))
            texts += [
                f"{mean:.2f} ± {spread:.2f}"
                for mean, spread in zip(
                    scores.mean(axis=0), scores.std(axis=0, ddof=1), strict=True
                )
            ]
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(widths)
        assert [text.get_text() for text in axes.texts] == texts
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == ["x1", "x2"] and "n = 3" in axes.get_xlabel()


def test_spurious_features_by_correlation_strength(figures):
    data, relevance = _spurious()
    rows = []
    for (variant, seed), run in relevance.groupby(["variant", "seed"]):
        x = pd.DataFrame(data.of(variant, seed).x_train)
        strength = (x.corr().to_numpy().sum() - 4) / 12
        score = run["score"].to_numpy()
        feature = score.argmax() + 1 if score.any() else np.nan
        number = sum(value > 0.05 * score.max() for value in score)
        rows.append((strength, feature, score.max(), number))
    expected = pd.DataFrame(rows, columns=["strength", *"abc"])
    assert set(expected["c"]) == {0, 1, 2} and set(expected["a"].dropna()) == {1, 3}
    for letter in "abc":
        true, other = _letters(figures["18"])[letter].lines
        assert same_color(true.get_color(), style.COLOURS["relevant"])
        assert same_color(other.get_color(), style.COLOURS["random"])
        for line, chosen in ((true, expected["a"] == 1), (other, expected["a"] != 1)):
            drawn = sorted(zip(*_data(line), strict=True))
            table = expected.loc[chosen, ["strength", letter]].to_numpy()
            np.testing.assert_allclose(drawn, table[table[:, 0].argsort()])


def _quantities(run):
    """Return accuracy, seconds and AUROC of a run, the slow way."""
    relevant = (run["truth"] > 0).to_numpy()
    score = run["score"].to_numpy()
    right = [
        (s > 0.05 * score.max()) == r for s, r in zip(score, relevant, strict=True)
    ]
    pairs = score[relevant][:, None] - score[~relevant]
    return np.mean(right), run["seconds"].iloc[0], np.mean(pairs > 0)


def test_methods_are_compared_on_both_networks(figures):
    table = _comparison()
    panels = _letters(figures["19"])
    for letter, axes in panels.items():
        variant = "spectral" if letter in "ace" else "mlp"
        place = "abcdef".index(letter) // 2
        for method in ("saliency", "integrated_gradients", "shap"):
            (bars,) = [
                c for c in _errorbars(axes) if c.get_label() == style.METHODS[method]
            ]
            assert same_color(bars[0].get_color(), style.COLOURS[method])
            part = table[(table["variant"] == variant) & (table["method"] == method)]
            values = np.array(
                [
                    [
                        _quantities(
                            part[(part["seed"] == seed) & (part["examples"] == n)]
                        )[place]
                        for n in COUNTS
                    ]
                    for seed in SEEDS
                ]
            )
            x, y = _data(bars[0])
            np.testing.assert_array_equal(x, COUNTS)
            np.testing.assert_allclose(y, values.mean(axis=0))
            np.testing.assert_allclose(
                _half_lengths(bars), values.std(axis=0, ddof=1), atol=1e-12
            )
        part = table[(table["variant"] == "spectral") & (table["method"] == "spectral")]
        level = np.mean([_quantities(run)[place] for _, run in part.groupby("seed")])
        (line,) = [li for li in axes.lines if li.get_label() == "spectral"]
        assert line.get_ydata()[0] == pytest.approx(level)
        assert axes.get_xscale() == "log"
        assert axes.get_yscale() == ("log" if letter in "cd" else "linear")
    assert "(s)" in panels["c"].get_ylabel()
    assert figures["19"].legends[0].get_title().get_text() == "mean ± s.d., n = 3"


def test_settings_are_those_of_the_performance_table(figures):
    relevance, _ = _settings()
    panels = _letters(figures["20"])
    for letters, settings, factor in (("ac", SIZES, 0.8), ("bd", PENALTIES, 1)):
        above, below = (panels[letter] for letter in letters)
        bars = _errorbars(below)
        order = sorted(settings, key=settings.get)
        assert len(bars) == len(order) and below.get_xscale() == "log"
        for variant, container in zip(order, bars, strict=True):
            runs = relevance[relevance["variant"] == variant].groupby("seed")
            r = [np.corrcoef(run["score"], run["truth"])[0, 1] for _, run in runs]
            ((x,), (y,)) = _data(container[0])
            assert (x, y) == pytest.approx((factor * settings[variant], np.mean(r)))
            assert _half_lengths(container) == pytest.approx([np.std(r, ddof=1)])
            colour = container[0].get_color()
            points, means = [
                line for line in above.lines if same_color(line.get_color(), colour)
            ]
            run = relevance[relevance["variant"] == variant]
            np.testing.assert_array_equal(points.get_xdata(), run["truth"])
            np.testing.assert_array_equal(points.get_ydata(), run["score"])
            irrelevant = run.loc[run["truth"] == 0, "score"].mean()
            assert means.get_xdata()[0] == 0
            assert means.get_ydata()[0] == pytest.approx(irrelevant)
    labels = [text.get_text() for text in panels["a"].get_legend().get_texts()]
    assert labels == ["48", "400", "7,200"]
    labels = [text.get_text() for text in panels["b"].get_legend().get_texts()]
    assert labels == ["$10^{−8}$", "$10^{−4}$"]
    assert panels["c"].get_ylim() == panels["d"].get_ylim()


def test_a_run_without_any_eigenvalue_has_no_correlation():
    relevance, performance = _settings()
    relevance.loc[relevance["variant"] == "examples_60", "score"] = 0.0
    figure = appendix.robustness_to_settings(
        relevance=relevance, performance=performance
    )
    first = _errorbars(_letters(figure)["c"])[0]
    assert np.isnan(_data(first[0])[1]).all()


def test_architectures_side_by_side(figures):
    relevance, performance = _architectures()
    panels = _letters(figures["S1"])
    small = figures["S1"].axes[:3]
    first = relevance[relevance["variant"] == "base"]
    reference = first.groupby("feature")["score"].mean()
    assert [axes.get_title() for axes in small] == ["base", "shallow", "no batch norm"]
    for place, (axes, variant) in enumerate(zip(small, ARCHITECTURES, strict=True)):
        part = relevance[relevance["variant"] == variant]
        drawn = {}
        for container in _errorbars(axes):
            x, y = _data(container[0])
            kind = container.get_label()
            assert same_color(container[0].get_color(), style.COLOURS[kind])
            assert set(x) == ({2, 3, 5} if kind == "relevant" else {1, 4})
            drawn |= dict(zip((f"x{i:.0f}" for i in x), y, strict=True))
        mean = part.groupby("feature")["score"].mean()
        assert drawn == pytest.approx(mean.to_dict())
        (steps,) = [line for line in axes.lines if line.get_label() == "mean of base"]
        np.testing.assert_allclose(steps.get_ydata(), reference)
        runs = part.groupby("seed")
        r = [np.corrcoef(run["score"], run["truth"])[0, 1] for _, run in runs]
        accuracy = performance.loc[performance["variant"] == variant, "metric"] * 100
        for letter, values in (("b", r), ("c", accuracy)):
            container = _errorbars(panels[letter])[place]
            assert _data(container[0])[0] == pytest.approx(np.mean(values))
            assert _half_lengths(container) == pytest.approx([np.std(values, ddof=1)])
    assert "(%)" in panels["c"].get_xlabel()
    labels = [label.get_text() for label in panels["b"].get_yticklabels()]
    assert labels == ["base", "shallow", "no batch norm"]


def test_more_architectures_than_fit_in_a_row():
    rng = np.random.default_rng(5)
    names = [f"variant_{i}" for i in range(7)]
    truth = np.array([0, 0.5, 1.0])
    figure = appendix.architectures(
        relevance=pd.concat(
            [_run(rng, name, s, truth) for name in names for s in (0, 1)]
        ),
        performance=pd.DataFrame(
            [(name, s, 0.9) for name in names for s in (0, 1)],
            columns=["variant", "seed", "metric"],
        ),
    )
    grid = figure.axes[:10]
    assert [axes.get_visible() for axes in grid] == [True] * 7 + [False] * 3
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in grid[:7]]
    assert labelled == [False, False, True, True, True, True, True]
