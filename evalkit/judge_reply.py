"""The forms of a verdict, labels or a scale: how one is asked for, read from a judge's reply, and scored; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from evalkit.judge_reading import Verdict, VerdictReader, plain_text
from evalkit.records import Json

__all__ = ["Labels", "Scale", "Verdict", "VerdictForm"]


class VerdictForm(Protocol):
    """What verdicts are allowed: how one is asked for, found in a reply, and turned into a score."""

    def read(self, reply: str) -> Verdict | None:
        """Return the verdict of a reply, None where it announces none that is allowed."""
        ...

    def value(self, said: str | float) -> float:
        """Return the score of a verdict, in [0, 1]."""
        ...

    def schema(self) -> dict[str, Json]:
        """Return the JSON Schema of one verdict."""
        ...

    def words(self) -> str:
        """Return the allowed verdicts in words, for a prompt."""
        ...


@dataclass(frozen=True)
class Labels:
    """A verdict is one of some labels, each with its score; upper and lower case are one where they can be."""

    scores: Mapping[str, float] = field(hash=False)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Each label as it is compared -> as it is written."""
        return {plain_text(label).casefold(): label for label in self.scores}

    @cached_property
    def _target(self) -> str:
        ordered = sorted((plain_text(label) for label in self.scores), key=len, reverse=True)
        one_of = "|".join(r"\s+".join(map(re.escape, label.split())) for label in ordered)
        return rf"(?<!\w)(?P<said>{one_of})(?!\w)"

    @cached_property
    def _reader(self) -> VerdictReader:
        return VerdictReader(self._target, compares=True)

    def read(self, reply: str) -> Verdict | None:
        """Return the last label that a reply announces."""
        return self._reader.read(reply, self._understand)

    def _understand(self, match: re.Match[str]) -> str | None:
        return self._names.get(" ".join(match["said"].split()).casefold())

    def value(self, said: str | float) -> float:
        """Return a label's score."""
        return self.scores[str(said)]

    def schema(self) -> dict[str, Json]:
        """Return the labels as an enumeration."""
        return {"type": "string", "enum": list(self.scores)}

    def words(self) -> str:
        """Return the labels in their order."""
        return " or ".join(self.scores) if len(self.scores) == 2 else f"one of: {', '.join(self.scores)}"  # noqa: PLR2004  a pair


@dataclass(frozen=True)
class Scale:
    """A verdict is a number between `worst` and `best`, whichever is the larger, rescaled to [0, 1]."""

    worst: float
    best: float

    _TARGET = (
        r"(?<![\w.])(?P<said>-?[0-9]{1,9}(?:\.[0-9]{1,9})?)"
        r"(?:\s*(?:/|out\s+of)\s*(?P<of>[0-9]{1,9}(?:\.[0-9]{1,9})?))?(?!\w)(?!%)"
    )

    @property
    def low(self) -> float:
        """The smallest number allowed."""
        return min(self.worst, self.best)

    @property
    def high(self) -> float:
        """The largest number allowed."""
        return max(self.worst, self.best)

    @cached_property
    def _reader(self) -> VerdictReader:
        return VerdictReader(self._TARGET, compares=False)

    def read(self, reply: str) -> Verdict | None:
        """Return the last rating that a reply announces; one out of another number is none."""
        return self._reader.read(reply, self._understand)

    def _understand(self, match: re.Match[str]) -> float | None:
        said, of = float(match["said"]), match["of"]
        if not self.low <= said <= self.high or (of is not None and float(of) != self.high):
            return None
        return said

    def value(self, said: str | float) -> float:
        """Return a rating's place between worst and best."""
        return (float(said) - self.worst) / (self.best - self.worst)

    @property
    def is_whole(self) -> bool:
        """Whether both ends are whole numbers, so that whole ratings are asked for."""
        return float(self.worst).is_integer() and float(self.best).is_integer()

    def schema(self) -> dict[str, Json]:
        """Return the scale as a bounded number."""
        kind = "integer" if self.is_whole else "number"
        ends = (int(self.low), int(self.high)) if self.is_whole else (self.low, self.high)
        return {"type": kind, "minimum": ends[0], "maximum": ends[1]}

    def words(self) -> str:
        """Return both ends and which is the better one."""
        number = "a whole number" if self.is_whole else "a number"
        return f"{number} from {self.low:g} to {self.high:g}, where {self.best:g} is best and {self.worst:g} worst"
