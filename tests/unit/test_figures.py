"""The figures, from small tables: what is drawn, not how it looks."""

import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import same_color, to_rgba
from matplotlib.lines import AxLine

import figure_tables as tables
from figure_tables import PIXELS, SEEDS, letters, line, points_of, texts
from spectral_relevance.replication.figures import (
    comparison,
    gaussian,
    mnist,
    panels,
    scheme,
    stellar,
    style,
)


def _features(dataset, seeds=SEEDS, seed=0):
    return tables.scores(dataset.features, seeds, seed=seed, truth=dataset.truth)


def _all(seeds=SEEDS):
    """Draw every figure of the main text and the Methods."""
    independent, pairs = tables.gaussian(), tables.pairs()
    stars, bands = tables.stars(), tables.bands()
    pixels = tables.scores(PIXELS, seeds, sparse=0.8)
    wavelengths = tables.scores(stars.first.features, seeds, sparse=0.9)
    accuracy = {
        "curve": tables.curve([1, 7, 14, 20, 50], seeds),
        "performance": tables.performance(seeds),
        "relevance": pixels,
        "controls": tables.controls([1, 7, 14, 20, 50], seeds),
        "data": tables.images(),
    }
    return {
        "01": scheme.decomposition(),
        "02": gaussian.distributions(data=independent),
        "03": gaussian.eigenvalues(
            relevance=_features(independent.first, seeds),
            lasso=_features(independent.first, seeds, seed=1),
        ),
        "04": gaussian.correlated_eigenvalues(
            data=pairs, relevance=_features(pairs.first, seeds)
        ),
        "05": mnist.eigenvalue_map(relevance=pixels),
        "06": mnist.accuracy_curve(**accuracy),
        "07": mnist.masks(relevance=pixels, data=tables.images()),
        "08": mnist.five_nine(**accuracy),
        "09": mnist.all_digits(**accuracy),
        "10": stellar.spectra(data=stars),
        "11": stellar.eigenvalues(
            relevance=wavelengths,
            curve=tables.curve([1, 10, 100, 4287], seeds),
            controls=tables.controls([1, 10, 100, 4287], seeds),
            mlp=tables.performance(seeds),
            bands=bands,
            data=stars,
        ),
        "12": comparison.shap_on_mnist(
            comparison=tables.comparison(PIXELS, ["shap"], seeds)
        ),
        "13": comparison.sparsity(
            mlp=tables.variants(
                plain=tables.comparison(PIXELS, ["shap"], seeds, sparse=0.1),
                penalised=tables.comparison(PIXELS, ["shap"], seeds, sparse=0.3),
            ),
            mlp_performance=tables.variants(
                plain=tables.performance(seeds), penalised=tables.performance(seeds)
            ),
            l1=tables.variants(l1=tables.scores(PIXELS, seeds, sparse=0.95)),
            l1_performance=tables.variants(l1=tables.performance(seeds)),
            paper=pixels,
            paper_performance=tables.performance(seeds),
        ),
        "14": comparison.stellar_methods(
            comparison=tables.comparison(
                stars.first.features, ["saliency", "integrated_gradients"], seeds
            ),
            bands=bands,
            data=stars,
        ),
        "15": mnist.few_epochs(
            relevance=tables.variants(few_epochs=pixels, l1=pixels), full=pixels
        ),
        "16": stellar.few_epochs(
            relevance=wavelengths, full=wavelengths, bands=bands, data=stars
        ),
    }


@pytest.fixture(scope="module")
def figures():
    return _all()


def test_equal_tables_give_equal_bytes(tmp_path):
    data = tables.gaussian()
    written = []
    for name in ("a", "b"):
        paths = [tmp_path / f"{name}.{kind}" for kind in ("pdf", "png")]
        style.save(gaussian.distributions(data=data), *paths)
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    assert written[0][0].startswith(b"%PDF") and b"CreationDate" not in written[0][0]
    assert written[0][1].startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 4


