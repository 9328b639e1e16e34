"""What a training step multiplies and moves, counted from a problem.

A *group* is what a step is taken for at a time: one replica, or all of them where
training is not compiled or the network is small.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from spectral_relevance.hardware import can_compile
from spectral_relevance.networks import Network
from spectral_relevance.replication.training import architecture_of
from spectral_relevance.trainer import compiled_together

FLOAT = 4
"""Bytes of a number."""


def group_size(problem: Mapping[str, Any]) -> int:
    """Return how many replicas take a step together, as the trainer groups them."""
    training, replicas = problem["settings"]["training"], problem["replicas"]
    if not (training["compile"] and can_compile(torch.device("cpu"))):
        return replicas
    inputs = problem.get("all_inputs", problem["inputs"])
    architecture = architecture_of(problem["settings"]["network"])
    with torch.device("meta"):  # nothing but shapes
        network = Network(inputs, architecture, replicas)
    network.first.present = problem["inputs"]
    return compiled_together(network, training["batch_size"])


def layers_of(problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the shapes of the products of a group's step, first layer to last."""
    settings = problem["settings"]
    inputs, layers = problem["inputs"], []
    for layer in [*settings["network"]["hidden"], settings["network"]["output"]]:
        layers.append(
            {
                "replicas": group_size(problem),
                "batch": settings["training"]["batch_size"],
                "inputs": inputs,
                "outputs": layer["units"],
            }
        )
        inputs = layer["units"]
    return layers


def count_flops(layers: Sequence[Mapping[str, Any]]) -> int:
    """Return how many additions and multiplications the products of a step take.

    Each layer has two, its outputs and the gradient of its weights, and all but the
    first one a third, the gradient of its inputs.
    """
    return sum(
        2
        * math.prod(layer[k] for k in ("replicas", "batch", "inputs", "outputs"))
        * (2 if place == 0 else 3)
        for place, layer in enumerate(layers)
    )


def count_bytes(problem: Mapping[str, Any]) -> int:
    """Return how many bytes a group's step moves at least, outside its products.

    What a product reads and writes is in its own time. Of the rest each array is read
    once and written once, as if all else were fused, for a batch of n examples:

    - the examples: d inputs are read and written to the batch (2·n·d numbers);
    - for each layer from d to h units the one of weights and inputs that λ multiplies,
      written (d·h or n·d, the smaller one); nothing in a standard network;
    - each hidden layer of h units: what its product gives is read, the activation
      written; on the way back their gradient is read, the activation read again, and
      the gradient for the products written (5·n·h); and a mask of dropout, a byte for
      each unit, is written and read (2·n·h bytes);
    - the output: read, its gradient written (2·n·h);
    - the parameters: they and their two moments are read and written, their gradient
      is read (7 for each one; 6 where an input is 0 in every example).

    Targets, indices, running statistics and the random bits of the masks are left out,
    and the penalty, which reads what Adam reads.
    """
    network = problem["settings"]["network"]
    spectral = network["parametrisation"] == "spectral"
    layers = layers_of(problem)
    batch, present = layers[0]["batch"], layers[0]["inputs"]
    numbers, masks = 2 * batch * present, 0
    for place, layer in enumerate(layers):
        d, h = layer["inputs"], layer["outputs"]
        absent = problem.get("all_inputs", d) - d if place == 0 else 0
        numbers += 7 * (d * h + h) + 6 * absent * h
        if spectral:
            numbers += d * min(batch, h) + 7 * d + 6 * absent
        numbers += (5 if place < len(layers) - 1 else 2) * batch * h
    for hidden in network["hidden"]:
        if hidden.get("batch_norm"):
            numbers += 7 * 2 * hidden["units"]
        if hidden.get("dropout"):
            masks += 2 * batch * hidden["units"]
    return layers[0]["replicas"] * (FLOAT * numbers + masks)
