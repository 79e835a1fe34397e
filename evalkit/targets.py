"""What a right answer is, as text: the target of a sample read as one or several alternatives."""

import json
from typing import cast

from evalkit.errors import DatasetError
from evalkit.records import Json, Sample

__all__ = ["TargetError", "target_texts"]


class TargetError(DatasetError):
    """A sample's target cannot be used as it is; the message names the sample and says what to write."""

    def __init__(self, sample: Sample, problem: str) -> None:
        super().__init__(f"sample {sample.id!r}: {problem}")


def target_texts(sample: Sample) -> tuple[str, ...]:
    """Return every text that counts as right: the target itself, or each item of a list of alternatives.

    A number is written as in JSON; true and false also as Python writes them.

    Raises:
        TargetError: there is no target, an alternative is blank, or it is a mapping or a nested list.
    """
    target = sample.target
    if type(target) is str and target.strip():
        return (target,)
    items = cast("list[Json]", target) if isinstance(target, (list, tuple)) else [target]
    texts = tuple(text for item in items for text in _texts(sample, item))
    if not texts:
        raise TargetError(sample, "there is no target to compare with; set fields.target of the dataset")
    if not all(text.strip() for text in texts):
        raise TargetError(sample, "the target, or one of its alternatives, is blank; write the text of a right answer")
    return texts


def _texts(sample: Sample, value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return (str(value), str(value).lower())
    if isinstance(value, (int, float)):
        return (json.dumps(value),)
    kind = "a mapping" if isinstance(value, dict) else "a list within a list"
    raise TargetError(sample, f"the target is {kind}, not a text, a number or a list of them; use json_match")
