"""Training as a job of the workflow runs it, in turns with others.

Takes a job in JSON: ``data`` (a file of the workflow, or the shape ``[n, d]`` of made
examples), ``variants`` and ``seeds`` as for ``train_variants``, and
``profile``, whether to say in the end what the time of a step is spent on, for which
its compiled kernels are made to tell their names: such a process is somewhat slower.
``device`` is where to train, by default the CPU.
"""

import json
import re
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import torch._inductor.config
import turns
from torch.profiler import ProfilerActivity, profile, record_function

from spectral_relevance.data import Dataset
from spectral_relevance.hardware import tune_process
from spectral_relevance.masks import Masks
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.training import train_variants

PROFILED = 0.5
"""For how many seconds to profile."""

ENOUGH = object()
"""What stands for the end of all turns."""

MASKS = "dropout masks"

PARTS = {
    "matrix products": (
        r"aten::(bmm|baddbmm|mm|addmm)$",
        r"mkldnn::_linear_pointwise",
        r"spectral_relevance::onednn",
    ),
    "Adam and what is fused with it": (
        r"graph_(?=.*_sqrt_)(?=.*_copy_)",
        r"aten::_fused_adam_",
    ),
    "gathering of batches": (r"graph_.*_index_view", r"aten::index_select"),
    "other kernels": (r"graph_",),
    "entering compiled code": (
        r"## Call Compiled",
        r"Torch-Compiled",
        r"TorchDynamo",
        r"AOTDispatcher",
        r"Pregraph",
    ),
    MASKS: (MASKS,),
}
"""What a step consists of, and how the profiler's names of it begin; the first counts.

A compiled kernel is all that the compiler does between two products, and has the names
of what it does. What is fused with Adam is the end of the way back, such as that
through batch normalisation; batches are gathered together with what is done to the
weights before the first product. Without a compiler the kernels are operations of
torch, which are in the rest.
"""

REST = "the rest"
"""Other operations of torch, and what is outside torch."""


def main() -> None:
    """Train until the driver has had enough."""
    job = json.loads(sys.argv[1])
    tune_process()
    if job["profile"]:
        show_parts()
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
        device=job.get("device", "cpu"),
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
    spent = dict.fromkeys(PARTS, 0.0)
    for event in profiler.key_averages():
        if part := part_of(event.key):
            spent[part] += event.self_cpu_time_total
    shares = {part: time / 1e6 / seconds for part, time in spent.items()}
    turns.say({"shares": {**shares, REST: 1 - sum(shares.values())}})


def show_parts() -> None:
    """Let compiled kernels and the making of masks be seen by the profiler."""
    torch._inductor.config.cpp.enable_kernel_profile = True
    torch._inductor.config.cpp.descriptive_names = "inductor_node"
    Masks.of_step = record_function(MASKS)(Masks.of_step)


def part_of(name: str) -> str | None:
    """Return which part of a step the profiler's name stands for; None for the rest."""
    for part, patterns in PARTS.items():
        if any(re.match(pattern, name) for pattern in patterns):
            return part
    return None


if __name__ == "__main__":
    main()
