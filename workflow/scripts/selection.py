"""Summarise what methods select in simulated problems."""

from pathlib import Path

import _job
import pandas as pd

from spectral_relevance.files import write_table, write_text
from spectral_relevance.replication.calibration import for_people, summary
from spectral_relevance.replication.markup import markdown

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        paths = [Path(path) for path in snakemake.input]
        rates = summary({(p.parent.name, p.stem): pd.read_csv(p) for p in paths})
        write_table(rates, snakemake.output.csv)
        shown = for_people(rates, snakemake.params.settings["designs"])
        write_text(f"{markdown(shown)}\n", snakemake.output.markdown)
