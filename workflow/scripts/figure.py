"""Draw one figure from the tables that are its inputs."""

import _job

from spectral_relevance.replication.figures import drawing, style
from spectral_relevance.replication.tables import read_tables

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        tables = read_tables(dict(snakemake.input.items()))
        figure = drawing(snakemake.params.draw)(**tables)
        style.save(figure, snakemake.output.pdf, snakemake.output.png)
