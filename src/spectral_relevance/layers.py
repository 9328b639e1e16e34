"""Layers, each in one copy or as replicas that are trained side by side.

Where `replicas` is given, every parameter has a leading replica dimension R and inputs
have shape ``(R, n, d)``; replicas never mix. Without it the layers behave as their
counterparts in :mod:`torch.nn`.
"""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """An affine map; the common ground of the spectral and the standard layer.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the departure (N1) and of the destination layer (N2).
    bias : bool
        Whether to learn an additive bias, initially 0.
    replicas : int, optional
        Number of independent copies R.

    Attributes
    ----------
    kernel : Parameter, shape (..., N1, N2)
        The weights in the order in which they are stored, input by input. The gradient
        of x K comes out in this order; in the other one it would be copied once more at
        each step, and the fused optimiser would copy everything else.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        replicas: int | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.present = in_features
        self.leading = () if replicas is None else (replicas,)
        self._make_parameters()
        self.bias = (
            nn.Parameter(torch.zeros(*self.leading, out_features)) if bias else None
        )
        self.reset_parameters()

    def _make_parameters(self) -> None:
        self.kernel = nn.Parameter(
            torch.empty(*self.leading, self.in_features, self.out_features)
        )

    def _random_parameter(self) -> Tensor:
        return self.kernel

    @torch.no_grad()
    def permute_inputs(self, order: Tensor) -> None:
        """Put the parameters of input ``order[k]`` in the place of input k."""
        parameter = self._random_parameter()
        parameter.copy_(parameter.index_select(-2, order))

    @torch.no_grad()
    def reset_parameters(self, *generators: torch.Generator) -> None:
        """Draw the initial values: Glorot uniform (Keras's default), bias 0.

        Parameters
        ----------
        *generators : torch.Generator
            One for each replica; torch's global generator if none is given.
        """
        parameter = self._random_parameter()
        replicas = parameter.unbind() if self.leading else (parameter,)
        bound = math.sqrt(6 / (self.in_features + self.out_features))
        sources = generators or (None,) * len(replicas)
        for values, generator in zip(replicas, sources, strict=True):
            values.uniform_(-bound, bound, generator=generator)
        if self.bias is not None:
            self.bias.zero_()

    def _kernel(self) -> Tensor:
        return self.kernel

    @property
    def weight(self) -> Tensor:
        """The weights w_ij from input j to output i, shape ``(..., N2, N1)``."""
        return self._kernel().mT

    def relevance(self) -> Tensor:
        """Euclidean norm of the weights that leave each input, shape ``(..., N1)``."""
        return torch.linalg.vector_norm(self.kernel, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, N1)`` to ``(n, N2)``, or ``(R, n, N1)`` to ``(R, n, N2)``."""
        return affine(x, self._kernel()[..., : self.present, :], self.bias)

    def to_linear(self, replica: int | None = None) -> nn.Linear:
        """Return a plain :class:`torch.nn.Linear` that computes the same output.

        Parameters
        ----------
        replica : int, optional
            Which replica to take, for a layer that has replicas.
        """
        select = ... if replica is None else replica
        linear = nn.Linear(
            self.in_features,
            self.out_features,
            self.bias is not None,
            device=self.weight.device,
            dtype=self.weight.dtype,
        )
        with torch.no_grad():
            linear.weight.copy_(self.weight[select])
            if self.bias is not None:
                linear.bias.copy_(self.bias[select])
        return linear

    @torch.no_grad()
    def single(self, replica: int) -> Self:
        """Return a layer of this kind without replicas: a copy of one of them."""
        parameters = dict(self.named_parameters())
        layer = type(self)(self.in_features, self.out_features, "bias" in parameters)
        for name, values in parameters.items():
            layer.register_parameter(name, nn.Parameter(values[replica].clone()))
        return layer

    def extra_repr(self) -> str:
        """Show the sizes, as :class:`torch.nn.Linear` does."""
        replicas = f", replicas={self.leading[0]}" if self.leading else ""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}{replicas}"
        )


