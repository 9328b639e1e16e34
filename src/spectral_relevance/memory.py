"""What the machine can hold, asked before it is filled."""

import os

from spectral_relevance.errors import UserError


def check(needed: float, what: str, hint: str) -> None:
    """Raise where the machine has less memory than is needed.

    Parameters
    ----------
    needed : float
        How many bytes.
    what : str
        What needs them, to begin the message with.
    hint : str
        What to do instead.

    Raises
    ------
    UserError
        If it has less.
    """
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return
    if needed > found:
        raise UserError(
            f"{what}: expected {needed / 1e9:,.1f} GB of memory, found "
            f"{found / 1e9:,.1f} GB.",
            hint,
        )
