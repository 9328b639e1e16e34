"""The figures of the paper, each drawn from tables by one function.

INPUTS   tables below results/{scale}/
OUTPUTS  figures/{scale}/fig{number}.pdf and .png, numbered as in the paper
"""


rule figure_decomposition:
    """Draw a spectral layer and the decomposition of its operator (Fig. 1)."""
    input:
        code=source(
            "datasets/base.py",
            "tables.py",
            "figures/style.py",
            "figures/scheme.py",
        ),
    output:
        pdf="figures/{scale}/fig01.pdf",
        png=report(
            "figures/{scale}/fig01.png",
            caption="../report/fig01.rst",
            category="Figures",
            labels={
                "figure": "01",
                "shows": "the spectral decomposition",
                "scale": "{scale}",
            },
        ),
    log:
        "logs/{scale}/figures/fig01.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="scheme.decomposition",
    script:
        "../scripts/figure.py"


rule figure_distributions:
    """Draw features that tell the classes apart and one that does not (Fig. 2)."""
    input:
        data="results/{scale}/datasets/independent/data.npz",
        features="results/{scale}/datasets/independent/features.csv",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/gaussian.py",
        ),
    output:
        pdf="figures/{scale}/fig02.pdf",
        png=report(
            "figures/{scale}/fig02.png",
            caption="../report/fig02.rst",
            category="Figures",
            labels={
                "figure": "02",
                "shows": "distributions of the features",
                "scale": "{scale}",
            },
        ),
    log:
        "logs/{scale}/figures/fig02.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="gaussian.distributions",
    script:
        "../scripts/figure.py"


rule figure_independent_eigenvalues:
    """Draw the eigenvalues of independent features against the truth (Fig. 3)."""
    input:
        relevance="results/{scale}/relevance/independent/spectral.csv",
        lasso="results/{scale}/relevance/independent/lasso.csv",
        features="results/{scale}/datasets/independent/features.csv",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/gaussian.py",
        ),
    output:
        pdf="figures/{scale}/fig03.pdf",
        png=report(
            "figures/{scale}/fig03.png",
            caption="../report/fig03.rst",
            category="Figures",
            labels={
                "figure": "03",
                "shows": "eigenvalues of independent features",
                "scale": "{scale}",
            },
        ),
    log:
        "logs/{scale}/figures/fig03.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="gaussian.eigenvalues",
    script:
        "../scripts/figure.py"


rule figure_mnist_eigenvalues:
    """Draw the eigenvalues of the pixels and where they lie (Fig. 5)."""
    input:
        relevance="results/{scale}/relevance/mnist_01/spectral.csv",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/panels.py",
            "figures/mnist.py",
        ),
    output:
        pdf="figures/{scale}/fig05.pdf",
        png=report(
            "figures/{scale}/fig05.png",
            caption="../report/fig05.rst",
            category="Figures",
            labels={
                "figure": "05",
                "shows": "eigenvalues of MNIST 0/1",
                "scale": "{scale}",
            },
        ),
    log:
        "logs/{scale}/figures/fig05.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="mnist.eigenvalue_map",
    script:
        "../scripts/figure.py"


rule figure_mnist_curve:
    """Draw the accuracy with few pixels, ranked or random (Fig. 6)."""
    input:
        curve="results/{scale}/curves/mnist_01.csv",
        performance="results/{scale}/performance/mnist_01.csv",
        relevance="results/{scale}/relevance/mnist_01/spectral.csv",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/panels.py",
            "figures/mnist.py",
        ),
    output:
        pdf="figures/{scale}/fig06.pdf",
        png=report(
            "figures/{scale}/fig06.png",
            caption="../report/fig06.rst",
            category="Figures",
            labels={
                "figure": "06",
                "shows": "accuracy with few pixels",
                "scale": "{scale}",
            },
        ),
    log:
        "logs/{scale}/figures/fig06.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="mnist.accuracy_curve",
    script:
        "../scripts/figure.py"


rule figure_mnist_masks:
    """Draw images of ones and zeros under the mask of the top pixels (Fig. 7)."""
    input:
        relevance="results/{scale}/relevance/mnist_01/spectral.csv",
        data="results/{scale}/datasets/mnist_01/data.npz",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/panels.py",
            "figures/mnist.py",
        ),
    output:
        pdf="figures/{scale}/fig07.pdf",
        png=report(
            "figures/{scale}/fig07.png",
            caption="../report/fig07.rst",
            category="Figures",
            labels={"figure": "07", "shows": "masks on images", "scale": "{scale}"},
        ),
    log:
        "logs/{scale}/figures/fig07.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="mnist.masks",
    script:
        "../scripts/figure.py"


rule figure_spectra:
    """Draw spectra of stars that differ in metallicity (Fig. 10)."""
    input:
        data="results/{scale}/datasets/stellar/data.npz",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/panels.py",
            "figures/stellar.py",
        ),
    output:
        pdf="figures/{scale}/fig10.pdf",
        png=report(
            "figures/{scale}/fig10.png",
            caption="../report/fig10.rst",
            category="Figures",
            labels={"figure": "10", "shows": "spectra of stars", "scale": "{scale}"},
        ),
    log:
        "logs/{scale}/figures/fig10.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="stellar.spectra",
    script:
        "../scripts/figure.py"


rule figure_stellar_eigenvalues:
    """Draw which wavelengths are relevant and how many are needed (Fig. 11)."""
    input:
        relevance="results/{scale}/relevance/stellar/spectral.csv",
        curve="results/{scale}/curves/stellar.csv",
        mlp="results/{scale}/performance/stellar_mlp.csv",
        bands="results/{scale}/line_bands.csv",
        data="results/{scale}/datasets/stellar/data.npz",
        code=source(
            "datasets/base.py",
            "statistics.py",
            "tables.py",
            "figures/style.py",
            "figures/panels.py",
            "figures/stellar.py",
        ),
    output:
        pdf="figures/{scale}/fig11.pdf",
        png=report(
            "figures/{scale}/fig11.png",
            caption="../report/fig11.rst",
            category="Figures",
            labels={
                "figure": "11",
                "shows": "eigenvalues of wavelengths",
                "scale": "{scale}",
            },
        ),
    log:
        "logs/{scale}/figures/fig11.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        draw="stellar.eigenvalues",
    script:
        "../scripts/figure.py"
