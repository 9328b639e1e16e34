"""Settings of the process that decide whether training is fast and repeatable."""

import ctypes
import importlib
import logging
import os
import platform
import shutil
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from spectral_relevance.errors import UserError

logger = logging.getLogger(__name__)

# Numbers of the two options in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

MANY = 10**6

OLDEST = (2, 13)
"""The torch whose compiler is known to take a whole step.

That of 2.11 refuses to make a leaf within it; of leaves that it was given, it got the
gradient of eigenvalues wrong.
"""


def tune_process() -> None:
    """Make torch repeatable, and cheaper in memory traffic; for entry points only.

    - Deterministic algorithms, so that a seed gives the same bits again.
    - Products in float32: a GPU does not round their factors to TF32.
    - Denormal numbers count as zero: eigenvalues on their way to zero pass through
      them, and arithmetic on them is many times slower.
    - Under glibc, freed memory is kept for the next step instead of being returned to
      the system, which would have to clear its pages again: a quarter of the time of a
      step on 4,287 inputs.
    """
    # Without it CUDA refuses matrix products in deterministic mode.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same as torch.use_deterministic_algorithms, which loads the compiler, too: a
    # second for each job.
    torch.set_deterministic_debug_mode("error")
    torch.set_float32_matmul_precision("highest")
    # Filling new tensors helps to find reads of memory that nothing was written to; it
    # costs a pass over each.
    deterministic: Any = torch.utils.deterministic  # which knows no types
    deterministic.fill_uninitialized_memory = False
    torch.set_flush_denormal(True)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        # 32 MiB is the largest threshold that glibc accepts.
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


def find_device(name: str) -> torch.device:
    """Resolve ``auto`` to a GPU where there is one, else to the CPU.

    Raises
    ------
    UserError
        If torch knows no such device, or cannot use it here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    # An assertion is what a build of torch without CUDA raises.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"device: expected one that torch can use here, found {name!r} ({reason}).",
            "cpu and auto are always there.",
        ) from error


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a training step compiled as a whole; see :func:`tracing_gradients`."""
    options: dict[str, Any] = {
        # Kernels are not chosen by their times, which may change the rounding.
        "deterministic": True,
        # The shapes of what the compiler makes itself need no check at each step.
        "size_asserts": False,
    }
    return torch.compile(step, dynamic=False, fullgraph=True, options=options)


@contextmanager
def tracing_gradients() -> Iterator[None]:
    """Let the compiler follow :func:`torch.autograd.grad` within a function.

    And let it compile the steps of any number of trainings in one process: it counts
    them as recompilations of one function, and gives up after the eighth.
    """
    config = importlib.import_module("torch._dynamo.config")  # slow: a second
    options = {
        "trace_autograd_ops": True,
        "recompile_limit": MANY,
        "accumulated_recompile_limit": MANY,
    }
    # An older torch has some of them only, and compiles no more than the masks.
    patched: Any = config.patch(
        {k: v for k, v in options.items() if hasattr(config, k)}
    )
    with patched, warnings.catch_warnings():
        # The compiler of torch does itself what torch warns of.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def can_compile(device: torch.device) -> bool:
    """Whether a whole step can be compiled; the log says what is missing."""
    if not has_compiler(device):
        return False
    version: Any = torch.__version__  # which compares with a tuple
    if version < OLDEST:
        logger.warning("torch %s is too old: training uncompiled", version)
        return False
    return True


def has_compiler(device: torch.device) -> bool:
    """Whether :func:`torch.compile` has what it needs; the log says what is missing."""
    # Triton, which compiles for a GPU, builds its launcher in C.
    on_cpu = device.type == "cpu"
    variable, usual = ("CXX", ["g++"]) if on_cpu else ("CC", ["gcc", "clang"])
    compilers = [os.environ[variable]] if variable in os.environ else usual
    if not any(map(shutil.which, compilers)):
        logger.warning("no compiler (%s): training uncompiled", " or ".join(compilers))
        return False
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not headers.is_file():
        logger.warning("no header of Python (%s): training uncompiled", headers)
        return False
    return True
