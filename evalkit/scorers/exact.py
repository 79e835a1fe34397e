"""The answer is the target, up to case, unicode form and space."""

from dataclasses import dataclass
from typing import ClassVar

from evalkit.normalize import normalize_text
from evalkit.records import Prediction, Sample, Score
from evalkit.targets import target_texts

__all__ = ["Exact"]


@dataclass(frozen=True, slots=True)
class Exact:
    """Give 1 when the answer equals the target, or one of a list of targets.

    Always compared without leading, trailing and repeated white space, and in one unicode form.

    Attributes:
        ignore_case: take upper and lower case as equal.
        ignore_punctuation: leave punctuation out (but not a sign, a decimal point or a fraction's slash).
        ignore_space: leave all white space out.
        ignore_articles: leave a, an and the out.
    """

    ignore_case: bool = True
    ignore_punctuation: bool = False
    ignore_space: bool = False
    ignore_articles: bool = False

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = True

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Compare the answer with every target."""
        answer = self._form(prediction.text)
        return Score(float(any(answer == self._form(target) for target in target_texts(sample))))

    def gold(self, sample: Sample) -> str:
        """Return a right answer."""
        return target_texts(sample)[0]

    def _form(self, text: str) -> str:
        text = normalize_text(
            text, case=self.ignore_case, punctuation=self.ignore_punctuation, articles=self.ignore_articles
        )
        return "".join(text.split()) if self.ignore_space else text
