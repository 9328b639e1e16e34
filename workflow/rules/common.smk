"""Settings of each scale and helpers of the rules; no rules here."""

import sys

import yaml
from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir, "src")))
from spectral_relevance.claims import read_claims
from spectral_relevance.errors import UserError
from spectral_relevance.settings import resolve

SCHEMAS = Path(workflow.basedir, "workflow/schemas")
SCALES = ("paper", "quick")
FIGURES = ()

try:
    SETTINGS = {
        scale: resolve(config, scale, SCHEMAS / "config.schema.yaml")
        for scale in SCALES
    }
    CLAIMS = read_claims(
        Path(workflow.basedir, "config/claims.yaml"), SCHEMAS / "claims.schema.yaml"
    )
except UserError as error:
    raise WorkflowError(str(error)) from None

EXPERIMENTS = sorted(SETTINGS["paper"]["experiments"])


wildcard_constraints:
    scale="|".join(SCALES),
    experiment="|".join(EXPERIMENTS),
    method="[a-z_]+",
    block=r"\d+(-\d+)?",


def everything(scale):
    """All final targets of one scale."""
    return [
        *expand(
            "figures/{scale}/fig{number}.{format}",
            scale=scale,
            number=FIGURES,
            format=("pdf", "png"),
        ),
        *expand(
            "results/{scale}/{table}",
            scale=scale,
            table=("claims.csv", "claims.md", "provenance.json"),
        ),
    ]


def source(*names):
    """Files of the package that a rule depends on; Snakemake does not see imports."""
    return [
        workflow.source_path(f"../../src/spectral_relevance/{name}")
        for name in ("errors.py", "files.py", *names)
    ]


def experiment(wildcards):
    """Settings of an experiment at the scale of a target."""
    return SETTINGS[wildcards.scale]["experiments"][wildcards.experiment]


def blocks(wildcards):
    """Seeds of each training job of an experiment, by the name of the block."""
    seeds = sorted(experiment(wildcards)["seeds"])
    size = experiment(wildcards)["training"]["replicas_per_job"]
    parts = [seeds[i : i + size] for i in range(0, len(seeds), size)]
    return {
        str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}": part
        for part in parts
    }


def block_files(template):
    """Input function: one file of each training job of an experiment."""

    def files(wildcards):
        return expand(template, block=blocks(wildcards), **wildcards)

    return files


def print_verdicts():
    """Show how the claims fared, at each scale that has been built."""
    for scale in SCALES:
        verdicts = Path(f"results/{scale}/verdicts.txt")
        if verdicts.is_file():
            print(verdicts.read_text(encoding="utf-8"), file=sys.stderr)
