"""Settings of each scale and helpers of the rules; no rules here."""

import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir, "src")))
from spectral_relevance.claims import read_claims
from spectral_relevance.errors import UserError
from spectral_relevance.settings import resolve

SCHEMAS = Path(workflow.basedir, "workflow/schemas")
SCALES = ("paper", "quick")
FIGURES = ("01", "02", "03", "05", "06", "07", "10", "11")

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


def download(name):
    """Settings of a download; they are the same at each scale."""
    return SETTINGS["paper"]["data"][name]


MNIST_FILES = expand("data/mnist/MNIST/raw/{file}", file=download("mnist")["files"])
MILES_FILES = expand("data/miles/{file}", file=download("miles")["files"])


def raw_files(wildcards):
    """Downloaded files that a dataset is made from."""
    kind = experiment(wildcards)["dataset"]["kind"]
    return {"mnist": MNIST_FILES, "miles": MILES_FILES}.get(kind, [])


def raw_arguments(wildcards):
    """Where the raw data lie, as arguments of the function that reads them."""
    kind = experiment(wildcards)["dataset"]["kind"]
    if kind == "mnist":
        return {"folder": "data/mnist", "files": download("mnist")["files"]}
    if kind == "miles":
        return wheel_arguments()
    return {}


def wheel_arguments():
    """Where the MILES wheel lies, and its digest."""
    ((name, sha256),) = download("miles")["files"].items()
    return {"wheel": f"data/miles/{name}", "sha256": sha256}


def training_settings(wildcards):
    """The part of an experiment's settings that training depends on."""
    settings = experiment(wildcards)
    return {key: settings[key] for key in ("network", "regularisation", "training")}


def method_settings(wildcards):
    """Settings of a method for an experiment; the spectral one has none."""
    return experiment(wildcards)["methods"].get(wildcards.method, {})


def claim_tables(wildcards):
    """Tables that the claims are judged from."""
    names = {name for claim in CLAIMS for name in claim["tables"].values()}
    return [f"results/{wildcards.scale}/{name}" for name in sorted(names)]


def print_verdicts():
    """Show how the claims fared, at each scale that has been built."""
    for scale in SCALES:
        verdicts = Path(f"results/{scale}/verdicts.txt")
        if verdicts.is_file():
            print(verdicts.read_text(encoding="utf-8"), file=sys.stderr)
