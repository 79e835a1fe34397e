"""Proof before money: what a scorer gives gold answers, corrupted ones, empty ones and gold in the midst of chatter."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from evalkit.config.schema import ReasoningSpec
from evalkit.dressing import dress, extracts
from evalkit.errors import ConfigError
from evalkit.records import Prediction, PredictionOutcome, Sample, Score, ScoreOutcome
from evalkit.scoring import BoundScorer, aclose_scorers, score_prediction

__all__ = ["SelfTestReport", "run_self_test", "self_test"]

_REASONING = ReasoningSpec()
_SHIFTS = (1, 7, 11)
_SHOWN_CHARS = 80
_GOLD = "a gold answer does not score full"
_ERROR = "the scorer fails"
_CORRUPTED = "a corrupted gold answer scores full"
_EMPTY = "an empty answer scores full"
_AFTER_REASONING = "a gold answer at the end of some reasoning does not score full"
_NO_TARGET = "the target cannot be used"
_NO_GOLD = "no gold answer can be derived, so only the empty answer was tried"
_TRAILING = "words around or after the answer hide it; the prompt must ask for the answer last"
_BARE = "only the bare answer scores; the prompt must ask for nothing else, or extract must find it"
_NO_PROMPT = "the judge cannot be asked"
_NO_ANCHORS = "a model judges, and nothing says how well: give it anchors, answers that are graded already"
_DOUBT = "the target could be misread"


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """What a scorer did with the samples of a dataset; each line names a sample.

    `failures` make the scorer unfit for this dataset, `notes` are what its prompt must heed. Only a scorer that needs
    a target `is_certain`: what another makes of a target is guessed. One that `is_judged` by a model was not tried.
    """

    scorer: str
    samples: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    is_certain: bool = True
    is_judged: bool = False

    @property
    def passed(self) -> bool:
        """Whether there is no failure."""
        return not self.failures


@dataclass(slots=True)
class _Findings:
    """Problems by their name: the first sample's line, and how many samples have it."""

    lines: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def add(self, problem: str, sample: Sample, detail: str) -> None:
        line, count = self.lines.get(problem, (f"sample {sample.id!r}: {problem}: {detail}", 0))
        self.lines[problem] = (line, count + 1)

    def told(self) -> tuple[str, ...]:
        return tuple(
            line if count == 1 else f"{line} (and {count - 1} more {'sample' if count == 2 else 'samples'})"  # noqa: PLR2004  one more
            for line, count in self.lines.values()
        )


def self_test(bound: BoundScorer, samples: Iterable[Sample]) -> SelfTestReport:
    """Run `run_self_test` to its end and close the scorer; for callers without an event loop."""

    async def run() -> SelfTestReport:
        try:
            return await run_self_test(bound, samples)
        finally:
            await aclose_scorers((bound,))

    return asyncio.run(run())


async def run_self_test(bound: BoundScorer, samples: Iterable[Sample]) -> SelfTestReport:
    """Score what must be right and what must be wrong for every sample; no model is called.

    Gold must score full, corrupted gold and nothing must not. Gold at the end of some reasoning must where the scorer
    extracts or tolerates text; where it does not, a note says that the prompt must ask for the bare answer. A scorer
    that needs no target is only guessed at: what it gives gold is a note. One that has a model judge is not tried, as
    nobody is asked: only what it would ask is made, for every sample.
    """
    if bound.judges:
        return _check_judged(bound, samples)
    tester = _Tester(replace(bound, negate=False, lenient=None))
    count = 0
    for sample in samples:
        count += 1
        await tester.test(sample)
    return SelfTestReport(
        bound.name, count, tester.failures.told(), tester.notes.told(), is_certain=tester.needs_target
    )


def _check_judged(bound: BoundScorer, samples: Iterable[Sample]) -> SelfTestReport:
    """Make what a judge would be asked about every sample; whether it judges well its anchors tell."""
    findings, count = _Findings(), 0
    check = getattr(bound.scorer, "check_sample", None)
    for sample in samples:
        count += 1
        try:
            if check is not None:
                check(sample)
        except ConfigError as error:
            findings.add(
                _NO_PROMPT, sample, str(error).removeprefix("prompt: ").removeprefix(f"sample {sample.id!r}: ")
            )
    notes = () if getattr(bound.scorer, "anchors", None) else (_NO_ANCHORS,)
    return SelfTestReport(bound.name, count, findings.told(), notes, is_judged=True)


