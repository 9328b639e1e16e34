"""Count and time the methods as networks and data grow; fit Table 1's exponents."""

import _job

from spectral_relevance.files import write_table
from spectral_relevance.replication.scaling import exponents, scaling

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        efforts = scaling(**snakemake.params.settings)
        write_table(efforts, snakemake.output.efforts)
        write_table(exponents(efforts), snakemake.output.exponents)
