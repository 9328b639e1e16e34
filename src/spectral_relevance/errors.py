"""The one exception that is meant for the person at the keyboard."""


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