def test_a_single_run_has_no_spread():
    for figure in _all(seeds=(7,)).values():
        labels = [axes.get_ylabel() for axes in figure.axes]
        assert not any("±" in label or "nan" in label for label in labels)
        for axes in figure.axes:
            assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()


@pytest.mark.parametrize("seeds", [SEEDS, SEEDS[:1]])
def test_a_run_without_relevance_does_not_fail(monkeypatch, seeds):
    scores = tables.scores

    def dead(*args, **kwargs):
        table = scores(*args, **kwargs)
        return table.assign(score=table["score"].where(table["seed"] != SEEDS[0], 0))

    monkeypatch.setattr(tables, "scores", dead)
    for figure in _all(seeds).values():
        figure.draw_without_rendering()


def test_drawing_leaves_nothing_behind_and_needs_no_torch():
    code = (
        "import sys, matplotlib\n"
        "from spectral_relevance.replication.figures import comparison, gaussian\n"
        "from spectral_relevance.replication.figures import mnist, scheme, stellar\n"
        "scheme.decomposition()\n"
        "default = matplotlib.rcParamsDefault\n"
        "assert matplotlib.rcParams['font.size'] == default['font.size']\n"
        "from matplotlib import pyplot\n"
        "assert not pyplot.get_fignums()\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_panels_are_lettered(figures):
    counts = {"01": 2, "02": 4, "04": 3, "07": 2, "10": 0, "12": 4}
    counts |= {"03": 3, "11": 3, "13": 4, "14": 4, "16": 3}
    for number, figure in figures.items():
        assert letters(figure) == list("abcd")[: counts.get(number, 2)], number


def test_widths_are_those_of_the_columns(figures):
    for figure in figures.values():
        assert figure.get_figwidth() <= 180 / 25.4 + 1e-9


def test_the_scheme_shows_a_true_decomposition(figures):
    operator = scheme.operator()
    np.testing.assert_allclose(
        operator["A"] @ operator["Φ"], operator["Φ"] @ operator["Λ"], atol=1e-12
    )
    factors = scheme.EIGENVALUES_IN - scheme.EIGENVALUES_OUT[:, None]
    np.testing.assert_allclose(
        operator["A"][3:, :3], factors * scheme.EIGENVECTORS, atol=1e-12
    )
    meshes = figures["01"].axes[1].collections
    for mesh, matrix in zip(meshes, operator.values(), strict=True):
        np.testing.assert_allclose(mesh.get_array(), matrix)


def test_distributions_show_near_far_and_irrelevant_features(figures):
    titles = [axes.get_title() for axes in figures["02"].axes]
    assert titles == [
        "x3: $|Δμ|$ = 0.30",
        "x5: $|Δμ|$ = 0.70",
        "x2: $|Δμ|$ = 1.20",
        "x1: irrelevant",
    ]
    data = tables.gaussian().first
    means = [line.get_xdata()[0] for line in figures["02"].axes[2].lines]
    assert means == [
        pytest.approx(data.x_train[data.y_train == k, 1].mean()) for k in (0, 1)
    ]
    assert all("units" in axes.get_xlabel() for axes in figures["02"].axes)


def test_eigenvalues_of_features_are_means_over_runs(figures):
    table = _features(tables.gaussian().first)
    truth = table.groupby("feature")["truth"].first()
    mean = table.groupby("feature")["score"].mean()
    spread = table.groupby("feature")["score"].std()
    first, second, _ = figures["03"].axes
    drawn = {}
    for container in first.containers:
        if not hasattr(container, "has_yerr"):
            continue
        points, _, (bars,) = container
        kind = container.get_label()
        assert same_color(points.get_color(), style.COLOURS[kind])
        for x, y, bar in zip(*points.get_data(), bars.get_segments(), strict=True):
            name = f"x{x}"
            drawn[name] = y
            assert np.diff(bar[:, 1]) == pytest.approx(2 * spread[name])
            assert kind == ("relevant" if truth[name] > 0 else "irrelevant")
    assert drawn == pytest.approx(mean.to_dict())
    assert "3 runs" in first.get_ylabel()
    assert "x3:\n$|Δμ|$ = 0.30" in texts(first)
    r = [
        np.corrcoef(run["score"], run["truth"])[0, 1]
        for _, run in table.groupby("seed")
    ]
    assert f"{np.mean(r):.3f} ± {np.std(r, ddof=1):.3f}" in texts(second)


def test_pairs_are_those_of_largest_and_smallest_probability(figures):
    *scatter, bars, points = figures["04"].axes
    data = tables.pairs().first
    assert [axes.get_title() for axes in scatter[:2]] == ["class 0", "class 1"]
    places = [(label, first) for first in (2, 0) for label in (0, 1)]
    for axes, (label, first) in zip(scatter, places, strict=True):
        (dots,) = axes.collections
        x = data.x_train[data.y_train == label, first : first + 2]
        np.testing.assert_allclose(dots.get_offsets(), x[: gaussian.SHOWN])
        assert same_color(dots.get_facecolor()[0, :3], style.COLOURS[f"class {label}"])
        share = 100 * np.mean(x[:, 0] == -x[:, 1])
        expected = f"x{first + 2} = −x{first + 1}: {share:.0f} %"
        assert expected in texts(axes) and (share > 0) == (label == 1)
    assert "$r_2$ = 0.9" in scatter[0].get_ylabel()
    assert "$r_1$ = 0.3 $r_2$ = 0.9 b" in texts(bars)


def test_eigenvalues_of_pairs_stand_against_their_probability(figures):
    table = _features(tables.pairs().first)
    features = table.groupby("feature")
    mean, spread = features["score"].mean(), features["score"].std()
    *_, bars, points = figures["04"].axes
    for axes, places in ((bars, range(1, 7)), (points, features["truth"].first())):
        expected = sorted(zip(places, mean, spread, strict=True))
        assert sorted(points_of(axes)) == [pytest.approx(point) for point in expected]
    r = [
        np.corrcoef(run["score"], run["truth"])[0, 1]
        for _, run in table.groupby("seed")
    ]
    assert f"{np.mean(r):.3f} ± {np.std(r, ddof=1):.3f}" in texts(points)
    assert "$r_k$" in points.get_xlabel()
    (proportional,) = points.get_legend().get_lines()
    assert proportional.get_label() == "proportional to $r_k$"
    (drawn,) = [line for line in points.lines if isinstance(line, AxLine)]
    strongest = features["truth"].first().idxmax()
    assert drawn.get_xy1() == (0, 0)
    assert drawn.get_xy2() == pytest.approx((0.9, mean[strongest]))


def test_histograms_count_the_inputs(figures):
    for number, inputs in (("05", 784), ("11", 4287)):
        axes = figures[number].axes[0]
        assert axes.get_yscale() == "log"
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(inputs)
        assert "3 runs" in axes.get_ylabel()
        points, _, (bars,) = axes.containers[1]
        for height, bar in zip(points.get_ydata(), bars.get_segments(), strict=True):
            assert bar[0, 1] == height and bar[1, 1] >= height


def test_the_map_holds_the_mean_normalised_eigenvalues(figures):
    expected = tables.matrix(tables.scores(PIXELS, sparse=0.8)).mean(axis=0)
    (image,) = figures["05"].axes[1].images
    np.testing.assert_allclose(image.get_array(), expected.reshape(28, 28))
    assert image.get_cmap() == colormaps["viridis"]


@pytest.mark.parametrize(("number", "place"), [("06", 0), ("11", 1)])
def test_curves_are_the_means_of_the_table(figures, number, place):
    axes = figures[number].axes[place]
    counts = [1, 7, 14, 20, 50] if number == "06" else [1, 10, 100, 4287]
    table = tables.curve(counts)
    for label, selection, method in (
        ("by eigenvalue (", "ranked", "spectral"),
        ("random", "random", "random"),
    ):
        mean = table[table["selection"] == selection].groupby("inputs")["metric"].mean()
        drawn = line(axes, label)
        np.testing.assert_allclose(drawn.get_xdata(), mean.index)
        np.testing.assert_allclose(drawn.get_ydata(), mean)
        assert same_color(drawn.get_color(), style.COLOURS[method])
    assert "12 sets" in line(axes, "random").get_label()
    (band,) = [
        area
        for area in axes.collections
        if same_color(area.get_facecolor()[0], to_rgba(style.COLOURS["random"], 0.3))
    ]
    random = table[table["selection"] == "random"].groupby("inputs")["metric"]
    corners = band.get_paths()[0].vertices
    for n, values in random:
        expected = np.quantile(values, (0.05, 0.95))
        for end in expected:
            assert np.isclose(corners, (n, end)).all(axis=1).any()
    best = line(axes, "best random set").get_ydata()
    np.testing.assert_allclose(best, random.max() if number == "06" else random.min())


@pytest.mark.parametrize(("number", "place"), [("06", 0), ("11", 1)])
def test_other_rankings_stand_beside_the_eigenvalues(figures, number, place):
    masked, retrained = figures[number].axes[place : place + 2]
    counts = [1, 7, 14, 20, 50] if number == "06" else [1, 10, 100, 4287]
    table = tables.controls(counts)
    for ranking in ("norms", "univariate"):
        part = table[(table["ranking"] == ranking) & (table["protocol"] == "masked")]
        mean = part.groupby("inputs")["metric"].mean()
        drawn = line(masked, style.RANKINGS[ranking])
        np.testing.assert_allclose(drawn.get_xdata(), mean.index)
        np.testing.assert_allclose(drawn.get_ydata(), mean)
        assert same_color(drawn.get_color(), style.COLOURS[ranking])
    anew = table[table["protocol"] == "retrained"]
    for container, ranking in zip(
        retrained.containers, ("spectral", "norms", "univariate", "random"), strict=True
    ):
        groups = anew[anew["ranking"] == ranking].groupby("inputs")["metric"]
        points, _, (bars,) = container
        assert same_color(points.get_color(), style.COLOURS[ranking])
        x, y = tables.data_of(points)
        np.testing.assert_allclose(x, [14, 20], rtol=0.05)
        np.testing.assert_allclose(y, groups.mean())
        ends = np.array(bars.get_segments())[:, :, 1]
        if ranking == "random":
            expected = [groups.quantile(end).to_numpy() for end in (0.05, 0.95)]
        else:
            expected = [(groups.mean() + i * groups.std()).to_numpy() for i in (-1, 1)]
        np.testing.assert_allclose(ends, np.transpose(expected))


def test_the_accuracy_curve_marks_twenty_pixels_all_and_none(figures):
    axes, anew, image, _ = figures["06"].axes
    assert line(axes, "all pixels").get_ydata()[0] == pytest.approx(0.85)
    assert line(axes, "always the commonest digit").get_ydata()[0] == 0.5
    assert "20 pixels" in texts(axes) and "(%)" in axes.get_ylabel()
    table = tables.controls([]).query("inputs == 20 and ranking == 'spectral'")
    mean = table.query("protocol == 'retrained'")["metric"].mean()
    assert f"20 pixels: {100 * mean:.1f} %" in texts(anew)
    assert len(image.collections[0].get_offsets()) == 20


def test_a_curve_without_twenty_pixels():
    figure = mnist.accuracy_curve(
        curve=tables.curve([1, 5]),
        performance=tables.performance(),
        relevance=tables.scores(PIXELS),
        controls=tables.controls([1, 5], few=(5,)),
        data=tables.images(),
    )
    assert "pixels:" not in texts(figure.axes[0])


def test_the_mask_has_the_twenty_largest_means():
    table = tables.scores(PIXELS)
    mask = mnist.top_mask(table)
    mean = tables.matrix(table).mean(axis=0)
    assert mask.shape == (28, 28) and mask.sum() == 20
    assert mean[mask.ravel()].min() > mean[~mask.ravel()].max()


def test_masks_tell_lit_pixels_from_dark_ones_and_of_which_digit():
    images = tables.images(40)
    x, y = images.first.x_test.reshape(-1, 28, 28), images.first.y_test
    table = tables.scores(PIXELS, sparse=0.8)
    rows, columns = np.nonzero(mnist.top_mask(table))
    x[:, rows[0], columns[0]] = 0
    figure = mnist.masks(relevance=table, data=images)
    shares = [(x[y == digit] >= 0.5).mean(axis=0) for digit in (0, 1)]
    rare = np.maximum(*shares) < 0.02
    colours = np.where(shares[1] > shares[0], style.VERMILION, style.SKY)
    colours[rare] = "0.5"
    grid = np.reshape(figure.axes, (2, mnist.EXAMPLES))
    for digit, row_of_axes in ((1, grid[0]), (0, grid[1])):
        for axes, image in zip(row_of_axes, x[y == digit], strict=False):
            np.testing.assert_array_equal(axes.images[0].get_array(), image)
            drawn = {}
            for dots in axes.collections:
                for column, row in dots.get_offsets().astype(int):
                    assert same_color(dots.get_edgecolor()[0], colours[row, column])
                    white = same_color(dots.get_facecolor()[0], "white")
                    drawn[row, column] = not white
            assert sorted(drawn) == sorted(zip(rows, columns, strict=True))
            assert drawn == {place: image[place] >= 0.5 for place in drawn}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == "hardly ever lit (1 of 20)"


def test_spectra_are_labelled_in_dex(figures):
    (axes,) = figures["10"].axes
    data = tables.stars().first
    assert len(axes.lines) == len(stellar.QUANTILES)
    for place, spectrum in enumerate(axes.lines):
        flux = spectrum.get_ydata() - stellar.OFFSET * place
        (star,) = np.flatnonzero(np.abs(data.x_train - flux).max(axis=1) < 1e-6)
        label = axes.texts[place].get_text().replace("−", "-")
        assert float(label) == pytest.approx(2 * data.y_train[star], abs=0.006)
    assert "(Å)" in axes.get_xlabel() and "dex" in texts(axes)


def test_wavelengths_and_the_minimum_of_the_error(figures):
    _, error, _, spectrum, lines = figures["11"].axes
    table = tables.curve([1, 10, 100, 4287])
    mean = table[table["selection"] == "ranked"].groupby("inputs")["metric"].mean()
    needed = line(error, "minimum").get_xdata()[0]
    assert mean[needed] <= 1.01 * mean.min()
    assert (mean[mean.index < needed] > 1.01 * mean.min()).all()
    assert line(error, "MLP (").get_ydata()[0] == pytest.approx(0.85)
    assert line(error, "MLP, re-estimated").get_ydata()[0] == pytest.approx(0.9)
    again = line(error, "by eigenvalue, re-estimated").get_ydata()
    np.testing.assert_allclose(again, mean / 2)
    stars = tables.stars().first
    constant = np.mean([2 * abs(y - np.median(stars.y_train)) for y in stars.y_test])
    assert line(error, "the median").get_ydata()[0] == pytest.approx(constant)
    assert "(dex)" in error.get_ylabel()
    assert (error.get_xscale(), error.get_yscale()) == ("log", "log")
    assert "(Å)" in lines.get_xlabel()
    assert len(lines.collections[0].get_segments()) == 4287
    edges = sorted((b.get_x(), b.get_x() + b.get_width()) for b in lines.patches)
    expected = sorted(
        tables.bands()[["left", "right"]].itertuples(index=False, name=None)
    )
    assert edges == [pytest.approx(band) for band in expected]
    assert "Ca H,K" in texts(spectrum)


def _stars_with(**scores):
    """Draw eigenvalues of three runs that are 0 but at some wavelengths."""
    stars = tables.stars()
    names = stars.first.features
    table = tables.scores(names).assign(score=0.0)
    for name, values in scores.items():
        table.loc[table["feature"] == name.replace("_", "."), "score"] = values
    figure = stellar.few_epochs(
        relevance=table, full=table, bands=tables.bands(), data=stars
    )
    return figure.axes


def test_peaks_are_named_with_their_runs_and_bands_where_they_are_hit():
    spectrum, axes, _ = _stars_with(
        **{
            "5005.7": [1, 1, 1],
            "5008.4": [0.9, 0.9, 0.9],  # on the shoulder of the one before
            "6199.1": [0.5, 0.001, 0.5],  # in TiO2
            "3950.0": [0.12, 0.12, 0.12],  # in Ca H,K, just high enough
            "5165.9": [0.2, 0, 0],  # in Mgb, but too low on average
        }
    )
    names = [text.get_text() for text in axes.texts if text.get_rotation() == 90]
    assert names == ["5006 (3)", "6199 (2)", "3950 (3)", "5166 (1)"]
    dark = {
        patch.get_x()
        for patch in axes.patches
        if same_color(patch.get_facecolor(), "0.8")
    }
    assert dark == {3899.5, 6189.6}
    for name, colour in (("TiO2", "0.45"), ("Mg$b$", "black"), ("Ca H,K", "black")):
        (label,) = [text for text in spectrum.texts if text.get_text() == name]
        assert same_color(label.get_color(), colour)
    (lines,) = [c for c in axes.collections if len(c.get_segments()) == 4287]
    place = tables.stars().first.features.tolist().index
    opacity = lines.get_colors()[:, 3]
    assert opacity[place("5005.7")] == 1
    assert opacity[place("6199.1")] == pytest.approx(0.25 + 0.75 * 2 / 3)


def test_no_more_than_ten_peaks_are_named():
    names = tables.stars().first.features[100:1300:100]
    _, axes, _ = _stars_with(**{name: [1, 1, 1] for name in names})
    assert len([text for text in axes.texts if text.get_rotation() == 90]) == 10


def test_names_are_spread_out_no_more_than_they_need():
    moved = style.spread_out([10, 0, 11, 30], 4)
    assert moved == pytest.approx([8.5, 0, 12.5, 30])
    assert style.spread_out([], 4).size == 0


def test_a_short_training_stands_above_the_full_one():
    stars = tables.stars()
    names = stars.first.features
    short = tables.scores(names, seed=1, sparse=0.5)
    full = tables.scores(names, sparse=0.9)
    figure = stellar.few_epochs(
        relevance=short, full=full, bands=tables.bands(), data=stars
    )
    spectrum, *both = figure.axes
    np.testing.assert_allclose(
        spectrum.lines[0].get_ydata(), stars.first.x_train.mean(axis=0)
    )
    assert "Mg$b$" in texts(spectrum)
    for axes, table, kind in zip(both, (short, full), ("short", "full"), strict=True):
        expected = tables.matrix(table)
        drawn = np.array(axes.collections[0].get_segments())
        assert same_color(axes.collections[0].get_color()[0][:3], style.BLUE)
        np.testing.assert_allclose(drawn[:, 0, 0], names.astype(float))
        np.testing.assert_allclose(drawn[:, 1, 1], expected.mean(axis=0))
        used = (expected > 0.01).sum(axis=1)
        title = f"{used.mean():.0f} ± {used.std(ddof=1):.0f} wavelengths"
        assert axes.get_title(loc="right").startswith(kind)
        assert title in axes.get_title(loc="right")
        assert len(axes.patches) == len(tables.bands())
    assert "(Å)" in both[1].get_xlabel() and not both[0].get_xlabel()


def test_the_bins_cover_all_normalised_eigenvalues():
    assert panels.BINS[0] == 0 and panels.BINS[-1] == 1


def test_a_failed_save_leaves_no_file(tmp_path):
    figure = scheme.decomposition()
    figure.savefig = None
    with pytest.raises(TypeError):
        style.save(figure, tmp_path / "figure.pdf", tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_each_method_has_a_colour_of_its_own():
    methods = [*style.METHODS, "mlp", "univariate", "random"]
    assert len({style.COLOURS[name] for name in methods}) == len(methods)
