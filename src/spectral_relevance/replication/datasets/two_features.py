"""Two features, of which one tells the classes apart on its own."""

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets import kinds


def two_features(
    *,
    examples: int,
    distance: float,
    sigma: float,
    correlation: float,
    test_fraction: float,
    seed: int,
) -> Dataset:
    """Draw two classes of two Gaussians (Appendix A, Fig. 17).

    As in section 2.1, the first feature has the mean 0 in both classes, the second one
    the means −0.5 and distance − 0.5. The best linear discriminant weights them as
    −correlation : 1, so that a correlation makes the first one relevant as well.

    Parameters
    ----------
    examples : int
        Number of examples, half of them in each class.
    distance : float
        Distance of the class means of the second feature.
    sigma : float
        Standard deviation of each feature in each class.
    correlation : float
        Correlation of the two features in each class.
    test_fraction : float
        Share of the examples that is kept for testing.
    seed : int
        Seed of everything drawn here.

    Returns
    -------
    Dataset
        Its ``truth`` is 1 for the second feature, and for the first one unless the
        correlation is 0.
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(examples) % 2)
    covariance = sigma**2 * np.array([[1, correlation], [correlation, 1]])
    x = rng.multivariate_normal([0, -0.5], covariance, examples)
    x[:, 1] += distance * y
    return Dataset.split(
        x,
        y,
        truth=np.array([float(correlation != 0), 1.0]),
        test_fraction=test_fraction,
    )


KIND = kinds.Kind(
    two_features,
    {
        "examples": kinds.EXAMPLES,
        "distance": {
            "description": "Distance of the class means of the second input.",
            **kinds.POSITIVE,
        },
        "sigma": kinds.SIGMA,
        "correlation": {
            "description": "Correlation of the two inputs within a class.",
            **kinds.CORRELATION,
        },
        "test_fraction": kinds.TEST_FRACTION,
        "seed": kinds.SEED,
    },
)
