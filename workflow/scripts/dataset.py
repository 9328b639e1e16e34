"""Make the examples of one experiment."""

import _job

from spectral_relevance import datasets

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        dataset = datasets.make(snakemake.params.settings, snakemake.params.raw)
        dataset.save(snakemake.output.data, snakemake.output.features)
