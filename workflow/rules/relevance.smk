"""Relevance of each input by each method.

INPUTS   results/{scale}/models/, results/{scale}/datasets/
OUTPUTS  results/{scale}/relevance/{experiment}/{method}.csv
"""


rule relevance:
    """Score the inputs of {wildcards.experiment} by the {wildcards.method} method."""
    input:
        data="results/{scale}/datasets/{experiment}/data.npz",
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
        code=lambda wildcards: source(
            "datasets/base.py",
            "networks.py",
            "layers.py",
            "methods/__init__.py",
            f"methods/{wildcards.method}.py",
        ),
    output:
        "results/{scale}/relevance/{experiment}/{method}.csv",
    log:
        "logs/{scale}/relevance/{experiment}/{method}.log",
    benchmark:
        "benchmarks/{scale}/relevance/{experiment}/{method}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        settings=method_settings,
    script:
        "../scripts/relevance.py"
