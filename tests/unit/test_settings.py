"""The real configuration, overlays and inheritance, and what is refused."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache, reduce
from inspect import signature
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.kinds import kinds
from spectral_relevance.replication.evaluate import differences
from spectral_relevance.replication.methods import METHODS
from spectral_relevance.replication.settings import (
    check,
    dataset_settings,
    merged,
    read_settings,
    read_yaml,
    resolve,
)
from spectral_relevance.replication.settings import (
    schema as assembled,
)

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "src/spectral_relevance/replication/schemas"


PARTS = {"dataset", "network", "regularisation", "training"}


@cache
def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def real() -> dict[str, Any]:
    """The real settings, merged as Snakemake merges its configuration files."""
    files = (ROOT / "config/config.yaml", ROOT / "config/quick.yaml")
    return deepcopy(read(files[0]) | read(files[1]))


@pytest.fixture
def config(real) -> dict[str, Any]:
    """A few of the real experiments."""
    networks = ("mnist_01", "mnist_regimes", "mnist_mlp", "stellar", "stellar_mlp")
    names = ("independent", *networks)
    for scale in (real, real["quick"]):
        found = scale["experiments"]
        scale["experiments"] = {name: found[name] for name in names if name in found}
    return real


FIRST = "experiments.independent"
REMOVED = "(removed)"


def put(config: dict[str, Any], path: str, value: Any) -> None:
    """Set one value by its path, or remove it where the value is `REMOVED`."""
    *parents, last = [int(k) if k.isdigit() else k for k in path.split(".")]
    for key in parents:
        config = config[key]
    if value is REMOVED:
        del config[last]
    else:
        config[last] = deepcopy(value)


# The real files -------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["paper", "quick"])
def test_the_real_settings_are_complete(real, scale):
    before = deepcopy(real)
    settings = resolve(real, scale)
    assert real == before
    assert settings == read_settings(ROOT, scale)
    parts = {"seeds", "data", "methods", "scaling", "selection", "experiments"}
    assert set(settings) == parts
    assert set(settings["methods"]) == set(METHODS)
    assert list(settings["experiments"]) == list(real["experiments"])
    keys = {"seeds", "seeds_per_job", "methods", "curve", "variants"}
    for name, experiment in settings["experiments"].items():
        assert set(experiment) - {"comparison", "controls"} == PARTS | keys, name
        assert set(experiment["seeds"]) <= set(settings["seeds"])
        assert set(experiment["methods"]) == set(METHODS)
        for variant in experiment["variants"].values():
            assert set(variant) == PARTS


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"experiment": "mnist_mpl"}, "controls.norms.experiment: .* 'mnist_mpl'"),
        ({"variant": "base"}, "controls.norms.variant: .* mnist_mlp, found 'base'"),
    ],
)
def test_controls_name_a_network_that_is_trained(config, change, found):
    put(config, "experiments.mnist_01.controls.norms", {
        "experiment": "mnist_mlp", "variant": "plain", **change
    })  # fmt: skip
    with pytest.raises(UserError, match=found):
        resolve(config, "paper")


def test_controls_need_the_seeds_of_the_ranking(config):
    config["experiments"]["mnist_mlp"]["seeds"] = [0, 1]
    with pytest.raises(UserError, match="mnist_mlp lacks 2, 3"):
        resolve(config, "paper")


def leaves(value: Any, path: tuple = ()) -> dict[tuple, Any]:
    """Return the values of nested maps by their paths."""
    if not isinstance(value, dict):
        return {path: value}
    parts = [leaves(part, (*path, key)) for key, part in value.items()]
    return {place: leaf for part in parts for place, leaf in part.items()}


def test_the_quick_scale_changes_what_it_says_and_nothing_else(real):
    paper = resolve(real, "paper")
    quick = resolve(real, "quick")
    overlay = real["quick"]
    assert paper["seeds"] == real["seeds"]
    assert quick["seeds"] == overlay["seeds"] != paper["seeds"]
    for part in ("data", "methods", "scaling"):
        said = leaves(overlay.get(part, {}))
        assert leaves(quick[part]) == leaves(paper[part]) | said

    for name in real["experiments"]:
        before, after = (leaves(s["experiments"][name]) for s in (paper, quick))
        own = leaves(overlay["experiments"].get(name, {}))
        removed = {path for path in own if path[0] == "variants" and own[path] is None}
        before = {path: before[path] for path in before if path[:2] not in removed}
        assert {path: own[path] for path in set(own) - removed}.items() <= after.items()
        said, ancestor = {("seeds",)}, name
        while ancestor is not None:
            said |= set(leaves(overlay["experiments"].get(ancestor, {})))
            ancestor = real["experiments"][ancestor].get("extends")
        assert set(before) == set(after), name
        changed = {path for path in before if before[path] != after[path]}
        # A variant changes as it says itself or as its experiment does.
        assert {p for p in changed if not {p, p[2:]} & said} == set(), name


def test_what_extends_another_follows_it_at_each_scale(config):
    config["experiments"]["stellar_mlp"] = {
        "extends": "stellar",
        "network": {"parametrisation": "standard"},
        "regularisation": None,
    }
    config["quick"]["experiments"]["stellar"]["training"]["epochs"] = 17
    for scale, epochs in (
        ("paper", config["experiments"]["stellar"]["training"]["epochs"]),
        ("quick", 17),
    ):
        found = resolve(config, scale)["experiments"]
        assert found["stellar"]["training"]["epochs"] == epochs
        assert found["stellar_mlp"]["training"] == found["stellar"]["training"]
        assert found["stellar_mlp"]["regularisation"] is None
        assert found["stellar"]["regularisation"] is not None
        assert found["stellar_mlp"]["network"] == {
            **found["stellar"]["network"],
            "parametrisation": "standard",
        }


def test_an_experiment_may_have_seeds_of_its_own(config):
    config["experiments"]["stellar"]["seeds"] = [3, 1]
    found = resolve(config, "paper")
    assert found["experiments"]["stellar"]["seeds"] == [3, 1]
    assert found["experiments"]["stellar_mlp"]["seeds"] == [3, 1]
    assert found["experiments"]["independent"]["seeds"] == found["seeds"]


# Merging and inheritance ----------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": [1, 2, 3]}, {"a": [4]}, {"a": [4]}),
        ({"a": {"x": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {}, {"a": {"x": 1}}),
        (5, {"a": 1}, {"a": 1}),
        # Another kind or norm takes nothing over.
        ({"kind": "a", "x": 1}, {"kind": "b", "y": [2]}, {"kind": "b", "y": [2]}),
        ({"norm": "l2", "x": 1}, {"norm": "l1", "y": 2}, {"norm": "l1", "y": 2}),
        ({"d": {"kind": "a", "x": 1}}, {"d": {"kind": "b"}}, {"d": {"kind": "b"}}),
        (
            {"kind": "a", "x": {"y": 1}},
            {"kind": "a", "x": {"z": 2}},
            {"kind": "a", "x": {"y": 1, "z": 2}},
        ),
        ({"kind": "a", "norm": "l2"}, {"x": 1}, {"kind": "a", "norm": "l2", "x": 1}),
        ({"x": 1}, {"kind": "a"}, {"kind": "a"}),
    ],
    ids=str,
)
def test_maps_merge_and_all_else_is_replaced(base, overlay, expected):
    originals = deepcopy((base, overlay))
    found = merged(base, overlay)
    assert found == expected
    # The result shares nothing with its sources.
    for value in found.values():
        if isinstance(value, dict):
            value["later"] = 1
        elif isinstance(value, list):
            value.append(1)
    assert (base, overlay) == originals


def test_a_chain_of_extensions(config):
    config["experiments"] |= {
        "grandchild": {"extends": "child", "training": {"batch_size": 7}},
        "child": {"extends": "stellar", "training": {"epochs": 5, "batch_size": 6}},
    }
    found = resolve(config, "paper")["experiments"]
    stellar = found["stellar"]["training"]
    assert found["child"]["training"] == stellar | {"epochs": 5, "batch_size": 6}
    assert found["grandchild"]["training"] == stellar | {"epochs": 5, "batch_size": 7}


@pytest.mark.parametrize(
    "links",
    [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}],
    ids=str,
)
def test_a_cycle_of_extensions(config, links):
    config["experiments"] |= {name: {"extends": base} for name, base in links.items()}
    with pytest.raises(UserError, match=r"experiments\.[abc]\.extends: .* itself"):
        resolve(config, "paper")


@pytest.mark.parametrize("base", ["nothing", None, 3, ["stellar"], {"stellar": None}])
def test_an_extension_of_nothing(config, base):
    config["experiments"] |= {"a": {"extends": base}, 7: {}}
    with pytest.raises(UserError) as error:
        resolve(config, "paper")
    message = str(error.value)
    assert (
        f"experiments.a.extends: expected the name of an experiment, found {base!r}"
        in (message)
    )
    assert "the experiments are independent, mnist_01, " in message


# Variants and methods -------------------------------------------------------------


def resolved(config: dict[str, Any], name: str, scale: str = "paper") -> dict[str, Any]:
    return resolve(config, scale)["experiments"][name]


def test_an_experiment_without_variants_is_its_own_only_one(config):
    found = resolved(config, "stellar")
    assert found["variants"] == {"base": {part: found[part] for part in PARTS}}


def test_variants_are_complete(config):
    network = {"parametrisation": "standard", "hidden": []}
    config["experiments"]["independent"]["variants"] = {
        "as_it_is": {},
        "short": {"training": {"epochs": 7}, "dataset": {"examples": 90}},
        "plain": {"network": network, "regularisation": None},
        "l1": {"regularisation": {"norm": "l1", "eigenvectors": 0.5}},
    }
    found = resolved(config, "independent")
    whole = {part: found[part] for part in PARTS}
    assert found["variants"] == {
        "as_it_is": whole,
        "short": whole
        | {"training": whole["training"] | {"epochs": 7}}
        | {"dataset": whole["dataset"] | {"examples": 90}},
        "plain": whole
        | {"network": whole["network"] | network, "regularisation": None},
        "l1": whole | {"regularisation": {"norm": "l1", "eigenvectors": 0.5}},
    }
    # At the quick scale they follow the experiment where they say nothing themselves.
    epochs = config["quick"]["experiments"]["independent"]["training"]["epochs"]
    variants = resolved(config, "independent", "quick")["variants"]
    found = {name: variant["training"]["epochs"] for name, variant in variants.items()}
    assert found == {"as_it_is": epochs, "short": 7, "plain": epochs, "l1": epochs}


def test_variants_are_inherited_changed_and_removed(config):
    few = {"training": {"epochs": 9}}
    config["experiments"]["child"] = {
        "extends": "mnist_regimes",
        "variants": {"few_epochs": few, "l1": None, "new": {}},
    }
    config["quick"]["experiments"]["child"] = {"variants": {"few_epochs": None}}
    parent, child = (resolved(config, name) for name in ("mnist_regimes", "child"))
    assert list(parent["variants"]) == ["few_epochs", "weak_penalty", "l1"]
    assert list(child["variants"]) == ["few_epochs", "weak_penalty", "new"]
    assert child["variants"]["few_epochs"]["training"]["epochs"] == 9
    assert parent["variants"]["few_epochs"]["training"]["epochs"] == 500
    quick = resolved(config, "child", "quick")["variants"]
    assert list(quick) == ["weak_penalty", "new"]
    # Without any that is left, it is again its own only one.
    none = dict.fromkeys(parent["variants"])
    config["experiments"]["child"]["variants"] = none
    assert list(resolved(config, "child")["variants"]) == ["base"]


def test_an_experiment_overrides_the_settings_of_methods(config):
    config["methods"]["shap"]["background"] = 77
    config["experiments"]["stellar"]["methods"] = {"shap": {"examples": 3}}
    config["quick"]["methods"] = {"shap": {"background_seed": 5}}
    found = resolve(config, "paper")
    methods = found["experiments"]["stellar"]["methods"]
    shap = methods.pop("shap")
    assert shap == {"examples": 3, "background": 77, "background_seed": 0}
    others = {name: found["methods"][name] for name in METHODS if name != "shap"}
    assert methods == others
    assert found["experiments"]["stellar_mlp"]["methods"]["shap"] == shap
    assert found["experiments"]["independent"]["methods"] == found["methods"]
    assert found["methods"]["shap"]["background"] == 77
    assert resolved(config, "stellar", "quick")["methods"]["shap"] == {
        **shap,
        "background_seed": 5,
    }


def test_a_comparison_is_inherited_and_may_be_left_out(config):
    given = {"methods": ["shap"], "examples": [None, 4], "repeats": 2}
    config["experiments"]["stellar"]["comparison"] = given
    config["experiments"]["child"] = {"extends": "stellar"}
    assert resolved(config, "stellar")["comparison"] == given
    assert resolved(config, "child")["comparison"] == given
    assert resolved(config, "stellar_mlp")["comparison"] is None
    assert "comparison" not in resolved(config, "independent")


def test_variants_share_a_dataset_of_the_same_settings():
    one, other = {"kind": "a", "seed": None}, {"kind": "a", "seed": 3}

    def found(*datasets: dict[str, Any]) -> dict[str, Any]:
        named = {f"v{k}": {"dataset": data} for k, data in enumerate(datasets)}
        return dataset_settings({"variants": named, "dataset": "not of interest"})

    assert found(one) == found(one, dict(one)) == {"": one}
    assert found(one, other, one) == {"v0": one, "v1": other, "v2": one}


def test_differences_of_variants():
    penalty = {"norm": "l2", "kernel": 0.1}
    plain = {
        "training": {"epochs": 5, "rate": 1, "compile": True},
        "network": {"hidden": [1], "output": {"units": 2}},
    }
    variants = {
        "a": plain | {"penalty": penalty},
        "b": plain | {"penalty": None},
        "c": merged(plain, {"training": {"compile": 1}, "network": {"hidden": []}}),
        "d": merged(plain, {"training": {"epochs": 6}, "penalty": penalty}),
        "e": merged(plain, {"network": {"output": {"units": 3}}}),
    }
    expected = {
        "training.epochs": [5, 5, 5, 6, 5],
        "training.compile": [True, True, 1, True, True],
        "network.output.units": [2, 2, 2, 2, 3],
        "penalty.norm": ["l2", None, None, "l2", None],
        "penalty.kernel": [0.1, None, None, 0.1, None],
    }
    assert differences(variants) == {
        name: {path: values[k] for path, values in expected.items()}
        for k, name in enumerate(variants)
    }
    assert differences({"a": plain, "b": deepcopy(plain)}) == {"a": {}, "b": {}}


# What is refused ------------------------------------------------------------------

FIRST = "experiments.independent"
STELLAR = "experiments.stellar"
REGIMES = "experiments.mnist_regimes"
FEW = f"{REGIMES}.variants.few_epochs"
BAD = [
    # Unknown and missing keys
    ("seed", 1, ["top level", "'seed' was unexpected"]),
    (f"{FIRST}.epochs", 5, [FIRST, "'epochs' was unexpected"]),
    (f"{FIRST}.training.epoch", 5, [f"{FIRST}.training", "'epoch'"]),
    (f"{FIRST}.dataset.feature", 5, [f"{FIRST}.dataset", "'feature'"]),
    (f"{FIRST}.network.hidden.0.rate", 5, [f"{FIRST}.network.hidden.0", "'rate'"]),
    (f"{FIRST}.methods", {"magic": {}}, [f"{FIRST}.methods", "'magic'"]),
    (f"{FIRST}.methods", {"shap": {"step": 1}}, [f"{FIRST}.methods.shap", "'step'"]),
    ("methods.magic", {}, ["methods:", "'magic' was unexpected"]),
    ("methods.lasso.steps", 5, ["methods.lasso:", "'steps' was unexpected"]),
    ("methods.lasso.folds", REMOVED, ["methods.lasso:", "'folds' is a required"]),
    ("methods.shap", REMOVED, ["methods:", "'shap' is a required"]),
    ("methods", REMOVED, ["top level", "'methods' is a required"]),
    ("scaling.fixed.N0", REMOVED, ["scaling.fixed:", "'N0' is a required"]),
    ("scaling.m", [1, 2], ["scaling:", "'m' was unexpected"]),
    (f"{STELLAR}.comparison.repeats", REMOVED, ["stellar.comparison:", "'repeats'"]),
    (f"{STELLAR}.seeds_per_job", REMOVED, ["stellar:", "'seeds_per_job' is"]),
    ("seeds", REMOVED, ["top level", "'seeds' is a required"]),
    ("data.mnist.files", REMOVED, ["data.mnist", "'files' is a required"]),
    ("experiments", REMOVED, ["top level", "'experiments' is a required"]),
    (
        f"{FIRST}.training.epochs",
        REMOVED,
        [f"{FIRST}.training", "'epochs' is a required"],
    ),
    (f"{FIRST}.dataset", REMOVED, [FIRST, "'dataset' is a required"]),
    (f"{FIRST}.dataset.kind", REMOVED, [f"{FIRST}.dataset:", "'kind' is a required"]),
    (f"{FIRST}.curve", REMOVED, [FIRST, "'curve' is a required"]),
    (f"{FIRST}.regularisation.norm", REMOVED, [f"{FIRST}.regularisation", "'norm'"]),
    # Wrong types
    ("seeds", 3, ["seeds:", "found 3"]),
    ("seeds", [0, "1"], ["seeds.1:", "found '1'"]),
    ("experiments", None, ["experiments:", "found None"]),
    ("experiments", ["independent"], ["experiments:", "found ['independent']"]),
    (FIRST, None, [f"{FIRST}:", "found None"]),
    (FIRST, ["dataset"], [f"{FIRST}:", "found ['dataset']"]),
    (f"{FIRST}.dataset", None, [f"{FIRST}.dataset:", "found None"]),
    (f"{FIRST}.dataset.features", "20", [f"{FIRST}.dataset.features:", "text to YAML"]),
    (f"{FIRST}.training.compile", "yes", [f"{FIRST}.training.compile:", "'yes'"]),
    (f"{FIRST}.training.epochs", True, [f"{FIRST}.training.epochs:", "found True"]),
    (f"{FIRST}.training.epochs", 2.5, [f"{FIRST}.training.epochs:", "found 2.5"]),
    (
        f"{FIRST}.training.learning_rate",
        yaml.safe_load("1e-3"),  # text, as YAML 1.1 wants a point
        [f"{FIRST}.training.learning_rate:", "found '1e-3'", "Hint:", "1.0e-3"],
    ),
    # What JSON would take for an integer or YAML for a number
    (f"{FIRST}.training.epochs", 1.0e3, [f"{FIRST}.training.epochs:", "1000.0"]),
    ("seeds", [0.0], ["seeds.0:", "found 0.0"]),
    (f"{FIRST}.training.learning_rate", float("nan"), ["learning_rate:", "found nan"]),
    (f"{FIRST}.training.learning_rate", float("inf"), ["learning_rate:", "found inf"]),
    (f"{FIRST}.dataset.sigma", float("nan"), [f"{FIRST}.dataset.sigma:", "found nan"]),
    # Values out of range
    ("seeds", [], ["seeds:", "[] should be non-empty"]),
    ("seeds", [4, 7, 4], ["seeds:", "non-unique"]),
    ("seeds", [-1], ["seeds.0:", "-1"]),
    (f"{STELLAR}.seeds", [1, 1], [f"{STELLAR}.seeds:", "non-unique"]),
    (f"{FIRST}.training.epochs", -1, [f"{FIRST}.training.epochs:", "found -1"]),
    (f"{FIRST}.training.epochs", 0, [f"{FIRST}.training.epochs:", "found 0"]),
    (f"{FIRST}.training.batch_size", 0, [f"{FIRST}.training.batch_size:", "found 0"]),
    (f"{FIRST}.training.learning_rate", 0, [f"{FIRST}.training.learning_rate:", "0"]),
    (f"{FIRST}.training.validation_fraction", 1.0, ["validation_fraction:", "1.0"]),
    (f"{FIRST}.training.validation_fraction", 0, ["validation_fraction:", "found 0"]),
    (f"{FIRST}.dataset.test_fraction", 1, [f"{FIRST}.dataset.test_fraction:", "1"]),
    (f"{FIRST}.dataset.test_fraction", 1.5, [f"{FIRST}.dataset.test_fraction:", "1.5"]),
    (f"{FIRST}.dataset.sigma", 0, [f"{FIRST}.dataset.sigma:", "found 0"]),
    (f"{FIRST}.network.hidden.0.dropout", 1.0, ["network.hidden.0.dropout:", "1.0"]),
    (f"{FIRST}.network.hidden.2.units", 0, ["network.hidden.2.units:", "found 0"]),
    (f"{FIRST}.regularisation.eigenvalues", -1e-6, ["regularisation.eigenvalues:"]),
    (
        f"{FIRST}.methods",
        {"lasso": {"folds": 1}},
        [f"{FIRST}.methods.lasso.folds:", "found 1"],
    ),
    ("methods.shap.examples", 0, ["methods.shap.examples:", "found 0"]),
    (f"{FIRST}.seeds_per_job", 0, [f"{FIRST}.seeds_per_job:", "found 0"]),
    (f"{STELLAR}.comparison.examples", [], ["stellar.comparison.examples:", "empty"]),
    (f"{STELLAR}.comparison.examples", [5, 0], ["comparison.examples.1:", "found 0"]),
    ("scaling.N1", [8], ["scaling.N1:", "[8] is too short"]),
    ("experiments.mnist_01.dataset.digits", [0, 10], ["mnist_01.dataset.digits.1:"]),
    ("experiments.mnist_01.dataset.digits", [3], ["mnist_01.dataset.digits:", "[3]"]),
    ("experiments.mnist_01.dataset.digits", [3, 3], ["mnist_01.dataset.digits:"]),
    ("experiments.mnist_01.curve.largest", 0, ["mnist_01.curve.largest:", "found 0"]),
    (f"{STELLAR}.dataset.first_wavelength", 3000, ["stellar.dataset.first_wavelength"]),
    # Values that are none of those known
    (f"{FIRST}.dataset.kind", "moons", [f"{FIRST}.dataset.kind:", "'independent'"]),
    (f"{FIRST}.dataset.kind", ["mnist"], [f"{FIRST}.dataset.kind:"]),
    (f"{FIRST}.network.parametrisation", "dense", ["network.parametrisation:"]),
    (f"{FIRST}.network.hidden.0.activation", "gelu", ["hidden.0.activation:", "relu"]),
    (f"{FIRST}.regularisation.norm", "l3", ["regularisation.norm:", "'l1', 'l2'"]),
    (f"{FIRST}.training.loss", "hinge", [f"{FIRST}.training.loss:", "cross_entropy"]),
    ("data.miles.files", {"a.whl": "0" * 63}, ["data.miles.files.a.whl:"]),
    ("data.miles.files", {"a.whl": "G" * 64}, ["data.miles.files.a.whl:"]),
    ("data.miles.files", {}, ["data.miles.files:"]),
    ("data.mnist.mirror", "", ["data.mnist.mirror:"]),
    ("scaling.methods.magic", {}, ["scaling.methods:", "'magic' was unexpected"]),
    (
        f"{STELLAR}.comparison.methods",
        ["spectral", "magic"],
        [f"{STELLAR}.comparison.methods:", "found 'magic'", *METHODS],
    ),
    # Variants, which the messages name
    (f"{REGIMES}.variants", {}, [f"{REGIMES}.variants:", "{}"]),
    (f"{REGIMES}.variants.l-1", {}, [f"{REGIMES}.variants:", "'l-1'"]),
    (f"{FEW}.curve", {}, [f"{FEW}:", "'curve' was unexpected"]),
    (f"{FEW}.training", 5, [f"{FEW}.training:", "found 5"]),
    (f"{FEW}.training.epoch", 5, ["variant few_epochs", REGIMES, "'epoch'"]),
    (f"{FEW}.training.epochs", "5", ["variant few_epochs", ".epochs:", "found '5'"]),
    (f"{FEW}.dataset", {"sigma": 1}, ["variant few_epochs", REGIMES, "'sigma'"]),
    (
        f"{FEW}.regularisation",
        {"norm": "l2", "kernel": 0.1},
        [f"{FEW}.regularisation:", "a spectral network has no kernel"],
    ),
    (
        f"{FEW}.network",
        {"parametrisation": "standard"},
        [f"{FEW}.regularisation:", "standard network has no eigenvalues, eigenvectors"],
    ),
    (f"{FEW}.training.loss", "mean_absolute_error", [f"{FEW}.training.loss:"]),
    (
        f"{FEW}.dataset",
        yaml.safe_load(
            "{kind: independent, examples: 50, features: 20, relevant: 11, sigma: 0.5,"
            " largest_distance: 1.4, test_fraction: 0.2, seed: 0}"
        ),
        [f"{FEW}.dataset.kind:", "expected mnist", "found independent"],
    ),
    # Settings that do not fit one another
    (f"{FIRST}.regularisation.kernel", 1e-3, [f"{FIRST}.regularisation", "kernel"]),
    (
        "experiments.stellar_mlp.regularisation",
        {"norm": "l2", "eigenvalues": 1e-3},
        ["experiments.stellar_mlp.regularisation", "standard", "no eigenvalues"],
    ),
    (
        f"{FIRST}.regularisation.norm",
        "group_lasso",
        [f"{FIRST}.regularisation.norm:", "standard networks"],
    ),
    (
        "experiments.stellar_mlp.regularisation",
        {"norm": "group_lasso"},
        ["experiments.stellar_mlp.regularisation:", "kernel"],
    ),
    (f"{FIRST}.dataset.relevant", 21, [f"{FIRST}.dataset.relevant", "20", "found 21"]),
    (f"{FIRST}.network.output.units", 1, [f"{FIRST}.network.output.units", "2"]),
    (f"{STELLAR}.network.output.units", 2, [f"{STELLAR}.network.output.units", "2"]),
    ("experiments.mnist_01.network.output.units", 1, ["mnist_01.network.output.units"]),
    (f"{FIRST}.training.loss", "mean_absolute_error", [f"{FIRST}.training.loss"]),
    (f"{STELLAR}.training.loss", "cross_entropy", [f"{STELLAR}.training.loss"]),
]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    BAD,
    ids=[f"{path}={value}" for path, value, _ in BAD],
)
def test_a_malformed_configuration(config, path, value, named):
    put(config, path, value)
    with pytest.raises(UserError) as error:
        resolve(config, "paper")
    for text in named:
        assert text in str(error.value)


@pytest.mark.parametrize("name", ["a/b", "Independent", "1st", "", "a-b", "a b", 7])
def test_names_of_experiments_that_do_not_fit_paths(config, name):
    config["experiments"][name] = deepcopy(config["experiments"]["independent"])
    with pytest.raises(UserError, match="experiments: ") as error:
        resolve(config, "paper")
    assert repr(name) in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("quick", REMOVED, ["quick:", "config/quick.yaml"]),
        ("quick", None, ["quick:", "found None"]),
        ("quick", ["seeds"], ["quick:", "found ['seeds']"]),
        ("quick.experiments.7", {}, ["quick.experiments.7:", "mnist_01"]),
        ("quick.seed", 1, ["quick scale", "'seed' was unexpected"]),
        ("quick.seeds", [], ["quick scale", "seeds:"]),
        ("quick.experiments.mnist", {}, ["quick.experiments.mnist:", "mnist_01"]),
        ("quick.experiments", None, ["quick scale", "experiments:"]),
        ("quick.experiments", ["stellar"], ["quick scale", "experiments:"]),
        ("quick.experiments.stellar", None, ["quick scale", "experiments.stellar:"]),
        (
            "quick.experiments.stellar.training.epochs",
            "1e2",
            ["quick scale", "experiments.stellar.training.epochs:", "Hint:"],
        ),
        (
            "quick.experiments.independent.training",
            {"epoch": 3},
            ["quick scale", "experiments.independent.training", "'epoch'"],
        ),
    ],
    ids=str,
)
def test_a_malformed_overlay(config, path, value, named):
    put(config, path, value)
    if path != "quick.seeds":
        resolve(config, "paper")  # the other scale is not concerned
    with pytest.raises(UserError) as error:
        resolve(config, "quick")
    for text in named:
        assert text in str(error.value)


@pytest.mark.parametrize(
    "experiments",
    [
        None,
        [{"a": 1}],
        "independent",
        REMOVED,
        5,
    ],
    ids=str,
)
def test_an_overlay_on_experiments_that_are_none(config, experiments):
    """The paper scale is checked first and says more."""
    put(config, "experiments", experiments)
    with pytest.raises(UserError, match="experiments"):
        resolve(config, "quick")


def test_an_error_is_named_where_it_stands_and_not_where_it_is_inherited(config):
    """`stellar_mlp` extends `stellar` and inherits what is wrong with it."""
    config["experiments"]["stellar"]["training"]["epochs"] = "many"
    with pytest.raises(UserError, match=r"experiments\.stellar\.training\.epochs: "):
        resolve(config, "paper")


def test_a_value_by_itself(tmp_path):
    schema = tmp_path / "schema.yaml"
    schema.write_text("{type: integer, description: A number.}", encoding="utf-8")
    schema = read_yaml(schema)
    check(3, schema, "this")
    with pytest.raises(UserError, match="^this, top level: .* found 'x'. .A number.$"):
        check("x", schema, "this")


# What strangers ran into -----------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "seeds",
            ["5"],
            "seeds.0: '5' is not of type .*--configfile: --config",
        ),
        (f"{FIRST}.training.learning_rate", "1e-3", "powers of ten with a point"),
        (f"{FIRST}.dataset.examples", 2, "test_fraction: expected a share of the 2 ex"),
        (f"{FIRST}.dataset.test_fraction", 0.99999, "test_fraction: .* found 0.99999"),
        (f"{FIRST}.dataset.test_fraction", 1e-6, "test_fraction: .* found 1e-06"),
        (f"{FIRST}.training.validation_fraction", 1e-6, "validation_fraction: .*1e-06"),
        (f"{FIRST}.dataset.relevant", 21, "relevant: .* at most the 20 features"),
        ("experiments.appendix_b.dataset.slopes", [2, 1], "slopes: .* the smaller"),
        (
            "experiments.appendix_b.dataset.offsets",
            [1, 0],
            "offsets: .* the smaller",
        ),
        ("experiments.appendix_c.dataset.smallest_distance", 9, "smallest_distance: "),
        (
            "experiments.appendix_c.dataset.correlated",
            21,
            "at most 20, the number",
        ),
        ("experiments.appendix_c.dataset.separated", 101, "at most the 100 feat"),
        (
            "experiments.appendix_c.dataset.features",
            39,
            "correlated: .* at most 19",
        ),
        ("experiments.stellar.dataset.first_wavelength", 7403, "first_wavelength: "),
        (
            "experiments.my-experiment",
            {},
            "lower-case letters, digits and _, begin",
        ),
        ("experiments.MyExp", {}, "experiments: expected lower.* found 'MyExp'"),
        ("experiments.étoile", {}, "experiments: expected lower.* found 'étoile'"),
        (
            "experiments.appendix_a.variants",
            {"A-b": {}},
            "expected lower.* found 'A-b'",
        ),
        ("data.mnist.files.x", "0", "64 hexadecimal digits, .* found '0'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(real, path, value, message):
    put(real, path, value)
    with pytest.raises(UserError, match=re.compile(message, re.DOTALL)) as error:
        resolve(real, "paper")
    if "lower-case" not in message and "--config" not in message:
        assert path.split(".")[1] in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands in line 1 already"),
        ("x:\n  a: 1\n  a: 2\n", "line 3: the key 'a' stands in line 2 already"),
        ("x: [{a: 1, a: 2}]\n", "line 1: the key 'a' stands in line 1 already"),
        ("x:\n\t- 1\n", "line 2: .*\nHint: indent by spaces"),
        ("x: [1\n", "line 2: "),
        ("x: \xff", "expected YAML as UTF-8"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=message) as error:
        read_yaml(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="no.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "no.yaml")


def test_what_yaml_allows_is_read_as_it_is(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &x {b: 1, d: 0}\nc:\n  <<: *x\n  d: 2\n1: null\n")
    assert read_yaml(path) == {"a": {"b": 1, "d": 0}, "c": {"b": 1, "d": 2}, 1: None}


# The schemas ----------------------------------------------------------------------

WHOLE = {"config": assembled(), "claims": read(SCHEMAS / "claims.schema.yaml")}
EACH = pytest.mark.parametrize("root", WHOLE.values(), ids=list(WHOLE))


def objects(schema: Any, path: tuple = ()) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Yield every schema inside a schema with its path."""
    if isinstance(schema, dict):
        yield path, schema
    children = schema.items() if isinstance(schema, dict) else enumerate(schema)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from objects(child, (*path, key))


