"""The configuration files, checked before Snakemake merges them; no rules here."""

import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir, "src")))
from spectral_relevance.errors import UserError
from spectral_relevance.replication.settings import read_yaml

# Of two equal keys Snakemake takes the last one, and of a malformed file it names
# neither the file nor the line.
try:
    for name in ("config", "quick"):
        read_yaml(Path(workflow.basedir, f"config/{name}.yaml"))
    for path in workflow.overwrite_configfiles:
        if Path(path).suffix != ".json":
            read_yaml(path)
except UserError as error:
    raise WorkflowError(str(error)) from None
