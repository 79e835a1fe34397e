"""A model grades the answer by a rubric."""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

from evalkit.anchor_rows import Anchors
from evalkit.bound_model import REFORMAT, BoundModel
from evalkit.errors import ConfigError
from evalkit.judge_prompt import ask_again, ask_for_verdict, response_format
from evalkit.judge_reply import Labels, Scale, Verdict, VerdictForm
from evalkit.judge_tally import JudgeTally
from evalkit.protocols import Model
from evalkit.records import (
    NOT_ANSWERED,
    CallKey,
    Json,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Score,
    ScoreOutcome,
)
from evalkit.templates import template_variables

__all__ = ["Judge"]

_FORMAT = "response_format"
_UNMEASURED = {"measure": False}
_RIGHT_OR_WRONG: Mapping[str, float] = {"correct": 1.0, "incorrect": 0.0}
_SAME_AS_TARGET = """\
The answer is correct when it says what the right answer says, in whatever words. More detail is no fault unless it \
contradicts the right answer; less is one when something of the right answer is missing. Otherwise it is incorrect."""
_HANDED_DOWN = {
    PredictionOutcome.NOT_RUN: ScoreOutcome.NOT_RUN,
    PredictionOutcome.INFRA_ERROR: ScoreOutcome.INFRA_ERROR,
    PredictionOutcome.REJECTED: ScoreOutcome.REJECTED,
}
_MOST_VOTES = 25
_FEWEST_LABELS = 2


class _Question(NamedTuple):
    """What one vote is about."""

    sample: Sample
    answer: str
    trial: int
    vote: int


