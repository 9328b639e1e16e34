"""Train one block of seeds of one experiment."""

import _job

from spectral_relevance import networks
from spectral_relevance.datasets.base import Datasets
from spectral_relevance.files import write_table
from spectral_relevance.hardware import tune_process
from spectral_relevance.training import train_variants

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        tune_process()
        trained, history = train_variants(
            Datasets.load(snakemake.input.data),
            snakemake.params.variants,
            snakemake.params.seeds,
        )
        write_table(history, snakemake.output.history)
        networks.save(trained, snakemake.output.model)
