"""Judge the paper's claims at one scale."""

from pathlib import Path

import _job
import pandas as pd

from spectral_relevance.claims import judge, markdown, summary
from spectral_relevance.files import replacing, write_table
from spectral_relevance.tables import read_tables

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        folder = Path(snakemake.params.folder)
        verdicts = pd.DataFrame(
            [
                judge(
                    claim,
                    read_tables({k: folder / v for k, v in claim["tables"].items()}),
                )
                for claim in snakemake.params.claims
            ]
        )
        texts = {
            snakemake.output.markdown: markdown(verdicts),
            snakemake.output.verdicts: summary(verdicts, snakemake.wildcards.scale),
        }
        for path, text in texts.items():
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        write_table(verdicts, snakemake.output.csv)
