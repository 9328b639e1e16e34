"""Tables made from the trained networks.

INPUTS   results/{scale}/models/, results/{scale}/datasets/
OUTPUTS  results/{scale}/performance/, history/, curves/ and relevance/, for each
         experiment; lrp_theory/, scaling.csv, table1.csv, table1.md, table1.html
"""


rule evaluate:
    """Measure {wildcards.experiment} with all inputs and with a few; gather histories."""
    input:
        data=dataset_file,
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
        histories=block_files("results/{scale}/models/{experiment}/{block}.csv"),
    output:
        performance="results/{scale}/performance/{experiment}.csv",
        history="results/{scale}/history/{experiment}.csv",
        curve="results/{scale}/curves/{experiment}.csv",
        relevance="results/{scale}/relevance/{experiment}/spectral.csv",
    log:
        "logs/{scale}/evaluate/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/evaluate/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        code=code("evaluate.py"),
        variants=lambda wildcards: experiment(wildcards)["variants"],
        curve=lambda wildcards: experiment(wildcards)["curve"],
    script:
        "../scripts/evaluate.py"


rule lrp_theory:
    """Compare LRP on {wildcards.experiment} with what the eigenvalues say (eq. 5-7)."""
    input:
        data=dataset_file,
        models=block_files("results/{scale}/models/{experiment}/{block}.pt"),
    output:
        "results/{scale}/lrp_theory/{experiment}.csv",
    log:
        "logs/{scale}/lrp_theory/{experiment}.log",
    benchmark:
        "benchmarks/{scale}/lrp_theory/{experiment}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        code=code("lrp_theory.py"),
        settings=lrp_settings,
    script:
        "../scripts/lrp_theory.py"


rule scaling:
    """Count operations and times as networks and data grow; fit exponents (Table 1)."""
    output:
        efforts="results/{scale}/scaling.csv",
        exponents="results/{scale}/table1.csv",
    log:
        "logs/{scale}/scaling.log",
    benchmark:
        "benchmarks/{scale}/scaling.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        code=lambda wildcards: code(
            "scaling.py",
            *(METHODS[name] for name in scaling_settings(wildcards)["methods"]),
        ),
        settings=scaling_settings,
    script:
        "../scripts/scaling.py"


rule table1:
    """Write Table 1 for people."""
    input:
        exponents="results/{scale}/table1.csv",
    output:
        markdown="results/{scale}/table1.md",
        html=report(
            "results/{scale}/table1.html",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "1", "shows": "computing effort", "scale": "{scale}"},
        ),
    log:
        "logs/{scale}/table1.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("table1.py"),
    script:
        "../scripts/table1.py"