class _Tester:
    def __init__(self, bound: BoundScorer) -> None:
        self.bound = bound
        self.failures, self.notes = _Findings(), _Findings()
        self.needs_target = bool(getattr(bound.scorer, "needs_target", True))
        self.finds = extracts(bound.extractor.steps) or bool(getattr(bound.scorer, "tolerates_text", False))

    async def test(self, sample: Sample) -> None:
        """Try one sample; the first failure of gold ends it."""
        unsure = self.failures if self.needs_target else self.notes
        try:
            gold = self._gold(sample)
        except ConfigError as error:
            self.failures.add(_NO_TARGET, sample, str(error).removeprefix(f"sample {sample.id!r}: "))
            return
        if _is_full(await self._score(sample, "")):
            self.failures.add(_EMPTY, sample, "it would be right to say nothing")
        if gold is None:
            self.notes.add(_NO_GOLD, sample, "check this scorer with answers of your own")
            return
        dressed = dress(self.bound.extractor.steps, gold)
        score = await self._score(sample, dressed)
        if score.outcome is ScoreOutcome.SCORER_ERROR:
            self.failures.add(_ERROR, sample, score.reason)
            return
        if not _is_full(score):
            unsure.add(_GOLD, sample, f"{_short(dressed)} gives {_given(score)}")
            return
        await self._test_wrong(sample, gold, unsure)
        await self._test_chatter(sample, dressed)

    def _gold(self, sample: Sample) -> str | None:
        doubt = getattr(self.bound.scorer, "doubt", None)
        doubted = None if doubt is None else doubt(sample)
        if doubted:
            self.notes.add(_DOUBT, sample, doubted)
        write = getattr(self.bound.scorer, "gold", None)
        if write is not None:
            return write(sample)
        return sample.target if isinstance(sample.target, str) and sample.target.strip() else None

    async def _test_wrong(self, sample: Sample, gold: str, unsure: _Findings) -> None:
        """Corrupt gold in several ways: one may by chance be another right answer, all of them may not."""
        wrong = [dress(self.bound.extractor.steps, _corrupted(gold, shift)) for shift in _SHIFTS]
        for text in wrong:
            if not _is_full(await self._score(sample, text)):
                return
        unsure.add(_CORRUPTED, sample, f"{_short(wrong[0])} for {_short(gold)}")

    async def _test_chatter(self, sample: Sample, dressed: str) -> None:
        if not _is_full(await self._score(sample, f"Let me think about this step by step.\n\n{dressed}")):
            if self.finds and self.needs_target:
                self.failures.add(_AFTER_REASONING, sample, _short(dressed))
            else:
                self.notes.add(_BARE, sample, f"a sentence before {_short(dressed)} makes it wrong")
            return
        for chatter in (f"{dressed}\n\nI hope this helps!", f"The answer is {dressed}."):
            if not _is_full(await self._score(sample, chatter)):
                self.notes.add(_TRAILING, sample, f"{_short(chatter)} is not full")
                return

    async def _score(self, sample: Sample, text: str) -> Score:
        prediction = Prediction(PredictionOutcome.OK, text)
        return (await score_prediction((self.bound,), sample, prediction, _REASONING))[self.bound.name]


def _is_full(score: Score) -> bool:
    return score.value == 1.0


def _given(score: Score) -> str:
    value = "no score" if score.value is None else f"{score.value:g}"
    return f"{value} ({score.reason})" if score.reason else value


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")


def _corrupted(text: str, shift: int) -> str:
    """Move every letter and digit on by `shift`; a text without any becomes one."""
    moved = "".join(_moved(char, shift) for char in text)
    return moved if moved != text else _moved("a", shift)


def _moved(char: str, shift: int) -> str:
    for first, size in (("0", 10), ("a", 26), ("A", 26)):
        place = ord(char) - ord(first)
        if 0 <= place < size:
            return chr(ord(first) + (place + shift) % size)
    other = chr((ord(char) + shift) % 0x110000)
    return other if char.isalnum() and other.isalnum() else char
