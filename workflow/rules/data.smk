"""Raw data and the datasets made from them.

INPUTS   the sources named in the configuration
OUTPUTS  data/, results/{scale}/datasets/, results/{scale}/line_bands.csv
"""

# A rule for each kind that has raw files: download_mnist, download_miles.
for kind in RAW:

    rule:
        """Fetch the raw files from the first source that gives the right ones."""
        name:
            f"download_{kind}"
        output:
            files=raw_files(kind),
            sources=sources_file(kind),
        log:
            f"logs/download_{kind}.log",
        # Before all else and with all cores, beside nothing: what cannot be had is told
        # before anything is trained.
        priority: 1000
        localrule: True
        conda:
            "../../environment.yml"
        threads: 1000
        params:
            dataset=kind,
            files=SETTINGS["paper"]["data"][kind]["files"],
        script:
            "../scripts/download.py"


rule dataset:
    """Make the examples of {wildcards.experiment}."""
    input:
        raw=lambda wildcards: raw_files(dataset_kind(wildcards)),
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
        raw=lambda wildcards: raw_arguments(dataset_kind(wildcards)),
    script:
        "../scripts/dataset.py"


rule line_bands:
    """List the wavelength bands of the known line indices."""
    input:
        raw=raw_files("miles"),
    output:
        "results/{scale}/line_bands.csv",
    log:
        "logs/{scale}/line_bands.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("line_bands.py"),
        raw=raw_arguments("miles"),
    script:
        "../scripts/line_bands.py"
