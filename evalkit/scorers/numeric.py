"""The answer's number is the target's, exactly or within a tolerance."""

from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import lru_cache
from typing import ClassVar

from evalkit.normalize import last_number, parse_number
from evalkit.records import Json, Prediction, Sample, Score, ScoreOutcome
from evalkit.targets import TargetError, target_texts

__all__ = ["Numeric"]

_WIDE = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_GOLD_MARK = "####"


@dataclass(frozen=True, slots=True)
class Numeric:
    """Give 1 when the last number of the answer equals the target, or one of a list of targets.

    Numbers are compared exactly, however long: 18.00 is 18, 1,234 is 1234, $18 and 18 % are 18, 3/4 is 0.75. A target
    may be a text that ends with its number ("... #### 18"). What could mean two numbers (1,5 or 10:30) is no answer.

    Attributes:
        abs_tolerance: largest difference that still counts as equal.
        rel_tolerance: the same, as a share of the target (0.01 is one percent).
        decimal_comma: read 1.234,5 instead of 1,234.5, in answers and in targets that are texts.
    """

    abs_tolerance: float = 0.0
    rel_tolerance: float = 0.0
    decimal_comma: bool = False

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1
    extract: ClassVar[tuple[Json, ...]] = ("number",)
    needs_target: ClassVar[bool] = True
    tolerates_text: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (0 <= self.abs_tolerance < float("inf") and 0 <= self.rel_tolerance < float("inf")):
            raise ValueError("a tolerance is a number from 0 up")

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Compare the last number of the answer with every target."""
        written = last_number(prediction.text)
        number = None if written is None else parse_number(written, decimal_comma=self.decimal_comma)
        if number is None:
            told = "no number in the answer" if written is None else f"{written!r} is not one plain number"
            return Score(None, told, ScoreOutcome.NO_ANSWER)
        targets = [self._target(sample, text) for text in target_texts(sample)]
        is_right = any(self._is_equal(number, target) for target in targets)
        return Score(float(is_right), "" if is_right else f"{written} is not {targets[0]:f}"[:200])

    def gold(self, sample: Sample) -> str:
        """Return a right answer."""
        text = target_texts(sample)[0]
        return last_number(text.rpartition(_GOLD_MARK)[2]) or text

    def _target(self, sample: Sample, text: str) -> Decimal:
        comma = self.decimal_comma and isinstance(sample.target, (str, list, tuple))
        number = _target_number(text, comma)
        if number is None:
            raise TargetError(sample, f"target {text[-80:]!r} does not end with one plain number, as numeric needs")
        return number

    def _is_equal(self, number: Decimal, target: Decimal) -> bool:
        if number == target or not (self.abs_tolerance or self.rel_tolerance):
            return number == target
        allowed = max(_exact(self.abs_tolerance), _WIDE.multiply(_exact(self.rel_tolerance), target.copy_abs()))
        return bool(_WIDE.subtract(number, target).copy_abs() <= allowed)


@lru_cache(maxsize=4096)
def _target_number(text: str, decimal_comma: bool) -> Decimal | None:  # noqa: FBT001  private, and a key of the cache
    text = text.rpartition(_GOLD_MARK)[2]
    number = parse_number(text, decimal_comma=decimal_comma)
    if number is not None:
        return number
    written = last_number(text)
    return None if written is None else parse_number(written, decimal_comma=decimal_comma)


def _exact(tolerance: float) -> Decimal:
    return Decimal(repr(tolerance))
