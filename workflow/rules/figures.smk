"""The figures of the paper, each drawn from tables by one function.

INPUTS   tables below results/{scale}/
OUTPUTS  figures/{scale}/fig{number}.pdf and .png, numbered as in the paper; S1 to S3
         are supplementary
"""

# For each figure what it shows, the function of spectral_relevance.replication.figures that draws
# it, and the tables that this function takes.
FIGURES = {
    "01": {
        "shows": "the spectral decomposition",
        "draw": "scheme.decomposition",
        "tables": {},
    },
    "02": {
        "shows": "distributions of the features",
        "draw": "gaussian.distributions",
        "tables": {"data": "datasets/independent/data.npz"},
    },
    "03": {
        "shows": "eigenvalues of independent features",
        "draw": "gaussian.eigenvalues",
        "tables": {
            "relevance": "relevance/independent/spectral.csv",
            "lasso": "relevance/independent/lasso.csv",
        },
    },
    "04": {
        "shows": "eigenvalues of correlated features",
        "draw": "gaussian.correlated_eigenvalues",
        "tables": {
            "data": "datasets/correlated/data.npz",
            "relevance": "relevance/correlated/spectral.csv",
        },
    },
    "05": {
        "shows": "eigenvalues of pixels",
        "draw": "mnist.eigenvalue_map",
        "tables": {"relevance": "relevance/mnist_01/spectral.csv"},
    },
    "06": {
        "shows": "accuracy with few pixels",
        "draw": "mnist.accuracy_curve",
        "tables": {
            "curve": "curves/mnist_01.csv",
            "performance": "performance/mnist_01.csv",
            "relevance": "relevance/mnist_01/spectral.csv",
        },
    },
    "07": {
        "shows": "relevant pixels of single images",
        "draw": "mnist.masks",
        "tables": {
            "relevance": "relevance/mnist_01/spectral.csv",
            "data": "datasets/mnist_01/data.npz",
        },
    },
    "08": {
        "shows": "fives and nines",
        "draw": "mnist.five_nine",
        "tables": {
            "curve": "curves/mnist_59.csv",
            "performance": "performance/mnist_59.csv",
            "relevance": "relevance/mnist_59/spectral.csv",
        },
    },
    "09": {
        "shows": "all ten digits",
        "draw": "mnist.all_digits",
        "tables": {
            "curve": "curves/mnist_all.csv",
            "performance": "performance/mnist_all.csv",
            "relevance": "relevance/mnist_all/spectral.csv",
        },
    },
    "10": {
        "shows": "spectra of stars",
        "draw": "stellar.spectra",
        "tables": {"data": "datasets/stellar/data.npz"},
    },
    "11": {
        "shows": "eigenvalues of wavelengths",
        "draw": "stellar.eigenvalues",
        "tables": {
            "relevance": "relevance/stellar/spectral.csv",
            "curve": "curves/stellar.csv",
            "mlp": "performance/stellar_mlp.csv",
            "bands": "line_bands.csv",
            "data": "datasets/stellar/data.npz",
        },
    },
    "12": {
        "shows": "eigenvalues and SHAP",
        "draw": "comparison.shap_on_mnist",
        "tables": {"comparison": "comparison/mnist_01.csv"},
    },
    "13": {
        "shows": "sparsity",
        "draw": "comparison.sparsity",
        "tables": {
            "mlp": "comparison/mnist_mlp.csv",
            "regimes": "relevance/mnist_regimes/spectral.csv",
            "paper": "relevance/mnist_01/spectral.csv",
        },
    },
    "14": {
        "shows": "eigenvalues and gradients of wavelengths",
        "draw": "comparison.stellar_methods",
        "tables": {
            "comparison": "comparison/stellar.csv",
            "bands": "line_bands.csv",
            "data": "datasets/stellar/data.npz",
        },
    },
    "15": {
        "shows": "pixels after few epochs",
        "draw": "mnist.few_epochs",
        "tables": {
            "relevance": "relevance/mnist_regimes/spectral.csv",
            "full": "relevance/mnist_01/spectral.csv",
        },
    },
    "16": {
        "shows": "wavelengths after few epochs",
        "draw": "stellar.few_epochs",
        "tables": {
            "relevance": "relevance/stellar_short/spectral.csv",
            "full": "relevance/stellar/spectral.csv",
            "bands": "line_bands.csv",
            "data": "datasets/stellar/data.npz",
        },
    },
    "17": {
        "shows": "two correlated features",
        "draw": "appendix.two_features",
        "tables": {
            "data": "datasets/appendix_a/data.npz",
            "relevance": "relevance/appendix_a/spectral.csv",
            "lasso": "relevance/appendix_a/lasso.csv",
        },
    },
    "18": {
        "shows": "spurious features",
        "draw": "appendix.spurious",
        "tables": {
            "data": "datasets/appendix_b/data.npz",
            "relevance": "relevance/appendix_b/spectral.csv",
        },
    },
    "19": {
        "shows": "methods compared",
        "draw": "appendix.methods_compared",
        "tables": {"comparison": "comparison/appendix_c.csv"},
    },
    "20": {
        "shows": "size of the training set and strength of the penalty",
        "draw": "appendix.robustness_to_settings",
        "tables": {
            "relevance": "relevance/appendix_e/spectral.csv",
            "performance": "performance/appendix_e.csv",
        },
    },
    "S1": {
        "shows": "other architectures",
        "draw": "appendix.architectures",
        "tables": {
            "relevance": "relevance/robustness/spectral.csv",
            "performance": "performance/robustness.csv",
        },
    },
    "S2": {
        "shows": "LRP and the eigenvalues",
        "draw": "theory.lrp_factorisation",
        "tables": {"lrp": "lrp_theory/mnist_01.csv"},
    },
    "S3": {
        "shows": "the penalty as a group lasso",
        "draw": "theory.group_lasso",
        "tables": {
            "relevance": "relevance/group_lasso/spectral.csv",
            "performance": "performance/group_lasso.csv",
        },
    },
}

# A rule for each figure, figure_01 to figure_S3, because captions know no wildcards.
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
        script:
            "../scripts/figure.py"
