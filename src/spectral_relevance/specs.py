"""What all specifications share: they check themselves, and say what is wrong."""

import math
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Self

from spectral_relevance.errors import UserError


class Spec:
    """A frozen dataclass that refuses what makes no sense, wherever it comes from."""

    @classmethod
    def of(cls, value: "Self | Mapping[str, Any]") -> Self:
        """Return a specification that was given as such or as a mapping of settings.

        Raises
        ------
        UserError
            If a setting is unknown or missing, or a value is not allowed.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise UserError(
                f"expected {cls.__name__} or a mapping of its settings, found "
                f"{type(value).__name__}."
            )
        known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
        for name in value:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                raise UserError(
                    f"{cls.__name__}: expected {_listed(known)}, found {name!r}.",
                    f"did you mean {close[0]!r}?" if close else None,
                )
        for name, field in known.items():
            has_default = not (
                field.default is MISSING and field.default_factory is MISSING
            )
            if name not in value and not has_default:
                raise UserError(f"{cls.__name__}: the setting {name!r} is missing.")
        return cls(**value)

    def _refuse(self, name: str, expected: str, hint: str | None = None) -> None:
        found = getattr(self, name)
        raise UserError(
            f"{type(self).__name__}.{name}: expected {expected}, found {found!r}.", hint
        )

    def _check_choice(self, name: str, allowed: Collection[str]) -> None:
        found = getattr(self, name)
        if found not in allowed:
            close = get_close_matches(str(found).lower(), allowed, n=1)
            hint = f"did you mean {close[0]!r}?" if close else None
            self._refuse(name, f"one of {_listed(allowed)}", hint)

    def _check_count(self, name: str, smallest: int = 1) -> None:
        found = getattr(self, name)
        if (
            not isinstance(found, Integral)
            or isinstance(found, bool)
            or found < smallest
        ):
            self._refuse(name, f"a whole number of at least {smallest}")

    def _check_number(
        self, name: str, *, above: float | None = None, below: float = math.inf
    ) -> None:
        """Check a number, from 0 on or above a limit, and below another."""
        found = getattr(self, name)
        is_number = isinstance(found, Real) and not isinstance(found, bool)
        fits = is_number and (found >= 0 if above is None else found > above)
        if not (fits and found < below):
            ends = "of at least 0" if above is None else f"above {above:g}"
            if below < math.inf:
                ends += f" and below {below:g}"
            self._refuse(name, f"a number {ends}")

    def _check_flag(self, name: str) -> None:
        if not isinstance(getattr(self, name), bool):
            self._refuse(name, "True or False")


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))
