"""Why the shared cache does, or does not, have the answer to each call of a plan. Asks no model."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.cache import read_answer
from evalkit.cache_difference import compare_messages, compare_params
from evalkit.codec import decode_messages, encode_messages
from evalkit.digest import digest_text
from evalkit.plan import Cell, Plan
from evalkit.records import CallKey, Json, Message, Request

__all__ = ["CallExplained", "Choice", "Reason", "explain_calls"]

_FIND = (
    "SELECT answered_at, run_id, prediction FROM answers WHERE request = ? AND sample_id = ? AND trial = ? AND slot = ?"
)
_OF_THE_SAMPLE = (
    "SELECT request, trial, url, params, question FROM answers WHERE sample_id = ? AND model = ? AND slot = ? "
    "ORDER BY answered_at DESC"
)
_OF_THE_QUESTION = (
    "SELECT sample_id FROM answers WHERE question = ? AND model = ? AND slot = ? ORDER BY answered_at DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps a call from being found.

    `kind` is model, sample, sample_id, url, params, messages, trial or answer; calls with an equal `text` miss for
    the same reason, `detail` is what is this call's own.
    """

    kind: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CallExplained:
    """One call: when its answer was given, a Unix time, and in which run; or why there is none."""

    evaluation: str
    model: str
    sample_id: str
    trial: int
    answered_at: float | None
    run_id: str | None
    reasons: tuple[Reason, ...] = ()

    @property
    def is_hit(self) -> bool:
        """Say whether a run would find it."""
        return self.answered_at is not None

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "evaluation": self.evaluation,
            "model": self.model,
            "sample_id": self.sample_id,
            "trial": self.trial,
            "hit": self.is_hit,
            "answered_at": self.answered_at,
            "run_id": self.run_id,
            "reasons": [{"kind": r.kind, "text": r.text, "detail": r.detail} for r in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """Which calls are meant; empty is all of them. `trial` counts from 0."""

    models: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    trial: int | None = None

    def has(self, cell: Cell) -> bool:
        """Say whether a cell's calls are meant."""
        is_model = not self.models or cell.model.label in self.models
        return is_model and (not self.evaluations or cell.evaluation.name in self.evaluations)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of an answer to another call about the same sample."""

    request: str
    trial: int
    url: str
    params: Mapping[str, Json]
    question: str


def explain_calls(plan: Plan, db: sqlite3.Connection, choice: Choice) -> Iterator[CallExplained]:
    """Yield every chosen call that a run would make, in the plan's order; equal calls of two evaluations once."""
    explainer = _Explainer(db)
    seen: set[Json] = set()
    for cell in plan.cells:
        if not choice.has(cell):
            continue
        for position in plan.positions(cell):
            source = cell.dataset.samples[position]
            if choice.samples and source.id not in choice.samples:
                continue
            sample = cell.present(source)
            trials = range(cell.evaluation.trials) if choice.trial is None else (choice.trial,)
            for trial in trials:
                request = cell.request(sample, trial)
                if trial < cell.evaluation.trials and request.key not in seen:
                    seen.add(request.key)
                    yield explainer.explain(cell, request)


class _Explainer:
    """Looks calls up, and for each that is not there the kept answer that comes nearest."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[str, bool] = {}

    def explain(self, cell: Cell, request: Request) -> CallExplained:
        names = cell.evaluation.name, cell.model.label, request.key.sample_id, request.key.trial
        found = self._find(request.key)
        if found is not None:
            return CallExplained(*names, *found)
        return CallExplained(*names, None, None, tuple(self._reasons(cell, request)))

    def _find(self, key: CallKey) -> tuple[float, str] | None:
        row = self._db.execute(_FIND, (key.request, key.sample_id, key.trial, key.slot)).fetchone()
        return None if row is None or read_answer(row[2]) is None else (float(row[0]), row[1])

    def _reasons(self, cell: Cell, request: Request) -> Iterator[Reason]:
        if not self._knows(request.model):
            yield Reason("model", f"nothing is cached for the model {request.model}")
            return
        kept = self._of_the_sample(request)
        if kept:
            yield from self._nearest(cell, request, kept)
            return
        question = digest_text(encode_messages(request.messages))
        other = self._db.execute(_OF_THE_QUESTION, (question, request.model, request.key.slot)).fetchone()
        if other:
            was = f"cached as {other[0]!r}, asked as {request.key.sample_id!r}"
            yield Reason("sample_id", "the same messages are cached under another sample id", was)
        else:
            yield Reason("sample", "new sample: nothing is cached for it and this model")

    def _nearest(self, cell: Cell, request: Request, kept: Sequence[_Kept]) -> Iterator[Reason]:
        """Yield what differs from the answer with the fewest differences; the newest one of several."""
        same = [each for each in kept if each.request == request.key.request]
        if any(each.trial == request.key.trial for each in same):
            yield Reason("answer", "the cached answer cannot be read")
            return
        if same:
            yield _other_trial(request, same)
            return
        question = digest_text(encode_messages(request.messages))
        _, _, nearest = min((_distance(cell, request, question, each), n, each) for n, each in enumerate(kept))
        if nearest.url != cell.url:
            yield Reason("url", f"url {nearest.url or 'unknown'} -> {cell.url}")
        for text in compare_params(nearest.params, request.params):
            yield Reason("params", text)
        if nearest.question != question:
            before = self._messages(nearest.question)
            yield Reason("messages", *compare_messages(before, request.messages))
        if nearest.trial != request.key.trial:
            yield _other_trial(request, [each for each in kept if each.request == nearest.request])

    def _knows(self, model: str) -> bool:
        if model not in self._known:
            found = self._db.execute("SELECT 1 FROM answers WHERE model = ? LIMIT 1", (model,)).fetchone()
            self._known[model] = found is not None
        return self._known[model]

    def _of_the_sample(self, request: Request) -> list[_Kept]:
        rows = self._db.execute(_OF_THE_SAMPLE, (request.key.sample_id, request.model, request.key.slot))
        return [_Kept(request, trial, url, json.loads(params), q) for request, trial, url, params, q in rows]

    def _messages(self, question: str) -> tuple[Message, ...]:
        row = self._db.execute("SELECT messages FROM questions WHERE digest = ?", (question,)).fetchone()
        return () if row is None else decode_messages(row[0])


def _distance(cell: Cell, request: Request, question: str, kept: _Kept) -> int:
    params = len(list(compare_params(kept.params, request.params)))
    return (kept.url != cell.url) + params + (kept.question != question) + (kept.trial != request.key.trial)


def _other_trial(request: Request, kept: Sequence[_Kept]) -> Reason:
    trials = ", ".join(str(trial + 1) for trial in sorted({each.trial for each in kept}))
    return Reason(
        "trial", "another trial of this call is cached", f"trial {request.key.trial + 1} asked, {trials} cached"
    )
