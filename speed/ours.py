"""Training as a job of the workflow runs it, in turns with others.

Takes a job in JSON: ``data`` (a file of the workflow, or the shape ``[n, d]`` of made
examples), ``variants`` and ``seeds`` as for ``train_variants``, and
``profile``, whether to say in the end what the time of a step is spent on.
"""

import json
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import turns
from torch.profiler import ProfilerActivity, profile

from spectral_relevance.data import Dataset
from spectral_relevance.hardware import tune_process
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.training import train_variants

PROFILED = 0.5
"""For how many seconds to profile."""

ENOUGH = object()
"""What stands for the end of all turns."""

PARTS = {
    "matrix products": ("aten::bmm", "aten::baddbmm", "aten::mm", "aten::addmm"),
    "compiled kernels": ("graph_", "CompiledFunction", "## Call Compiled", "Torch-Compiled"),
    "Adam": ("aten::_fused_adam_", "Optimizer.step"),
    "gathering of batches": ("aten::index_select",),
}
"""What a step consists of, and how the profiler's names of it begin."""


def main() -> None:
    """Train until the driver has had enough."""
    job = json.loads(sys.argv[1])
    tune_process()
    data = job["data"]
    datasets = Datasets.load(data) if isinstance(data, str) else made(*data)
    epochs = turns_and_profile(job)
    for settings in job["variants"].values():
        # What is recorded would be measured as well.
        settings["training"] |= {"epochs": 10**9, "records": 1}
    next(epochs)
    train_variants(
        datasets,
        job["variants"],
        job["seeds"],
        device="cpu",
        on_epoch=lambda epoch: next(epochs, ENOUGH) is ENOUGH,
    )


def made(n: int, d: int) -> Datasets:
    """Return n random examples for training with d inputs, in two classes."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d), dtype=np.float32)
    y = rng.integers(0, 2, n)
    names = np.array([f"x{j + 1}" for j in range(d)])
    dataset = Dataset(x, y, x[:10], y[:10], features=names, truth=np.full(d, np.nan))
    return Datasets({("", None): dataset})


def turns_and_profile(job: dict[str, Any]) -> Iterator[None]:
    """Yield once for each epoch; in the end, say what the time of one is spent on."""
    yield from turns.epochs()
    if not job["profile"]:
        return
    start = perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        while (seconds := perf_counter() - start) < PROFILED:
            yield
    spent = dict.fromkeys([*PARTS, "other operations"], 0.0)
    for event in profiler.key_averages():
        names = [part for part, keys in PARTS.items() if event.key.startswith(keys)]
        spent[names[0] if names else "other operations"] += event.self_cpu_time_total
    shares = {part: time / 1e6 / seconds for part, time in spent.items()}
    turns.say({"shares": {**shares, "outside torch": 1 - sum(shares.values())}})


if __name__ == "__main__":
    main()
