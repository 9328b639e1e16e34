"""Fetch the raw files of one dataset."""

from pathlib import Path

import _job

from spectral_relevance.replication import download

if __name__ == "__main__":
    # Not a parameter of the rule: where the files come from does not change them, so
    # that another mirror is no reason to fetch them, and to train, again.
    mirror = snakemake.config["data"][snakemake.params.dataset]["mirror"]
    with _job.running(snakemake.log[0]):
        fetch = {"mnist": download.download_mnist, "miles": download.download_miles}
        fetch[snakemake.params.dataset](
            snakemake.params.files,
            mirror,
            Path(snakemake.output.files[0]).parent,
            snakemake.output.sources,
        )
