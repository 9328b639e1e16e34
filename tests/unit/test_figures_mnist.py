"""The figures of fives and nines, all digits and few epochs (Fig. 8, 9 and 15)."""

import numpy as np
import pytest
from matplotlib.colors import same_color

import figure_tables as tables
from figure_tables import PIXELS, line, texts
from spectral_relevance.replication.figures import mnist, panels, style

COUNTS = [1, 7, 14, 20, 50]


@pytest.fixture(scope="module")
def pixels():
    return tables.scores(PIXELS, sparse=0.8)


@pytest.mark.parametrize("draw", [mnist.five_nine, mnist.all_digits])
def test_accuracy_and_map_are_those_of_the_tables(draw, pixels):
    figure = draw(
        curve=tables.curve(COUNTS),
        performance=tables.performance(),
        relevance=pixels,
        controls=tables.controls(COUNTS),
        data=tables.images(),
    )
    accuracy, _, image, bar = figure.axes
    table = tables.curve(COUNTS)
    for label, selection in (("by eigenvalue", "ranked"), ("random", "random")):
        mean = table[table["selection"] == selection].groupby("inputs")["metric"].mean()
        np.testing.assert_allclose(line(accuracy, label).get_ydata(), mean)
        np.testing.assert_allclose(line(accuracy, label).get_xdata(), mean.index)
    assert line(accuracy, "all pixels").get_ydata()[0] == pytest.approx(0.85)
    assert "(%)" in accuracy.get_ylabel()
    expected = tables.matrix(pixels).mean(axis=0).reshape(28, 28)
    np.testing.assert_allclose(image.images[0].get_array(), expected)
    assert "3 runs" in bar.get_ylabel()


def test_fourteen_pixels_are_marked_for_fives_and_nines(pixels):
    table = tables.curve(COUNTS)
    figure = mnist.five_nine(
        curve=table,
        performance=tables.performance(),
        relevance=pixels,
        controls=tables.controls(COUNTS),
        data=tables.images(),
    )
    accuracy = figure.axes[0]
    ranked = table[(table["selection"] == "ranked") & (table["inputs"] == 14)]
    mean = ranked["metric"].mean()
    assert f"14 pixels: {100 * mean:.1f} %" in texts(accuracy)
    image = figure.axes[2]
    (frames,) = image.collections
    mask = np.zeros((28, 28), dtype=bool)
    mask[*np.flipud(frames.get_offsets().astype(int).T)] = True
    scores = tables.matrix(pixels).mean(axis=0).reshape(28, 28)
    assert mask.sum() == 14 and scores[mask].min() > scores[~mask].max()
    assert "top 14" in image.get_title()


def test_no_number_of_pixels_is_marked_for_all_digits(pixels):
    figure = mnist.all_digits(
        curve=tables.curve(COUNTS),
        performance=tables.performance(),
        relevance=pixels,
        controls=tables.controls(COUNTS),
        data=tables.images(),
    )
    accuracy, _, image, _ = figure.axes
    assert "pixels:" not in texts(accuracy) and not image.collections
    assert accuracy.get_xscale() == "log" and accuracy.get_xlim() == (1, 50)
    ranked = tables.curve(COUNTS).query("selection == 'ranked'")
    runs = [list(line.get_ydata()) for line in accuracy.lines]
    for _, run in ranked.groupby("seed"):
        assert run["metric"].tolist() in runs


def test_few_epochs_stand_against_the_full_training(pixels):
    few = tables.scores(PIXELS, seed=1, sparse=0.2)
    regimes = tables.variants(l1=tables.scores(PIXELS, seed=2), few_epochs=few)
    figure = mnist.few_epochs(relevance=regimes, full=pixels)
    histogram, image, _ = figure.axes
    short, full = (
        np.mean([np.histogram(row, panels.BINS)[0] for row in tables.matrix(t)], axis=0)
        for t in (few, pixels)
    )
    *bars, steps = histogram.patches
    drawn = dict(zip((bar.get_x() for bar in bars), bars, strict=True))
    heights = [drawn[x].get_height() if x in drawn else 0 for x in panels.BINS[:-1]]
    np.testing.assert_allclose(heights, short)
    np.testing.assert_allclose(steps.get_data().values, full)
    assert same_color(steps.get_edgecolor(), style.COLOURS["full training"])
    labels = [text.get_text() for text in histogram.get_legend().get_texts()]
    assert sorted(labels) == ["few epochs", "full training (Fig. 5)"]
    bottom, top = histogram.get_ylim()
    assert 0 < bottom < 1 / 3 and top > max(short.max(), full.max())
    expected = tables.matrix(few).mean(axis=0).reshape(28, 28)
    np.testing.assert_allclose(image.images[0].get_array(), expected)


def test_an_outline_widens_the_axis_to_what_it_shows():
    few, many = (tables.scores(PIXELS, range(n), sparse=0.9) for n in (1, 20))
    regimes = tables.variants(few_epochs=tables.scores(PIXELS, range(1)))
    axes = mnist.few_epochs(relevance=regimes, full=many).axes[0]
    assert axes.get_ylim()[0] < 1 / 20
    axes = mnist.few_epochs(relevance=regimes, full=few).axes[0]
    assert axes.get_ylim()[1] > 700
