"""The one exception that is meant for the person at the keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """A problem the user can mend: it is shown as a message, never as a traceback.

    Parameters
    ----------
    message : str
        What was expected, what was found, and where.
    hint : str, optional
        What to do about it; printed on a line of its own after ``Hint:``.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\nHint: {hint}")


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Say which extra is to be installed where an import inside fails.

    Parameters
    ----------
    name : str
        The extra, as in ``pip install 'spectral-relevance[name]'``.

    Raises
    ------
    UserError
        If a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"expected the package {error.name}, found none.",
            f"install what belongs to it: pip install 'spectral-relevance[{name}]'.",
        ) from error
