"""The real configuration, overlays and inheritance, and what is refused."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from spectral_relevance.errors import UserError
from spectral_relevance.settings import check, merged, resolve

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "workflow" / "schemas"
SCHEMA = SCHEMAS / "config.schema.yaml"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def config() -> dict[str, Any]:
    """The real settings, merged as Snakemake merges its configuration files."""
    return read(ROOT / "config/config.yaml") | read(ROOT / "config/quick.yaml")


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
def test_the_real_settings_are_complete(config, scale):
    before = deepcopy(config)
    settings = resolve(config, scale, SCHEMA)
    assert config == before
    assert set(settings) == {"seeds", "data", "experiments"}
    assert list(settings["experiments"]) == list(config["experiments"])
    keys = {"dataset", "network", "regularisation", "training", "methods", "curve"}
    for name, experiment in settings["experiments"].items():
        assert set(experiment) == keys | {"seeds"}, name
        assert experiment["seeds"] == settings["seeds"]


def test_the_quick_scale_changes_what_it_says_and_nothing_else(config):
    paper = resolve(config, "paper", SCHEMA)
    quick = resolve(config, "quick", SCHEMA)
    overlay = config["quick"]
    assert paper["seeds"] == config["seeds"]
    assert quick["seeds"] == overlay["seeds"] != paper["seeds"]
    assert quick["data"] == paper["data"]

    def leaves(value: Any, path: tuple = ()) -> dict[tuple, Any]:
        if not isinstance(value, dict):
            return {path: value}
        parts = [leaves(part, (*path, key)) for key, part in value.items()]
        return {place: leaf for part in parts for place, leaf in part.items()}

    for name, experiment in paper["experiments"].items():
        if "extends" not in config["experiments"][name]:
            expected = leaves(experiment) | leaves(overlay["experiments"].get(name, {}))
            expected[("seeds",)] = quick["seeds"]
            assert leaves(quick["experiments"][name]) == expected


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
        found = resolve(config, scale, SCHEMA)["experiments"]
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
    found = resolve(config, "paper", SCHEMA)
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
    ],
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
    found = resolve(config, "paper", SCHEMA)["experiments"]
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
        resolve(config, "paper", SCHEMA)


@pytest.mark.parametrize("base", ["nothing", None, 3, ["stellar"], {"stellar": None}])
def test_an_extension_of_nothing(config, base):
    config["experiments"] |= {"a": {"extends": base}, 7: {}}
    with pytest.raises(UserError) as error:
        resolve(config, "paper", SCHEMA)
    message = str(error.value)
    assert (
        f"experiments.a.extends: expected the name of an experiment, found {base!r}"
        in (message)
    )
    assert "the experiments are independent, mnist_01, " in message


# What is refused ------------------------------------------------------------------

FIRST = "experiments.independent"
STELLAR = "experiments.stellar"
BAD = [
    # Unknown and missing keys
    ("seed", 1, ["top level", "'seed' was unexpected"]),
    (f"{FIRST}.epochs", 5, [FIRST, "'epochs' was unexpected"]),
    (f"{FIRST}.training.epoch", 5, [f"{FIRST}.training", "'epoch'"]),
    (f"{FIRST}.dataset.feature", 5, [f"{FIRST}.dataset", "'feature'"]),
    (f"{FIRST}.network.hidden.0.rate", 5, [f"{FIRST}.network.hidden.0", "'rate'"]),
    (f"{FIRST}.methods.shap", {}, [f"{FIRST}.methods", "'shap'"]),
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
    (f"{FIRST}.methods.lasso.folds", 1, [f"{FIRST}.methods.lasso.folds:", "found 1"]),
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
    # Settings that do not fit one another
    (f"{FIRST}.regularisation.kernel", 1e-3, [f"{FIRST}.regularisation", "kernel"]),
    (
        "experiments.stellar_mlp.regularisation",
        {"norm": "l2", "eigenvalues": 1e-3},
        ["experiments.stellar_mlp.regularisation", "standard", "no eigenvalues"],
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
        resolve(config, "paper", SCHEMA)
    for text in named:
        assert text in str(error.value)


@pytest.mark.parametrize("name", ["a/b", "Independent", "1st", "", "a-b", "a b", 7])
def test_names_of_experiments_that_do_not_fit_paths(config, name):
    config["experiments"][name] = deepcopy(config["experiments"]["independent"])
    with pytest.raises(UserError, match="experiments: ") as error:
        resolve(config, "paper", SCHEMA)
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
        resolve(config, "paper", SCHEMA)  # the other scale is not concerned
    with pytest.raises(UserError) as error:
        resolve(config, "quick", SCHEMA)
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
        resolve(config, "quick", SCHEMA)


def test_an_error_is_named_where_it_stands_and_not_where_it_is_inherited(config):
    """`stellar_mlp` extends `stellar` and inherits what is wrong with it."""
    config["experiments"]["stellar"]["training"]["epochs"] = "many"
    with pytest.raises(UserError, match=r"experiments\.stellar\.training\.epochs: "):
        resolve(config, "paper", SCHEMA)


def test_a_value_by_itself(tmp_path):
    schema = tmp_path / "schema.yaml"
    schema.write_text("{type: integer, description: A number.}", encoding="utf-8")
    check(3, schema, "this")
    with pytest.raises(UserError, match="^this, top level: .* found 'x'. .A number.$"):
        check("x", schema, "this")


# The schemas ----------------------------------------------------------------------

NAMES = ["config.schema.yaml", "claims.schema.yaml"]


def objects(schema: Any, path: tuple = ()) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Yield every schema inside a schema with its path."""
    if isinstance(schema, dict):
        yield path, schema
    children = schema.items() if isinstance(schema, dict) else enumerate(schema)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from objects(child, (*path, key))


def is_named(path: tuple) -> bool:
    """Whether a path ends in a name under `properties`, which is no keyword."""
    return len(path) > 1 and path[-2] == "properties"


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_valid(name):
    Draft202012Validator.check_schema(read(SCHEMAS / name))


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_closed(name):
    """An unknown key must never be ignored."""
    seen = 0
    for path, schema in objects(read(SCHEMAS / name)):
        if path and path[-1] in ("properties", "$defs"):
            continue
        # `kind` of a dataset decides which closed definition applies.
        if path == ("$defs", "dataset") or "if" in path:
            continue
        if "properties" in schema or "object" in schema.get("type", ()):
            seen += 1
            if schema == {"description": schema.get("description"), "type": "object"}:
                assert path[-1] == "arguments", f"{path} takes anything"
            else:
                assert "additionalProperties" in schema, path
    assert seen >= 2


@pytest.mark.parametrize("name", NAMES)
def test_every_key_has_a_description(name):
    schema = read(SCHEMAS / name)
    seen = 0
    for path, value in objects(schema):
        if not is_named(path) or "if" in path:
            continue
        seen += 1
        if "description" not in value:
            value = schema["$defs"][value["$ref"].rpartition("/")[2]]
        assert len(value.get("description", "")) > 5, path
    assert seen > 8


def test_every_dataset_kind_is_a_closed_definition_with_a_module():
    definitions = read(SCHEMA)["$defs"]
    rules = definitions["dataset"]["allOf"]
    kinds = definitions["dataset"]["properties"]["kind"]["enum"]
    for kind, rule in zip(kinds, rules, strict=True):
        condition = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        assert rule["if"] == condition
        assert rule["then"] == {"$ref": f"#/$defs/{kind}"}
        assert definitions[kind]["additionalProperties"] is False
        assert (ROOT / f"src/spectral_relevance/datasets/{kind}.py").is_file()
