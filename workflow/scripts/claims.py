"""Judge the paper's claims at one scale."""

import _job

from spectral_relevance.claims import judge_all, markdown, summary
from spectral_relevance.files import replacing, write_table

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        verdicts = judge_all(snakemake.params.claims, snakemake.params.folder)
        texts = {
            snakemake.output.markdown: markdown(verdicts),
            snakemake.output.verdicts: summary(verdicts, snakemake.wildcards.scale),
        }
        for path, text in texts.items():
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        write_table(verdicts, snakemake.output.csv)
