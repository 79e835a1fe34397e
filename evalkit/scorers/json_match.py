"""The JSON value in the answer is the target's."""

import json
from dataclasses import dataclass
from typing import ClassVar, cast

from evalkit.json_compare import Comparison
from evalkit.jsontext import last_json, whole_json
from evalkit.records import Json, Prediction, Sample, Score, ScoreOutcome
from evalkit.targets import TargetError

__all__ = ["JsonMatch"]


@dataclass(frozen=True, slots=True)
class JsonMatch:
    """Give 1 when the last JSON object or array of the answer equals the target, or the share that does.

    The target is a JSON value, or a text that holds one. Numbers are compared by value (1 is 1.0, true is not 1).

    Attributes:
        fields: compare only these keys of the object.
        extra_keys: keys that the target does not have are no mistake.
        ignore_order: compare lists as bags.
        ignore_case: take upper and lower case in texts as equal.
        tolerance: largest difference between two numbers that still counts as equal.
        partial: give the share of equal leaves instead of all or nothing.
    """

    fields: tuple[str, ...] | None = None
    extra_keys: bool = False
    ignore_order: bool = False
    ignore_case: bool = False
    tolerance: float = 0.0
    partial: bool = False

    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = True
    tolerates_text: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < float("inf"):
            raise ValueError("tolerance is a number from 0 up")
        if self.fields == ():
            raise ValueError("fields is empty; name at least one, or leave it out")

    @property
    def kind(self) -> str:
        """Binary, or graded with `partial`."""
        return "graded" if self.partial else "binary"

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Compare the last JSON value of the answer with the target."""
        target = self._target(sample)
        try:
            found = self._narrowed(_answer(prediction.text, target))
        except LookupError:
            return Score(None, "no JSON value of the target's kind in the answer", ScoreOutcome.NO_ANSWER)
        compare = Comparison(
            extra_keys=self.extra_keys,
            ignore_order=self.ignore_order,
            ignore_case=self.ignore_case,
            tolerance=self.tolerance,
        )
        if not self.partial:
            return Score(float(compare.is_equal(found, target)))
        right, total = compare.count(found, target)
        return Score(right / total, f"{right} of {total} leaves are equal")

    def gold(self, sample: Sample) -> str:
        """Return a right answer."""
        return json.dumps(self._target(sample), ensure_ascii=False)

    def _target(self, sample: Sample) -> Json:
        target = sample.target
        if isinstance(target, str):
            try:
                target = whole_json(target)
            except ValueError:
                raise TargetError(sample, f"target {target[:80]!r} is not JSON, as json_match needs") from None
        if target is None:
            raise TargetError(sample, "there is no target to compare with; set fields.target of the dataset")
        if self.fields is not None:
            missing = [name for name in self.fields if not isinstance(target, dict) or name not in target]
            if missing:
                raise TargetError(sample, f"its target has no key {missing[0]!r}, which json_match is to compare")
        return self._narrowed(target)

    def _narrowed(self, value: Json) -> Json:
        if self.fields is None or not isinstance(value, dict):
            return value
        keyed = cast("dict[str, Json]", value)
        return {name: keyed[name] for name in self.fields if name in keyed}


def _answer(text: str, target: Json) -> Json:
    """Return the answer's value: all of the text if that is JSON, else the last value of the target's kind in it."""
    try:
        return whole_json(text)
    except ValueError:
        if isinstance(target, (dict, list)):
            return last_json(text, "{" if isinstance(target, dict) else "[")
        raise LookupError("a scalar stands alone") from None
