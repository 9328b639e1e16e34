"""Relevance methods: how they are found, applied to each run, counted and timed."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_relevance import explainers
from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.explainers.shared.examples import draw
from spectral_relevance.networks import Network
from spectral_relevance.replicas import BatchNorm
from spectral_relevance.replication import selectors
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.methods import METHODS, load, scorer
from spectral_relevance.replication.models import Replicas
from spectral_relevance.replication.operations import count_operations
from spectral_relevance.replication.scoring import compare, count_examples, score
from spectral_relevance.replication.training import architecture_of

COLUMNS = [
    "variant", "seed", "method", "examples", "feature", "truth", "score", "seconds",
    "seconds_spread",
]  # fmt: skip

SETTINGS = {
    "spectral": {},
    "lasso": {"strengths": 3, "folds": 2},
    "univariate": {},
    "random": {},
    "saliency": {"examples": 9},
    "integrated_gradients": {"examples": 9, "steps": 5},
    "shap": {"examples": 9, "background": 4, "background_seed": 3},
    "lrp_0": {"examples": 9},
    "lrp_epsilon": {"examples": 9, "epsilon": 0.1},
    "lrp_gamma": {"examples": 9, "gamma": 0.25},
}

SELECTORS = ("lasso", "univariate", "random")
EXPLAINERS = [method for method in SETTINGS if "examples" in SETTINGS[method]]


@pytest.fixture
def make_replicas(description, generator):
    """Return a function that makes two runs of networks with random parameters."""

    def make(
        inputs: int = 5,
        parametrisation: str = "spectral",
        output: Mapping[str, Any] = description["output"],
    ) -> Replicas:
        changes = {"parametrisation": parametrisation, "output": output}
        network = Network(inputs, architecture_of(description | changes), replicas=2)
        network.reset_parameters([generator] * 2)
        if parametrisation == "spectral":
            network.first.eigenvalues.data[:, ::2] *= -0.7
        for layer in network.layers:
            if isinstance(layer, BatchNorm):
                layer.running_mean.normal_(0, 0.3, generator=generator)
                layer.running_var.uniform_(0.2, 2, generator=generator)
        return Replicas(network.eval(), ["base", "other"], [8, 3])

    return make


@pytest.fixture
def replicas(make_replicas) -> Replicas:
    return make_replicas()


def shared(dataset: Dataset) -> Datasets:
    return Datasets({("", None): dataset})


# Which there are ------------------------------------------------------------------


def test_methods_are_the_public_modules_of_the_package():
    folders = [Path(package.__file__).parent for package in (explainers, selectors)]
    files = [path for folder in folders for path in folder.glob("*.py")]
    public = {path.stem for path in files if not path.stem.startswith("_")}
    assert set(METHODS) == public == set(SETTINGS)


@pytest.mark.parametrize("method", METHODS)
def test_settings_have_no_defaults(method):
    parameters = inspect.signature(load(method).scores).parameters
    given = ["x", "y"] if method in SELECTORS else ["model", "dataset"]
    assert list(parameters) == [*given, "seed", *SETTINGS[method]]
    assert all(p.default is p.empty for p in parameters.values())


# The table ------------------------------------------------------------------------


def test_a_table_has_the_inputs_of_each_run(classes, replicas):
    other = replace(classes, truth=np.arange(5.0))
    datasets = Datasets({("base", None): classes, ("other", 3): other})
    table = score("spectral", datasets, replicas, {})
    assert table.columns.tolist() == COLUMNS
    assert table["variant"].tolist() == ["base"] * 5 + ["other"] * 5
    assert table["seed"].tolist() == [8] * 5 + [3] * 5
    assert set(table["method"]) == {"spectral"}
    assert set(table["examples"]) == {0}
    assert table["feature"].tolist() == ["x1", "x2", "x3", "x4", "x5"] * 2
    np.testing.assert_array_equal(table["truth"], [np.nan] * 5 + [0, 1, 2, 3, 4])


@pytest.mark.parametrize("parametrisation", ["spectral", "standard"])
def test_spectral_scores_are_norms_of_columns(classes, make_replicas, parametrisation):
    replicas = make_replicas(parametrisation=parametrisation)
    table = score("spectral", shared(classes), replicas, {})
    expected = [
        np.linalg.norm(replicas.network.replica(r)[0].weight.detach().numpy(), axis=0)
        for r in (0, 1)
    ]
    np.testing.assert_allclose(table["score"], np.concatenate(expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("task", "method"),
    [
        *[("classes", method) for method in METHODS],
        *[("values", method) for method in METHODS if method != "lasso"],
    ],
)
@pytest.mark.parametrize("parametrisation", ["spectral", "standard"])
def test_every_method_scores_every_network(
    task, parametrisation, method, make_replicas, request
):
    regression = {"units": 1, "activation": "tanh"}
    output = {} if task == "classes" else {"output": regression}
    replicas = make_replicas(parametrisation=parametrisation, **output)
    datasets = shared(request.getfixturevalue(task))
    before = [v.clone() for v in replicas.network.state_dict().values()]
    np.random.seed(1)
    torch.manual_seed(1)
    table = score(method, datasets, replicas, SETTINGS[method])
    assert np.isfinite(table["score"]).all() and (table["score"] >= 0).all()
    assert table["score"].max() > 0
    assert (table["seconds"] > 0).all() and table["seconds_spread"].isna().all()
    after = replicas.network.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    np.random.seed(2)
    torch.manual_seed(2)
    again = score(method, datasets, replicas, SETTINGS[method])
    np.testing.assert_array_equal(table["score"], again["score"])


@pytest.mark.parametrize("method", EXPLAINERS)
def test_scores_are_those_of_the_replica_and_its_seed(classes, replicas, method):
    module = load(method)
    table = score(method, shared(classes), replicas, SETTINGS[method])
    expected = [
        module.scores(replicas.network.replica(i), classes, seed, **SETTINGS[method])
        for i, seed in enumerate([8, 3])
    ]
    np.testing.assert_array_equal(table["score"], np.concatenate(expected))
    swapped = module.scores(replicas.network.replica(0), classes, 3, **SETTINGS[method])
    assert not np.allclose(swapped, expected[0], rtol=1e-3)


# The examples ---------------------------------------------------------------------


def test_examples_are_counted(classes, replicas):
    expected = dict.fromkeys(METHODS, [9, 9]) | {
        "spectral": [0, 0],
        "lasso": [130] * 2,
        "univariate": [130] * 2,
        "random": [0, 0],
    }
    for method, settings in SETTINGS.items():
        counts = count_examples(method, shared(classes), replicas, settings)
        assert counts == expected[method]
    everything = SETTINGS["saliency"] | {"examples": None}
    counts = count_examples("saliency", shared(classes), replicas, everything)
    assert counts == [30, 30]


def test_fewer_examples_are_the_first_of_more(classes, replicas):
    model = replicas.network.replica(0)
    x, target = draw(model, classes, 4, None)
    few, few_targets = draw(model, classes, 4, 6)
    np.testing.assert_array_equal(few, x[:6])
    np.testing.assert_array_equal(few_targets, target[:6])
    # Each test example once, with its own label.
    order = np.lexsort(x.T.numpy())
    expected = np.lexsort(classes.x_test.T)
    np.testing.assert_array_equal(x[order], classes.x_test[expected])
    np.testing.assert_array_equal(target[order], classes.y_test[expected])
    other, _ = draw(model, classes, 5, 6)
    assert not np.array_equal(few, other)


def test_the_only_output_of_a_regression_is_explained(values, replicas):
    large = replace(values, y_test=values.y_test + 2)
    _, target = draw(replicas.network.replica(0), large, 0, 3)
    assert target.tolist() == [0, 0, 0]


# The time -------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """Replace scores and clock; return the calls of both in their order.

    The first call of scores takes 100 seconds, the next ones less.
    """
    calls = []
    durations = iter([100, 1, 2, 3, 10, 100, 5, 5, 5, 5])
    now = 0

    def scores(model, dataset, seed) -> np.ndarray:
        nonlocal now
        calls.append("scores")
        now += next(durations)
        return np.zeros(5)

    def clock() -> float:
        calls.append("clock")
        return now

    monkeypatch.setattr("spectral_relevance.explainers.spectral.scores", scores)
    monkeypatch.setattr("spectral_relevance.replication.timing.perf_counter", clock)
    return calls


def test_times_are_medians_over_repeats_after_a_call_that_is_not_timed(
    classes, replicas, calls
):
    table = score("spectral", shared(classes), replicas, {}, repeats=4)
    assert calls == (["scores"] + ["clock", "scores", "clock"] * 4) * 2
    # The quartiles of 1, 2, 3, 10 are 1.75 and 4.75.
    assert table["seconds"].tolist() == [2.5] * 5 + [5] * 5
    assert table["seconds_spread"].tolist() == [1.5] * 5 + [0] * 5


def test_a_single_time_has_no_spread(classes, replicas, calls):
    table = score("spectral", shared(classes), replicas, {})
    assert calls == ["clock", "scores", "clock"] * 2
    assert table["seconds"].tolist() == [100] * 5 + [1] * 5
    assert table["seconds_spread"].isna().all()


# Several methods ------------------------------------------------------------------


def test_a_comparison_holds_all_methods_and_numbers_of_examples(classes, replicas):
    methods = {name: SETTINGS[name] for name in ("spectral", "saliency", "lasso")}
    table = compare(
        shared(classes), replicas, methods=methods, examples=[2, None], repeats=2
    )
    assert table.columns.tolist() == [*COLUMNS, "operations"]
    cases = table[["method", "examples"]].drop_duplicates().to_numpy().tolist()
    assert cases == [["spectral", 0], ["saliency", 2], ["saliency", 30], ["lasso", 130]]
    assert table["seconds_spread"].notna().all()
    found = table.query("method == 'saliency' and examples == 2")
    expected = score("saliency", shared(classes), replicas, {"examples": 2})
    np.testing.assert_array_equal(found["score"], expected["score"])


def test_a_comparison_counts_the_operations_of_each_call(classes, replicas):
    methods = {name: SETTINGS[name] for name in ("spectral", "saliency", "lasso")}
    large = replace(classes, x_test=classes.x_train, y_test=classes.y_train)
    datasets = Datasets({("base", None): classes, ("other", None): large})
    table = compare(datasets, replicas, methods=methods, examples=[2, None], repeats=1)
    assert table["operations"].dtype == "Int64"
    keys = ["variant", "method", "examples"]
    found = table.groupby(keys)["operations"].unique().map(lambda n: n.tolist())
    model = replicas.network.replica(0)
    for (variant, method, examples), operations in found.items():
        dataset = datasets.of(variant, None)
        if method == "lasso":
            assert operations == [pd.NA]
            continue
        settings = {} if method == "spectral" else {"examples": examples}
        call = scorer(method, model, dataset, 0, settings)
        assert operations == [count_operations(call)]


def test_a_comparison_fails_before_anything_is_computed(classes, replicas, calls):
    methods = {"spectral": {}, "saliency": SETTINGS["saliency"]}
    with pytest.raises(UserError, match="saliency, variant 'base', seed 8: .*31"):
        compare(shared(classes), replicas, methods=methods, examples=[31], repeats=1)
    assert calls == []


# Mistakes -------------------------------------------------------------------------


def test_an_unknown_method(classes, replicas):
    with pytest.raises(UserError, match="found 'oracle'.\nHint: .* lasso.*spectral"):
        score("oracle", shared(classes), replicas, {})
    with pytest.raises(UserError, match="found 'shared'"):
        score("shared", shared(classes), replicas, {})


@pytest.mark.parametrize("method", EXPLAINERS)
def test_too_many_examples(classes, replicas, method):
    settings = SETTINGS[method] | {"examples": 31}
    message = (
        f"^{method}, variant 'base', seed 8: expected at most 30 examples, the size of "
        "the test set, found 31.\nHint: lower `examples`; null"
    )
    with pytest.raises(UserError, match=message):
        score(method, shared(classes), replicas, settings)


def test_too_large_a_background(classes, replicas):
    message = (
        "^shap, variant 'base', seed 8: expected a background of at most 130 examples, "
        "the size of the training set, found 131.\nHint: lower `background`.$"
    )
    settings = SETTINGS["shap"]
    with pytest.raises(UserError, match=message):
        score("shap", shared(classes), replicas, settings | {"background": 131})
    score("shap", shared(classes), replicas, settings | {"background": 130})


def test_a_lasso_is_for_two_classes(classes, values, replicas):
    three = replace(classes, y_train=np.arange(130) % 3)
    two_values = replace(values, y_train=np.float32(np.arange(130) % 2))
    for dataset, found in [(two_values, "a regression"), (three, "3 classes")]:
        datasets = Datasets({("base", None): classes, ("other", None): dataset})
        message = (
            f"^lasso, variant 'other', seed 3: expected two classes, found {found}.\n"
            "Hint: leave this method out"
        )
        with pytest.raises(UserError, match=message):
            score("lasso", datasets, replicas, SETTINGS["lasso"])


def test_an_error_in_the_last_run_comes_before_the_scores_of_the_first(
    classes, replicas, monkeypatch
):
    monkeypatch.setattr(load("lasso"), "scores", pytest.fail)
    small = replace(classes, y_train=classes.y_train * 0)
    datasets = Datasets({("base", None): classes, ("other", None): small})
    with pytest.raises(UserError, match="variant 'other', seed 3: .* found 1 classes"):
        score("lasso", datasets, replicas, SETTINGS["lasso"])
