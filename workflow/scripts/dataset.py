"""Make the examples of one experiment."""

import _job

from spectral_relevance.replication import datasets

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        made = datasets.make(**snakemake.params.request, raw=snakemake.params.raw)
        made.save(snakemake.output[0])
