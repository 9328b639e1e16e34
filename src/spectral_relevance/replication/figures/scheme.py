"""How a spectral layer is parametrised (Fig. 1)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from spectral_relevance.replication.figures import style

# A layer of three departure and two destination nodes.
EIGENVALUES_IN = np.array([2.0, 1.0, -1.0])
EIGENVALUES_OUT = np.array([0.5, -0.5])
EIGENVECTORS = np.array([[0.6, -0.4, 0.8], [-0.4, 1.0, 0.4]])

IN, OUT, PHI, LINK = style.BLUE, style.ORANGE, style.GREEN, style.VERMILION


def operator() -> dict[str, np.ndarray]:
    """Return the matrices of the example: A = Φ Λ Φ⁻¹ (eq. 8–10)."""
    n1 = len(EIGENVALUES_IN)
    phi = np.eye(n1 + len(EIGENVALUES_OUT))
    phi[n1:, :n1] = EIGENVECTORS
    eigenvalues = np.diag(np.concatenate([EIGENVALUES_IN, EIGENVALUES_OUT]))
    inverse = np.linalg.inv(phi)
    return {
        "A": phi @ eigenvalues @ inverse,
        "Φ": phi,
        "Λ": eigenvalues,
        "Φ⁻¹": inverse,
    }


@style.styled
def decomposition() -> Figure:
    """Draw the graph of a layer and the spectral decomposition of its operator.

    Returns
    -------
    Figure
        a, the bipartite graph of departure and destination nodes; b, the operator of
        the graph, its eigenvectors and its eigenvalues.
    """
    figure = style.new(style.DOUBLE, 56 * style.MILLIMETRE)
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.5))
    _graph(left)
    _matrices(right)
    style.panel(left, "a", left=0)
    style.panel(right, "b", left=0)
    return figure


def _graph(axes: Axes) -> None:
    links = operator()["A"][len(EIGENVALUES_IN) :, : len(EIGENVALUES_IN)]
    departure = [np.array([0, y]) for y in (2.3, 1.15, 0)]
    destination = [np.array([2.2, y]) for y in (1.725, 0.575)]
    for j, start in enumerate(departure):
        for i, end in enumerate(destination):
            chosen = (i, j) == (0, 0)
            axes.add_patch(
                FancyArrowPatch(
                    start,
                    end,
                    arrowstyle="-|>",
                    mutation_scale=6,
                    shrinkA=8,
                    shrinkB=8,
                    linewidth=0.5 + 0.8 * abs(links[i, j]),
                    color=LINK if chosen else "0.7",
                    zorder=2 if chosen else 1,
                )
            )
    axes.text(1.1, 2.19, "$w_{11}$", color=LINK, ha="center", va="bottom")
    for nodes, colour, name, side in (
        (departure, IN, "in", -1),
        (destination, OUT, "out", 1),
    ):
        for number, place in enumerate(nodes, 1):
            _node(axes, place, colour, side)
            axes.text(
                *place + [side * 0.62, 0],
                rf"$\lambda_{{\mathrm{{{name}}},{number}}}$",
                color=colour,
                ha="right" if side < 0 else "left",
                va="center",
            )
    axes.text(0, -0.55, "departure\nlayer $k$", ha="center", va="top")
    axes.text(2.2, -0.55, "destination\nlayer $k+1$", ha="center", va="top")
    axes.set(xlim=(-1.35, 3.65), ylim=(-1.25, 2.9))
    axes.set_aspect("equal", anchor="N")
    axes.axis("off")


def _node(axes: Axes, place: np.ndarray, colour: str, side: int) -> None:
    axes.add_patch(
        FancyArrowPatch(
            place + [side * 0.13, 0.2],
            place + [side * 0.13, -0.2],
            connectionstyle=f"arc3,rad={-side * 1.9}",
            arrowstyle="-|>",
            mutation_scale=5,
            shrinkA=0,
            shrinkB=0,
            linewidth=0.8,
            color=colour,
        )
    )
    axes.add_patch(Circle(place, 0.22, facecolor=colour, edgecolor="none", zorder=3))


def _matrices(axes: Axes) -> None:
    n1 = len(EIGENVALUES_IN)
    matrices = operator()
    size = len(matrices["A"])
    blocks = {
        "A": [(0, n1, n1, size - n1, LINK, "$w$")],
        "Φ": [(0, n1, n1, size - n1, PHI, "$φ$")],
        "Λ": [
            (0, 0, n1, n1, IN, r"$\lambda_\mathrm{in}$"),
            (n1, n1, size - n1, size - n1, OUT, r"$\lambda_\mathrm{out}$"),
        ],
        "Φ⁻¹": [(0, n1, n1, size - n1, PHI, "$-φ$")],
    }
    x = 0.0
    for name, matrix in matrices.items():
        _matrix(axes, matrix, x)
        axes.text(x + size / 2, -0.35, name, ha="center", va="bottom", fontsize=9)
        for column, row, width, height, colour, label in blocks[name]:
            axes.add_patch(
                Rectangle(
                    (x + column, row),
                    width,
                    height,
                    fill=False,
                    edgecolor=colour,
                    linewidth=1.5,
                    zorder=3,
                )
            )
            axes.text(
                x + column + width / 2,
                size + 0.25,
                label,
                color=colour,
                ha="center",
                va="top",
                fontsize=8,
            )
        if name == "A":
            axes.text(x + size + 0.6, size / 2, "=", ha="center", va="center", size=10)
        x += size + (1.2 if name == "A" else 0.5)
    axes.text(
        (x - 0.5) / 2,
        size + 1.75,
        r"$w_{ij} = (\lambda_{\mathrm{in},j} - \lambda_{\mathrm{out},i})\,φ_{ij}$"
        r"        with $\lambda_\mathrm{out} = 0$:  $w_{ij} = \lambda_j\,φ_{ij}$,"
        r"  relevance  $\tilde\lambda_j = \lambda_j\,\Vert φ_{\cdot j}\Vert_2$",
        ha="center",
        va="top",
        fontsize=7.5,
    )
    axes.set(xlim=(-0.1, x - 0.4), ylim=(size + 2.6, -1.3))
    axes.set_aspect("equal", anchor="N")
    axes.axis("off")


def _matrix(axes: Axes, matrix: np.ndarray, x: float) -> None:
    size = len(matrix)
    edges = np.arange(size + 1)
    axes.pcolormesh(
        x + edges,
        edges,
        matrix,
        cmap="RdBu_r",
        # Wider than the values: pale enough for the numbers to be read.
        vmin=-4,
        vmax=4,
        edgecolors="0.85",
        linewidth=0.4,
    )
    for (row, column), value in np.ndenumerate(matrix.round(9)):
        axes.text(
            x + column + 0.5,
            row + 0.5,
            f"{value:.1f}".replace("-", "−") if value else "0",
            color="black" if value else "0.7",
            ha="center",
            va="center",
            fontsize=5.5,
        )
