"""Train one block of seeds of one experiment."""

import shutil
from pathlib import Path

import _job

from spectral_relevance.files import write_table
from spectral_relevance.hardware import tune_process
from spectral_relevance.replication import models
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.training import train_variants

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        tune_process()
        # Not an output of the rule: those are deleted when a job fails.
        checkpoints = Path(f"{snakemake.output.model}.checkpoints")
        trained, history = train_variants(
            Datasets.load(snakemake.input.data),
            snakemake.params.variants,
            snakemake.params.seeds,
            checkpoints=checkpoints,
        )
        write_table(history, snakemake.output.history)
        models.save(trained, snakemake.output.model)
        # Two jobs may end at once where a killed run has left one behind.
        shutil.rmtree(checkpoints, ignore_errors=True)