class SpectralLinear(Linear):
    """An affine map whose weights are w_ij = (λ_in,j − λ_out,i) φ_ij.

    The layer is the lower-left block of the operator A = Φ Λ Φ⁻¹ that acts on the nodes
    of the departure and of the destination layer together (Methods, eq. 8–11). With
    λ_out = 0, the default, w_ij = λ_j φ_ij (eq. 1).

    Parameters
    ----------
    in_features, out_features : int
        Numbers of departure nodes (N1) and of destination nodes (N2).
    bias : bool
        Whether to learn an additive bias, initially 0.
    replicas : int, optional
        Number of independent copies R.
    out_eigenvalues : bool
        Whether to learn λ_out too (eq. 11), initially 0.

    Attributes
    ----------
    eigenvalues : Parameter, shape (..., N1)
        λ_in, initially 1.
    eigenvectors : Parameter, shape (..., N1, N2)
        Row j is φ_·j, the non-trivial part of the eigenvector of input j (stored input
        by input, see :class:`Linear`), initially Glorot uniform.
    out_eigenvalues : Parameter, shape (..., N2), or None
        λ_out.

    Examples
    --------
    >>> layer = SpectralLinear(4, 3)
    >>> layer(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    >>> layer.relevance().shape
    torch.Size([4])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        replicas: int | None = None,
        out_eigenvalues: bool = False,
    ) -> None:
        self._has_out_eigenvalues = out_eigenvalues
        super().__init__(in_features, out_features, bias, replicas)

    def _make_parameters(self) -> None:
        leading, n1, n2 = self.leading, self.in_features, self.out_features
        self.eigenvalues = nn.Parameter(torch.ones(*leading, n1))
        self.eigenvectors = nn.Parameter(torch.empty(*leading, n1, n2))
        out = nn.Parameter(torch.zeros(*leading, n2))
        self.register_parameter(
            "out_eigenvalues", out if self._has_out_eigenvalues else None
        )

    def _random_parameter(self) -> Tensor:
        return self.eigenvectors

    @torch.no_grad()
    def permute_inputs(self, order: Tensor) -> None:
        """Put the parameters of input ``order[k]`` in the place of input k."""
        super().permute_inputs(order)
        self.eigenvalues.copy_(self.eigenvalues.index_select(-1, order))

    @torch.no_grad()
    def reset_parameters(self, *generators: torch.Generator) -> None:
        """Draw the eigenvectors (Glorot uniform); set λ_in = 1, λ_out = 0, bias 0.

        Parameters
        ----------
        *generators : torch.Generator
            One for each replica; torch's global generator if none is given.
        """
        super().reset_parameters(*generators)
        self.eigenvalues.fill_(1)
        if self.out_eigenvalues is not None:
            self.out_eigenvalues.zero_()

    def _kernel(self) -> Tensor:
        factors = self.eigenvalues.unsqueeze(-1)
        if self.out_eigenvalues is not None:
            factors = factors - self.out_eigenvalues.unsqueeze(-2)
        return factors * self.eigenvectors

    @property
    def weight(self) -> Tensor:
        """The weights w_ij = (λ_in,j − λ_out,i) φ_ij (eq. 11), ``(..., N2, N1)``."""
        return super().weight

    def relevance(self) -> Tensor:
        """Rescaled eigenvalues λ̃_j = λ_j ‖φ_·j‖₂ (Methods), shape ``(..., N1)``.

        The sign is that of λ_j. It has no meaning of its own, because (λ_j, φ_·j) and
        (−λ_j, −φ_·j) are the same layer: rank by the magnitude.
        """
        return self.eigenvalues * torch.linalg.vector_norm(self.eigenvectors, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, N1)`` to ``(n, N2)``, or ``(R, n, N1)`` to ``(R, n, N2)``."""
        # λ can multiply the inputs or the eigenvectors; the smaller array is cheaper.
        few_examples = x.dim() > 1 and x.shape[-2] < self.out_features
        if self.out_eigenvalues is None and few_examples:
            scaled = x * self.eigenvalues[..., : self.present].unsqueeze(-2)
            vectors = self.eigenvectors[..., : self.present, :]
            return affine(scaled, vectors, self.bias)
        return super().forward(x)

    def transfer_operator(self) -> Tensor:
        """Return the full operator A = Φ Λ Φ⁻¹, shape ``(..., N1 + N2, N1 + N2)``.

        Its eigenvalues are λ_in and λ_out, its lower-left block is :attr:`weight`
        (eq. 8–10). Meant for tests and figures: it is quadratic in N1 + N2.
        """
        n1, n2 = self.in_features, self.out_features
        phi = torch.eye(n1 + n2, dtype=self.eigenvectors.dtype)
        phi = phi.to(self.eigenvectors.device).repeat(*self.leading, 1, 1)
        phi[..., n1:, :n1] = self.eigenvectors.mT
        out = self.out_eigenvalues
        if out is None:
            out = self.eigenvalues.new_zeros(*self.leading, n2)
        eigenvalues = torch.cat([self.eigenvalues, out], dim=-1)
        inverse = 2 * torch.eye(n1 + n2).to(phi) - phi
        return phi * eigenvalues.unsqueeze(-2) @ inverse


