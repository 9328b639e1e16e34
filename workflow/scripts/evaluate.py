"""Measure the trained networks of one experiment; gather their histories."""

import _job
import pandas as pd

from spectral_relevance.files import write_table
from spectral_relevance.replication import models
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.evaluate import evaluate

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        tables = evaluate(
            Datasets.load(snakemake.input.data),
            [group for path in snakemake.input.models for group in models.load(path)],
            snakemake.params.variants,
            snakemake.params.curve,
        )
        tables["history"] = pd.concat(map(pd.read_csv, snakemake.input.histories))
        for name, table in tables.items():
            write_table(table, snakemake.output[name])
