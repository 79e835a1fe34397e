"""A regular expression finds the answer right."""

from dataclasses import dataclass
from typing import ClassVar

from evalkit.normalize import normalize_text
from evalkit.patterns import compile_pattern, search
from evalkit.records import Prediction, Sample, Score, ScoreOutcome
from evalkit.targets import target_texts

__all__ = ["Pattern"]


@dataclass(frozen=True, slots=True)
class Pattern:
    r"""Give 1 when a regular expression matches the answer, or when what its group catches is the target.

    The expression is searched for (anchor it with \A and \Z to match all of the answer); `^` and `$` match at lines.

    Attributes:
        pattern: the regular expression; one that could run for ever is refused (`evalkit.patterns`).
        group: number or name of a group; then the last match counts, and its group must equal a target, up to case
            and space. No match is no answer.
        ignore_case: match upper and lower case alike.
    """

    pattern: str
    group: int | str | None = None
    ignore_case: bool = False

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1
    tolerates_text: ClassVar[bool] = True

    def __post_init__(self) -> None:
        compiled = compile_pattern(self.pattern, ignore_case=self.ignore_case)
        if self.group is not None and self.group not in {*range(compiled.groups + 1), *compiled.groupindex}:
            raise ValueError(f"{self.pattern!r} has no group {self.group!r}")

    @property
    def needs_target(self) -> bool:
        """Whether a target is compared with the group."""
        return self.group is not None

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Search the answer."""
        compiled = compile_pattern(self.pattern, ignore_case=self.ignore_case)
        found = search(compiled, prediction.text, last=self.group is not None)
        if self.group is None:
            return Score(float(found is not None))
        caught = None if found is None else found[self.group]
        if caught is None:
            return Score(None, f"nothing matches {self.pattern!r}", ScoreOutcome.NO_ANSWER)
        answer = normalize_text(caught)
        return Score(float(any(answer == normalize_text(target) for target in target_texts(sample))), answer=caught)

    def gold(self, sample: Sample) -> str | None:
        """Return a right answer where one can be derived: the target itself, if the group catches it."""
        if self.group is None:
            return None
        target = target_texts(sample)[0]
        found = search(compile_pattern(self.pattern, ignore_case=self.ignore_case), target, last=True)
        return target if found and found[self.group] == target else None
