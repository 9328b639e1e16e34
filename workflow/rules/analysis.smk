"""Tables made from the trained networks.

INPUTS   results/{scale}/models/, results/{scale}/datasets/
OUTPUTS  results/{scale}/performance/, history/ and curves/, a table per experiment
"""


rule performance:
    """Measure {wildcards.experiment} on its test examples; gather the histories."""
    input:
        data="results/{scale}/datasets/{experiment}/data.npz",
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
        histories=block_files("results/{scale}/models/{experiment}/{block}.csv"),
        code=source(
            "curves.py",
            "datasets/base.py",
            "evaluation.py",
            "layers.py",
            "networks.py",
        ),
    output:
        performance="results/{scale}/performance/{experiment}.csv",
        history="results/{scale}/history/{experiment}.csv",
    log:
        "logs/{scale}/performance/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/performance/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=10,
    script:
        "../scripts/performance.py"


rule curve:
    """Measure {wildcards.experiment} with all but n of its inputs set to 0."""
    input:
        data="results/{scale}/datasets/{experiment}/data.npz",
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
        code=source(
            "curves.py",
            "datasets/base.py",
            "evaluation.py",
            "layers.py",
            "networks.py",
        ),
    output:
        "results/{scale}/curves/{experiment}.csv",
    log:
        "logs/{scale}/curve/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/curve/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        curve=lambda wildcards: experiment(wildcards)["curve"],
    script:
        "../scripts/curve.py"
