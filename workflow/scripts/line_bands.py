"""List the wavelength bands of the known line indices."""

import _job

from spectral_relevance.datasets.miles import line_bands
from spectral_relevance.files import write_table

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        write_table(line_bands(**snakemake.params.raw), snakemake.output[0])
