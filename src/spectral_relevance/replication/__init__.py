"""The replication of the paper, on top of the library."""

import os
from importlib.util import find_spec

from spectral_relevance.errors import extra

PACKAGES = (
    "PIL",
    "astropy",
    "diptest",
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

# A machine that is lent for minutes, to train, does without most of them: speed/gpu.py.
if not os.environ.get("SPECTRAL_RELEVANCE_UNCHECKED"):
    with extra("paper"):
        for _package in PACKAGES:
            if find_spec(_package) is None:
                raise ModuleNotFoundError(name=_package)
