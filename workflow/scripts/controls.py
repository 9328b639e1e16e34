"""Judge the ranking of one experiment beside others, masked and retrained."""

import _job
import pandas as pd

from spectral_relevance.files import write_table
from spectral_relevance.replication import models
from spectral_relevance.replication.controls import controls
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.performance import curve_counts
from spectral_relevance.replication.tables import read_tables, select

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        datasets = Datasets.load(snakemake.input.data)
        groups = [g for path in snakemake.input.models for g in models.load(path)]
        names = ("norms", "univariate")
        tables = read_tables({name: snakemake.input[name] for name in names})
        settings = dict(snakemake.params.controls)
        norms = select(tables["norms"], variant=settings.pop("norms")["variant"])
        curve = snakemake.params.curve
        counts = curve_counts(
            groups[0].network.inputs, largest=curve["largest"], points=curve["points"]
        )
        made = []
        for group in groups:
            univariate = tables["univariate"]
            # A group is of one variant, unless variants differ in their data alone.
            univariate = select(univariate, variant=group.variants[0])
            others = {"norms": norms, "univariate": univariate}
            made.append(controls(datasets, group, others, counts=counts, **settings))
        write_table(pd.concat(made), snakemake.output[0])