def affine(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Return x K + b, for each replica where there are replicas."""
    if bias is None:
        return x @ kernel
    if kernel.dim() == 2:
        return x @ kernel + bias
    return torch.baddbmm(bias.unsqueeze(-2), x, kernel)


class BatchNorm(nn.Module):
    """Batch normalisation of replicas, with the conventions of Keras.

    The running variance is the biased one and both running statistics keep the share
    `momentum` of their former value, as in the authors' notebooks.

    Parameters
    ----------
    features : int
        Number of features.
    replicas : int
        Number of replicas R.
    momentum, epsilon : float
        Keras's defaults are 0.99 and 1e-3.
    """

    def __init__(
        self,
        features: int,
        replicas: int,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(replicas, 1, features))
        self.bias = nn.Parameter(torch.zeros(replicas, 1, features))
        self.register_buffer("running_mean", torch.zeros(replicas, 1, features))
        self.register_buffer("running_var", torch.ones(replicas, 1, features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(R, n, features)`` over n, or by the running statistics."""
        if self.training:
            variance, mean = torch.var_mean(x, dim=1, keepdim=True, correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, 1 - self.momentum)
                self.running_var.lerp_(variance, 1 - self.momentum)
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.epsilon)
        return (x - mean) * scale + self.bias

    def to_batch_norm(self, replica: int) -> nn.BatchNorm1d:
        """Return a :class:`torch.nn.BatchNorm1d` that does the same in evaluation."""
        features = self.weight.shape[-1]
        norm = nn.BatchNorm1d(
            features, eps=self.epsilon, momentum=1 - self.momentum
        ).to(self.weight)
        with torch.no_grad():
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).copy_(getattr(self, name)[replica, 0])
        return norm


class Dropout(nn.Module):
    """Dropout by a mask that is drawn outside, from each replica's own generator.

    Parameters
    ----------
    features : int
        Number of features.
    rate : float
        Probability that a unit is dropped.
    """

    def __init__(self, features: int, rate: float) -> None:
        super().__init__()
        self.features = features
        self.rate = rate
        self.register_buffer("mask", torch.ones(1, 1, 1), persistent=False)

    def draw(self, n: int, generators: Sequence[np.random.Generator]) -> None:
        """Draw the masks of the next batch of `n` examples.

        A unit is dropped where a 16-bit integer falls below rate × 2¹⁶: several times
        faster than comparing floats, with the rate exact to 2⁻¹⁷.

        Parameters
        ----------
        n : int
            Number of examples in the batch.
        generators : sequence of numpy.random.Generator
            One for each replica.
        """
        threshold = round(self.rate * 2**16)
        shape = (n, self.features)
        keep = np.stack(
            [g.integers(0, 2**16, shape, np.uint16) >= threshold for g in generators]
        )
        mask = torch.from_numpy(keep.astype(np.float32)) / (1 - self.rate)
        self.mask = mask.to(self.mask.device)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the mask while training; do nothing in evaluation."""
        return x * self.mask if self.training else x

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"features={self.features}, rate={self.rate}"
