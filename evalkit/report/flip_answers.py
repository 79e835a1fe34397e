"""What a model answered on two nights to one sample, from the run folders where they are still there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evalkit.errors import StoreError
from evalkit.flip_ledger import FlipLedger, SampleRecord
from evalkit.past_runs import PastMetric
from evalkit.records import Json
from evalkit.report.flips import FlippedAnswer
from evalkit.report.shown_images import content_text
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["NightAnswer", "ThenAndNow", "WeaveCall", "read_then_and_now"]


@dataclass(frozen=True, slots=True)
class WeaveCall:
    """The call in Weave under which a cell's rows stand: its reference, and its page where it has one."""

    reference: str
    page: str | None


@dataclass(frozen=True, slots=True)
class NightAnswer:
    """One night's answer; without `answer`, for the reason `missing`. `call` is where Weave has the night's rows."""

    night: str
    run_id: str
    folder: str
    score: float | None
    answer: FlippedAnswer | None
    missing: str = ""
    call: WeaveCall | None = None

    def describe(self) -> dict[str, Json]:
        """Return it as plain values."""
        answer = self.answer
        return {
            "night": self.night,
            "run_id": self.run_id,
            "folder": self.folder,
            "score": self.score,
            "answer": None if answer is None else answer.text,
            "read_as": None if answer is None else answer.read_as,
            "outcome": None if answer is None else answer.outcome,
            "reason": None if answer is None else answer.reason,
            "missing": self.missing or None,
            "weave_call": None if self.call is None else self.call.reference,
            "weave_page": None if self.call is None else self.call.page,
        }


@dataclass(frozen=True, slots=True)
class ThenAndNow:
    """A sample's answer on the last night of its outcome before, and on its last night."""

    record: SampleRecord
    question: str
    target: str
    then: NightAnswer
    now: NightAnswer


def read_then_and_now(ledger: FlipLedger, records: Sequence[SampleRecord]) -> tuple[ThenAndNow, ...]:
    """Return both answers to samples that changed; those that never did are passed over."""
    changed = [(each, each.before, each.last) for each in records]
    sides = [(each, before, last) for each, before, last in changed if before is not None and last is not None]
    nights = {place: [each.sample_id for each, *ends in sides if place in ends] for _, *ends in sides for place in ends}
    read = {place: _Night(ledger, ledger.points[place], ids) for place, ids in nights.items()}
    return tuple(
        ThenAndNow(
            record=each,
            question=read[last].question(each.sample_id) or read[before].question(each.sample_id),
            target=read[last].target(each.sample_id) or read[before].target(each.sample_id),
            then=read[before].answer(each, before),
            now=read[last].answer(each, last),
        )
        for each, before, last in sides
    )


class _Night:
    """The answers of one run to some samples."""

    def __init__(self, ledger: FlipLedger, point: PastMetric, ids: Sequence[str]) -> None:
        self._point = point
        self._is_higher_better = ledger.higher_is_better
        self._questions: dict[str, tuple[str, str]] = {}
        self._answers: dict[str, list[FlippedAnswer]] = {}
        self._call: WeaveCall | None = None
        self._missing = ""
        folder = RunFolder(Path(point.run.folder))
        if not folder.path.is_dir():
            self._missing = f"the run folder is gone: {folder.path}"
            return
        try:
            self._read(folder, ids)
        except StoreError as error:
            self._missing = str(error)

    def question(self, sample_id: str) -> str:
        return self._questions.get(sample_id, ("", ""))[0]

    def target(self, sample_id: str) -> str:
        return self._questions.get(sample_id, ("", ""))[1]

    def answer(self, record: SampleRecord, place: int) -> NightAnswer:
        """Return the answer of the trial that tells most: the best of a night that was right, else the worst."""
        score = record.scores[place]
        was_right = record.is_right == (place == record.last)
        answers = sorted(
            self._answers.get(record.sample_id, ()), key=lambda each: -1.0 if each.score is None else each.score
        )
        told = None if not answers else answers[-1 if was_right == self._is_higher_better else 0]
        missing = self._missing or ("" if told else "the run folder has no answer to it")
        run = self._point.run
        return NightAnswer(run.night, run.run_id, run.folder, score, told, missing, self._call)

    def _read(self, folder: RunFolder, ids: Sequence[str]) -> None:
        run = folder.load()
        cell = f"{self._point.evaluation}/{self._point.model}"
        plan = next((each for each in run.plan["cells"] if each["key"] == cell), None)
        if plan is None:
            return
        self._call = _weave_call(run, cell)
        with folder.reader() as reader:
            for sample in reader.samples_of(plan["dataset"], ids):
                shown = content_text(sample.input, sample.images) or "", content_text(sample.target) or ""
                self._questions[sample.id] = shown
            for stored in reader.results_of(cell, ids):
                result = stored.result
                score = result.scores[self._point.scorer]
                outcome = result.prediction.outcome.value
                answer = FlippedAnswer(result.prediction.text, score.answer, score.value, outcome, score.reason)
                self._answers.setdefault(result.sample_id, []).append(answer)


def _weave_call(run: RunResult, cell: str) -> WeaveCall | None:
    """Return the evaluate call of a cell, whose children are its samples; Weave names those itself."""
    weave: Mapping[str, Json] = run.weave or {}
    calls: Mapping[str, Json] = weave.get("calls") or {}
    call_id = calls.get(cell)
    project = weave.get("project")
    if not (call_id and project):
        return None
    page = f"https://wandb.ai/{quote(project)}/r/call/{call_id}" if weave.get("backend") == "wandb" else None
    return WeaveCall(f"weave:///{project}/call/{call_id}", page)
