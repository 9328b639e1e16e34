"""Time the methods on networks and data that grow; fit the exponents of Table 1."""

import _job

from spectral_relevance.files import replacing, write_table
from spectral_relevance.scaling import exponents, scaling, table1_markdown

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        times = scaling(**snakemake.params.settings)
        table = exponents(times)
        write_table(times, snakemake.output.times)
        write_table(table, snakemake.output.table)
        with replacing(snakemake.output.markdown) as temporary:
            temporary.write_text(table1_markdown(table), encoding="utf-8")
