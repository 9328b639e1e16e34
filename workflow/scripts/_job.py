"""What every script of the workflow does first and last."""

import errno
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from spectral_relevance.errors import UserError  # noqa: E402
from spectral_relevance.interrupts import SIGNALS  # noqa: E402
from spectral_relevance.replication.provenance import code_state, log_job  # noqa: E402

HINTS = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EROFS: "make the folder writable",
    errno.EACCES: "make the folder or file accessible",
    errno.EISDIR: "remove the folder that stands where a file belongs",
    errno.ENOTDIR: "remove the file that stands where a folder belongs",
}


def _show(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        # Once more Ctrl-C must not disturb what Python does in the end.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        print("Interrupted; run again to go on.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


# Here, as the modules of a script are imported for seconds before it runs. Python does
# the same for Ctrl-C, unless the job belongs to a run in the background.
sys.excepthook = _show
signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def running(log: str) -> Iterator[None]:
    """Send log lines, warnings and tracebacks to the job's log file.

    The terminal shows a message: of a problem that the user can mend, what to do about
    it, and of any other where its traceback stands. The log of a job that succeeds ends
    with the commit, versions and hardware that it ran with. A job that is interrupted
    (Ctrl-C, or SIGTERM of a scheduler) says so.

    Parameters
    ----------
    log : str
        The log file of the job.
    """
    with open(log, "w", buffering=1, encoding="utf-8") as file:
        terminal = sys.stderr
        with redirect_stderr(file):
            logging.basicConfig(
                stream=file,
                level=logging.INFO,
                format="%(asctime)s %(levelname)s %(message)s",
                force=True,
            )
            logging.captureWarnings(True)
            git = code_state(ROOT)
            try:
                yield
                log_job(git)
            except KeyboardInterrupt:
                logging.error("interrupted")
                raise
            except Exception as error:
                if isinstance(error, UserError):
                    logging.error("%s", error)
                else:
                    logging.exception("the job failed")
                    error = _explained(error, log)
                print(f"Error: {error}", file=terminal)
                sys.exit(1)


def _explained(error: Exception, log: str) -> UserError:
    cause: BaseException | None = error
    # matplotlib fails once more while it cleans up after a full disk.
    while cause is not None:
        number, path = getattr(cause, "errno", None), getattr(cause, "filename", None)
        # torch tells of a full disk by a place in its own source.
        if "inline_container" in str(cause):
            number = errno.ENOSPC
        if number in HINTS:
            return UserError(
                f"{os.strerror(number)}{f': {path}' if path else ''}",
                f"{HINTS[number]}, then run again; what is finished is kept.",
            )
        cause = cause.__context__
    return UserError(f"{type(error).__name__}: {error}", f"{log} holds the traceback.")
