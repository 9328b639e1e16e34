"""Write Table 1 for people."""

import _job

from spectral_relevance.files import write_text
from spectral_relevance.replication.markup import html, markdown
from spectral_relevance.replication.scaling import NOTES, table1
from spectral_relevance.replication.tables import read_tables

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        table = table1(**read_tables({"exponents": snakemake.input.exponents}))
        page = html(table, "Table 1: computing effort", NOTES)
        write_text(page, snakemake.output.html)
        write_text(f"{markdown(table)}\n{NOTES}\n", snakemake.output.markdown)
