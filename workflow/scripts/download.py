"""Fetch the raw files of one dataset."""

import _job

from spectral_relevance.replication.download import download

if __name__ == "__main__":
    # Not a parameter of the rule: where the files come from does not change them, so
    # that another mirror is no reason to fetch them, and to train, again.
    mirror = snakemake.config["data"][snakemake.params.dataset]["mirror"]
    with _job.running(snakemake.log[0]):
        download(
            snakemake.params.dataset,
            snakemake.params.files,
            mirror,
            snakemake.output.sources,
        )
