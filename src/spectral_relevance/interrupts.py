"""Interruptions that wait until what they would break is complete."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Deferred:
    """Hold back Ctrl-C and SIGTERM inside a ``with``, until :meth:`deliver`.

    Only signals that Python handles are held back, and only in the main thread; a
    second one is not.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self.number: int | None = None

    def __enter__(self) -> Self:
        """Begin to hold them back."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._arrive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put the former handlers back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            self._handlers[number](number, frame)
        self.number = number

    def deliver(self) -> None:
        """Let the former handler have what has arrived, if something has."""
        if self.number is not None:
            self._handlers[self.number](self.number, None)
