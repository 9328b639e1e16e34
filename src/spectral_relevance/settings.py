"""The configuration: overlays, `extends`, and checks with readable errors."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from spectral_relevance.errors import UserError


def resolve(
    config: Mapping[str, Any], scale: str, schema: str | Path
) -> dict[str, Any]:
    """Return the complete, checked settings of one scale.

    Parameters
    ----------
    config : mapping
        The paper's settings at the top level and, under ``quick``, what differs at the
        quick scale.
    scale : str
        ``paper`` or ``quick``.
    schema : path
        JSON schema of the complete settings.

    Returns
    -------
    dict
        ``seeds``, ``data`` and ``experiments``; each experiment is complete and has its
        ``seeds``, those of the scale where it has none of its own.

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
        _check_known(overlay, paper)
        settings["experiments"] = {
            name: _extended(name, experiments, ()) for name in experiments
        }
        # First those that others extend, so that an error is named where it stands.
        originals = {
            name: experiment
            for name, experiment in settings["experiments"].items()
            if experiment is experiments[name]
        }
        check({**settings, "experiments": originals}, schema, what)
    check(settings, schema, what)
    for name, experiment in settings["experiments"].items():
        experiment.setdefault("seeds", settings["seeds"])
        _check_together(experiment, f"experiments.{name}")
    return settings


def merged(base: Any, overlay: Any) -> Any:
    """Return `base` with `overlay` on it: maps merge, everything else is replaced."""
    if not (isinstance(base, Mapping) and isinstance(overlay, Mapping)):
        return deepcopy(overlay)
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
    rules = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(rules).iter_errors(value))
    if error is not None:
        place = ".".join(str(key) for key in error.absolute_path)
        raise UserError(f"{what}, {place or 'top level'}: {_explain(error)}")


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


def _check_known(overlay: Mapping[str, Any], paper: Mapping[str, Any]) -> None:
    for name in overlay.get("experiments") or {}:
        if name not in paper["experiments"]:
            raise UserError(
                f"configuration, quick.experiments.{name}: there is no such experiment "
                "at the paper scale.",
                f"the experiments are {', '.join(paper['experiments'])}.",
            )


def _extended(name: str, experiments: Mapping[str, Any], seen: tuple[str, ...]) -> Any:
    experiment = experiments[name]
    if not isinstance(experiment, Mapping) or "extends" not in experiment:
        return experiment
    base = experiment["extends"]
    place = f"configuration, experiments.{name}.extends"
    if base not in experiments:
        raise UserError(
            f"{place}: expected the name of an experiment, found {base!r}.",
            f"the experiments are {', '.join(experiments)}.",
        )
    if base in (*seen, name):
        raise UserError(f"{place}: {base!r} extends itself.")
    own = {key: value for key, value in experiment.items() if key != "extends"}
    return merged(_extended(base, experiments, (*seen, name)), own)


def _check_together(experiment: Mapping[str, Any], place: str) -> None:
    """Check what a schema cannot say: that settings fit one another."""
    dataset = experiment["dataset"]
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
    if dataset["kind"] == "independent" and dataset["relevant"] > dataset["features"]:
        raise UserError(
            f"configuration, {place}.dataset.relevant: expected at most the "
            f"{dataset['features']} features, found {dataset['relevant']}."
        )
    outputs = experiment["network"]["output"]["units"]
    needed = 1 if dataset["kind"] == "miles" else max(dataset.get("digits", [1])) + 1
    if outputs < needed:
        raise UserError(
            f"configuration, {place}.network.output.units: expected at least {needed} "
            f"for the labels of this dataset, found {outputs}."
        )
    regression = dataset["kind"] == "miles"
    if regression != (experiment["training"]["loss"] == "mean_absolute_error"):
        raise UserError(
            f"configuration, {place}.training.loss: {experiment['training']['loss']} "
            f"does not fit the dataset kind {dataset['kind']}."
        )
