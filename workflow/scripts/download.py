"""Fetch the raw files of one dataset."""

from pathlib import Path

import _job

from spectral_relevance import download

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        fetch = {"mnist": download.download_mnist, "miles": download.download_miles}
        fetch[snakemake.params.dataset](
            snakemake.params.files,
            snakemake.params.mirror,
            Path(snakemake.output.files[0]).parent,
            snakemake.output.sources,
        )
