"""The matrix products of a training step and nothing else, in turns with others.

Takes a job in JSON: ``layers``, for each the number of replicas, of examples in a
batch, of inputs and of outputs, and whether the gradient of its inputs is needed. Each
product runs by itself again and again, its operands in the cache; and all run in the
order of a step, each evicting what another one needs. The shortest times count.
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


def products(layers: list[dict[str, Any]]) -> list[Callable[[], Tensor]]:
    """Return a call for each product, with the layout that training uses."""
    calls = []
    for layer in layers:
        r, n, d, h = (layer[k] for k in ("replicas", "batch", "inputs", "outputs"))
        x, dx = torch.randn(r, n, d), torch.empty(r, n, d)
        kernel, dkernel = torch.randn(r, d, h), torch.empty(r, d, h)
        y, dy = torch.empty(r, n, h), torch.randn(r, n, h)
        factors = [(x, kernel, y), (x.mT, dy, dkernel)]
        if layer["input_gradient"]:
            factors.append((dy, kernel.mT, dx))
        for left, right, result in factors:
            calls.append(lambda a=left, b=right, c=result: torch.bmm(a, b, out=c))
    return calls


def main() -> None:
    """Run the products until the driver has had enough."""
    tune_process()
    calls = products(json.loads(sys.argv[1])["layers"])

    def work(seconds: float) -> dict[str, float]:
        start = perf_counter()
        alone, in_order = [math.inf] * len(calls), math.inf
        while perf_counter() - start < seconds:
            for place, call in enumerate(calls):
                times = [seconds_of(call) for _ in range(10)]
                alone[place] = min(alone[place], *times)
            times = [seconds_of(call) for _ in range(10) for call in calls]
            rounds = np.reshape(times, (10, len(calls))).sum(1)
            in_order = min(in_order, rounds.min())
        return {"alone": sum(alone), "in_order": in_order}

    turns.answer(work)


def seconds_of(call: Callable[[], Tensor]) -> float:
    """Return how long a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


if __name__ == "__main__":
    main()
