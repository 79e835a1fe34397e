"""The target stands somewhere in the answer."""

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from evalkit.normalize import normalize_text
from evalkit.records import Prediction, Sample, Score
from evalkit.targets import target_texts

__all__ = ["Includes"]

_SPACELESS = "\u0e00"
"""From here on scripts put no space between words (Thai, Chinese, Japanese) or join particles to them (Korean)."""

_NUMBER_BEFORE = re.compile(r"(?:\d[.,]|(?:^|[\s($=:])[-\u2212.])\Z")
_NUMBER_AFTER = re.compile(r"[.,]\d")


@dataclass(frozen=True, slots=True)
class Includes:
    """Give 1 when the target, or any (or all) of a list of targets, stands in the answer.

    Attributes:
        ignore_case: take upper and lower case as equal.
        words: only whole words and whole numbers count: "no" is not in "know", nor 18 in 18.5 or -18.
        match: of a list of targets, "any" or "all" must be there.
    """

    ignore_case: bool = True
    words: bool = True
    match: Literal["any", "all"] = "any"

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = True
    tolerates_text: ClassVar[bool] = True

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Look for every target in the answer."""
        answer = normalize_text(prediction.text, case=self.ignore_case)
        found = [self._stands_in(answer, target) for target in target_texts(sample)]
        return Score(float(any(found) if self.match == "any" else all(found)))

    def gold(self, sample: Sample) -> str:
        """Return a right answer."""
        targets = target_texts(sample)
        return targets[0] if self.match == "any" else ", ".join(targets)

    def _stands_in(self, answer: str, target: str) -> bool:
        wanted = normalize_text(target, case=self.ignore_case)
        start = answer.find(wanted)
        while start >= 0:
            if not self.words or _is_whole(answer, start, start + len(wanted)):
                return True
            start = answer.find(wanted, start + 1)
        return False


def _is_whole(text: str, start: int, end: int) -> bool:
    """Tell whether neither edge cuts a word or a number."""
    first, last = text[start], text[end - 1]
    if _is_joined(text[start - 1 : start], first) or _is_joined(text[end : end + 1], last):
        return False
    cuts_front = first.isdigit() and _NUMBER_BEFORE.search(text[max(start - 2, 0) : start])
    cuts_back = last.isdigit() and _NUMBER_AFTER.match(text, end)
    return not cuts_front and not cuts_back


def _is_joined(neighbour: str, edge: str) -> bool:
    return bool(neighbour) and all(char.isalnum() and char < _SPACELESS for char in (neighbour, edge))
