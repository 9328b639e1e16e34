"""Training of the networks, a block of seeds in each job.

INPUTS   results/{scale}/datasets/{experiment}/data.npz
OUTPUTS  results/{scale}/models/{experiment}/{block}.pt, .csv (training history)
"""


rule train:
    """Train seeds {params.seeds} of {wildcards.experiment} side by side."""
    input:
        data=dataset_file,
    output:
        model="results/{scale}/models/{experiment}/{block}.pt",
        history="results/{scale}/models/{experiment}/{block}.csv",
    log:
        "logs/{scale}/train/{experiment}/{block}.log",
    benchmark:
        "benchmarks/{scale}/train/{experiment}/{block}.jsonl"
    priority: 10  # the long jobs first
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=growing(240),
    params:
        code=code("train.py"),
        variants=training_settings,
        seeds=block_seeds,
    script:
        "../scripts/train.py"
