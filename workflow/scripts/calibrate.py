"""Let a method select in many draws of a simulated problem."""

import _job

from spectral_relevance.files import write_table
from spectral_relevance.replication.calibration import counted

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        table = counted(peer=snakemake.wildcards.peer, **snakemake.params.settings)
        write_table(table, snakemake.output[0])
