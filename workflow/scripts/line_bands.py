"""List the wavelength bands of the known line indices."""

import _job

from spectral_relevance.files import write_table
from spectral_relevance.replication.datasets.miles import line_bands

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        write_table(line_bands(**snakemake.params.raw), snakemake.output[0])
