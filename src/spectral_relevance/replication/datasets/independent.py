"""Two classes of independent Gaussians, with known relevance of each input."""

from collections.abc import Iterator

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets import kinds


def independent(
    *,
    examples: int,
    features: int,
    relevant: int,
    sigma: float,
    largest_distance: float,
    test_fraction: float,
    seed: int,
) -> Dataset:
    """Draw two classes of independent Gaussians (section 2.1, Fig. 2).

    A relevant feature has the means −0.5 and r_j − 0.5 in the two classes, an
    irrelevant one the mean 0 in both.

    Parameters
    ----------
    examples : int
        Number of examples, half of them in each class.
    features, relevant : int
        Numbers of features and of those that are relevant, at random positions.
    sigma : float
        Standard deviation of each feature in each class.
    largest_distance : float
        The distances of the class means are drawn as r_j ~ U(0, largest_distance).
    test_fraction : float
        Share of the examples that is kept for testing.
    seed : int
        Seed of everything drawn here.

    Returns
    -------
    Dataset
        Its ``truth`` is r_j, 0 for irrelevant features.
    """
    rng = np.random.default_rng(seed)
    positions = rng.permutation(features)[:relevant]
    distance = np.zeros(features)
    distance[positions] = rng.uniform(0, largest_distance, relevant)
    means = np.zeros((2, features))
    means[:, positions] = -0.5
    means[1] += distance
    y = rng.permutation(np.arange(examples) % 2)
    x = rng.normal(means[y], sigma)
    return Dataset.split(
        x,
        y,
        truth=distance,
        test_fraction=test_fraction,
    )


def _problems(settings: kinds.Settings) -> Iterator[kinds.Problem]:
    if settings["relevant"] > settings["features"]:
        expected = f"at most the {settings['features']} features"
        yield kinds.Problem("relevant", expected)


KIND = kinds.Kind(
    independent,
    {
        "examples": kinds.EXAMPLES,
        "features": kinds.FEATURES,
        "relevant": {
            "description": "Number of inputs whose class means differ.",
            **kinds.COUNT,
        },
        "sigma": kinds.SIGMA,
        "largest_distance": {
            "description": "Upper end of the uniform distribution of the distances of "
            "class means.",
            **kinds.POSITIVE,
        },
        "test_fraction": kinds.TEST_FRACTION,
        "seed": kinds.SEED,
    },
    problems=_problems,
)
