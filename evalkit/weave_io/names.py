"""What objects are called in Weave: one id a name after the SDK's sanitising, whatever users call their things."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evalkit.digest import digest_text

__all__ = ["ObjectNames", "sanitize"]

_MAX_LENGTH = 128
_TAKEN = ("run", "output", "model_output", "model_latency", "scores")
"""Keys that an evaluation's summary uses itself."""


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """Config name to Weave name, for each kind of object; all of them differ after sanitising."""

    scorers: Mapping[str, str]
    models: Mapping[str, str]
    evaluations: Mapping[str, str]

    @classmethod
    def assign(cls, scorers: Iterable[str], models: Iterable[str], evaluations: Iterable[str]) -> "ObjectNames":
        """Give each object its own name where it can be, else one with its kind or a digest behind it."""
        taken = {name.casefold() for name in _TAKEN}
        return cls(
            _assign(scorers, "scorer", taken),
            _assign(models, "model", taken),
            _assign(evaluations, "evaluation", taken),
        )

    @staticmethod
    def dataset(name: str) -> str:
        """Return a dataset's name; by default an evaluation is called like its dataset, so this says what it is."""
        return _fit(f"{name}-dataset")

    @staticmethod
    def leaderboard(name: str) -> str:
        """Return a leaderboard's name."""
        return _fit(f"{name}-leaderboard")


def sanitize(name: str) -> str:
    """Return the object id that the SDK makes of a name, whole."""
    return re.sub(r"([._-]{2,})+", "-", re.sub(r"[^\w._]+", "-", name)).strip("-_")


def _assign(names: Iterable[str], kind: str, taken: set[str]) -> dict[str, str]:
    assigned: dict[str, str] = {}
    for name in dict.fromkeys(names):
        short = digest_text(name)[:8]
        candidates = (name, f"{name}-{kind}", f"{name}-{short}", f"{kind}-{short}")
        assigned[name] = next(c for c in map(_fit, candidates) if c and sanitize(c).casefold() not in taken)
        taken.add(sanitize(assigned[name]).casefold())
    return assigned


def _fit(name: str) -> str:
    clean = sanitize(name)
    if not clean or len(clean) <= _MAX_LENGTH:
        return name if clean else ""
    return f"{clean[: _MAX_LENGTH - 9]}-{digest_text(name)[:8]}"