def followed(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with what it refers to."""
    if "$ref" not in schema:
        return schema
    return root["$defs"][schema["$ref"].removeprefix("#/$defs/")] | schema


def is_named(path: tuple) -> bool:
    """Whether a path ends in a name under `properties`, which is no keyword."""
    return len(path) > 1 and path[-2] == "properties"


@EACH
def test_the_schema_is_valid(root):
    Draft202012Validator.check_schema(root)


@EACH
def test_every_object_is_closed(root):
    """An unknown key must never be ignored."""
    seen = 0
    for path, schema in objects(root):
        if path and path[-1] in ("properties", "$defs"):
            continue
        # `kind` of a dataset decides which closed definition applies.
        if path == ("$defs", "dataset") or "if" in path:
            continue
        if "properties" in schema or "object" in schema.get("type", ()):
            seen += 1
            if "variants" in path and path[-1] in PARTS:
                continue  # checked once it is merged with the experiment
            if schema == {"description": schema.get("description"), "type": "object"}:
                assert path[-1] == "arguments", f"{path} takes anything"
            else:
                assert "additionalProperties" in followed(root, schema), path
    assert seen >= 2


@EACH
def test_every_key_has_a_description(root):
    seen = 0
    for path, value in objects(root):
        if not is_named(path) or "if" in path:
            continue
        seen += 1
        parent = reduce(getitem, path[:-2], root)
        if "$ref" in parent:  # it only adds to the definition that it refers to
            value = followed(root, {"$ref": parent["$ref"]})["properties"][path[-1]]
        assert len(followed(root, value).get("description", "")) > 5, path
    assert seen > 8


@pytest.mark.parametrize("name", kinds())
def test_a_kind_declares_what_its_function_takes(name):
    kind = kinds()[name]
    given = set(kind.raw.arguments("a/b/c", {"file": "0"})) if kind.raw else set()
    assert set(signature(kind.make).parameters) == set(kind.settings) | given
    assert kind.task in ("classes", "values")
    definition = assembled()["$defs"][name]
    assert set(definition["required"]) == set(kind.settings)
    assert definition["additionalProperties"] is False


def test_a_kind_is_one_module(real):
    folder = SCHEMAS.parent
    raw = {name for name, kind in kinds().items() if kind.raw}
    assert set(real["data"]) == raw == {"mnist", "miles"}
    shared = [folder / "settings.py", SCHEMAS / "config.schema.yaml"]
    shared += [ROOT / f"workflow/rules/{name}.smk" for name in ("common", "data")]
    words = "|".join(set(kinds()) - {"correlated", "independent"})  # words, too
    for path in shared:
        found = re.findall(rf"\b({words})\b", path.read_text(encoding="utf-8"))
        # The rule of the line bands is about MILES itself.
        allowed = {"miles"} if path.name == "data.smk" else set()
        assert set(found) <= allowed, path


def test_every_method_is_a_closed_definition_with_a_module():
    schema = assembled()
    methods = schema["$defs"]["methods"]["properties"]
    whole = schema["properties"]["methods"]
    assert set(methods) == set(whole["required"]) == set(METHODS)
    for name, method in methods.items():
        required = whole["properties"].get(name, {}).get("required", [])
        assert set(method.get("properties", {})) == set(required), name
