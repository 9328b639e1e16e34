"""Time the methods on networks and data that grow; fit the exponents of Table 1."""

import _job

from spectral_relevance.files import write_table
from spectral_relevance.replication.scaling import exponents, scaling

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        times = scaling(**snakemake.params.settings)
        write_table(times, snakemake.output.times)
        write_table(exponents(times), snakemake.output.exponents)
