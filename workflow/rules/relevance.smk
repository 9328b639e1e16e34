"""Relevance of each input by each method.

INPUTS   results/{scale}/models/, results/{scale}/datasets/
OUTPUTS  results/{scale}/relevance/{experiment}/{method}.csv,
         results/{scale}/comparison/{experiment}.csv,
         results/{scale}/controls/{experiment}.csv
"""


rule relevance:
    """Score the inputs of {wildcards.experiment} by the {wildcards.method} method."""
    input:
        data=dataset_file,
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
    output:
        "results/{scale}/relevance/{experiment}/{method}.csv",
    log:
        "logs/{scale}/relevance/{experiment}/{method}.log",
    benchmark:
        "benchmarks/{scale}/relevance/{experiment}/{method}.jsonl"
    wildcard_constraints:
        method=r"(?!spectral\b)[a-z0-9_]+",  # that one comes with the evaluation
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=lambda wildcards: code("relevance.py", method_module(wildcards)),
        settings=method_settings,
    script:
        "../scripts/relevance.py"


rule comparison:
    """Score {wildcards.experiment} by several methods and numbers of examples."""
    input:
        data=dataset_file,
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
    output:
        "results/{scale}/comparison/{experiment}.csv",
    log:
        "logs/{scale}/comparison/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/comparison/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=lambda wildcards: code(
            "comparison.py",
            *(METHODS[name] for name in comparison_settings(wildcards)["methods"]),
        ),
        settings=comparison_settings,
    script:
        "../scripts/comparison.py"


rule controls:
    """Judge the ranking of {wildcards.experiment} beside others, masked and retrained."""
    input:
        data=dataset_file,
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
        norms=norms_table,
        univariate="results/{scale}/relevance/{experiment}/univariate.csv",
    output:
        "results/{scale}/controls/{experiment}.csv",
    log:
        "logs/{scale}/controls/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/controls/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=code("controls.py"),
        controls=controls_settings,
        curve=lambda wildcards: experiment(wildcards)["curve"],
    script:
        "../scripts/controls.py"
