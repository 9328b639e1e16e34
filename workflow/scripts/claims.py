"""Judge the paper's claims at one scale."""

from pathlib import Path

import _job
import pandas as pd

from spectral_relevance.claims import judge, markdown, summary, table_paths
from spectral_relevance.files import replacing, write_table
from spectral_relevance.tables import read_tables

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        folder = Path(snakemake.params.folder)
        claims = snakemake.params.claims
        tables = read_tables({path: folder / path for path in table_paths(claims)})
        verdicts = pd.DataFrame(
            [row for claim in claims for row in judge(claim, tables)]
        )
        texts = {
            snakemake.output.markdown: markdown(verdicts),
            snakemake.output.verdicts: summary(verdicts, snakemake.wildcards.scale),
        }
        for path, text in texts.items():
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        write_table(verdicts, snakemake.output.csv)
