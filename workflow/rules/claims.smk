"""Verdicts on the paper's claims, and where the results come from.

INPUTS   the tables that config/claims.yaml names, all below results/{scale}/
OUTPUTS  results/{scale}/claims.csv, claims.md, claims.html, verdicts.txt,
         provenance.json; figures/{scale}/verdicts.pdf and .png
"""


rule claims:
    """Judge the paper's claims at the {wildcards.scale} scale."""
    input:
        tables=claim_tables,
    output:
        html=report(
            "results/{scale}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"scale": "{scale}", "table": "verdicts"},
        ),
        pdf="figures/{scale}/verdicts.pdf",
        png=report(
            "figures/{scale}/verdicts.png",
            caption="../report/verdicts.rst",
            category="Claims",
            labels={"scale": "{scale}", "table": "at a glance"},
        ),
        csv="results/{scale}/claims.csv",
        markdown="results/{scale}/claims.md",
        verdicts="results/{scale}/verdicts.txt",
    log:
        "logs/{scale}/claims.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("claims.py"),
        claims=CLAIMS,
        folder=lambda wildcards: f"results/{wildcards.scale}",
    script:
        "../scripts/claims.py"


rule provenance:
    """Record versions, hardware and commit of this job, settings, origins of the data."""
    input:
        claims="results/{scale}/claims.csv",
        downloads=[sources_file(kind) for kind in RAW],
    output:
        "results/{scale}/provenance.json",
    log:
        "logs/{scale}/provenance.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("provenance.py"),
        settings=recorded_settings,
    script:
        "../scripts/provenance.py"
