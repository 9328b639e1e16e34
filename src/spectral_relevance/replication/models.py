"""Trained networks of an experiment, and their form on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from spectral_relevance.files import replacing
from spectral_relevance.networks import Network


@dataclass(frozen=True)
class Replicas:
    """Trained replicas of one network, and which run each of them is.

    Parameters
    ----------
    network : Network
        The replicas.
    variants : list of str
        The variant of the experiment that each replica belongs to.
    seeds : list of int
        The seed of each replica.
    """

    network: Network
    variants: list[str]
    seeds: list[int]

    def runs(self) -> Iterator[tuple[str, int]]:
        """Go through the variant and the seed of each replica."""
        return zip(self.variants, self.seeds, strict=True)


def save(groups: Sequence[Replicas], path: str | Path) -> None:
    """Write groups of replicas with all that is needed to read them."""
    content = [
        {
            "inputs": group.network.inputs,
            "architecture": asdict(group.network.architecture),
            "variants": group.variants,
            "seeds": group.seeds,
            "state": {k: v.cpu() for k, v in group.network.state_dict().items()},
        }
        for group in groups
    ]
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load(path: str | Path) -> list[Replicas]:
    """Read what :func:`save` wrote, with the networks in evaluation mode."""
    groups = []
    for content in torch.load(path, weights_only=True):
        seeds = content["seeds"]
        network = Network(content["inputs"], content["architecture"], len(seeds))
        network.load_state_dict(content["state"])
        groups.append(Replicas(network.eval(), content["variants"], seeds))
    return groups
