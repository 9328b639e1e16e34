"""What a training step cannot do without, in turns with others.

Its matrix products, taken as training takes them: by the same library, with operands
that lie in memory in the same order, for one replica at a time where training takes
its steps so. Each product runs by itself again and again, its operands in the cache;
and all run in the order of a step, each evicting what another one needs.

And the moving of its other arrays: an array scaled into another one, which together
are as large as all that a step reads and writes outside its products, so that they lie
in the same caches. This takes the time that the bandwidth leaves for so many bytes.

The shortest times count. Takes a job in JSON: ``layers``, for each the number of
replicas that take a step together, of examples in a batch, of inputs and of outputs;
and ``bytes``, how much a step moves.
"""

import json
import math
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
import turns
from torch import Tensor

from spectral_relevance.hardware import tune_process
from spectral_relevance.products import product

REPEATS = 10


def products(layers: list[dict[str, Any]]) -> list[Callable[[], Tensor]]:
    """Return a call for each product, in the order and the layout of a step.

    The batch is gathered example by example and used transposed; all else has its
    examples as columns.
    """
    forward, backward = [], []
    for place, layer in enumerate(layers):
        r, n, d, h = (layer[k] for k in ("replicas", "batch", "inputs", "outputs"))
        x = torch.randn(r, n, d).mT if place == 0 else torch.randn(r, d, n)
        kernel, gradient = torch.randn(r, h, d), torch.randn(r, h, n)
        forward.append((kernel, x))
        # From the last to the first in the end: that of the weights goes ahead.
        if place > 0:
            backward.append((kernel.mT, gradient))
        backward.append((gradient, x.mT))
    factors = forward + backward[::-1]
    return [lambda a=left, b=right: product(a, b) for left, right in factors]


def moving(size: int) -> Callable[[], Tensor]:
    """Return a call that reads and writes so many bytes, half of them each."""
    source = torch.randn(size // 8)
    target = torch.empty_like(source)
    return lambda: torch.mul(source, 2.0, out=target)


def main() -> None:
    """Run the products until the driver has had enough."""
    tune_process()
    job = json.loads(sys.argv[1])
    calls, move = products(job["layers"]), moving(job["bytes"])

    def work(seconds: float) -> dict[str, float]:
        start = perf_counter()
        alone, in_order, moved = [math.inf] * len(calls), math.inf, math.inf
        while perf_counter() - start < seconds:
            for place, call in enumerate(calls):
                times = [seconds_of(call) for _ in range(REPEATS)]
                alone[place] = min(alone[place], *times)
            times = [seconds_of(call) for _ in range(REPEATS) for call in calls]
            rounds = np.reshape(times, (REPEATS, len(calls))).sum(1)
            in_order = min(in_order, rounds.min())
            moved = min(moved, *(seconds_of(move) for _ in range(REPEATS)))
        return {"alone": sum(alone), "in_order": in_order, "moving": moved}

    turns.answer(work)


def seconds_of(call: Callable[[], Tensor]) -> float:
    """Return how long a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


if __name__ == "__main__":
    main()
