"""The configuration: overlays, `extends`, and checks with readable errors."""

import math
from collections.abc import Hashable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.kinds import kinds

SCHEMAS = Path(__file__).with_name("schemas")

VARIED = ("dataset", "network", "regularisation", "training")
"""The parts of an experiment that a variant may override."""


def read_settings(root: str | Path, scale: str) -> dict[str, Any]:
    """Return the settings of one scale as a checkout has them, without overlays.

    Parameters
    ----------
    root : path
        The checkout.
    scale : str
        As for :func:`resolve`, which says what is returned and raised.
    """
    config: dict[str, Any] = {}
    for name in ("config", "quick"):
        config |= read_yaml(Path(root, f"config/{name}.yaml"))  # they share no key
    return resolve(config, scale)


class _StrictLoader(yaml.SafeLoader):
    """A loader that does not let the last of several equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, Hashable):
                if key in seen:
                    raise UserError(
                        f"{self.name}, line {line}: the key {key!r} stands in line "
                        f"{seen[key]} already.",
                        "keep one of the two.",
                    )
                seen[key] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    UserError
        If there is none, if it is malformed or if a key stands twice; it names the
        line.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, _StrictLoader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        hint = "indent by spaces, not by tabs." if "\\t" in str(error) else None
        raise UserError(f"{path}{line}: {error.problem}.", hint) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected YAML as UTF-8: {error}.") from error


@cache
def schema() -> dict[str, Any]:
    """Return the schema of the complete settings of a scale, as JSON has it.

    Its parts on datasets are those that their kinds declare.
    """
    whole = read_yaml(SCHEMAS / "config.schema.yaml")
    definitions = whole["$defs"]
    definitions["data"] = {
        "description": "Raw data that are downloaded.",
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, kind in kinds().items() if kind.raw],
        "properties": {
            name: {"$ref": "#/$defs/download"}
            for name, kind in kinds().items()
            if kind.raw
        },
    }
    definitions["dataset"] = {
        "description": "How the examples are made; `kind` names the module that does.",
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {
                "description": "A module of spectral_relevance.replication.datasets.",
                "enum": list(kinds()),
            }
        },
        "allOf": [
            {
                "if": {"required": ["kind"], "properties": {"kind": {"const": name}}},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in kinds()
        ],
    }
    for name, kind in kinds().items():
        definitions[name] = {
            "additionalProperties": False,
            "required": list(kind.settings),
            "properties": {"kind": {"description": "See above."}, **kind.settings},
        }
    return whole


def resolve(config: Mapping[str, Any], scale: str) -> dict[str, Any]:
    """Return the complete, checked settings of one scale.

    Parameters
    ----------
    config : mapping
        The paper's settings at the top level and, under ``quick``, what differs at the
        quick scale.
    scale : str
        ``paper`` or ``quick``.

    Returns
    -------
    dict
        ``seeds``, ``data``, ``methods``, ``scaling``, ``selection`` and
        ``experiments``. Each
        experiment is complete: it has its ``seeds`` (those of the scale where it has
        none of its own), the settings of all ``methods``, and ``variants``, each with
        its complete ``dataset``, ``network``, ``regularisation`` and ``training``; an
        experiment without variants has one, named ``base``.

    Raises
    ------
    UserError
        If a key is unknown or missing, or a value is not allowed; it names the place.
    """
    paper = {key: value for key, value in config.items() if key != "quick"}
    overlay = {} if scale == "paper" else config.get("quick")
    if not isinstance(overlay, Mapping):
        raise UserError(
            f"configuration, quick: expected settings, found {overlay!r}.",
            "keep config/quick.yaml among the configuration files.",
        )
    settings = merged(paper, overlay)
    what = f"configuration ({scale} scale)"
    experiments = settings.get("experiments")
    if isinstance(experiments, dict):
        _check_known(overlay.get("experiments") or {}, paper.get("experiments") or {})
        settings["experiments"] = {
            name: _extended(name, experiments, ()) for name in experiments
        }
        # First those that others extend, so that an error is named where it stands.
        originals = {
            name: experiment
            for name, experiment in settings["experiments"].items()
            if experiment is experiments[name]
        }
        check({**settings, "experiments": originals}, schema(), what)
    check(settings, schema(), what)
    for part in ("draws", "designs"):
        given = settings["selection"][part].items()
        kept = {name: value for name, value in given if value is not None}
        settings["selection"][part] = kept
    for name, experiment in settings["experiments"].items():
        place = f"experiments.{name}"
        experiment.setdefault("seeds", settings["seeds"])
        experiment["methods"] = merged(
            settings["methods"], experiment.get("methods", {})
        )
        _check_comparison(experiment.get("comparison"), settings["methods"], place)
        given = experiment.pop("variants", {})
        variants = _variants(experiment, given)
        for variant, varied in variants.items():
            # What a variant overrides has to obey the schema as well.
            changed = {**settings, "experiments": {name: {**experiment, **varied}}}
            check(changed, schema(), f"{what}, variant {variant}")
            where = f"{place}.variants.{variant}" if variant in given else place
            _check_together(varied, where, experiment["dataset"]["kind"])
        experiment["variants"] = variants
    for name, experiment in settings["experiments"].items():
        _check_controls(name, experiment, settings["experiments"])
    return settings


def _variants(
    experiment: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the complete settings of each variant that is not null."""
    parts = {part: experiment[part] for part in VARIED}
    changes = {name: change for name, change in given.items() if change is not None}
    return {
        name: merged(parts, change)
        for name, change in (changes or {"base": {}}).items()
    }


