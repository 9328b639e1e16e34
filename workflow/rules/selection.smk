"""How often selected inputs do not matter, on simulated data (docs/selection.md).

OUTPUTS  results/{scale}/selection/{design}/{peer}.csv, for each design and peer;
         results/{scale}/selection.csv, selection.md
"""


rule calibrate:
    """Let {wildcards.peer} select in draws of {wildcards.design}."""
    output:
        "results/{scale}/selection/{design}/{peer}.csv",
    log:
        "logs/{scale}/calibrate/{design}/{peer}.log",
    benchmark:
        "benchmarks/{scale}/calibrate/{design}/{peer}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        code=lambda wildcards: code("calibrate.py", peer_module(wildcards)),
        settings=calibration_settings,
    script:
        "../scripts/calibrate.py"


rule selection:
    """Summarise the selections of all designs and peers."""
    input:
        calibration_tables,
    output:
        csv="results/{scale}/selection.csv",
        markdown="results/{scale}/selection.md",
    log:
        "logs/{scale}/selection.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("selection.py"),
        settings=lambda wildcards: SETTINGS[wildcards.scale]["selection"],
    script:
        "../scripts/selection.py"
