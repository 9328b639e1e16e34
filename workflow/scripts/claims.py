"""Judge the paper's claims at one scale."""

import _job

from spectral_relevance.files import write_table, write_text
from spectral_relevance.replication.claims import judge_all, per_check, summary
from spectral_relevance.replication.figures import style, verdicts
from spectral_relevance.replication.markup import html, markdown

BOLD = ("not reproduced", "undecided", "not judged", "missed", "undefined")

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        claims = judge_all(snakemake.params.claims, snakemake.params.folder)
        scale, table = snakemake.wildcards.scale, per_check(claims)
        title = f"The paper's claims at the {scale} scale"
        write_text(html(table, title, bold=BOLD), snakemake.output.html)
        write_text(markdown(table), snakemake.output.markdown)
        write_text(summary(claims, scale), snakemake.output.verdicts)
        figure = verdicts.overview(claims=claims)
        style.save(figure, snakemake.output.pdf, snakemake.output.png)
        write_table(claims, snakemake.output.csv)