def dataset_settings(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dataset of each variant; under ``""`` where all share one."""
    datasets = {name: v["dataset"] for name, v in experiment["variants"].items()}
    first = next(iter(datasets.values()))
    if all(dataset == first for dataset in datasets.values()):
        return {"": first}
    return datasets


def dataset_request(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the datasets of an experiment depend on, apart from raw files.

    Parameters
    ----------
    experiment : mapping
        Its complete settings.

    Returns
    -------
    dict
        The arguments ``variants`` and ``seeds`` of
        :func:`~spectral_relevance.replication.datasets.make`; no seeds where no run
        draws examples of its own.
    """
    variants = dataset_settings(experiment)
    own = any(dataset.get("seed", 0) is None for dataset in variants.values())
    return {"variants": variants, "seeds": sorted(experiment["seeds"]) if own else []}


def blocks(experiment: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the seeds of each training job of an experiment, by the job's name.

    Parameters
    ----------
    experiment : mapping
        Its complete settings.
    """
    seeds, size = sorted(experiment["seeds"]), experiment["seeds_per_job"]
    parts = [seeds[i : i + size] for i in range(0, len(seeds), size)]
    return {
        str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}": part
        for part in parts
    }


def merged(base: Any, overlay: Any) -> Any:
    """Return `base` with `overlay` on it: maps merge, everything else is replaced.

    A map is replaced as a whole where its ``kind`` or its ``norm`` becomes another,
    because what stands beside those belongs to them.
    """
    if not (isinstance(base, Mapping) and isinstance(overlay, Mapping)):
        return deepcopy(overlay)
    if any(base.get(k) != overlay.get(k, base.get(k)) for k in ("kind", "norm")):
        return deepcopy(dict(overlay))
    result = {key: deepcopy(value) for key, value in base.items()}
    for key, value in overlay.items():
        result[key] = merged(base[key], value) if key in base else deepcopy(value)
    return result


def check(value: Any, schema: Mapping[str, Any], what: str) -> None:
    """Raise unless a value obeys a JSON schema, naming the first place that does not.

    Raises
    ------
    UserError
        With the path of keys to the place, what was expected and what was found.
    """
    error = best_match(_Validator(schema).iter_errors(value))
    if error is not None:
        place = ".".join(str(key) for key in error.absolute_path)
        raise UserError(f"{what}, {place or 'top level'}: {_explain(error)}")


def _is_integer(checker: TypeChecker, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: TypeChecker, value: Any) -> bool:
    return _is_integer(checker, value) or (
        isinstance(value, float) and math.isfinite(value)
    )


# JSON takes 1.0 for an integer; a count of epochs that is a float fails in training.
_Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _explain(error: ValidationError) -> str:
    description = error.schema.get("description", "").rstrip(".")
    if error.validator == "pattern":
        return f"expected {description}, found {error.instance!r}."
    message = error.message
    if error.validator in ("type", "enum", "minimum", "exclusiveMinimum"):
        message += f"; found {error.instance!r}."
    if description:
        message += f" ({description})"
    if error.validator == "type" and isinstance(error.instance, str):
        message += _hint_on_text(error.instance)
    return message


def _hint_on_text(text: str) -> str:
    """Return why a number may have become text, if that is what happened."""
    try:
        float(text)
    except ValueError:
        return ""
    if "e" in text.lower():
        return (
            "\nHint: this is text to YAML; write numbers without quotes and powers of "
            "ten with a point, as in 1.0e-3."
        )
    return (
        "\nHint: this is text to YAML; write numbers without quotes, and give what "
        "stands in lists and maps by --configfile: --config makes text of it."
    )


def _check_known(overlay: Mapping[str, Any], paper: Any) -> None:
    if not isinstance(paper, Mapping):
        return
    for name in overlay:
        if name not in paper:
            raise UserError(
                f"configuration, quick.experiments.{name}: there is no such experiment "
                "at the paper scale.",
                f"the experiments are {', '.join(map(str, paper))}.",
            )


def _extended(name: str, experiments: Mapping[str, Any], seen: tuple[str, ...]) -> Any:
    experiment = experiments[name]
    if not isinstance(experiment, Mapping) or "extends" not in experiment:
        return experiment
    base = experiment["extends"]
    place = f"configuration, experiments.{name}.extends"
    if not isinstance(base, str) or base not in experiments:
        raise UserError(
            f"{place}: expected the name of an experiment, found {base!r}.",
            f"the experiments are {', '.join(map(str, experiments))}.",
        )
    if base in (*seen, name):
        raise UserError(f"{place}: {base!r} extends itself.")
    own = {key: value for key, value in experiment.items() if key != "extends"}
    return merged(_extended(base, experiments, (*seen, name)), own)


def _check_comparison(
    comparison: Mapping[str, Any] | None, methods: Mapping[str, Any], place: str
) -> None:
    """Check that all methods of a comparison are methods that have settings."""
    for name in comparison["methods"] if comparison is not None else ():
        if name not in methods:
            raise UserError(
                f"configuration, {place}.comparison.methods: expected the name of a "
                f"relevance method, found {name!r}.",
                f"the methods are {', '.join(methods)}.",
            )


def _check_controls(
    name: str, experiment: Mapping[str, Any], experiments: Mapping[str, Any]
) -> None:
    """Check that the network whose norms are a control is one that is trained."""
    controls = experiment.get("controls")
    if controls is None:
        return
    place = f"configuration, experiments.{name}.controls.norms"
    standard, variant = controls["norms"]["experiment"], controls["norms"]["variant"]
    if standard not in experiments:
        raise UserError(
            f"{place}.experiment: expected the name of an experiment, found "
            f"{standard!r}.",
            f"the experiments are {', '.join(experiments)}.",
        )
    variants = experiments[standard]["variants"]
    if variant not in variants:
        raise UserError(
            f"{place}.variant: expected a variant of {standard}, found {variant!r}.",
            f"the variants are {', '.join(variants)}.",
        )
    missing = set(experiment["seeds"]) - set(experiments[standard]["seeds"])
    if missing:
        raise UserError(
            f"{place}.experiment: expected one with the seeds of {name}, found that "
            f"{standard} lacks {', '.join(map(str, sorted(missing)))}."
        )


def _check_together(experiment: Mapping[str, Any], place: str, kind: str) -> None:
    """Check what a schema cannot say: that settings of a variant fit one another."""
    dataset = experiment["dataset"]
    if dataset["kind"] != kind:
        raise UserError(
            f"configuration, {place}.dataset.kind: expected {kind}, the kind of the "
            f"experiment, found {dataset['kind']}.",
            "another kind of dataset needs an experiment of its own.",
        )
    parametrisation = experiment["network"]["parametrisation"]
    known = {
        "spectral": {"norm", "eigenvalues", "eigenvectors"},
        "standard": {"norm", "kernel"},
    }[parametrisation]
    foreign = set(experiment["regularisation"] or {}) - known
    if foreign:
        raise UserError(
            f"configuration, {place}.regularisation: a {parametrisation} network has "
            f"no {', '.join(sorted(foreign))}.",
            f"the keys are {', '.join(sorted(known))}.",
        )
    penalty = experiment["regularisation"]
    if parametrisation == "spectral" and penalty and penalty["norm"] == "group_lasso":
        raise UserError(
            f"configuration, {place}.regularisation.norm: group_lasso is for standard "
            "networks.",
            "for a spectral one l2 amounts to a group lasso (docs/group_lasso.md).",
        )
    if penalty and penalty["norm"] == "group_lasso" and "kernel" not in penalty:
        raise UserError(
            f"configuration, {place}.regularisation: group_lasso needs its strength, "
            "kernel."
        )
    kind_of_data = kinds()[kind]
    for setting, expected in kind_of_data.problems(dataset):
        raise UserError(
            f"configuration, {place}.dataset.{setting}: expected {expected}, found "
            f"{dataset[setting]}."
        )
    _check_parts(experiment, place)
    outputs = experiment["network"]["output"]["units"]
    needed = kind_of_data.outputs(dataset)
    are_values = kind_of_data.task == "values"
    if outputs < needed or (are_values and outputs != needed):
        raise UserError(
            f"configuration, {place}.network.output.units: expected "
            f"{f'{needed} value' if are_values else f'at least {needed} classes'} for "
            f"this dataset, found {outputs}."
        )
    if are_values == (experiment["training"]["loss"] == "cross_entropy"):
        raise UserError(
            f"configuration, {place}.training.loss: {experiment['training']['loss']} "
            f"does not fit the dataset kind {dataset['kind']}."
        )


def _check_parts(experiment: Mapping[str, Any], place: str) -> None:
    """Check that each part of the examples holds some, where the settings tell."""
    dataset = experiment["dataset"]
    if "examples" not in dataset:
        return
    number, share = dataset["examples"], dataset["test_fraction"]
    for_testing = round(number * share)
    if for_testing == 0 or number - for_testing < 2:
        raise UserError(
            f"configuration, {place}.dataset.test_fraction: expected a share of the "
            f"{number} examples that leaves some for testing and two or more for "
            f"training, found {share}."
        )
    left, share = number - for_testing, experiment["training"]["validation_fraction"]
    if round(left * (1 - share)) in (0, left):
        raise UserError(
            f"configuration, {place}.training.validation_fraction: expected a share of "
            f"the {left} training examples that leaves some for validation and some to "
            f"train on, found {share}."
        )
