"""The nouns of a drift split: the change of one metric from one night to the next, and the parts it is made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalkit.comparison import SampleCounts
from evalkit.records import Json
from evalkit.serving import ServingSign

__all__ = ["Cause", "ChangePart", "ChangeSplit"]


class Cause(StrEnum):
    """What a part of a change comes from.

    The rest, after samples, judge and errors, is `model`: the same question to the same address was answered another
    way. It is `serving` where another served model, fingerprint or address was seen, `serving_or_model` where only
    latency or length changed, which a model that answers otherwise changes as well, `setting` where the night asked
    otherwise (prompt, params, trials), `scoring` where it measured otherwise, and `judge_or_model` where a judged
    metric was not judged again.
    """

    SAMPLES = "samples"
    JUDGE = "judge"
    ERRORS = "errors"
    SERVING = "serving"
    MODEL = "model"
    SETTING = "setting"
    SCORING = "scoring"
    JUDGE_OR_MODEL = "judge_or_model"
    SERVING_OR_MODEL = "serving_or_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePart:
    """One part of a change: estimate with interval; `n` is how many samples it comes from.

    Bounds and p are None where nothing of the kind happened (n 0, estimate 0) or the samples are too few to bound it.
    `p_adjusted` is Holm's over the parts of the split; `detectable` the true part that is named with power 0.8.
    """

    cause: Cause
    estimate: float
    confidence: float
    n: int
    higher_is_better: bool
    lower: float | None = None
    upper: float | None = None
    method: str = "none"
    standard_error: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    detectable: float | None = None

    @property
    def is_named(self) -> bool:
        """Whether the data support it as a cause: its interval and its adjusted p both exclude 0."""
        if self.lower is None or self.upper is None or self.p_adjusted is None:
            return False
        return not self.lower <= 0.0 <= self.upper and self.p_adjusted < 1 - self.confidence

    @property
    def verdict(self) -> str:
        """better, worse, or unclear: what it did to the metric."""
        if not self.is_named:
            return "unclear"
        return "better" if (self.estimate > 0.0) == self.higher_is_better else "worse"

    def describe(self) -> dict[str, Json]:
        """Return the part as JSON."""
        return {
            "cause": self.cause.value,
            "estimate": self.estimate,
            "lower": self.lower,
            "upper": self.upper,
            "confidence": self.confidence,
            "method": self.method,
            "n": self.n,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "detectable": self.detectable,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSplit:
    """The change of a metric's mean, after minus before, in parts that add up to it.

    The means are over the samples that each night has scored, None where it has scored none; then there are no parts.
    Either side is the mean of `nights` nights.
    `scored` counts the samples, equal on both nights, that everything compared has scored; `missing` those that only
    some of it has. `outcomes` counts the trials of equal samples that ended otherwise, by (before, after). `signs` is
    the evidence that the serving changed, out of what is `watched` because both nights tell it; `changes` is what the
    night asked or measured otherwise, in words.
    """

    metric: str
    model: str
    higher_is_better: bool
    before: float | None
    after: float | None
    parts: tuple[ChangePart, ...]
    samples: SampleCounts
    scored: int
    missing: int
    is_judged: bool
    is_rejudged: bool
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    signs: tuple[ServingSign, ...] = ()
    watched: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    nights: int = 1

    @property
    def total(self) -> float | None:
        """The change of the mean; None where a night has scored nothing."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def named(self) -> tuple[ChangePart, ...]:
        """The parts that the data support as causes, the largest first."""
        found = [part for part in self.parts if part.is_named]
        return tuple(sorted(found, key=lambda part: -abs(part.estimate)))

    @property
    def rest(self) -> ChangePart | None:
        """What is left after samples, judge and errors; None where no sample pairs."""
        own = {Cause.SAMPLES, Cause.JUDGE, Cause.ERRORS}
        return next((part for part in self.parts if part.cause not in own), None)

    @property
    def residual(self) -> float:
        """The total less its parts: 0 but for rounding."""
        return (self.total or 0.0) - math.fsum(part.estimate for part in self.parts)

    def part(self, cause: Cause) -> ChangePart | None:
        """Return the part of a cause; None where it was not measured."""
        return next((part for part in self.parts if part.cause is cause), None)

    def describe(self) -> dict[str, Json]:
        """Return the split as JSON."""
        return {
            "metric": self.metric,
            "model": self.model,
            "nights": self.nights,
            "before": self.before,
            "after": self.after,
            "total": self.total,
            "named": [part.cause.value for part in self.named],
            "parts": [part.describe() for part in self.parts],
            "samples": {
                "paired": self.samples.paired,
                "changed": self.samples.changed,
                "added": self.samples.added,
                "removed": self.samples.removed,
                "scored": self.scored,
                "missing": self.missing,
            },
            "outcomes": [[first, second, count] for (first, second), count in self.outcomes.items()],
            "serving": {"signs": [sign.describe() for sign in self.signs], "watched": list(self.watched)},
            "changes": list(self.changes),
            "rejudged": self.is_rejudged,
        }
