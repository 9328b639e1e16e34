"""Draw one figure from the tables that are its inputs."""

import logging
from importlib import import_module

import _job

from spectral_relevance.replication import figures
from spectral_relevance.replication.figures import style
from spectral_relevance.replication.tables import read_tables

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        # It tells of every glyph that goes into a PDF.
        logging.getLogger("fontTools").setLevel(logging.WARNING)
        module, function = snakemake.params.draw.split(".")
        draw = getattr(import_module(f"{figures.__name__}.{module}"), function)
        tables = {k: path for k, path in snakemake.input.items() if k != "code"}
        figure = draw(**read_tables(tables))
        style.save(figure, snakemake.output.pdf, snakemake.output.png)
