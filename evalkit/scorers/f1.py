"""How many words answer and target share."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from evalkit.normalize import normalize_text
from evalkit.records import Prediction, Sample, Score
from evalkit.targets import target_texts

__all__ = ["F1"]

# Scripts without spaces are compared character by character: kana, han.
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)


@dataclass(frozen=True, slots=True)
class F1:
    """Give the harmonic mean of precision and recall over words; of a list of targets the best.

    Case, punctuation and articles are left out first, repeated words are counted.
    """

    kind: ClassVar[str] = "graded"
    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = True

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Compare the words of the answer with those of every target."""
        words = _words(prediction.text)
        return Score(max(_overlap(words, _words(target)) for target in target_texts(sample)))

    def gold(self, sample: Sample) -> str:
        """Return a right answer."""
        return target_texts(sample)[0]


def _words(text: str) -> list[str]:
    found = _TOKEN.findall(normalize_text(text, punctuation=True, articles=True))
    return found or _TOKEN.findall(normalize_text(text))


def _overlap(answer: list[str], target: list[str]) -> float:
    shared = sum((Counter(answer) & Counter(target)).values())
    return 2 * shared / (len(answer) + len(target)) if shared else 0.0