class _Vote(NamedTuple):
    """One verdict, or how it came that there is none."""

    verdict: Verdict | None
    outcome: ScoreOutcome = ScoreOutcome.SCORED
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Have a model grade the answer by a rubric: one of some labels, or a number on a scale.

    A reply that states no verdict is asked once more to state one; without one then, the vote has failed. A judgement
    with too few votes is judge_failed and never a score.

    Attributes:
        model: label of an entry of `models` with `role: judge`.
        rubric: what to grade by; a template over the sample's columns, `id`, `input`, `target`, `choices` and `answer`.
            One that writes `answer` is the whole prompt but for how to state the verdict. Left out: does the answer
            say what the target says?
        labels: verdict -> its score in [0, 1]; correct: 1 and incorrect: 0 when neither labels nor scale is given.
        scale: in place of labels, the worst and the best rating, as in [1, 5]; a rating is rescaled to [0, 1].
        votes: how often the judge is asked about one answer; the label given most often counts, or the mean rating.
        min_votes: fewest votes with a verdict; more than half of them when left out.
        structured: ask for JSON with a schema (response_format) first; a judge that rejects that is asked in prose.
        anchors: graded answers that the judge grades in every run: {path, min_agreement, tolerance}. While it agrees
            with fewer than min_agreement (0.9) of them, no gate rule is decided by its scores.
        base_dir: where the anchors' path starts; the config's folder.
    """

    model: Model = field(metadata=_UNMEASURED)
    rubric: str = _SAME_AS_TARGET
    labels: Mapping[str, float] | None = None
    scale: tuple[float, float] | None = None
    votes: int = 1
    min_votes: int | None = None
    structured: bool = True
    anchors: Anchors | None = field(default=None, metadata=_UNMEASURED)
    base_dir: Path = field(default=Path(), metadata=_UNMEASURED)

    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = False
    tolerates_text: ClassVar[bool] = True
    takes_trial: ClassVar[bool] = True

    def __post_init__(self) -> None:
        try:
            template_variables(self.rubric)
        except ConfigError as error:
            raise ValueError(f"rubric: {str(error).removeprefix('prompt: ')}") from None
        if self.labels is not None and self.scale is not None:
            raise ValueError("labels and scale exclude each other; keep one")
        if self.labels is not None:
            _check_labels(self.labels)
        if self.scale is not None and not (self.scale[0] != self.scale[1] and all(map(math.isfinite, self.scale))):
            raise ValueError("scale is [worst, best], two different numbers")
        if not 1 <= self.votes <= _MOST_VOTES:
            raise ValueError(f"votes must be from 1 to {_MOST_VOTES}, not {self.votes}")
        if self.min_votes is not None and not 1 <= self.min_votes <= self.votes:
            raise ValueError(f"min_votes must be from 1 to votes, which is {self.votes}, not {self.min_votes}")

    @property
    def kind(self) -> str:
        """Binary where every label is worth 0 or 1."""
        form = self.form
        return "binary" if isinstance(form, Labels) and {*form.scores.values()} <= {0.0, 1.0} else "graded"

    @cached_property
    def form(self) -> VerdictForm:
        """What a verdict looks like."""
        if self.scale is not None:
            return Scale(*self.scale)
        return Labels(_RIGHT_OR_WRONG if self.labels is None else self.labels)

    async def score(self, sample: Sample, prediction: Prediction, trial: int = 0) -> Score:
        """Ask the judge, once for each vote."""
        votes = [self._vote(sample, prediction.text, trial, number) for number in range(self.votes)]
        return self._decide(await asyncio.gather(*votes))

    def request(self, sample: Sample, answer: str, *, trial: int = 0, vote: int = 0) -> Request:
        """Return what one vote asks first; the model fills in the rest.

        Raises:
            ConfigError: the rubric cannot be rendered for this sample.
        """
        return self._request(_Question(sample, answer, trial, vote), structured=self.structured)

    def check_sample(self, sample: Sample) -> None:
        """Check that the rubric has what it needs of a sample.

        Raises:
            ConfigError: it has not.
        """
        self.request(sample, "")
        if self.rubric == _SAME_AS_TARGET and sample.target is None:
            raise ConfigError("there is no target to compare with; set fields.target, or write a rubric without one")

    def deserved(self, row: Mapping[str, Json]) -> float:
        """Return the score that the `label` or `value` of an anchor's row stands for.

        Raises:
            ValueError: it has none that the judge could give.
        """
        written = row.get("label", row.get("value"))
        is_plain = isinstance(written, (int, float, str)) and not isinstance(written, bool)
        if isinstance(self.form, Labels):
            if not is_plain or str(written) not in self.form.scores:
                raise ValueError(f"label must be {self.form.words()}, not {written!r}")
            return self.form.scores[str(written)]
        low, high = sorted(self.scale or (0.0, 1.0))
        rating = float(written) if is_plain else math.nan
        if not low <= rating <= high:
            raise ValueError(f"value must be {self.form.words()}, not {written!r}")
        return self.form.value(rating)

    @property
    def anchor_tolerance(self) -> float:
        """How far two scores may lie apart and agree."""
        if self.anchors is None or self.scale is None:
            return 0.0
        return self.anchors.tolerance / abs(self.scale[1] - self.scale[0])

    def _request(self, question: _Question, *, structured: bool) -> Request:
        sample, answer, trial, vote = question
        messages = ask_for_verdict(self.rubric, sample, answer, self.form, structured=structured)
        params = {_FORMAT: response_format(self.form)} if structured else {}
        return Request("", messages, params, sample, CallKey("", sample.id, trial, str(vote)))

    async def _vote(self, sample: Sample, answer: str, trial: int, number: int) -> _Vote:
        question = _Question(sample, answer, trial, number)
        request, reply = await self._ask(question)
        vote = self._read(reply)
        if vote.outcome is not ScoreOutcome.JUDGE_FAILED or reply.outcome in NOT_ANSWERED:
            return vote
        structured = _FORMAT in request.params
        messages = ask_again(request.messages, reply.text, self.form, structured=structured)
        key = CallKey("", sample.id, trial, f"{number}:{REFORMAT}")
        return self._read(await self.model.predict(replace(request, messages=messages, key=key)))

    async def _ask(self, question: _Question) -> tuple[Request, Prediction]:
        """Return what was asked, and the reply; whether the endpoint takes a schema one call alone tries first."""
        tally = self.model.tally if isinstance(self.model, BoundModel) else JudgeTally()
        if self.structured and not tally.is_tried:
            async with tally.trial:
                if not tally.is_tried:
                    try:
                        return await self._ask_with_schema(question, tally)
                    finally:
                        tally.is_tried = True
        if self.structured and tally.takes_schema is not False:
            return await self._ask_with_schema(question, tally)
        request = self._request(question, structured=False)
        return request, await self.model.predict(request)

    async def _ask_with_schema(self, question: _Question, tally: JudgeTally) -> tuple[Request, Prediction]:
        request = self._request(question, structured=True)
        reply = await self.model.predict(request)
        if reply.outcome is not PredictionOutcome.REJECTED:
            if reply.outcome not in _HANDED_DOWN:
                tally.takes_schema = True
            return request, reply
        request = self._request(question, structured=False)
        reply = await self.model.predict(request)
        if reply.outcome not in _HANDED_DOWN and tally.takes_schema is None:
            tally.takes_schema = False
        return request, reply

    def _read(self, reply: Prediction) -> _Vote:
        """Return what a reply says; one that was cut off says nothing, its verdict would have come last."""
        if reply.outcome in NOT_ANSWERED:
            why = reply.outcome.value if reply.failure is None else reply.failure.message
            return _Vote(None, _HANDED_DOWN.get(reply.outcome, ScoreOutcome.JUDGE_FAILED), why)
        if reply.outcome is PredictionOutcome.TRUNCATED:
            return _Vote(None, ScoreOutcome.JUDGE_FAILED, "its reply was cut off; raise the judge's max_tokens")
        verdict = self.form.read(reply.text)
        if verdict is None:
            said = " ".join(reply.text.split())[-80:]
            why = f"its reply has no verdict: …{said}" if said else "its reply is empty"
            return _Vote(None, ScoreOutcome.JUDGE_FAILED, why)
        return _Vote(verdict)

    def _decide(self, votes: list[_Vote]) -> Score:
        given = [vote.verdict for vote in votes if vote.verdict is not None]
        if isinstance(self.model, BoundModel):
            self.model.tally.note_votes([verdict.said for verdict in given])
        missing = [vote for vote in votes if vote.verdict is None]
        not_run = next((vote for vote in missing if vote.outcome is ScoreOutcome.NOT_RUN), None)
        if not_run is not None or len(given) < (self.min_votes or self.votes // 2 + 1):
            return _failed(not_run or min(missing, key=lambda vote: vote.outcome is ScoreOutcome.JUDGE_FAILED), votes)
        if isinstance(self.form, Scale):
            mean = math.fsum(float(verdict.said) for verdict in given) / len(given)
            return Score(_bounded(self.form.value(mean)), _told(f"{mean:.3g}", given, len(votes)))
        (said, most), *rest = Counter(verdict.said for verdict in given).most_common()
        if rest and rest[0][1] == most:
            counts = ", ".join(f"{count} x {label}" for label, count in [(said, most), *rest])
            return Score(None, f"judge: no majority: {counts}", ScoreOutcome.JUDGE_FAILED)
        chosen = [verdict for verdict in given if verdict.said == said]
        return Score(_bounded(self.form.value(said)), _told(str(said), chosen, len(votes)))


def _failed(vote: _Vote, votes: list[_Vote]) -> Score:
    share = f" ({sum(each.verdict is None for each in votes)} of {len(votes)} votes failed)" if len(votes) > 1 else ""
    return Score(None, f"judge{share}: {vote.why}", vote.outcome)


def _told(said: str, agreeing: list[Verdict], votes: int) -> str:
    counted = f" ({len(agreeing)} of {votes} votes)" if votes > 1 else ""
    why = next((verdict.reason for verdict in agreeing if verdict.reason), "")
    return f"judge: {said}{counted}{': ' if why else ''}{why}"


def _bounded(value: float) -> float:
    return min(1.0, max(0.0, value))


def _check_labels(labels: Mapping[str, float]) -> None:
    if len(labels) < _FEWEST_LABELS:
        raise ValueError("labels needs two verdicts or more")
    if len({label.strip().casefold() for label in labels}) < len(labels) or not all(map(str.strip, labels)):
        raise ValueError("labels must differ by more than upper and lower case, and none may be empty")
    if not all(0.0 <= value <= 1.0 for value in labels.values()):
        raise ValueError("every label's score must lie in [0, 1]")
