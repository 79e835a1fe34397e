"""A judge held to its anchors: it grades what is graded already, and one that disagrees decides nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.anchor_rows import Anchor
from evalkit.config.schema import ReasoningSpec
from evalkit.extract import Extractor
from evalkit.judges import PlannedJudge
from evalkit.records import Json, Prediction, PredictionOutcome, ScoreOutcome
from evalkit.scoring import BoundScorer, score_prediction
from evalkit.stats.intervals import wilson

__all__ = ["AnchorCheck", "check_anchors", "distrusted"]

_UNANSWERED = (ScoreOutcome.INFRA_ERROR, ScoreOutcome.NOT_RUN, ScoreOutcome.REJECTED)
_SLACK = 1e-9
_AS_IT_IS = ReasoningSpec(strip="never")


@dataclass(frozen=True, slots=True)
class AnchorCheck:
    """How a judge did on its anchors.

    Of `n` anchors `scored` got a verdict, and `agreed` are those that got the one they deserve; `unanswered` are those
    that the judge could not be asked about. An anchor whose verdict cannot be read is one it disagrees with.
    """

    n: int
    scored: int
    agreed: int
    unanswered: int
    min_agreement: float
    confidence: float
    digest: str

    @property
    def agreement(self) -> float | None:
        """The share that the judge agrees with, of those it was asked about."""
        asked = self.n - self.unanswered
        return self.agreed / asked if asked else None

    @property
    def holds(self) -> bool:
        """Whether the judge agrees with enough of them; not while it was asked about none."""
        return self.agreement is not None and self.agreement >= self.min_agreement - _SLACK

    def describe(self) -> dict[str, Json]:
        """Return it as run.json keeps it, with Wilson's interval."""
        asked = self.n - self.unanswered
        interval = wilson(self.agreed, asked, confidence=self.confidence) if asked else None
        return {
            "n": self.n,
            "scored": self.scored,
            "unanswered": self.unanswered,
            "agreement": self.agreement,
            "lower": None if interval is None else interval.lower,
            "upper": None if interval is None else interval.upper,
            "min_agreement": self.min_agreement,
            "holds": self.holds,
            "digest": self.digest,
        }


async def check_anchors(
    judges: Sequence[PlannedJudge], graders: Mapping[str, BoundScorer], *, confidence: float
) -> dict[str, AnchorCheck]:
    """Have judges grade their anchors, and return how each did, by its key; `graders` are the bound scorers."""
    checks = await asyncio.gather(*(_check(judge, graders[judge.scorer], confidence) for judge in judges))
    return {judge.key: check for judge, check in zip(judges, checks, strict=True)}


async def _check(judge: PlannedJudge, grader: BoundScorer, confidence: float) -> AnchorCheck:
    assert judge.anchors is not None
    anchors = judge.anchors.anchors
    graded = await asyncio.gather(*(_grade(anchor, grader) for anchor in anchors))
    values = [(anchor.deserved, value) for anchor, (value, _) in zip(anchors, graded, strict=True) if value is not None]
    return AnchorCheck(
        n=len(anchors),
        scored=len(values),
        agreed=sum(abs(deserved - value) <= judge.tolerance + _SLACK for deserved, value in values),
        unanswered=sum(outcome in _UNANSWERED for _, outcome in graded),
        min_agreement=judge.min_agreement,
        confidence=confidence,
        digest=judge.anchors.digest,
    )


async def _grade(anchor: Anchor, grader: BoundScorer) -> tuple[float | None, ScoreOutcome]:
    """Have an anchor's answer graded as it is written: nothing extracted from it, nothing negated."""
    plain = replace(grader, extractor=Extractor(), negate=False)
    prediction = Prediction(PredictionOutcome.OK, anchor.answer)
    score = (await score_prediction((plain,), anchor.sample, prediction, _AS_IT_IS))[grader.name]
    return score.value, score.outcome


def distrusted(judges: Sequence[Mapping[str, Json]]) -> dict[str, str]:
    """Return the scorers whose judges, as run.json tells of them, disagree with their anchors, and how in words."""
    found: dict[str, str] = {}
    for judge in judges:
        anchors = judge.get("anchors")
        if anchors is None or anchors["holds"]:
            continue
        agreement, bound = anchors["agreement"], anchors["min_agreement"]
        told = f"judge {judge['model']}: "
        if agreement is None:
            told += f"it could not be asked about its {anchors['n']} anchors"
        else:
            told += f"agreement {agreement:.2f} with {anchors['n']} anchors is below {bound:.2f}"
        found.setdefault(judge["scorer"], told)
    return found
