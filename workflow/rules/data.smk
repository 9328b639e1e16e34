"""Raw data and the datasets made from them.

INPUTS   the sources named in the configuration
OUTPUTS  data/, results/{scale}/datasets/, results/{scale}/line_bands.csv
"""


rule download_mnist:
    """Fetch MNIST from the first source that gives the right files."""
    output:
        files=MNIST_FILES,
        sources="data/mnist/sources.json",
    log:
        "logs/download_mnist.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        dataset="mnist",
        files=download("mnist")["files"],
    script:
        "../scripts/download.py"


rule download_miles:
    """Fetch the MILES library from the first source that gives the right file."""
    output:
        files=MILES_FILES,
        sources="data/miles/sources.json",
    log:
        "logs/download_miles.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        dataset="miles",
        files=download("miles")["files"],
    script:
        "../scripts/download.py"


rule dataset:
    """Make the examples of {wildcards.experiment}."""
    input:
        raw=raw_files,
    output:
        "results/{scale}/datasets/{experiment}/data.npz",
    log:
        "logs/{scale}/dataset/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/dataset/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        code=lambda wildcards: code(
            "dataset.py",
            f"spectral_relevance.replication.datasets.{dataset_kind(wildcards)}",
        ),
        request=lambda wildcards: dataset_request(experiment(wildcards)),
        raw=raw_arguments,
    script:
        "../scripts/dataset.py"


rule line_bands:
    """List the wavelength bands of the known line indices."""
    input:
        raw=MILES_FILES,
    output:
        "results/{scale}/line_bands.csv",
    log:
        "logs/{scale}/line_bands.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("line_bands.py"),
        raw=wheel_arguments(),
    script:
        "../scripts/line_bands.py"
