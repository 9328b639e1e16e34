"""The configuration: overlays, `extends`, and checks with readable errors."""

import math
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from spectral_relevance.errors import UserError

SCHEMA = Path(__file__).with_name("schemas") / "config.schema.yaml"
"""What the complete settings of a scale have to obey."""

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
        text = Path(root, f"config/{name}.yaml").read_text(encoding="utf-8")
        config |= yaml.safe_load(text)  # they share no key
    return resolve(config, scale)


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
        ``seeds``, ``data``, ``methods``, ``scaling`` and ``experiments``. Each
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
        check({**settings, "experiments": originals}, SCHEMA, what)
    check(settings, SCHEMA, what)
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
            check(changed, SCHEMA, f"{what}, variant {variant}")
            where = f"{place}.variants.{variant}" if variant in given else place
            _check_together(varied, where, experiment["dataset"]["kind"])
        experiment["variants"] = variants
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


def differences(variants: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for each variant the settings in which they differ, by dotted path.

    Parameters
    ----------
    variants : mapping
        Complete settings of each variant.

    Returns
    -------
    dict
        For each variant a value for each path; None where a variant lacks the setting.
        Lists (the layers of a network) are left out.
    """
    flat = {name: _flattened(settings) for name, settings in variants.items()}
    paths = {path: None for settings in flat.values() for path in settings}
    varied = [p for p in paths if len({repr(f.get(p)) for f in flat.values()}) > 1]
    return {name: {p: f.get(p) for p in varied} for name, f in flat.items()}


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            flat[f"{prefix}{key}"] = value
    return flat


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


def check(value: Any, schema: str | Path, what: str) -> None:
    """Raise unless a value obeys a JSON schema, naming the first place that does not.

    Raises
    ------
    UserError
        With the path of keys to the place, what was expected and what was found.
    """
    error = best_match(_validator(Path(schema)).iter_errors(value))
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


@cache
def _validator(schema: Path) -> Draft202012Validator:
    return _Validator(yaml.safe_load(schema.read_text(encoding="utf-8")))


def _explain(error: ValidationError) -> str:
    message = error.message
    if error.validator in ("type", "enum", "minimum", "exclusiveMinimum", "pattern"):
        message += f"; found {error.instance!r}."
    if "description" in error.schema:
        message += f" ({error.schema['description'].rstrip('.')})"
    if error.validator == "type" and isinstance(error.instance, str):
        try:
            float(error.instance)
        except ValueError:
            return message
        message += (
            "\nHint: this is text to YAML; write numbers without quotes and powers of "
            "ten with a point, as in 1.0e-3."
        )
    return message


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
    if dataset["kind"] == "independent" and dataset["relevant"] > dataset["features"]:
        raise UserError(
            f"configuration, {place}.dataset.relevant: expected at most the "
            f"{dataset['features']} features, found {dataset['relevant']}."
        )
    regression = dataset["kind"] == "miles"
    outputs = experiment["network"]["output"]["units"]
    needed = 1 if regression else max(dataset.get("digits", [1])) + 1
    if outputs < needed or (regression and outputs != 1):
        raise UserError(
            f"configuration, {place}.network.output.units: expected "
            f"{'1 value' if regression else f'at least {needed} classes'} for this "
            f"dataset, found {outputs}."
        )
    if regression != (experiment["training"]["loss"] == "mean_absolute_error"):
        raise UserError(
            f"configuration, {place}.training.loss: {experiment['training']['loss']} "
            f"does not fit the dataset kind {dataset['kind']}."
        )
