"""The figures that compare methods (Fig. 12 to 14 and 19)."""

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

import figure_tables as tables
from figure_tables import PIXELS, SEEDS, line, texts
from spectral_relevance.replication.figures import comparison, style


@pytest.fixture(scope="module")
def mnist():
    return tables.comparison(PIXELS, ["shap"])


@pytest.fixture(scope="module")
def stellar():
    names = tables.stars().first.features
    return tables.comparison(names, ["saliency", "integrated_gradients"], SEEDS, (3, 9))


def _part(table, method, examples):
    return table[(table["method"] == method) & (table["examples"] == examples)]


def _pearson(table, other):
    pairs = zip(tables.matrix(table), tables.matrix(other), strict=True)
    r = [np.corrcoef(a, b)[0, 1] for a, b in pairs]
    return f"{np.mean(r):.3f} ± {np.std(r, ddof=1):.3f}"


def test_maps_and_scatter_hold_the_scores_of_most_examples(mnist):
    figure = comparison.shap_on_mnist(comparison=mnist)
    first, second, scatter, *_ = figure.axes
    parts = _part(mnist, "spectral", 0), _part(mnist, "shap", 1000)
    means = [tables.matrix(part).mean(axis=0) for part in parts]
    limits = set()
    for axes, mean in zip((first, second), means, strict=True):
        (image,) = axes.images
        np.testing.assert_allclose(image.get_array(), mean.reshape(28, 28))
        limits.add(image.get_clim())
    assert len(limits) == 1
    assert "1,000" in second.get_title()
    (points,) = [found for found in scatter.lines if found.get_marker() == "o"]
    np.testing.assert_allclose(points.get_data(orig=False), means)
    across, up = scatter.containers[0][2]
    for bars, part, axis in ((across, parts[0], 0), (up, parts[1], 1)):
        lengths = np.array(bars.get_segments())[:, :, axis]
        spread = tables.matrix(part).std(axis=0, ddof=1)
        np.testing.assert_allclose(np.ptp(lengths, axis=1), 2 * spread)
    assert _pearson(*parts) in texts(scatter)
    assert "3 runs" in scatter.get_ylabel()


def test_times_are_medians_and_ranges_of_the_runs(mnist):
    figure = comparison.shap_on_mnist(comparison=mnist)
    times = figure.axes[3]
    assert (times.get_xscale(), times.get_yscale()) == ("log", "log")
    assert "(s)" in times.get_ylabel() and "median" in times.get_ylabel()
    shap = mnist[mnist["method"] == "shap"].drop_duplicates(["seed", "examples"])
    seconds = shap.groupby("examples")["seconds"]
    *runs, middle = times.lines[:4]
    for run, (_, table) in zip(runs, shap.groupby("seed"), strict=True):
        np.testing.assert_allclose(run.get_xdata(orig=False), [10, 100, 1000])
        np.testing.assert_allclose(run.get_ydata(orig=False), table["seconds"])
    np.testing.assert_allclose(middle.get_ydata(orig=False), seconds.median())
    assert same_color(middle.get_color(), style.COLOURS["shap"])
    labels = times.get_legend_handles_labels()[1]
    assert r"SHAP: $\propto E^{1.00 \pm 0.00}$" in labels
    spectral = _part(mnist, "spectral", 0).drop_duplicates("seed")["seconds"]
    level = line(times, "spectral")
    assert level.get_ydata()[0] == spectral.median()
    assert same_color(level.get_color(), style.COLOURS["spectral"])
    (band,) = times.patches
    assert band.get_y() == spectral.min()
    assert band.get_y() + band.get_height() == pytest.approx(spectral.max())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [([4e-5], "40 µs"), ([1, 2.34e-3, 1e-3], "2.3 ms"), ([0.4, 12, 17.2], "12 s")],
)
def test_durations_are_medians_with_their_unit(seconds, text):
    table = pd.DataFrame({"seconds": seconds, "seed": range(len(seconds))})
    table = pd.concat([table.assign(examples=9)] * 3)
    assert comparison._duration(table) == text


