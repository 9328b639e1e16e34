"""The replication of the paper, on top of the library."""

from spectral_relevance.errors import extra

with extra("paper"):
    import jsonschema  # noqa: F401  # stands for all that the extra brings
