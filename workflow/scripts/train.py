"""Train one block of seeds of one experiment."""

import _job

from spectral_relevance import networks
from spectral_relevance.datasets.base import Dataset
from spectral_relevance.files import write_table
from spectral_relevance.hardware import tune_process
from spectral_relevance.training import train

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        tune_process()
        seeds = snakemake.params.seeds
        network, history = train(
            Dataset.load(snakemake.input.data), seeds=seeds, **snakemake.params.settings
        )
        write_table(history, snakemake.output.history)
        networks.save(network, seeds, snakemake.output.model)
