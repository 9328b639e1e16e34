"""Score the inputs of one experiment by one method."""

import _job
import pandas as pd

from spectral_relevance.files import write_table
from spectral_relevance.replication import models
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.scoring import score

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        datasets = Datasets.load(snakemake.input.data)
        tables = [
            score(
                snakemake.wildcards.method,
                datasets,
                group,
                settings=snakemake.params.settings,
            )
            for path in snakemake.input.models
            for group in models.load(path)
        ]
        write_table(pd.concat(tables), snakemake.output[0])
