"""Checkpoints of a training: written now and then, ignored where they do not fit."""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing
from spectral_relevance.sources import fingerprints

logger = logging.getLogger(__name__)

INTERVAL = 120.0
"""Seconds between two checkpoints."""


class Checkpoint:
    """The checkpoint of one training run.

    Parameters
    ----------
    path : path
        The file. It is replaced as a whole, so that a kill leaves the former one.
    digest : str
        Digest of all that the run depends on; a checkpoint with another is ignored.

    Raises
    ------
    UserError
        If the path is that of a folder.
    """

    def __init__(self, path: str | Path, digest: str) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise UserError(
                f"checkpoint: expected the path of a file, found the folder {path}."
            )
        self.digest = digest
        self.written = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """Return what was saved last, or None; the log says why it is ignored."""
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, weights_only=True)
            found = content["digest"]
        except Exception as error:  # torch raises many kinds for a damaged file
            logger.warning("ignoring %s: it cannot be read (%s)", self.path, error)
            return None
        if found != self.digest:
            logger.warning(
                "ignoring %s: it is of other settings, data or code", self.path
            )
            return None
        logger.info("going on from %s after epoch %d", self.path, content["epoch"])
        return cast(dict[str, Any], content)

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self.written >= INTERVAL

    def save(self, content: dict[str, Any]) -> None:
        """Write a checkpoint: tensors and plain data, ``epoch`` among them."""
        with replacing(self.path) as temporary:
            torch.save({**content, "digest": self.digest}, temporary)
        self.written = time.monotonic()


def digest(settings: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> str:
    """Return a digest of settings, data, code and the versions that decide on bits.

    Parameters
    ----------
    settings : object
        Plain data.
    arrays : sequence of array
        The data.
    """
    # Numbers of NumPy are those of Python.
    text = json.dumps(settings, sort_keys=True, default=lambda number: number.item())
    result = hashlib.sha256(text.encode())
    for values in arrays:
        result.update(np.ascontiguousarray(values).data)
    result.update(json.dumps(fingerprints("training.py")).encode())
    versions = f"{torch.__version__} {np.__version__} {torch.get_num_threads()}"
    result.update(versions.encode())
    return result.hexdigest()


def get_states(generators: Sequence[np.random.Generator]) -> str:
    """Return the states of generators as text."""
    return json.dumps(
        [generator.bit_generator.state for generator in generators],
        default=lambda array: array.tolist(),
    )


def set_states(generators: Sequence[np.random.Generator], text: str) -> None:
    """Set generators to the states that :func:`get_states` gave."""
    for generator, state in zip(generators, json.loads(text), strict=True):
        inner = state["state"]
        state["state"] = {
            key: np.array(value, np.uint64) if isinstance(value, list) else value
            for key, value in inner.items()
        }
        generator.bit_generator.state = state
