"""Times against a clock that runs as told, counts, and fits against other fits."""

import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance.errors import UserError
from spectral_relevance.replication import scaling
from spectral_relevance.replication.methods import METHODS

SIZES = {
    "N0": [3, 6, 12],
    "N1": [2, 4, 8],
    "E": [5, 10, 20],
    "fixed": {"N0": 4, "N1": 2, "E": 7},
}
SETTINGS = {
    "spectral": {},
    "saliency": {"examples": None},
    "integrated_gradients": {"examples": 500, "steps": 2},
    "lrp_epsilon": {"examples": 500, "epsilon": 1.0e-6},
    "shap": {"examples": 500, "background": 2, "background_seed": 0},
}


class Laboratory:
    """Methods that take as long as they are told, and the clock that shows it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, int, int, int | None]] = []
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(scaling, "process_time", lambda: self.now)

    def add(self, name: str, duration: Callable[[int, int, int | None, int], float]):
        """Add a method; `duration` is a function of N0, N1, E and of earlier calls."""
        module = ModuleType(METHODS[name])

        def scores(model, dataset, seed, *, examples=None):
            assert seed == 5
            n0, n1 = model[0].in_features, model[0].out_features
            assert model[0].eigenvectors.shape == (n1, n0)
            assert dataset.x_test.shape[1] == len(dataset.features) == n0
            call = (name, n0, n1, examples)
            self.now += duration(n0, n1, examples, self.calls.count(call))
            self.calls.append(call)
            torch.ones(n0, n1) @ torch.ones(n1, examples or 1)

        module.scores = scores
        module.count_examples = lambda dataset, **settings: 0
        self.monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def laboratory(monkeypatch) -> Laboratory:
    return Laboratory(monkeypatch)


def test_exponents_of_methods_that_follow_a_law(laboratory):
    laboratory.add("saliency", lambda n0, n1, e, _: n0**0.5 * n1**2 * e**1.5)
    laboratory.add("spectral", lambda n0, n1, e, _: n0 * n1**3)
    settings = {"saliency": {"examples": 500}, "spectral": {}}
    table = scaling.scaling(methods=settings, **SIZES, repeats=2, seed=5)
    assert table.columns.tolist() == [
        "method", "quantity", "value", "operations", "seconds", "seconds_spread",
    ]  # fmt: skip
    assert table["method"].tolist() == ["saliency"] * 9 + ["spectral"] * 9
    assert table["quantity"].tolist() == (["N0"] * 3 + ["N1"] * 3 + ["E"] * 3) * 2
    assert table["value"].tolist() == [3, 6, 12, 2, 4, 8, 5, 10, 20] * 2
    expected = [n**0.5 * 2**2 * 7**1.5 for n in (3, 6, 12)]
    expected += [4**0.5 * n**2 * 7**1.5 for n in (2, 4, 8)]
    expected += [4**0.5 * 2**2 * n**1.5 for n in (5, 10, 20)]
    np.testing.assert_allclose(table["seconds"][:9], expected)
    np.testing.assert_allclose(table["seconds_spread"], 0, atol=1e-9)
    fits = scaling.exponents(table).set_index("method")
    found = fits[["exponent_N0", "exponent_N1", "exponent_E"]]
    np.testing.assert_allclose(found.loc["saliency"], [0.5, 2, 1.5])
    np.testing.assert_allclose(found.loc["spectral"], [1, 3, 0], atol=1e-9)
    errors = fits[["exponent_N0_error", "exponent_N1_error", "exponent_E_error"]]
    np.testing.assert_allclose(errors.loc["saliency"], 0, atol=1e-6)
    # What is counted is a product of matrices, whatever time it took.
    counts = [2 * n * 2 * 7 for n in (3, 6, 12)] + [2 * 4 * n * 7 for n in (2, 4, 8)]
    counts += [2 * 4 * 2 * n for n in (5, 10, 20)]
    assert table["operations"][:9].tolist() == counts
    counted = fits[["counted_N0", "counted_N1", "counted_E"]]
    np.testing.assert_allclose(counted.loc["saliency"], [1, 1, 1])
    np.testing.assert_allclose(counted.loc["spectral"], [1, 1, 0], atol=1e-9)


def test_median_and_spread_without_the_call_that_is_counted(laboratory):
    times = [1000, 4, 1, 7, 3]
    laboratory.add("saliency", lambda n0, n1, e, call: times[call])
    table = scaling.scaling(
        methods={"saliency": {"examples": 1}}, **SIZES, repeats=4, seed=5
    )
    lower, median, upper = np.percentile(times[1:], [25, 50, 75])
    np.testing.assert_allclose(table["seconds"], median)
    np.testing.assert_allclose(table["seconds_spread"], (upper - lower) / 2)


def test_a_single_repeat_has_no_spread(laboratory):
    laboratory.add("saliency", lambda *_: 2.0)
    table = scaling.scaling(
        methods={"saliency": {"examples": 1}}, **SIZES, repeats=1, seed=5
    )
    assert (table["seconds"] == 2).all()
    assert table["seconds_spread"].isna().all()


def test_methods_and_sizes_take_turns(laboratory):
    laboratory.add("saliency", lambda *_: 1.0)
    laboratory.add("spectral", lambda *_: 1.0)
    settings = {"saliency": {"examples": 1}, "spectral": {}}
    scaling.scaling(methods=settings, **SIZES, repeats=3, seed=5)
    sizes = [(3, 2, 7), (6, 2, 7), (12, 2, 7), (4, 2, 7), (4, 4, 7), (4, 8, 7)]
    sizes += [(4, 2, 5), (4, 2, 10), (4, 2, 20)]
    once = [
        call
        for n0, n1, e in sizes
        for call in (("saliency", n0, n1, e), ("spectral", n0, n1, None))
    ]
    assert laboratory.calls == 4 * once  # first, the operations are counted


def test_real_methods():
    table = scaling.scaling(methods=SETTINGS, **SIZES, repeats=2, seed=0)
    assert (table["seconds"] > 0).all() and (table["seconds_spread"] >= 0).all()
    assert table["method"].drop_duplicates().tolist() == [*SETTINGS]
    fits = scaling.exponents(table)
    assert np.isfinite(fits.filter(like="exponent").to_numpy()).all()
    assert np.isfinite(fits.filter(like="counted").to_numpy()).all()
    again = scaling.scaling(methods=SETTINGS, **SIZES, repeats=1, seed=1)
    assert (table["operations"] == again["operations"]).all()
    spectral = table.query("method == 'spectral' and quantity == 'E'")["operations"]
    assert spectral.nunique() == 1


def test_counted_exponents_are_those_of_theory_in_a_wide_network():
    n = [128, 256, 512]
    sizes = {"N0": n, "N1": n, "E": [32, 64, 128]}
    sizes["fixed"] = {"N0": 128, "N1": 128, "E": 32}
    table = scaling.scaling(methods=SETTINGS, **sizes, repeats=1, seed=0)
    fits = scaling.exponents(table).set_index("method")
    for quantity in scaling.QUANTITIES:
        found, theory = fits[f"counted_{quantity}"], fits[f"theory_{quantity}"]
        np.testing.assert_allclose(found[theory.notna()], theory.dropna(), atol=0.02)


def test_settings_that_need_more_examples_than_there_are():
    settings = {"shap": {"examples": 500, "background": 100, "background_seed": 0}}
    with pytest.raises(UserError, match="at most 7 examples.*found 100"):
        scaling.scaling(methods=settings, **SIZES, repeats=1, seed=0)


@pytest.fixture
def noisy(rng) -> pd.DataFrame:
    """Times of all methods that follow no law exactly."""
    values = {"N0": [8, 16, 64, 128], "N1": [2, 8, 32], "E": [10, 30, 100, 300, 900]}
    rows = [
        (method, quantity, value, *value * rng.uniform(0.5, 2, 2), 0.0)
        for method in scaling.THEORY
        for quantity in values
        for value in values[quantity]
    ]
    names = ["method", "quantity", "value", "operations", "seconds", "seconds_spread"]
    return pd.DataFrame(rows, columns=names)


def test_fits_are_least_squares_of_the_logarithms(noisy):
    fits = scaling.exponents(noisy).set_index("method")
    assert fits.index.tolist() == [*scaling.THEORY]
    for (method, quantity), part in noisy.groupby(["method", "quantity"]):
        coefficients, covariance = np.polyfit(
            np.log10(part["value"]), np.log10(part["seconds"]), 1, cov=True
        )
        row = fits.loc[method]
        assert row[f"exponent_{quantity}"] == pytest.approx(coefficients[0])
        error = covariance[0, 0] ** 0.5
        assert row[f"exponent_{quantity}_error"] == pytest.approx(error)
        slope, _ = np.polyfit(np.log10(part["value"]), np.log10(part["operations"]), 1)
        assert row[f"counted_{quantity}"] == pytest.approx(slope)


def test_theory_is_that_of_table_1(noisy):
    fits = scaling.exponents(noisy).set_index("method")
    assert fits.columns.tolist() == [
        "local_theory", "global_theory",
        "counted_N0", "exponent_N0", "exponent_N0_error", "theory_N0",
        "counted_N1", "exponent_N1", "exponent_N1_error", "theory_N1",
        "counted_E", "exponent_E", "exponent_E_error", "theory_E",
    ]  # fmt: skip
    local, many, *powers = (
        fits[c]
        for c in ("local_theory", "global_theory", "theory_N0", "theory_N1", "theory_E")
    )
    powers = pd.concat(powers, axis=1)
    for method, orders, expected in (
        ("saliency", ("O(F)", "O(E F)"), [1, 1, 1]),
        ("lrp_epsilon", ("O(F)", "O(E F)"), [1, 1, 1]),
        ("integrated_gradients", ("O(m F)", "O(E m F)"), [1, 1, 1]),
        ("shap", ("O(2^N0 F)", "O(E 2^N0 F)"), [np.nan, np.nan, 1]),
        ("spectral", ("-", "O(N0 N1)"), [1, 1, 0]),
    ):
        assert (local[method], many[method]) == orders
        np.testing.assert_array_equal(powers.loc[method], expected)


def test_table1():
    fit = {
        "method": "shap",
        "local_theory": "O(2^N0 F)",
        "global_theory": "O(E 2^N0 F)",
    }
    for quantity, theory in (("N0", np.nan), ("N1", np.nan), ("E", 1)):
        fit |= {
            f"counted_{quantity}": 1.004,
            f"exponent_{quantity}": 0.976,
            f"exponent_{quantity}_error": 0.0249,
            f"theory_{quantity}": theory,
        }
    (row,) = scaling.table1(pd.DataFrame([fit])).to_dict("records")
    assert list(row)[2:4] == ["E examples", "N0: theory / counted / timed"]
    fitted = "1.00 / 0.98 ± 0.02"
    assert list(row.values()) == [
        *("SHAP", "O(2^N0 F)", "O(E 2^N0 F)"),
        *(f"– / {fitted}", f"– / {fitted}", f"1 / {fitted}"),
    ]


def test_table1_shows_no_negative_zero():
    fit = {"method": "spectral", "local_theory": "-", "global_theory": "O(N0 N1)"}
    for quantity in scaling.QUANTITIES:
        fit |= {f"counted_{quantity}": -2e-31, f"theory_{quantity}": 0}
        fit |= {f"exponent_{quantity}": 0.1, f"exponent_{quantity}_error": 0.1}
    (row,) = scaling.table1(pd.DataFrame([fit])).to_dict("records")
    assert list(row.values())[3:] == ["0 / 0.00 / 0.10 ± 0.10"] * 3
