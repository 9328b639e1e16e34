"""Two classes of Gaussians, some of which matter only through a correlation."""

from collections.abc import Iterator

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets import kinds


def nonisotropic(
    *,
    examples: int,
    features: int,
    separated: int,
    correlated: int,
    smallest_distance: float,
    largest_distance: float,
    sigma: float,
    correlation: float,
    test_fraction: float,
    seed: int,
) -> Dataset:
    """Draw two classes of correlated Gaussians (Appendix C).

    The first features are partially separated: as in section 2.1, they have the means
    −0.5 and r_j − 0.5 in the two classes. The next ones have the mean 0 in both, but
    each of them correlates with one of the first, in order, which makes it relevant
    (Appendix A). The remaining ones are noise.

    Parameters
    ----------
    examples : int
        Number of examples, half of them in each class.
    features : int
        Number of features.
    separated, correlated : int
        Numbers of features whose class means differ, and of those that correlate with
        the first of these.
    smallest_distance, largest_distance : float
        The distances of the class means are r_j ~ U(smallest, largest).
    sigma : float
        Standard deviation of each feature in each class.
    correlation : float
        Correlation of the two features of a pair in each class.
    test_fraction : float
        Share of the examples that is kept for testing.
    seed : int
        Seed of everything drawn here.

    Returns
    -------
    Dataset
        Its ``truth`` is 1 for the separated and the correlated features, 0 for noise.

    Raises
    ------
    UserError
        If there are not enough features for the parts that are asked for.
    """
    if correlated > separated:
        raise UserError(
            f"correlated: expected at most {separated}, the number of separated "
            f"features, found {correlated}."
        )
    relevant = separated + correlated
    if relevant > features:
        raise UserError(
            f"separated, correlated: expected at most {features} together, the number "
            f"of features, found {separated} and {correlated}."
        )
    rng = np.random.default_rng(seed)
    distance = rng.uniform(smallest_distance, largest_distance, separated)
    y = rng.permutation(np.arange(examples) % 2)
    x = rng.normal(0, sigma, (examples, features))
    x[:, separated:relevant] *= np.sqrt(1 - correlation**2)
    x[:, separated:relevant] += correlation * x[:, :correlated]
    x[:, :separated] += np.outer(y, distance) - 0.5
    return Dataset.split(
        x,
        y,
        truth=(np.arange(features) < relevant).astype(float),
        test_fraction=test_fraction,
    )


def _problems(settings: kinds.Settings) -> Iterator[kinds.Problem]:
    separated, features = settings["separated"], settings["features"]
    if separated > features:
        yield kinds.Problem("separated", f"at most the {features} features")
    elif settings["correlated"] > separated:
        expected = f"at most {separated}, the number of separated features"
        yield kinds.Problem("correlated", expected)
    elif separated + settings["correlated"] > features:
        expected = f"at most {features - separated} beside the {separated} separated "
        yield kinds.Problem("correlated", f"{expected}of {features} features")
    if settings["smallest_distance"] > settings["largest_distance"]:
        expected = f"at most the largest distance, {settings['largest_distance']}"
        yield kinds.Problem("smallest_distance", expected)


KIND = kinds.Kind(
    nonisotropic,
    {
        "examples": kinds.EXAMPLES,
        "features": kinds.FEATURES,
        "separated": {
            "description": "Number of inputs whose class means differ.",
            **kinds.COUNT,
        },
        "correlated": {
            "description": "Number of inputs that are correlated with one of those.",
            **kinds.NUMBER_FROM_0,
        },
        "smallest_distance": {
            "description": "Lower end of the uniform distribution of the distances of "
            "class means.",
            **kinds.POSITIVE,
        },
        "largest_distance": {"description": "Its upper end.", **kinds.POSITIVE},
        "sigma": kinds.SIGMA,
        "correlation": {
            "description": "Correlation of such a pair within a class; not zero.",
            **kinds.CORRELATION,
            "not": {"const": 0},
        },
        "test_fraction": kinds.TEST_FRACTION,
        "seed": kinds.SEED,
    },
    problems=_problems,
)