def _sparsity(seeds=SEEDS, accuracies=MappingProxyType({})):
    mlp = tables.variants(
        plain=tables.comparison(PIXELS, ["shap"], seeds, sparse=0.1),
        penalised=tables.comparison(PIXELS, ["shap"], seeds, sparse=0.3),
    )
    l1 = tables.scores(PIXELS, seeds, sparse=0.95)
    l1["score"] = l1["score"].replace(0, 0.005)
    paper = tables.scores(PIXELS, seeds, sparse=0.7)
    parts = {
        "SHAP, standard MLP": _part(mlp[mlp["variant"] == "plain"], "shap", 1000),
        "SHAP, penalised MLP": _part(mlp[mlp["variant"] == "penalised"], "shap", 1000),
        "spectral, L2": paper,
        "spectral, L1": l1,
    }
    accurate = tables.performance(seeds).assign(metric=0.995)
    figure = comparison.sparsity(
        mlp=mlp,
        mlp_performance=tables.variants(plain=accurate, penalised=accurate),
        l1=tables.variants(few_epochs=paper, l1=l1),
        l1_performance=tables.variants(
            few_epochs=accurate,
            l1=accurate.assign(metric=[accuracies.get(s, 1) for s in seeds]),
        ),
        paper=paper,
        paper_performance=accurate,
    )
    good = [seed for seed in seeds if accuracies.get(seed, 1) >= 0.99] or seeds
    parts["spectral, L1"] = l1[l1["seed"].isin(good)]
    return figure, parts


def test_maps_of_one_run_leave_out_what_is_not_used():
    figure, parts = _sparsity()
    for axes in figure.axes[:3]:
        (image,) = axes.images
        name, seed = axes.get_title().removesuffix(")").split(" (seed ")
        expected = tables.matrix(parts[name])[0].reshape(28, 28)
        assert int(seed) == SEEDS[0]
        shown = image.to_rgba(image.get_array())
        np.testing.assert_allclose(np.ma.getdata(image.get_array()), expected)
        white = (shown[:, :, :3] == 1).all(axis=2)
        np.testing.assert_array_equal(white, expected < 0.01)
    titles = [axes.get_title().split(" (")[0] for axes in figure.axes[:3]]
    assert titles == [name for name in parts if name != "spectral, L2"]


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ({}, None),
        ({SEEDS[0]: 0.98}, "2 runs; without seed 3: accuracy below 99 %"),
        ({SEEDS[0]: 0.5, SEEDS[2]: 0.5}, "1 run; without seeds 3, 8: accuracy"),
        (dict.fromkeys(SEEDS, 0.5), "3 runs; accuracy below 99 % in all"),
    ],
    ids=str,
)
def test_runs_that_do_not_tell_the_digits_are_left_out_by_name(accuracies, words):
    figure, parts = _sparsity(SEEDS, accuracies)
    (bars,) = [axes for axes in figure.axes if "above 1 %" in axes.get_xlabel()]
    shares = (tables.matrix(parts["spectral, L1"]) > 0.01).mean(axis=1)
    assert bars.patches[3].get_width() == pytest.approx(100 * shares.mean())
    label = bars.texts[3].get_text()
    assert words in label if words else "below" not in label
    assert all("below" not in text.get_text() for text in bars.texts[:3])


@pytest.mark.parametrize("seeds", [SEEDS, (5,)])
def test_bars_are_the_shares_above_one_percent(seeds):
    figure, parts = _sparsity(seeds)
    (bars,) = [axes for axes in figure.axes if "above 1 %" in axes.get_xlabel()]
    assert [tick.get_text() for tick in bars.get_yticklabels()] == list(parts)
    for place, (name, table) in enumerate(parts.items()):
        shares = 100 * (tables.matrix(table) > 0.01).mean(axis=1)
        width = bars.patches[place].get_width()
        assert width == pytest.approx(shares.mean())
        assert f"{shares.mean():.1f} %" in texts(bars)
        method = name.split(",")[0].lower()
        assert same_color(bars.patches[place].get_facecolor(), style.COLOURS[method])
        errors = [c for c in bars.containers if getattr(c, "has_xerr", False)]
        (stick,) = errors[place][2][0].get_segments()
        spread = shares.std(ddof=1) if len(seeds) > 1 else 0
        assert bars.texts[place].xy[0] == pytest.approx(shares.mean() + spread)
        if spread:
            assert np.ptp(stick[:, 0]) == pytest.approx(2 * spread)
    assert "nan" not in bars.get_xlabel() + texts(bars)


