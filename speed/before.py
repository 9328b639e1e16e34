"""Another checkout of this project, whose training is timed beside ours."""

import os
import subprocess
import sys
from pathlib import Path

from spectral_relevance.errors import UserError


class Checkout:
    """A checkout of an older commit, run with the packages of this environment.

    Parameters
    ----------
    root : path
        Where it is.

    Attributes
    ----------
    script : path
        Its own program that trains and takes turns.
    environment : dict
        What lets Python find its modules, not ours.

    Raises
    ------
    UserError
        If it is none, or if its modules cannot be imported.
    """

    def __init__(self, root: Path) -> None:
        self.root = root = root.resolve()
        self.script = root / "speed/ours.py"
        self.environment = {"PYTHONPATH": str(root / "src")}
        if not self.script.is_file():
            raise UserError(
                f"--before {root}: expected a checkout of this project, found no "
                "speed/ours.py in it.",
                "git worktree add PATH COMMIT makes one.",
            )
        code = "import spectral_relevance; print(spectral_relevance.__file__)"
        ended = subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            env=os.environ | self.environment,
        )
        told = (ended.stdout or ended.stderr).strip().splitlines()
        found = told[-1] if told else f"an end with {ended.returncode}"
        expected = root / "src/spectral_relevance/__init__.py"
        if ended.returncode or Path(found) != expected:
            raise UserError(
                f"--before {root}: expected Python to import {expected}, found {found}."
            )
