"""Simulated problems, the methods that select in them, and what is counted."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import kendalltau

from project import REPOSITORY
from spectral_relevance.estimators import SpectralClassifierCV, SpectralRegressor
from spectral_relevance.replication import calibration, designs, peers
from spectral_relevance.replication.settings import read_settings

EASY = {
    "inputs": "independent",
    "response": "linear",
    "task": "regression",
    "n": 150,
    "d": 8,
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_there_is_a_peer_for_each_column_and_each_setting():
    settings = read_settings(REPOSITORY, "paper")["selection"]
    assert set(peers.PEERS) == set(calibration.NAMES) == set(settings["draws"])


def test_every_design_can_be_drawn_and_has_what_it_says():
    for name, design in read_settings(REPOSITORY, "paper")["selection"][
        "designs"
    ].items():
        x, y, relevant = designs.draw(**design, seed=3)
        assert x.shape == (design["n"], design["d"]), name
        assert np.isfinite(x).all() and np.isfinite(y).all()
        if design["task"] == "classification":
            assert y.dtype == np.int64
            np.testing.assert_allclose(np.bincount(y) / len(y), 0.5, atol=0.01)
        wanted = {"linear": min(10, design["d"] // 4), "friedman": 5, "product": 3}
        assert relevant.sum() == wanted.get(design["response"], 0)
        again = designs.draw(**design, seed=3)
        np.testing.assert_array_equal(again.x, x)
        assert not np.array_equal(designs.draw(**design, seed=4).x, x)


@pytest.mark.parametrize(
    ("inputs", "near", "far"),
    [
        ("independent", 0, 0),
        ("equicorrelated", 0.5, 0.5),
        ("blocks", 0.7, 0),
    ],
)
def test_correlations_are_those_of_the_design(inputs, near, far):
    x = designs.INPUTS[inputs](40000, 7, np.random.default_rng(0))
    found = np.corrcoef(x.T)
    np.testing.assert_allclose(x.std(0), 1, atol=0.02)
    assert found[0, 4] == pytest.approx(near, abs=0.02)
    assert found[0, 5] == pytest.approx(far, abs=0.02)


def test_skewed_inputs_are_log_normal():
    x = designs.draw(**{**EASY, "inputs": "skewed", "n": 20000}, seed=0).x
    assert np.log(x).std() == pytest.approx(1, abs=0.02)


def test_targets_depend_on_the_inputs_that_matter_and_no_other():
    for response in ("linear", "friedman", "product"):
        design = {**EASY, "response": response, "n": 4000, "d": 20}
        x, y, relevant = designs.draw(**design, seed=1)
        # The magnitude shows a product, which has no trend.
        each = np.array(
            [
                max(
                    abs(kendalltau(a, b).statistic)
                    for a in (y, np.abs(y))
                    for b in (column, np.abs(column))
                )
                for column in x.T
            ]
        )
        assert each[relevant].min() > 0.04 > each[~relevant].max(), response


@pytest.mark.parametrize("peer", ["spectral", "knockoff_lasso", "lasso"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_peers_select_what_matters_and_leave_the_generators_alone(peer, task):
    x, y, relevant = designs.draw(**{**EASY, "task": task, "d": 44}, seed=0)
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    found = peers.load(peer).select(x, y, 0.2, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert found.shape == relevant.shape and found.dtype == bool
    if peer != "knockoff_lasso" or found.any():
        assert found[relevant].mean() > 0.5
    np.testing.assert_array_equal(peers.load(peer).select(x, y, 0.2, 0), found)


def test_boruta_and_lassonet_select_what_matters():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    y = 3 * x[:, 1] + 0.1 * rng.normal(size=60)
    assert peers.load("boruta").select(x, y, 0.1, 0)[1]
    model = peers.load("lassonet").model(
        x, y, 0, hidden_dims=(4,), cv=2, n_iters=(20, 5), path_multiplier=1.5
    )
    assert model.best_selected_[1]
    classes = peers.load("lassonet").model(
        x, (y > 0).astype(int), 0, hidden_dims=(4,), cv=2, n_iters=(20, 5),
        path_multiplier=1.5,
    )  # fmt: skip
    assert classes.best_selected_[1]


def test_the_selection_is_that_of_every_estimator():
    """A short one alone stands for them in the study."""
    x, y, _ = designs.draw(**EASY, seed=2)
    found = peers.load("spectral").select(x, y, 0.2, 7)
    for settings in ({"alpha": 1.0, "replicas": 2}, {"alpha": 0.01, "max_steps": 20}):
        model = SpectralRegressor(fdr=0.2, random_state=7, **settings).fit(x, y)
        np.testing.assert_array_equal(model.selected_, found)
    y = (y > 0).astype(int)
    found = peers.load("spectral").select(x, y, 0.2, 7)
    model = SpectralClassifierCV(
        [0.3, 0.1], cv=2, max_steps=20, fdr=0.2, random_state=7
    ).fit(x, y)
    np.testing.assert_array_equal(model.selected_, found)


def test_selections_are_counted(monkeypatch):
    asked = []

    class Peer:
        @staticmethod
        def select(x, y, fdr, seed):
            asked.append((fdr, seed))
            return np.arange(x.shape[1]) < 3

    monkeypatch.setattr(peers, "load", lambda name: Peer)
    table = calibration.counted(EASY, "any", draws=3, fdr=0.25)
    assert asked == [(0.25, 1), (0.25, 2), (0.25, 3)]
    for row in table.itertuples():
        relevant = designs.draw(**EASY, seed=row.draw).relevant
        assert (row.selected, row.relevant) == (3, 2)
        assert row.false == 3 - relevant[:3].sum()


def test_rates_are_means_over_the_draws():
    names = ["draw", "selected", "false", "relevant"]
    some = pd.DataFrame([(0, 4, 1, 4), (1, 0, 0, 4)], columns=names)
    none = pd.DataFrame([(0, 0, 0, 0), (1, 2, 2, 0)], columns=names)
    rates = calibration.summary({("a", "lasso"): some, ("noise", "lasso"): none})
    first, second = rates.to_dict("records")
    assert first["fdr"] == pytest.approx(0.125)
    assert first["fdr_error"] == pytest.approx(0.125)
    assert first["power"] == pytest.approx(3 / 8)
    assert first["power_error"] == pytest.approx(3 / 8)
    assert first["any"] == second["any"] == second["fdr"] == 0.5
    assert np.isnan(second["power"])
    shown = calibration.for_people(
        rates, {"a": EASY, "noise": {**EASY, "response": "noise"}}
    )
    assert shown["Lasso"].tolist() == ["0.12 ± 0.12, 0.38", "0.50 ± 0.50"]
    assert shown["Task, n × d"].tolist() == ["regression, 150 × 8"] * 2
