"""What a right answer is, as text: the target of a sample read as one or several alternatives."""

import json

from evalkit.records import Json, Sample

__all__ = ["TargetError", "target_texts"]


class TargetError(ValueError):
    """A sample's target cannot be used by this scorer; the message names the sample and says what to write."""

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
    if isinstance(target, (list, tuple)):
        texts = tuple(text for item in target for text in _texts(item))  # pyright: ignore[reportUnknownVariableType]  JSON
    else:
        texts = _texts(target)
    if not texts:
        raise TargetError(sample, "there is no target to compare with; set fields.target of the dataset")
    if not all(text.strip() for text in texts):
        raise TargetError(sample, "the target is blank, or one of its alternatives is; write the text of a right answer")
    return texts


def _texts(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return (str(value), str(value).lower())
    if isinstance(value, (int, float)):
        return (json.dumps(value),)
    raise ValueError(f"a target of type {type(value).__name__} is not a text, a number or a list of them; use json_match")
