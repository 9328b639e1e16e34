"""The replication of the paper, on top of the library."""

from importlib.util import find_spec

from spectral_relevance.errors import extra

PACKAGES = (
    "PIL",
    "astropy",
    "jinja2",
    "jsonschema",
    "matplotlib",
    "pooch",
    "psutil",
    "requests",
    "seaborn",
    "yaml",
)
"""What its modules import of the extra ``paper``. All of it is looked for here, so that
the first import says what is missing, and not the one that happens to need it."""

with extra("paper"):
    for _package in PACKAGES:
        if find_spec(_package) is None:
            raise ModuleNotFoundError(name=_package)
