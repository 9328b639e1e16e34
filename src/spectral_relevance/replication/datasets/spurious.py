"""Two classes that one input defines and others merely follow."""

from collections.abc import Sequence

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.replication.datasets import kinds

INTERVALS = 4
"""Equal parts of 0…1 that belong to the classes 0, 1, 0, 1."""


def spurious(
    *,
    examples: int,
    components: int,
    slopes: Sequence[float],
    offsets: Sequence[float],
    spread: float,
    test_fraction: float,
    seed: int,
) -> Dataset:
    """Draw a uniform component and others that correlate with it (Appendix B, eq. 12).

    The first component x_1 ~ U(0, 1) alone decides the class. The others are
    x_i = (α_i + δ_i) x_1 + (β_i + ε_i) with α_i, β_i drawn once for each component and
    δ_i, ε_i ~ N(0, spread²) for each example. Settings that differ in `spread` share
    all other draws.

    Parameters
    ----------
    examples : int
        Number of examples, about half of them in each class.
    components : int
        Number of components, the first one included.
    slopes, offsets : (2,) sequence of float
        Ends of the uniform distributions of α_i and of β_i.
    spread : float
        Standard deviation of δ_i and ε_i; at 0 all components are equivalent.
    test_fraction : float
        Share of the examples that is kept for testing.
    seed : int
        Seed of everything drawn here.

    Returns
    -------
    Dataset
        Its ``truth`` is 1 for the first component, 0 for the others.
    """
    rng = np.random.default_rng(seed)
    # Drawn in the precision of the inputs, so that none changes sides when rounded.
    first = rng.random((examples, 1), dtype=np.float32)
    y = np.floor(INTERVALS * first[:, 0]).astype(np.int64) % 2
    alpha = rng.uniform(*slopes, components - 1)
    beta = rng.uniform(*offsets, components - 1)
    delta, epsilon = rng.normal(0, spread, (2, examples, components - 1))
    x = np.hstack([first, (alpha + delta) * first + beta + epsilon])
    return Dataset.split(
        x,
        y,
        truth=(np.arange(components) == 0).astype(float),
        test_fraction=test_fraction,
    )


KIND = kinds.Kind(
    spurious,
    {
        "examples": kinds.EXAMPLES,
        "components": {
            "description": "Number of inputs, of which only the first decides the "
            "class.",
            **kinds.COUNT,
        },
        "slopes": {
            "description": "Range of the slopes α of the other inputs.",
            **kinds.RANGE,
        },
        "offsets": {"description": "Range of their offsets β.", **kinds.RANGE},
        "spread": {
            "description": "How much slope and offset vary from example to example (δ "
            "and ε).",
            "type": "number",
            "minimum": 0,
        },
        "test_fraction": kinds.TEST_FRACTION,
        "seed": kinds.SEED,
    },
    problems=lambda settings: kinds.increasing(settings, "slopes", "offsets"),
)
