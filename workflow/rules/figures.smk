"""The figures of config/figures.yaml, each drawn from tables by one function.

INPUTS   tables below results/{scale}/
OUTPUTS  figures/{scale}/fig{number}.pdf and .png, numbered as in the paper; those
         with an S are supplementary
"""

# A rule for each figure, figure_01 and so on, because captions know no wildcards.
for number, figure in FIGURES.items():

    rule:
        """Draw one figure."""
        name:
            f"figure_{number}"
        input:
            **{k: f"results/{{scale}}/{v}" for k, v in figure["tables"].items()},
        output:
            pdf=f"figures/{{scale}}/fig{number}.pdf",
            png=report(
                f"figures/{{scale}}/fig{number}.png",
                caption=f"../report/fig{number}.rst",
                category="Figures",
                labels={
                    "figure": number,
                    "shows": figure["shows"],
                    "scale": "{scale}",
                },
            ),
        log:
            f"logs/{{scale}}/figures/fig{number}.log",
        localrule: True
        conda:
            "../../environment.yml"
        params:
            code=code(
                "figure.py",
                f"spectral_relevance.replication.figures.{figure['draw'].split('.')[0]}",
            ),
            draw=figure["draw"],
            settings=caption_settings(number),
            judged=judged(figure["claims"]),
        script:
            "../scripts/figure.py"
