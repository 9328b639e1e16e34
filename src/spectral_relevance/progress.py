"""Progress of long loops: a bar on a terminal, a line per few percent elsewhere."""

import logging
import sys
from collections.abc import Iterator

from tqdm import tqdm

logger = logging.getLogger(__name__)


def progress(
    total: int, what: str, done: int = 0, quiet: bool = False
) -> Iterator[int]:
    """Yield `done` + 1, …, `total` and show how far the loop has come.

    Parameters
    ----------
    total : int
        Number of steps.
    what : str
        Name of one step, ``epoch`` say.
    done : int
        Number of steps that were taken before.
    quiet : bool
        Whether to show nothing.
    """
    steps = range(done + 1, total + 1)
    if quiet:
        yield from steps
        return
    if sys.stderr.isatty():
        yield from tqdm(steps, unit=what, initial=done, total=total)
        return
    for step in steps:
        yield step
        if step * 20 // total > (step - 1) * 20 // total:
            logger.info("%s %d of %d", what, step, total)
