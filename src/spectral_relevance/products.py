"""Batched matrix products, by the library that is fastest on the processor.

torch multiplies matrices with MKL, which leaves half of the arithmetic of processors of
other makers than Intel unused; oneDNN, which torch brings along too, does not. On an
AMD EPYC it is about twice as fast on the products of the paper's networks, on an Intel
Xeon slower (``docs/speed.md``).
"""

import platform
from typing import Any

import torch
from torch import Tensor

from spectral_relevance.processor import about_processor

LEAST_OPERATIONS = 500_000
"""Multiplications of a product below which the call of oneDNN outweighs its gain."""

LEAST_DEPTH = 16
"""The same for the number of terms in the sums of a product."""


def _maker() -> str:
    """Return who made the processor, as far as it is told."""
    return about_processor("vendor_id") or platform.processor()


def _find_onednn() -> Any:
    """Return torch's operator for a product by oneDNN; None where it is not of use."""
    backends: Any = torch.backends
    there = backends.mkldnn.is_available() and backends.mkl.is_available()
    if not there or "Intel" in _maker():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_onednn = _find_onednn()

# An operator of its own is what the compiler leaves as it is, strides included.
_make_library: Any = torch.library.Library
_library = _make_library("spectral_relevance", "DEF")
_library.define(
    "onednn(Tensor a, Tensor b) -> Tensor", tags=[torch.Tag.needs_exact_strides]
)
_library.impl("onednn", lambda a, b: _onednn(a, b, None, "none", [], ""), "CPU")
_library.impl("onednn", lambda a, b: a.new_empty(len(a), len(b)), "Meta")


def product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply matrices ``(R, m, k)`` and ``(R, k, n)``; gradients do not pass."""
    operations = a.shape[1] * a.shape[2] * b.shape[2]
    if (
        _onednn is not None
        and a.device.type == "cpu"
        and a.dtype == torch.float32
        and a.shape[0] > 0
        and a.shape[2] >= LEAST_DEPTH
        and operations >= LEAST_OPERATIONS
    ):
        # It multiplies by a transposed matrix, as the weights of a layer are.
        multiply = torch.ops.spectral_relevance.onednn
        each = [multiply(a[r], b[r].mT) for r in range(len(a))]
        return each[0].unsqueeze(0) if len(each) == 1 else torch.stack(each)
    if len(a) == 1:  # without what a batch costs besides
        return torch.mm(a[0], b[0]).unsqueeze(0)
    return torch.bmm(a, b)


class Product(torch.autograd.Function):
    """The outputs K x of replicas, for kernels ``(R, N2, N1)`` and x ``(R, N1, n)``."""

    @staticmethod
    def forward(ctx: Any, kernel: Tensor, x: Tensor) -> Tensor:
        """Return ``(R, N2, n)``."""
        ctx.save_for_backward(kernel, x)
        return product(kernel, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the gradients of kernel and x."""
        kernel, x = ctx.saved_tensors
        passed = ctx.needs_input_grad[1]
        back = product(kernel.mT, gradient) if passed else None
        return product(gradient, x.mT), back


class SpectralProduct(torch.autograd.Function):
    """The outputs (φ Λ) x of replicas (eq. 1), for λ ``(R, 1, N1)``, φ ``(R, N2, N1)``.

    λ multiplies the smaller one of eigenvectors and inputs. Its gradient is a sum over
    that of the weights, which is needed anyway: a product less than by way of the
    inputs.
    """

    @staticmethod
    def forward(
        ctx: Any, eigenvalues: Tensor, eigenvectors: Tensor, x: Tensor
    ) -> Tensor:
        """Return ``(R, N2, n)`` for x ``(R, N1, n)``."""
        ctx.few = x.shape[2] < eigenvectors.shape[1]
        if ctx.few:
            left, right = eigenvectors, eigenvalues.mT * x
        else:
            left, right = eigenvalues * eigenvectors, x
        ctx.save_for_backward(eigenvalues, eigenvectors, x, left)
        return product(left, right)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the gradients of λ, φ and x."""
        eigenvalues, eigenvectors, x, left = ctx.saved_tensors
        of_weights = product(gradient, x.mT)
        of_eigenvalues = (of_weights * eigenvectors).sum(1, keepdim=True)
        back = None
        if ctx.needs_input_grad[2]:
            back = product(left.mT, gradient)
            if ctx.few:
                back = eigenvalues.mT * back
        return of_eigenvalues, eigenvalues * of_weights, back
