"""The target stands somewhere in the answer."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from evalkit.normalize import normalize_text
from evalkit.records import Prediction, Sample, Score
from evalkit.targets import target_texts

__all__ = ["Includes"]

_SPACELESS = "\u0e00"
"""From here on scripts put no space between words (Thai, Chinese, Japanese) or join particles to them (Korean)."""


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
    before, after = text[max(start - 2, 0) : start], text[end : end + 2]
    first, last = text[start], text[end - 1]
    if _is_joined(before[-1:], first) or _is_joined(after[:1], last):
        return False
    if last.isdigit() and after[:1] in {".", ","} and after[1:].isdigit():
        return False
    if not first.isdigit() or before[-1:] not in {".", ",", "-", "\u2212"}:
        return True
    stands_alone = len(before) == 1 or before[0] in " ($=:"
    return stands_alone and before[-1] == "," if before[-1] in ".," else not stands_alone


def _is_joined(neighbour: str, edge: str) -> bool:
    return all(char.isalnum() and char < _SPACELESS for char in (neighbour or " ", edge))