def test_methods_stand_below_one_another(stellar):
    stars = tables.stars()
    figure = comparison.stellar_methods(
        comparison=stellar, bands=tables.bands(), data=stars
    )
    spectrum, *rows = figure.axes
    assert "Ca H,K" in texts(spectrum)
    eigenvalues = _part(stellar, "spectral", 0)
    for axes, method in zip(
        rows, ("spectral", "saliency", "integrated_gradients"), strict=True
    ):
        part = _part(stellar, method, 0 if method == "spectral" else 9)
        (lines,) = axes.collections
        drawn = np.array(lines.get_segments())
        np.testing.assert_allclose(drawn[:, 1, 1], tables.matrix(part).mean(axis=0))
        np.testing.assert_allclose(drawn[:, 1, 0], stars.first.features.astype(float))
        assert same_color(lines.get_color()[0][:3], style.COLOURS[method])
        title = axes.get_title(loc="right")
        assert title.startswith(style.METHODS[method])
        assert comparison._duration(part) in title and "3 runs" in axes.get_ylabel()
        if method != "spectral":
            assert _pearson(eigenvalues, part) in title and "9 spectra" in title
    assert "(Å)" in rows[-1].get_xlabel()


def _quantities(run):
    """Return accuracy, seconds and AUROC of a run, the slow way."""
    relevant = (run["truth"] > 0).to_numpy()
    score = run["score"].to_numpy()
    right = [
        (s > 0.05 * score.max()) == r for s, r in zip(score, relevant, strict=True)
    ]
    pairs = score[relevant][:, None] - score[~relevant]
    return np.mean(right), run["seconds"].iloc[0], np.mean(pairs > 0)


def test_methods_are_compared_on_both_networks():
    table = tables.both_networks()
    figure = comparison.methods_compared(comparison=table)
    panels = tables.panels(figure)
    for letter, axes in panels.items():
        variant = "spectral" if letter in "ace" else "mlp"
        place = "abcdef".index(letter) // 2
        for beside, method in (
            (1 / 1.12, "saliency"),
            (1, "integrated_gradients"),
            (1.12, "shap"),
        ):
            (bars,) = [
                c
                for c in tables.errorbars(axes)
                if c.get_label() == style.METHODS[method]
            ]
            assert same_color(bars[0].get_color(), style.COLOURS[method])
            part = table[(table["variant"] == variant) & (table["method"] == method)]
            values = np.array(
                [
                    [
                        _quantities(
                            part[(part["seed"] == seed) & (part["examples"] == n)]
                        )[place]
                        for n in tables.COUNTS
                    ]
                    for seed in SEEDS
                ]
            )
            x, y = tables.data_of(bars[0])
            np.testing.assert_allclose(x, beside * np.array(tables.COUNTS))
            np.testing.assert_allclose(y, values.mean(axis=0))
            ends = [segment[:, 1] for segment in bars[2][0].get_segments()]
            expected = np.transpose([values.min(axis=0), values.max(axis=0)])
            np.testing.assert_allclose(ends, expected)
        part = table[(table["variant"] == "spectral") & (table["method"] == "spectral")]
        level = np.mean([_quantities(run)[place] for _, run in part.groupby("seed")])
        (line,) = [li for li in axes.lines if li.get_label() == "spectral"]
        assert line.get_ydata()[0] == pytest.approx(level)
        assert axes.get_xscale() == "log"
        assert axes.get_yscale() == ("log" if letter in "cd" else "linear")
    assert "(s)" in panels["c"].get_ylabel()
    assert figure.legends[0].get_title().get_text() == "mean and range, 3 runs"


@pytest.mark.parametrize("seeds", [SEEDS, (7,)])
def test_panels_of_both_networks(seeds):
    table = tables.both_networks(seeds)
    figure = comparison.methods_compared(comparison=table)
    assert "".join(tables.panels(figure)) == "abcdef"
    assert figure.get_figwidth() == pytest.approx(180 / 25.4)
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
    title = figure.legends[0].get_title().get_text()
    assert ("range" in title) is (len(seeds) > 1)
