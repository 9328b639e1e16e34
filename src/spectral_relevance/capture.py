"""Work on a GPU as one launch: recorded once as a CUDA graph, then replayed."""

from collections.abc import Callable
from typing import Any

import torch

WARM_UP = 3
"""How often to do the work before it is recorded: libraries set themselves up then."""


class Captured:
    """Work that changes tensors in place and reads nothing from the host.

    The first calls do it as it stands, the next one records it; from then on each call
    replays the record. Every call does the work once.

    Parameters
    ----------
    work : callable
        The work. All tensors that it goes on from keep their place in memory.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Do the work once."""
        if self.graph is None and self.calls < WARM_UP:
            self.calls += 1
            # Not on the usual stream, which recording does not allow either.
            aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                self.work()
            torch.cuda.current_stream().wait_stream(aside)
            return
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.work()
        self.graph.replay()
