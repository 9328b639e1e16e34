"""How the measured programs take turns: each trains only while it is told to.

All of them are started and warmed up first; then their rounds alternate, so that slow
changes of the machine meet all alike. On stdin a program is told for how many seconds
to work, on stdout it answers in lines of JSON. Standard library only: the program with
Keras runs in another environment.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any


def answer(work: Callable[[float], dict[str, Any]], **facts: Any) -> None:
    """Say that the program is ready, and answer each request with what `work` returns.

    Parameters
    ----------
    work : callable
        Works for about so many seconds and returns what it measured.
    **facts
        What to say of the program at first.
    """
    say(facts)
    for line in sys.stdin:
        say(work(float(line)) | {"memory": peak_memory()})


def epochs() -> Iterator[None]:
    """Yield once for each epoch to train: one to warm up, then round by round.

    Says first of all in how many seconds the program was warm.
    """
    start = perf_counter()
    yield
    finish()
    say({"warm": perf_counter() - start})
    for line in sys.stdin:
        count, start, processor = 0, perf_counter(), process_time()
        while (seconds := perf_counter() - start) < float(line):
            yield
            finish()
            count += 1
        say(
            {
                "epochs": count,
                "seconds": seconds,
                "processor": process_time() - processor,
                "memory": peak_memory(),
            }
        )


def finish() -> None:
    """Wait until a GPU has done what this program gave it, if it uses one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def peak_memory() -> float | None:
    """Return the largest resident memory so far in MiB, None where Linux is not."""
    # Not getrusage: there a process starts with the peak of the one it came from.
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def say(message: dict[str, Any]) -> None:
    """Send one line to the driver."""
    print(json.dumps(message), flush=True)
