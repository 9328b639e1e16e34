"""Measure the trained networks of one experiment with few of their inputs."""

import _job
import pandas as pd

from spectral_relevance import networks
from spectral_relevance.curves import input_curve
from spectral_relevance.datasets.base import Dataset
from spectral_relevance.files import write_table

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        dataset = Dataset.load(snakemake.input.data)
        curves = [
            input_curve(dataset, *networks.load(model), **snakemake.params.curve)
            for model in snakemake.input.models
        ]
        write_table(pd.concat(curves), snakemake.output[0])
