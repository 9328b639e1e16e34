"""Judge the paper's claims at one scale."""

import _job

from spectral_relevance.files import write_table, write_text
from spectral_relevance.replication.claims import judge_all, per_check, summary
from spectral_relevance.replication.markup import html, markdown

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        verdicts = judge_all(snakemake.params.claims, snakemake.params.folder)
        scale, table = snakemake.wildcards.scale, per_check(verdicts)
        title = f"The paper's claims at the {scale} scale"
        page = html(table, title, bold=("not reproduced", "not judged", "no"))
        write_text(page, snakemake.output.html)
        write_text(markdown(table), snakemake.output.markdown)
        write_text(summary(verdicts, scale), snakemake.output.verdicts)
        write_table(verdicts, snakemake.output.csv)
