"""Two classes that only the relation between paired inputs tells apart."""

from collections.abc import Sequence

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets import kinds


def correlated(
    *,
    examples: int,
    probabilities: Sequence[float],
    irrelevant: int,
    sigma: float,
    test_fraction: float,
    seed: int,
) -> Dataset:
    """Draw pairs of Gaussians that are equal or opposite (section 2.2, eq. 2–3).

    The second member of a pair equals the first in class 0. In class 1 it has the
    opposite sign with probability r_k, independently of the other pairs.

    Parameters
    ----------
    examples : int
        Number of examples, half of them in each class.
    probabilities : sequence of float
        r_k of each pair.
    irrelevant : int
        Number of independent Gaussians that follow the pairs.
    sigma : float
        Standard deviation of each feature.
    test_fraction : float
        Share of the examples that is kept for testing.
    seed : int
        Seed of everything drawn here.

    Returns
    -------
    Dataset
        Its ``truth`` is r_k for both members of a pair, 0 for irrelevant features.
    """
    rng = np.random.default_rng(seed)
    pairs = len(probabilities)
    y = rng.permutation(np.arange(examples) % 2)
    x = rng.normal(0, sigma, (examples, 2 * pairs + irrelevant))
    opposite = rng.random((examples, pairs)) < np.outer(y, probabilities)
    first = x[:, : 2 * pairs : 2]
    x[:, 1 : 2 * pairs : 2] = np.where(opposite, -first, first)
    return Dataset.split(
        x,
        y,
        truth=np.append(np.repeat(probabilities, 2), np.zeros(irrelevant)),
        test_fraction=test_fraction,
    )


KIND = kinds.Kind(
    correlated,
    {
        "examples": kinds.EXAMPLES,
        "probabilities": {
            "description": "For each pair of inputs the probability r_k that its "
            "members have opposite signs in class 1.",
            "type": "array",
            "minItems": 1,
            "items": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "irrelevant": {
            "description": "Number of inputs that tell nothing.",
            **kinds.NUMBER_FROM_0,
        },
        "sigma": kinds.SIGMA,
        "test_fraction": kinds.TEST_FRACTION,
        "seed": kinds.SEED,
    },
)
