"""Measure the trained networks of one experiment; gather their histories."""

import _job
import pandas as pd

from spectral_relevance import networks
from spectral_relevance.curves import performance
from spectral_relevance.datasets.base import Dataset
from spectral_relevance.files import write_table

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        dataset = Dataset.load(snakemake.input.data)
        measured = [
            performance(dataset, *networks.load(model))
            for model in snakemake.input.models
        ]
        histories = [pd.read_csv(path) for path in snakemake.input.histories]
        write_table(pd.concat(measured), snakemake.output.performance)
        write_table(pd.concat(histories), snakemake.output.history)
