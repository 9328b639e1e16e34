"""The masks of dropout: counted, not drawn.

Whether a unit is dropped is a function of the seed of its run, of the step and of its
place, by the counter-based generator Philox 4×64-10 (Salmon et al., SC 2011). It is
the same however runs are grouped and wherever they are trained, and needs no state to
go on. NumPy computes it on the CPU, and :func:`philox` where a tensor counts the steps.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

ROUNDS = 10
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
"""The constants of Philox 4×64."""

UNITS = 16
"""Units for which one block of 256 bits is enough: 16 bits each."""


class Masks:
    """Masks of all dropout layers of a network in replicas.

    A unit is dropped where its 16 bits fall below rate × 2¹⁶, so that the rate is exact
    to 2⁻¹⁷.

    Parameters
    ----------
    keys : (R, 2) array of uint64
        The key of each replica.
    layers : sequence of (int, float)
        Features and rate of each dropout layer, first to last.
    n : int
        Number of examples in a batch.
    device : torch.device
        Where the masks are made.
    """

    def __init__(
        self,
        keys: np.ndarray,
        layers: Sequence[tuple[int, float]],
        n: int,
        device: torch.device,
    ) -> None:
        self.keys = keys
        self.shapes = [(features, n) for features, _ in layers]
        self.thresholds = [min(round(rate * 2**16), 2**16 - 1) for _, rate in layers]
        self.blocks = -(-sum(features * n for features, _ in layers) // UNITS)
        held = torch.from_numpy(round_keys(keys).view(np.int64))
        self.round_keys = held.to(device)
        self.places = torch.arange(1, self.blocks + 1, device=device)
        self.shifts = torch.arange(0, 64, 16, device=device)

    def of_step(self, step: int | Tensor) -> list[Tensor]:
        """Return the masks of a step: 1 where a unit is kept, ``(R, features, n)``.

        Parameters
        ----------
        step : int or Tensor
            Which one, counted from 0 over the whole training. For a tensor they are
            computed where it is, without a word from the host.
        """
        bits = self._counted(step) if isinstance(step, Tensor) else self._drawn(step)
        masks, start = [], 0
        for (features, n), threshold in zip(self.shapes, self.thresholds, strict=True):
            kept = bits[:, start : start + features * n] >= threshold
            start += features * n
            if isinstance(kept, np.ndarray):
                kept = torch.from_numpy(kept.view(np.uint8))
            # Not a view: the compiler of torch 2.11 knows none of this kind.
            masks.append(kept.to(torch.uint8).reshape(-1, features, n))
        return masks

    def _drawn(self, step: int) -> np.ndarray:
        """Return 16 bits for each unit, ``(R, units)``, by NumPy."""
        # NumPy counts before it computes a block.
        counter, words = step * self.blocks, 4 * self.blocks
        each = [
            np.random.Philox(key=k, counter=counter).random_raw(words)
            for k in self.keys
        ]
        return np.stack(each).astype("<u8", copy=False).view("<u2")

    def _counted(self, step: Tensor) -> Tensor:
        """Return 16 bits for each unit, ``(R, units)``, by torch."""
        words = philox(self.round_keys, step * self.blocks + self.places)
        return (words.unsqueeze(-1) >> self.shifts & 0xFFFF).flatten(1)


def round_keys(keys: np.ndarray) -> np.ndarray:
    """Return the keys ``(R, 2)`` of each round, ``(R, 10, 2)``, as uint64."""
    rounds = np.arange(ROUNDS, dtype=np.uint64)[:, None]
    return keys[:, None] + rounds * np.array(WEYL, np.uint64)


def philox(keys: Tensor, counters: Tensor) -> Tensor:
    """Return the blocks of Philox 4×64-10, by integer arithmetic of torch.

    Parameters
    ----------
    keys : Tensor, shape (R, 10, 2)
        What :func:`round_keys` gives; as all numbers here 64 bits that torch holds as
        signed integers.
    counters : Tensor, shape (n,)
        The lowest of the four words of each counter; the others are 0.

    Returns
    -------
    Tensor, shape (R, n, 4)
        The words of each block.
    """
    first = counters.unsqueeze(0).expand(len(keys), -1)
    second = third = fourth = torch.zeros_like(first)
    for key in keys.unbind(1):
        one, one_low = _multiply(first, MULTIPLIERS[0])
        two, two_low = _multiply(third, MULTIPLIERS[1])
        first, second = two ^ second ^ key[:, :1], two_low
        third, fourth = one ^ fourth ^ key[:, 1:], one_low
    return torch.stack([first, second, third, fourth], dim=-1)


def _signed(value: int) -> int:
    """Return the signed integer with the lowest 64 bits of a value."""
    return (value + 2**63) % 2**64 - 2**63


def _multiply(a: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Return the upper and the lower 64 bits of a product of unsigned integers."""
    # That torch multiplies modulo 2⁶⁴ holds of its own kernels and of Triton's, but not
    # of the C++ of torch.compile, where a signed overflow is undefined.
    half = 0xFFFFFFFF
    a_low, a_high = a & half, a >> 32 & half
    low, high = factor & half, factor >> 32
    cross, other = a_low * high, a_high * low
    middle = (a_low * low >> 32 & half) + (cross & half) + (other & half)
    carried = (cross >> 32 & half) + (other >> 32 & half) + (middle >> 32 & half)
    return a_high * high + carried, a * _signed(factor)
