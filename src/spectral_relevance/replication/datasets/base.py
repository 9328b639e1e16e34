"""The datasets of an experiment, and their form on disk."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.files import replacing


class Datasets:
    """The datasets of an experiment: one for all runs, or one for each of them.

    Parameters
    ----------
    entries : mapping
        Datasets by variant and seed, ``(str, int)``; the seed is None where the runs of
        a variant share a dataset, the variant ``""`` where all variants share theirs.
    """

    def __init__(self, entries: Mapping[tuple[str, int | None], Dataset]) -> None:
        self.entries = dict(entries)

    def of(self, variant: str, seed: int) -> Dataset:
        """Return the dataset of one run.

        Raises
        ------
        UserError
            If there is none.
        """
        for key in ((variant, seed), (variant, None), ("", seed), ("", None)):
            if key in self.entries:
                return self.entries[key]
        raise UserError(f"there is no dataset for variant {variant!r}, seed {seed}.")

    @property
    def first(self) -> Dataset:
        """The first dataset: the only one where all runs share it."""
        return next(iter(self.entries.values()))

    def save(self, path: str | Path) -> None:
        """Write all of them to one file (``.npz``), each once."""
        unique = {id(dataset): dataset for dataset in self.entries.values()}
        places = list(unique)
        content: dict[str, Any] = {
            "variants": np.array([variant for variant, _ in self.entries]),
            "seeds": np.array([-1 if s is None else s for _, s in self.entries]),
            "places": np.array([places.index(id(d)) for d in self.entries.values()]),
        }
        for place, dataset in enumerate(unique.values()):
            content |= {f"{place}/{k}": value for k, value in vars(dataset).items()}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **content)

    @classmethod
    def load(cls, path: str | Path) -> "Datasets":
        """Read what :meth:`save` wrote.

        Raises
        ------
        UserError
            If the file holds anything else.
        """
        try:
            return cls._load(path)
        except (ValueError, KeyError, EOFError, BadZipFile) as error:
            raise UserError(
                f"{path}: expected datasets, found something else, or a part of them.",
                "delete the file and run again to make it anew.",
            ) from error

    @classmethod
    def _load(cls, path: str | Path) -> "Datasets":
        names = [field.name for field in fields(Dataset)]
        # NumPy leaves a file that it cannot read open, unless it is ours.
        with open(path, "rb") as file, np.load(file) as arrays:
            keys = [
                (variant, None if seed < 0 else seed)
                for variant, seed in zip(
                    arrays["variants"].tolist(), arrays["seeds"].tolist(), strict=True
                )
            ]
            places = arrays["places"].tolist()
            unique = []
            for place in range(max(places) + 1):
                values = {name: arrays[f"{place}/{name}"] for name in names}
                values["target_scale"] = float(values["target_scale"])
                unique.append(Dataset(**values))
        return cls({k: unique[p] for k, p in zip(keys, places, strict=True)})
