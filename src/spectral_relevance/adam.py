"""Adam, with the penalty on the first layer as a part of its step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spectral_relevance.penalty import Share, shrink

KEEP_MEAN, KEEP_SQUARE = 0.9, 0.999
"""Shares β₁ and β₂ that the running moments keep of their former values."""

EPSILON = 1e-7
"""ε of Adam, the default of Keras."""


class Slot(NamedTuple):
    """One parameter of some replicas, and what belongs to it.

    Attributes
    ----------
    parameter, mean, square : Tensor
        The parameter and the running moments of its gradient.
    norm : str or None
        The norm of its penalty.
    strength : float or Tensor
        The strength of the penalty.
    """

    parameter: Tensor
    mean: Tensor
    square: Tensor
    norm: str | None
    strength: float | Tensor


class Adam:
    """Adam on the parameters of replicas that are trained side by side.

    The gradient of an L1 or L2 penalty is added to that of the loss. (For L2 this is
    the coupled decay of Adam, not that of AdamW.)

    The group lasso, strength × Σ_j ‖k_j‖₂, is minimised by a proximal step. A group k_j
    is a column of a kernel: the N2 weights that leave input j. Its step is that of
    Adam, but with one second moment v_j for the whole group, the mean square of its
    gradient's elements, and with the proximal map of the penalty after it::

        t_j = learning rate / (√v_j + ε)
        k_j ← shrink(k_j − t_j m_j, t_j strength)

    where m_j is the running mean of the gradient; both moments are corrected for their
    bias as in Adam. Because t_j is a number, the map has the closed form of
    :func:`~spectral_relevance.penalty.shrink`; with a step for each weight it would
    have none (Yun et al., NeurIPS 2021).

    What stays where it is, is a stationary point of loss + penalty, whatever t_j > 0:
    k_j = shrink(k_j − t g_j, t strength) says that g_j = −strength k_j / ‖k_j‖₂ if
    k_j ≠ 0, and ‖g_j‖₂ ≤ strength if k_j = 0. In particular the size of the steps has
    no influence on which groups vanish; with batches it is the noise of m_j that lets
    a group return from zero now and then, if ‖g_j‖₂ is close to the strength.

    Parameters
    ----------
    parameters : mapping of str to Tensor
        Parameters with a leading replica dimension R.
    shares : mapping of str to Share
        What a penalty does to some of them.
    learning_rate : float
        Learning rate.

    Attributes
    ----------
    count : Tensor, shape ()
        How many steps have been taken.

    Examples
    --------
    >>> target = torch.tensor([[[3.0, 0.3], [4.0, 0.4]]])
    >>> kernel = target.clone()
    >>> adam = Adam({"kernel": kernel}, {"kernel": Share("group_lasso", 2.0)}, 0.1)
    >>> for _ in range(500):
    ...     adam.step([kernel - target])
    >>> kernel
    tensor([[[1.8000, 0.0000],
             [2.4000, 0.0000]]])
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        shares: Mapping[str, Share],
        learning_rate: float,
    ) -> None:
        self.learning_rate = learning_rate
        self.slots = []
        for name, values in parameters.items():
            norm, strength = shares.get(name, (None, 0.0))
            values = values.detach()
            square = values[:, :1] if norm == "group_lasso" else values
            moments = torch.zeros_like(values), torch.zeros_like(square)
            self.slots.append(Slot(values, *moments, norm, strength))
        device = self.slots[0].parameter.device
        self.count = torch.zeros((), dtype=torch.int64, device=device)

    def of_replicas(self, rows: slice) -> list[Slot]:
        """Return views of what belongs to some of the replicas."""

        def view(value: Any) -> Any:
            return value[rows] if isinstance(value, Tensor) else value

        return [Slot(*map(view, slot)) for slot in self.slots]

    def start_step(self) -> tuple[Tensor, Tensor]:
        """Count a step and return the corrections for it."""
        self.count += 1
        return self.corrections()

    def corrections(self) -> tuple[Tensor, Tensor]:
        """Return the factors of mean and root mean square that undo their bias."""
        # Differences of 1 and a power near it would lose half of the digits.
        count = self.count.to(self.slots[0].parameter.dtype)
        first = -torch.expm1(count * math.log(KEEP_MEAN))
        second = -torch.expm1(count * math.log(KEEP_SQUARE))
        return 1 / first, torch.rsqrt(second)

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take a step of all replicas.

        Parameters
        ----------
        gradients : sequence of Tensor
            The gradient of each parameter, without those of the penalties.
        """
        take_step(self.slots, gradients, self.learning_rate, self.start_step())

    def fused_step(
        self, gradients: Sequence[Tensor], corrections: tuple[Tensor, Tensor]
    ) -> None:
        """Take the same step, on the CPU, by torch's own Adam as far as it goes.

        Parameters
        ----------
        gradients : sequence of Tensor
            See :meth:`step`.
        corrections : tuple of Tensor
            What :meth:`start_step` gave.
        """
        decayed: dict[float, list[tuple[Slot, Tensor]]] = {}
        for slot, gradient in zip(self.slots, gradients, strict=True):
            if slot.norm == "group_lasso":
                take_step([slot], [gradient], self.learning_rate, corrections)
                continue
            decay = 0.0
            if slot.norm == "l2" and isinstance(slot.strength, float):
                decay = 2 * slot.strength
            else:
                gradient = _penalised(slot, gradient)
            decayed.setdefault(decay, []).append((slot, gradient))
        count = self.count.float()
        for decay, pairs in decayed.items():
            slots = [slot for slot, _ in pairs]
            torch._fused_adam_(
                [slot.parameter for slot in slots],
                [gradient for _, gradient in pairs],
                [slot.mean for slot in slots],
                [slot.square for slot in slots],
                [],
                [count] * len(slots),
                lr=self.learning_rate,
                beta1=KEEP_MEAN,
                beta2=KEEP_SQUARE,
                weight_decay=decay,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def state(self) -> dict[str, Any]:
        """Return all that changes from step to step."""
        moments = [[slot.mean, slot.square] for slot in self.slots]
        return {"count": self.count, "moments": moments}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.count.copy_(state["count"])
        for slot, (mean, square) in zip(self.slots, state["moments"], strict=True):
            slot.mean.copy_(mean)
            slot.square.copy_(square)


def take_step(
    slots: Sequence[Slot],
    gradients: Sequence[Tensor],
    learning_rate: float,
    corrections: tuple[Tensor, Tensor],
) -> None:
    """Take a step of :class:`Adam`, by operations that a compiler fuses."""
    for slot, gradient in zip(slots, gradients, strict=True):
        gradient = _penalised(slot, gradient)
        mean, square = slot.mean, slot.square
        grouped = slot.norm == "group_lasso"
        new = gradient.square()
        mean.lerp_(gradient, 1 - KEEP_MEAN)
        square.lerp_(new.mean(-2, keepdim=True) if grouped else new, 1 - KEEP_SQUARE)
        size = learning_rate / (square.sqrt() * corrections[1] + EPSILON)
        moved = slot.parameter - size * (mean * corrections[0])
        if grouped:
            moved = shrink(moved, size * slot.strength)
        slot.parameter.copy_(moved)


def _penalised(slot: Slot, gradient: Tensor) -> Tensor:
    """Return the gradient of the loss and of a differentiable penalty."""
    if slot.norm == "l2":
        return gradient + 2 * slot.strength * slot.parameter
    if slot.norm == "l1":
        return gradient + slot.strength * slot.parameter.sign()
    return gradient
