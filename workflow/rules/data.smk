"""Raw data and the datasets made from them.

INPUTS   the sources named in the configuration
OUTPUTS  data/, results/{scale}/datasets/, results/{scale}/line_bands.csv
"""


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


rule download_mnist:
    """Fetch MNIST from the first source that gives the right files."""
    output:
        files=MNIST_FILES,
        sources="data/mnist/sources.json",
    log:
        "logs/download_mnist.log",
    retries: 1
    localrule: True
    conda:
        "../../environment.yml"
    params:
        dataset="mnist",
        files=download("mnist")["files"],
        mirror=download("mnist")["mirror"],
        destination="data/mnist/MNIST/raw",
    script:
        "../scripts/download.py"


rule download_miles:
    """Fetch the MILES library from the first source that gives the right file."""
    output:
        files=MILES_FILES,
        sources="data/miles/sources.json",
    log:
        "logs/download_miles.log",
    retries: 1
    localrule: True
    conda:
        "../../environment.yml"
    params:
        dataset="miles",
        files=download("miles")["files"],
        mirror=download("miles")["mirror"],
        destination="data/miles",
    script:
        "../scripts/download.py"


rule dataset:
    """Make the examples of {wildcards.experiment}."""
    input:
        raw=raw_files,
        code=lambda wildcards: source(
            "datasets/base.py",
            f"datasets/{experiment(wildcards)['dataset']['kind']}.py",
        ),
    output:
        data="results/{scale}/datasets/{experiment}/data.npz",
        features="results/{scale}/datasets/{experiment}/features.csv",
    log:
        "logs/{scale}/dataset/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/dataset/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=lambda wildcards: experiment(wildcards)["dataset"],
        raw=raw_arguments,
    script:
        "../scripts/dataset.py"


rule line_bands:
    """List the wavelength bands of the known line indices."""
    input:
        raw=MILES_FILES,
        code=source("datasets/base.py", "datasets/miles.py"),
    output:
        "results/{scale}/line_bands.csv",
    log:
        "logs/{scale}/line_bands.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        raw=wheel_arguments(),
    script:
        "../scripts/line_bands.py"
