"""The figures, from small tables: what is drawn, not how it looks."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib.colors import same_color, to_rgba

from spectral_relevance.datasets.base import Dataset
from spectral_relevance.figures import gaussian, mnist, panels, scheme, stellar, style

SEEDS = (3, 5, 8)


def _scores(names, seeds=SEEDS, seed=0, sparse=0.0):
    rng = np.random.default_rng(seed)
    rows = []
    for run in seeds:
        score = rng.uniform(0.1, 2, size=len(names))
        score[rng.uniform(size=len(names)) < sparse] = 0
        rows.append(pd.DataFrame({"seed": run, "feature": names, "score": score}))
    return pd.concat(rows, ignore_index=True)


def _curve(counts, seeds=SEEDS, draws=4):
    rng = np.random.default_rng(1)
    rows = [
        (seed, selection, draw, n, rng.uniform(0.5, 1))
        for seed in seeds
        for selection, number in (("ranked", 1), ("random", draws))
        for draw in range(number)
        for n in counts
    ]
    return pd.DataFrame(rows, columns=["seed", "selection", "draw", "inputs", "metric"])


def _performance(seeds=SEEDS):
    return pd.DataFrame({"seed": seeds, "metric": np.linspace(0.8, 0.9, len(seeds))})


def _gaussian():
    truth = np.array([0, 1.2, 0.3, 0, 0.7, 0.0])
    names = [f"x{i}" for i in range(1, 7)]
    y = np.arange(400) % 2
    rng = np.random.default_rng(2)
    x = (rng.normal(-0.5, 0.5, (400, 6)) + np.outer(y, truth)).astype(np.float32)
    data = Dataset(x, y, x[:10], y[:10], np.array(names), truth)
    return data, pd.DataFrame({"feature": names, "truth": truth})


def _images(number=5):
    rng = np.random.default_rng(3)
    y = np.arange(2 * number) % 2
    x = rng.uniform(size=(2 * number, 784)).astype(np.float32)
    x[x < 0.5] = 0
    names = np.array([str(i) for i in range(784)])
    return Dataset(x, y, x, y, names, np.full(784, np.nan))


def _stars(number=12):
    rng = np.random.default_rng(4)
    wavelength = 3545 + 0.9 * np.arange(4287)
    x = rng.uniform(0.2, 1, (number, wavelength.size)).astype(np.float32)
    y = np.linspace(-1, 0.5, number).astype(np.float32)
    names = np.array([f"{value:.1f}" for value in wavelength])
    return Dataset(x, y, x, y, names, np.full(wavelength.size, np.nan), 2.0)


def _bands():
    rows = [("CaHK", 3899.5, 4003.5), ("TiO2", 6189.6, 6272.1), ("Mgb", 5160, 5192)]
    return pd.DataFrame(rows, columns=["index", "left", "right"])


def _all(seeds=SEEDS):
    """Draw every figure."""
    data, features = _gaussian()
    stars, images = _stars(), _images()
    pixels = _scores(images.features, seeds, sparse=0.8)
    names = features["feature"]
    return {
        "01": scheme.decomposition(),
        "02": gaussian.distributions(data=data, features=features),
        "03": gaussian.eigenvalues(
            relevance=_scores(names, seeds),
            lasso=_scores(names, seeds, seed=1),
            features=features,
        ),
        "05": mnist.eigenvalue_map(relevance=pixels),
        "06": mnist.accuracy_curve(
            curve=_curve([1, 7, 20, 50], seeds),
            performance=_performance(seeds),
            relevance=pixels,
        ),
        "07": mnist.masks(relevance=pixels, data=images),
        "10": stellar.spectra(data=stars),
        "11": stellar.eigenvalues(
            relevance=_scores(stars.features, seeds, sparse=0.9),
            curve=_curve([1, 10, 100, 4287], seeds),
            mlp=_performance(seeds),
            bands=_bands(),
            data=stars,
        ),
    }


@pytest.fixture(scope="module")
def figures():
    return _all()


def _texts(axes):
    return " ".join(text.get_text() for text in axes.texts)


def _line(axes, label):
    (line,) = [line for line in axes.lines if line.get_label().startswith(label)]
    return line


def test_equal_tables_give_equal_bytes(tmp_path):
    data, features = _gaussian()
    written = []
    for name in ("a", "b"):
        paths = [tmp_path / f"{name}.{kind}" for kind in ("pdf", "png")]
        style.save(gaussian.distributions(data=data, features=features), *paths)
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


def test_drawing_leaves_nothing_behind_and_needs_no_torch():
    code = (
        "import sys, matplotlib\n"
        "from spectral_relevance.figures import gaussian, mnist, scheme, stellar\n"
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
    counts = {"01": 2, "02": 4, "03": 3, "05": 2, "06": 0, "07": 2, "10": 0, "11": 3}
    for number, count in counts.items():
        letters = [
            text.get_text()
            for axes in figures[number].axes
            for text in axes.texts
            if text.get_fontweight() == "bold"
        ]
        assert letters == list("abcd")[:count], number


def test_widths_are_those_of_the_columns(figures):
    for figure in figures.values():
        assert figure.get_figwidth() <= 180 / 25.4 + 1e-9
    assert figures["06"].get_figwidth() == pytest.approx(88 / 25.4)


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
    data, _ = _gaussian()
    means = [line.get_xdata()[0] for line in figures["02"].axes[2].lines]
    assert means == [
        pytest.approx(data.x_train[data.y_train == k, 1].mean()) for k in (0, 1)
    ]
    assert all("units" in axes.get_xlabel() for axes in figures["02"].axes)


def test_eigenvalues_of_features_are_means_over_runs(figures):
    _, features = _gaussian()
    table = _scores(features["feature"])
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
            truth = features.set_index("feature")["truth"][name]
            assert kind == ("relevant" if truth > 0 else "irrelevant")
    assert drawn == pytest.approx(mean.to_dict())
    assert "n = 3" in first.get_ylabel()
    r = [
        np.corrcoef(run["score"], features["truth"])[0, 1]
        for _, run in table.groupby("seed")
    ]
    assert f"{np.mean(r):.3f} ± {np.std(r, ddof=1):.3f}" in _texts(second)


def test_histograms_count_the_inputs(figures):
    for number, inputs in (("05", 784), ("11", 4287)):
        axes = figures[number].axes[0]
        assert axes.get_yscale() == "log"
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(inputs)
        assert "n = 3" in axes.get_ylabel()


def test_the_map_holds_the_mean_normalised_eigenvalues(figures):
    table = _scores(_images().features, sparse=0.8)
    scores = table["score"].to_numpy().reshape(3, 784)
    expected = (scores / scores.max(axis=1, keepdims=True)).mean(axis=0)
    (image,) = figures["05"].axes[1].images
    np.testing.assert_allclose(image.get_array(), expected.reshape(28, 28))
    assert image.get_cmap() == colormaps["viridis"]


@pytest.mark.parametrize(("number", "place"), [("06", 0), ("11", 1)])
def test_curves_are_the_means_of_the_table(figures, number, place):
    axes = figures[number].axes[place]
    table = _curve([1, 7, 20, 50] if number == "06" else [1, 10, 100, 4287])
    for selection in ("ranked", "random"):
        mean = table[table["selection"] == selection].groupby("inputs")["metric"].mean()
        line = _line(axes, selection)
        np.testing.assert_allclose(line.get_xdata(), mean.index)
        np.testing.assert_allclose(line.get_ydata(), mean)
        assert same_color(line.get_color(), style.COLOURS[selection])
    assert "n = 12" in _line(axes, "random").get_label()
    (band,) = [
        area
        for area in axes.collections
        if same_color(area.get_facecolor()[0], to_rgba(style.ORANGE, 0.3))
    ]
    corners = band.get_paths()[0].vertices[:, 1]
    random = table[table["selection"] == "random"]["metric"]
    assert (corners.min(), corners.max()) == (random.min(), random.max())


def test_the_accuracy_curve_marks_twenty_pixels_and_all(figures):
    axes = figures["06"].axes[0]
    assert _line(axes, "all pixels").get_ydata()[0] == pytest.approx(0.85)
    assert "20 pixels" in _texts(axes) and "(%)" in axes.get_ylabel()
    (inset,) = axes.child_axes
    assert inset.images[0].get_array().sum() == 20


def test_a_curve_without_twenty_pixels():
    figure = mnist.accuracy_curve(
        curve=_curve([1, 5]),
        performance=_performance(),
        relevance=_scores(_images().features),
    )
    assert not figure.axes[0].texts


def test_the_mask_has_the_twenty_largest_means():
    table = _scores([str(i) for i in range(784)])
    mask = mnist.top_mask(table)
    scores = table["score"].to_numpy().reshape(3, 784)
    mean = (scores / scores.max(axis=1, keepdims=True)).mean(axis=0)
    assert mask.shape == (28, 28) and mask.sum() == 20
    assert mean[mask.ravel()].min() > mean[~mask.ravel()].max()


def test_masks_tell_lit_pixels_from_dark_ones(figures):
    images = _images()
    mask = mnist.top_mask(_scores(images.features, sparse=0.8))
    grid = np.reshape(figures["07"].axes, (2, mnist.EXAMPLES))
    for digit, line in ((1, grid[0]), (0, grid[1])):
        shown = images.x_test[images.y_test == digit].reshape(-1, 28, 28)
        for axes, image in zip(line, shown, strict=False):
            np.testing.assert_array_equal(axes.images[0].get_array(), image)
            dark, lit = (dots.get_offsets() for dots in axes.collections)
            assert len(dark) + len(lit) == 20
            assert all(image[row, column] > 0 for column, row in lit.astype(int))
            assert all(image[row, column] == 0 for column, row in dark.astype(int))
            assert all(mask[row, column] for column, row in lit.astype(int))


def test_spectra_are_labelled_in_dex(figures):
    (axes,) = figures["10"].axes
    data = _stars()
    assert len(axes.lines) == len(stellar.QUANTILES)
    for place, line in enumerate(axes.lines):
        flux = line.get_ydata() - stellar.OFFSET * place
        (star,) = np.flatnonzero(np.abs(data.x_train - flux).max(axis=1) < 1e-6)
        label = axes.texts[place].get_text().replace("−", "-")
        assert float(label) == pytest.approx(2 * data.y_train[star], abs=0.006)
    assert "(Å)" in axes.get_xlabel() and "dex" in _texts(axes)


def test_wavelengths_and_the_minimum_of_the_error(figures):
    _, error, spectrum, lines = figures["11"].axes
    table = _curve([1, 10, 100, 4287])
    mean = table[table["selection"] == "ranked"].groupby("inputs")["metric"].mean()
    needed = _line(error, "minimum").get_xdata()[0]
    assert mean[needed] <= 1.01 * mean.min()
    assert (mean[mean.index < needed] > 1.01 * mean.min()).all()
    assert _line(error, "MLP").get_ydata()[0] == pytest.approx(0.85)
    assert "(dex)" in error.get_ylabel() and error.get_xscale() == "log"
    assert "(Å)" in lines.get_xlabel()
    assert len(lines.collections[0].get_segments()) == 4287
    edges = sorted((b.get_x(), b.get_x() + b.get_width()) for b in lines.patches)
    expected = sorted(_bands()[["left", "right"]].itertuples(index=False, name=None))
    assert edges == [pytest.approx(band) for band in expected]
    assert "Ca H,K" in _texts(spectrum) and "TiO2" not in _texts(spectrum)


def test_the_bins_cover_all_normalised_eigenvalues():
    assert panels.BINS[0] == 0 and panels.BINS[-1] == 1


def test_a_failed_save_leaves_no_file(tmp_path):
    figure = scheme.decomposition()
    figure.savefig = None
    with pytest.raises(TypeError):
        style.save(figure, tmp_path / "figure.pdf", tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())
