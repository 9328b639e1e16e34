"""Saliency, integrated gradients and SHAP values against slow and closed forms.

A score is the mean magnitude of attributions, so that a single test example shows their
magnitudes, and a monotonic network on inputs above the baseline their sum.
"""

import logging
from dataclasses import replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spectral_relevance.data import Dataset
from spectral_relevance.explainers import integrated_gradients, saliency, shap
from spectral_relevance.explainers.shared import examples as _examples

SHAP = {"examples": None, "background": 12, "background_seed": 6}


@pytest.fixture
def data(classes) -> Dataset:
    """Few examples in double precision."""
    return replace(
        classes,
        x_train=classes.x_train.astype(float),
        x_test=classes.x_test[:6].astype(float),
        y_test=classes.y_test[:6],
    )


@pytest.fixture
def make_model(generator):
    """Return a function that puts modules together and draws their parameters."""

    def make(*modules: nn.Module) -> nn.Sequential:
        plain = nn.Sequential(*modules).double().eval()
        with torch.no_grad():
            for module in plain:
                for parameter in module.parameters():
                    parameter.normal_(0, 0.8, generator=generator)
                if isinstance(module, nn.BatchNorm1d):
                    module.running_mean.normal_(0, 0.5, generator=generator)
                    module.running_var.uniform_(0.2, 2, generator=generator)
        return plain

    return make


@pytest.fixture
def mixed(make_model) -> nn.Sequential:
    """Every kind of module that a network consists of."""
    return make_model(
        nn.Linear(5, 7), nn.Tanh(), nn.BatchNorm1d(7), nn.Dropout(0.3),
        nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 2),
    )  # fmt: skip


@pytest.fixture
def smooth(make_model) -> nn.Sequential:
    return make_model(nn.Linear(5, 7), nn.Tanh(), nn.BatchNorm1d(7), nn.Linear(7, 2))


