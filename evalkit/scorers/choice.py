"""The answer names the right option of a multiple-choice question."""

from dataclasses import dataclass
from typing import ClassVar

from evalkit.choices import LETTERS, ambiguous_index, target_letters
from evalkit.letters import stated_letters
from evalkit.normalize import normalize_text
from evalkit.records import Prediction, Sample, Score, ScoreOutcome

__all__ = ["Choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Give 1 when the answer names the right option, by letter or by its text; of a list of targets all and no other.

    A target is a letter, an index from 0 (a number) or the text of a choice. Read in this order: an answer that is
    the text of a choice, a stated letter (`evalkit.letters`), the one choice whose text stands in the last line.
    """

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = True
    tolerates_text: ClassVar[bool] = True

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Compare the letters that the answer names with those of the target."""
        right = target_letters(sample)
        named = _named(sample, prediction.text)
        if not named:
            return Score(None, "the answer names no option", ScoreOutcome.NO_ANSWER)
        told = f"{', '.join(named)}, right is {', '.join(right)}"
        return Score(float(named == right), "" if named == right else told, answer=", ".join(named))

    def gold(self, sample: Sample) -> str:
        """Return a right answer."""
        return ", ".join(target_letters(sample))

    def doubt(self, sample: Sample) -> str | None:
        """Return how this sample's target could be misread, if it could."""
        return ambiguous_index(sample)


def _named(sample: Sample, text: str) -> tuple[str, ...]:
    texts = [normalize_text(choice) for choice in sample.choices or ()]
    whole = normalize_text(text).strip(" .*_`\"'")
    if len(whole) > 1 and texts.count(whole) == 1:
        return (LETTERS[texts.index(whole)],)
    return stated_letters(text) or _mentioned(texts, text)


def _mentioned(choices: list[str], text: str) -> tuple[str, ...]:
    """Return the letter of the one choice whose text stands, word for word, in the last line."""
    lines = text.strip().splitlines()
    rest = f" {normalize_text(lines[-1], punctuation=True)} " if lines else ""
    places: set[int] = set()
    for place in sorted(range(len(choices)), key=lambda place: -len(choices[place])):
        words = f" {normalize_text(choices[place], punctuation=True)} "
        if words.strip() and words in rest:
            places.add(place)
            rest = rest.replace(words, " \0 ")
    is_single = len(places) == 1 and choices.count(choices[min(places)]) == 1
    return (LETTERS[places.pop()],) if is_single else ()
