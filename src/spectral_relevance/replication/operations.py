"""How many floating-point operations a call takes.

A time depends on the machine and on what else runs there; the operations of a method
depend only on the shapes of network and examples.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Self

import torch
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

aten = torch.ops.aten


def _each_result(*args: Any, out_shape: torch.Size, **kwargs: Any) -> int:
    """Count one for each element of the result."""
    return prod(out_shape)


def _each_argument(x: torch.Size, *args: Any, **kwargs: Any) -> int:
    """Count one for each element of the first argument."""
    return prod(x)


def _norm(x: torch.Size, *args: Any, out_shape: torch.Size, **kwargs: Any) -> int:
    """Count a square and an addition for each element, and a root for each norm."""
    return 2 * prod(x) + prod(out_shape)


def _two_each(x: torch.Size, *args: Any, **kwargs: Any) -> int:
    """Count a multiplication and an addition for each element of the first argument."""
    return 2 * prod(x)


FORMULAS: dict[Any, Callable[..., int]] = {
    **dict.fromkeys(
        [
            *(aten.add, aten.add_, aten.sub, aten.sub_, aten.rsub),
            *(aten.mul, aten.mul_, aten.div, aten.div_),
            *(aten.pow, aten.sqrt, aten.tanh, aten.tanh_backward),
        ],
        _each_result,
    ),
    **dict.fromkeys(
        [aten.sum, aten.mean, aten.native_batch_norm_backward], _each_argument
    ),
    aten.linalg_vector_norm: _norm,
    aten.mv: _two_each,
    aten._native_batch_norm_legit_no_training: _two_each,
}
"""Formulas for operators that torch's own counter passes over, from their shapes."""


class _NoModules(ModuleTracker):
    """Tells all operations to be of no module in particular.

    The hooks that would tell modules apart fail where an explainer asks for the
    gradient of an input.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        pass


def count_operations(call: Callable[[], Any]) -> int:
    """Count the floating-point operations of one call, backward passes included.

    Matrix products count as torch counts them: two operations, a multiplication and an
    addition, for each term of their sums, and none for a bias. To these come
    :data:`FORMULAS`: one operation for each sum, difference, product, quotient, power,
    root and hyperbolic tangent of an element, and for each term of a sum or a mean; two
    for each term of a norm; two for each value that batch normalisation scales and
    shifts in evaluation mode, and one on the way back. Comparisons, signs, selections,
    conversions and copies count as none, and so does what is done outside torch.

    Parameters
    ----------
    call : callable
        It is called once. It runs more slowly than usual.

    Examples
    --------
    >>> weight, x = torch.ones(3, 4), torch.ones(4, 5)
    >>> count_operations(lambda: weight @ x)  # 3 · 5 sums of 4 products
    120
    >>> count_operations(lambda: torch.linalg.vector_norm(weight, dim=0))
    28
    """
    counter = FlopCounterMode(display=False, custom_mapping=FORMULAS)
    counter.mod_tracker = _NoModules()
    with counter:
        call()
    return counter.get_total_flops()