@pytest.fixture
def linear(make_model) -> nn.Sequential:
    return make_model(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


@pytest.fixture
def additive(make_model) -> nn.Sequential:
    """Units that see one input each, so that the output is a sum over the inputs."""
    model = make_model(
        nn.Linear(5, 10), nn.Tanh(), nn.BatchNorm1d(10), nn.Linear(10, 2)
    )
    with torch.no_grad():
        model[0].weight *= torch.eye(5).repeat(2, 1)
    return model


def outputs(model: nn.Sequential, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


def own(model: nn.Sequential, data: Dataset, x: np.ndarray) -> np.ndarray:
    """Return the output that is explained for each test example, at other inputs."""
    return outputs(model, x)[np.arange(len(x)), data.y_test]


def gradients(model: nn.Sequential, data: Dataset, x: np.ndarray) -> np.ndarray:
    """Return central differences of the explained output, shape ``(n, d)``."""
    step = 1e-5
    columns = [
        (own(model, data, x + h) - own(model, data, x - h)) / (2 * step)
        for h in step * np.eye(x.shape[1])
    ]
    return np.stack(columns, axis=1)


def effective_weights(model: nn.Sequential) -> np.ndarray:
    """Return the weights of a linear network, ``(outputs, d)``, from its outputs."""
    zero = outputs(model, np.zeros((1, 5)))
    return (outputs(model, np.eye(5)) - zero).T


def background(data: Dataset) -> np.ndarray:
    order = np.random.default_rng(SHAP["background_seed"]).permutation(130)
    return data.x_train[order[: SHAP["background"]]]


# Saliency -------------------------------------------------------------------------


def test_saliency_is_the_mean_magnitude_of_finite_differences(mixed, data):
    found = saliency.scores(mixed, data, 0, examples=None)
    expected = np.abs(gradients(mixed, data, data.x_test)).mean(0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_saliency_of_a_regression(make_model, values):
    model = make_model(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1), nn.Tanh())
    data = replace(
        values, x_test=values.x_test.astype(float), y_test=np.zeros(30, dtype=int)
    )
    expected = np.abs(gradients(model, data, data.x_test)).mean(0)
    found = saliency.scores(model, values, 0, examples=None)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_saliency_of_few_examples_is_a_mean_over_the_first_drawn(mixed, data, seed):
    rows = np.random.default_rng(seed).permutation(6)[:4]
    part = replace(data, x_test=data.x_test[rows], y_test=data.y_test[rows])
    expected = np.abs(gradients(mixed, part, part.x_test)).mean(0)
    found = saliency.scores(mixed, data, seed, examples=4)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("module", [saliency, integrated_gradients])
def test_chunks_make_no_difference(mixed, data, module, monkeypatch):
    settings: dict[str, Any] = {"examples": None}
    if module is integrated_gradients:
        settings["steps"] = 7
    expected = module.scores(mixed, data, 0, **settings)
    monkeypatch.setattr(_examples, "CHUNK", 4)
    monkeypatch.setattr(integrated_gradients, "CHUNK", 9)
    found = module.scores(mixed, data, 0, **settings)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# Integrated gradients -------------------------------------------------------------


def test_integrated_gradients_are_an_integral_along_a_line(smooth, data):
    places = (np.arange(400) + 0.5) / 400
    path = [gradients(smooth, data, t * data.x_test) for t in places]
    expected = np.abs(data.x_test * np.mean(path, axis=0)).mean(0)
    found = integrated_gradients.scores(smooth, data, 0, examples=None, steps=30)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_integrated_gradients_of_a_linear_network_are_exact(linear, data):
    weights = effective_weights(linear)[data.y_test]
    found = integrated_gradients.scores(linear, data, 0, examples=None, steps=1)
    expected = np.abs(weights * data.x_test).mean(0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_integrated_gradients_are_complete(smooth, data):
    """They add up to f(x) − f(0); all have one sign in a monotonic network."""
    rising = monotonic(smooth)
    data = replace(data, x_test=np.abs(data.x_test))
    found = integrated_gradients.scores(rising, data, 0, examples=None, steps=30)
    gain = own(rising, data, data.x_test) - own(rising, data, np.zeros((6, 5)))
    assert found.sum() == pytest.approx(gain.mean(), rel=1e-6)


def monotonic(model: nn.Sequential) -> nn.Sequential:
    with torch.no_grad():
        for module in model:
            if not isinstance(module, nn.Tanh):
                module.weight.abs_()
    return model


# SHAP -----------------------------------------------------------------------------


def test_shap_values_of_a_linear_network_are_exact(linear, data):
    weights = effective_weights(linear)[data.y_test]
    away = data.x_test - background(data).mean(0)
    found = shap.scores(linear, data, 0, **SHAP)
    np.testing.assert_allclose(found, np.abs(weights * away).mean(0), rtol=1e-6)


def shapley_values(
    model: nn.Sequential, x: np.ndarray, reference: np.ndarray, output: int
):
    """Return exact Shapley values from all subsets, ``(d,)``.

    Inputs that are not in a subset have the values of the background, over which the
    output is averaged.
    """
    d = len(x)

    def worth(subset: tuple[int, ...]) -> float:
        present = np.isin(np.arange(d), subset)
        return outputs(model, np.where(present, x, reference))[:, output].mean()

    values = np.zeros(d)
    for j in range(d):
        others = [i for i in range(d) if i != j]
        for size in range(d):
            for subset in combinations(others, size):
                gain = worth((*subset, j)) - worth(subset)
                values[j] += gain / (d * comb(d - 1, size))
    return values


def brute_force(model: nn.Sequential, data: Dataset) -> np.ndarray:
    values = [
        shapley_values(model, x, background(data), label)
        for x, label in zip(data.x_test, data.y_test, strict=True)
    ]
    return np.abs(values).mean(0)


def test_shap_values_of_an_additive_network_are_exact(additive, data):
    found = shap.scores(additive, data, 0, **SHAP)
    np.testing.assert_allclose(found, brute_force(additive, data), rtol=1e-6)


def test_shap_values_add_up(smooth, data):
    """To f(x) less its mean over the background; again with all of one sign."""
    rising = monotonic(smooth)
    data = replace(data, x_test=np.abs(data.x_test) + data.x_train.max(0))
    found = shap.scores(rising, data, 0, **SHAP)
    reference = outputs(rising, background(data)).mean(0)[data.y_test]
    gain = own(rising, data, data.x_test) - reference
    assert found.sum() == pytest.approx(gain.mean(), rel=1e-6)


def test_the_background_has_a_seed_of_its_own(mixed, data):
    found = shap.scores(mixed, data, 0, **SHAP)
    same = shap.scores(mixed, data, 1, **SHAP)
    np.testing.assert_allclose(same, found, rtol=1e-12)  # all examples, in any order
    other = shap.scores(mixed, data, 0, **SHAP | {"background_seed": 7})
    assert not np.allclose(other, found, rtol=1e-3)


def test_shap_values_take_the_deep_explainer_where_it_adds_up(mixed, data, caplog):
    caplog.set_level(logging.INFO)
    shap.scores(mixed, data, 0, **SHAP)
    assert caplog.messages == ["SHAP values of 6 examples by DeepExplainer"]


@pytest.mark.filterwarnings("ignore:unrecognized nn.Module. Softsign")
def test_shap_values_fall_back_to_expected_gradients(make_model, classes, caplog):
    """The deep explainer does not know this activation, and its values do not add up.

    The expectations are those of an additive network with a single background example.
    """
    caplog.set_level(logging.INFO)
    model = make_model(nn.Linear(5, 5), nn.Softsign(), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].weight *= torch.eye(5)
    model.float()
    settings = SHAP | {"background": 1}
    found = shap.scores(model, classes, 0, **settings)
    assert caplog.messages == ["SHAP values of 30 examples by GradientExplainer"]
    order = np.random.default_rng(settings["background_seed"]).permutation(130)
    reference = classes.x_train[order[:1]]
    expected = np.zeros(5)
    for x, label in zip(classes.x_test, classes.y_test, strict=True):
        changed = np.where(np.eye(5) == 1, x, reference).astype(np.float32)
        gains = outputs(model, changed) - outputs(model, reference)
        expected += np.abs(gains[:, label]) / 30
    # 200 random points on each line.
    np.testing.assert_allclose(found, expected, rtol=0.1)
    again = shap.scores(model, classes, 0, **settings)
    np.testing.assert_array_equal(again, found)
