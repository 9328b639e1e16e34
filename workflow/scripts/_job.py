"""What every script of the workflow does first and last."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from spectral_relevance.errors import UserError  # noqa: E402


@contextmanager
def running(log: str) -> Iterator[None]:
    """Send log lines, warnings and tracebacks to the job's log file.

    A problem that the user can mend is shown as a message, on the terminal too.

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
            try:
                yield
            except UserError as error:
                logging.error("%s", error)
                print(f"Error: {error}", file=terminal)
                sys.exit(1)
            except Exception:
                logging.exception("the job failed")
                raise
