"""Measure the trained networks of one experiment; gather their histories."""

import _job
import pandas as pd

from spectral_relevance.files import write_table
from spectral_relevance.replication import models
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.performance import input_curve, performance
from spectral_relevance.replication.scoring import score
from spectral_relevance.replication.settings import differences

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        datasets = Datasets.load(snakemake.input.data)
        trained = [g for path in snakemake.input.models for g in models.load(path)]
        varied = pd.DataFrame(differences(snakemake.params.variants)).T
        measured = pd.concat([performance(datasets, group) for group in trained])
        tables = {
            "performance": measured.join(varied, on="variant"),
            "history": pd.concat(map(pd.read_csv, snakemake.input.histories)),
            "curve": pd.concat(
                [input_curve(datasets, g, **snakemake.params.curve) for g in trained]
            ),
            "relevance": pd.concat(
                [score("spectral", datasets, g, settings={}) for g in trained]
            ),
        }
        for name, table in tables.items():
            write_table(table, snakemake.output[name])
