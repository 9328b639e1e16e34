"""The explicit group lasso on the columns of a layer, to compare with the spectral one.

The L2 penalty a Σ λ_j² + b Σ φ_ij² of a spectral layer amounts to the group lasso
2 √(ab) Σ ‖w_·j‖₂ on its weights (``docs/group_lasso.md``). Here the latter is minimised
as it stands, with zeros that are exact.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


class ProximalAdam(torch.optim.Optimizer):
    """Minimise a loss plus the group lasso strength × Σ_j ‖k_j‖₂ on kernels.

    A group k_j is a row of a kernel: the N2 weights that leave input j. Its step is
    that of Adam, but with one second moment v_j for the whole group, the mean square of
    its gradient's elements, and with the proximal map of the penalty after it::

        t_j = learning rate / (√v_j + ε)
        k_j ← shrink(k_j − t_j m_j, t_j strength)

    where m_j is the running mean of the gradient; both moments are corrected for their
    bias as in Adam. Because t_j is a number, the map has the closed form of
    :func:`shrink`; with a step for each weight it would have none (Yun et al.,
    NeurIPS 2021). Parameters that are not penalised need an optimiser of their own,
    such as Adam.

    What stays where it is, is a stationary point of loss + penalty, whatever t_j > 0:
    k_j = shrink(k_j − t g_j, t strength) says that g_j = −strength k_j / ‖k_j‖₂ if
    k_j ≠ 0, and ‖g_j‖₂ ≤ strength if k_j = 0. In particular the size of the steps has
    no influence on which groups vanish; with batches it is the noise of m_j that lets
    a group return from zero now and then, if ‖g_j‖₂ is close to the strength.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        Kernels of shape ``(..., N1, N2)``; replicas never mix.
    lr : float
        Learning rate.
    strength : float
        Strength of the group lasso.
    betas : tuple of float
        Shares that the running moments keep of their former values.
    eps : float
        ε; the default is that of Keras.

    Examples
    --------
    >>> target = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> kernel = nn.Parameter(target.clone())
    >>> optimiser = ProximalAdam([kernel], lr=0.1, strength=2.0)
    >>> for _ in range(500):
    ...     optimiser.zero_grad()
    ...     (0.5 * (kernel - target).square().sum()).backward()
    ...     optimiser.step()
    >>> kernel.detach()
    tensor([[1.8000, 2.4000],
            [0.0000, 0.0000]])
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict],
        lr: float,
        strength: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
    ) -> None:
        settings = {"lr": lr, "strength": strength, "betas": betas, "eps": eps}
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Take one step.

        Parameters
        ----------
        closure : callable, optional
            Evaluates the loss and its gradients anew; its value is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is not None:
                    self._step(kernel, group)
        return loss

    def _step(self, kernel: nn.Parameter, group: dict) -> None:
        gradient = kernel.grad
        state = self.state[kernel]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(gradient)
            state["square"] = torch.zeros_like(gradient[..., :1])
        keep_mean, keep_square = group["betas"]
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - keep_mean)
        square = gradient.square().mean(-1, keepdim=True)
        state["square"].lerp_(square, 1 - keep_square)
        mean = state["mean"] / (1 - keep_mean ** state["step"])
        square = state["square"] / (1 - keep_square ** state["step"])
        t = group["lr"] / (square.sqrt() + group["eps"])
        kernel.copy_(shrink(kernel - t * mean, t * group["strength"]))


def shrink(kernel: Tensor, threshold: Tensor | float) -> Tensor:
    """Return the proximal map of threshold × ‖k_j‖₂: block soft-thresholding.

    It minimises threshold ‖w‖₂ + ‖w − k_j‖₂² / 2 over w: the row is shortened by the
    threshold, and is exactly zero if it is not longer than that.

    Parameters
    ----------
    kernel : Tensor, shape (..., N1, N2)
        The rows k_j.
    threshold : Tensor or float
        Non-negative; broadcast against ``(..., N1, 1)``.

    Examples
    --------
    >>> shrink(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0)
    tensor([[2.4000, 3.2000],
            [0.0000, 0.0000]])
    """
    norm = torch.linalg.vector_norm(kernel, dim=-1, keepdim=True)
    # The quotient is not taken where the norm is 0; an undefined norm stays undefined.
    return torch.where(norm <= threshold, 0.0, kernel * (1 - threshold / norm))
