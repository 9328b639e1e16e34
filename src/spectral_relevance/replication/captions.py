"""What the captions of the figures say of the settings, and of the claims.

A caption, ``workflow/report/fig{number}.rst``, is a template that finds this under
``snakemake.params``: in the report from its rule, in ``docs/replication.md`` from the
program that writes the page.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from spectral_relevance.replication.publish.text import listed

ACTIVATIONS = {"relu": "ReLU", "tanh": "tanh", "linear": "linear"}
"""How activations are written."""

NORMS = {"l1": "L1", "l2": "L2", "group_lasso": "group-lasso"}
"""How norms of penalties are written."""

PENALISED = {
    "eigenvalues": "the eigenvalues",
    "eigenvectors": "the eigenvectors",
    "kernel": "the weights",
}
"""What a penalty of the first layer is on."""

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def shown_settings(
    figure: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of the experiments that a figure shows, in words.

    Parameters
    ----------
    figure : mapping
        Its entry in the list of figures.
    settings : mapping
        The complete settings of a scale.

    Returns
    -------
    dict
        For each experiment ``runs``, ``controls`` as they are, and its variants, each
        with ``dataset``, its settings as they are, and in words
        ``network``, ``penalty``, ``epochs``, ``training`` and ``setup``, all of these.
    """
    parts = (PurePath(path).with_suffix("").parts for path in figure["tables"].values())
    names = dict.fromkeys(part[1] for part in parts if len(part) > 1)
    return {name: _experiment(settings["experiments"][name]) for name in names}


def judged(claims: Sequence[int]) -> str:
    """Return the sentence that names the claims that a figure judges."""
    if not claims:
        return ""
    few = "claim" if len(claims) == 1 else "claims"
    return f"Judged by {few} {listed(claims)}."


def number(value: float) -> str:
    """Write a number, small ones as a product with a power of ten.

    Examples
    --------
    >>> number(0.002), number(5000), number(2.5e-06)
    ('0.002', '5,000', '2.5·10⁻⁶')
    """
    if value == int(value):
        return f"{int(value):,}"
    if abs(value) >= 1e-3:
        return f"{value:g}"
    mantissa, exponent = f"{value:e}".split("e")
    mantissa = re.sub(r"\.?0*$", "", mantissa)
    power = "10⁻" + str(abs(int(exponent))).translate(SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}·{power}"


def _experiment(experiment: Mapping[str, Any]) -> dict[str, Any]:
    seeds = len(experiment["seeds"])
    runs = f"{seeds} run{'s' if seeds > 1 else ''}"
    variants = {
        name: _variant(variant, runs)
        for name, variant in experiment["variants"].items()
    }
    return {"runs": runs, "controls": experiment.get("controls"), **variants}


def _variant(variant: Mapping[str, Any], runs: str) -> dict[str, Any]:
    training = variant["training"]
    epochs = training["epochs"]
    words = {
        "network": _network(variant["network"]),
        "penalty": _penalty(variant["regularisation"]),
        "epochs": f"{number(epochs)} epoch{'s' if epochs > 1 else ''}",
    }
    words["training"] = (
        f"{words['epochs']} in batches of {number(training['batch_size'])} at a "
        f"learning rate of {number(training['learning_rate'])}"
    )
    parts = (words["network"], words["penalty"], words["training"], runs)
    return {"dataset": variant["dataset"], **words, "setup": "; ".join(parts)}


def _network(network: Mapping[str, Any]) -> str:
    hidden = [_layer(layer) for layer in network["hidden"]]
    output = network["output"]
    outputs = "output" if output["units"] == 1 else "outputs"
    parts = [
        f"{network['parametrisation']} network",
        f"hidden layers {listed(hidden)}" if hidden else "no hidden layer",
        f"{output['units']} {ACTIVATIONS[output['activation']]} {outputs}",
    ]
    return ", ".join(parts)


def _layer(layer: Mapping[str, Any]) -> str:
    parts = [
        ACTIVATIONS[layer["activation"]],
        *(["batch normalisation"] if layer["batch_norm"] else []),
        *([f"dropout {layer['dropout']}"] if layer["dropout"] else []),
    ]
    return f"{layer['units']} ({', '.join(parts)})"


def _penalty(penalty: Mapping[str, Any] | None) -> str:
    if penalty is None:
        return "no penalty"
    on = [f"{number(penalty[k])} on {v}" for k, v in PENALISED.items() if k in penalty]
    return f"{NORMS[penalty['norm']]} penalty of {listed(on)} of the first layer"
