"""Rebuild every figure, table and claim of the paper: `snakemake --cores 2`."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")


include: "workflow/rules/files.smk"


configfile: Path(workflow.basedir, "config/config.yaml")
configfile: Path(workflow.basedir, "config/quick.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/relevance.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/claims.smk"


localrules:
    paper,
    quick,
    data,
    datasets,


rule paper:
    """Everything at the paper's settings."""
    default_target: True
    input:
        final_files("paper", FIGURES),


rule quick:
    """Everything at the quick scale."""
    input:
        final_files("quick", FIGURES),


rule data:
    """The downloads only; afterwards no network is needed."""
    input:
        [sources_file(kind) for kind in RAW],


rule datasets:
    """Datasets and line bands at the paper's settings: what `make restore` lacks."""
    input:
        datasets("paper"),


onsuccess:
    print_verdicts()
