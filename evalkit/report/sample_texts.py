"""The texts of one row as the explorer's detail reads them: plain JSON, empty fields left out."""

import json
from collections.abc import Sequence

from evalkit.journal_reader import StoredResult
from evalkit.records import Json, Message, Prediction, Sample, Score
from evalkit.report.sample_rows import Board, SampleRow

__all__ = ["describe_texts", "preview"]

_PREVIEW_LENGTH = 110
_PREVIEW_SOURCE_LENGTH = 4 * _PREVIEW_LENGTH

_Turns = list[list[str]]


def preview(sample: Sample) -> str:
    """Return the beginning of a sample's input as one line."""
    return " ".join(_input(sample)[:_PREVIEW_SOURCE_LENGTH].split())[:_PREVIEW_LENGTH]


def describe_texts(row: SampleRow, board: Board) -> dict[str, Json]:
    """Return a row's input, target, distinct prompts, and every model's answers by trial."""
    prompts: list[_Turns] = []
    models = [_trials(results, prompts, board.trials) for results in row.results]
    return _present(
        input=_input(row.sample),
        target=_text(row.sample.target),
        choices=None if row.sample.choices is None else list(row.sample.choices),
        prompts=prompts,
        models=models,
    )


def _input(sample: Sample) -> str:
    if not sample.input and sample.messages:
        return _text(sample.messages[-1].content) or ""
    return _text(sample.input) or ""


def _trials(results: Sequence[StoredResult], prompts: list[_Turns], trials: int) -> list[Json]:
    answers: list[Json] = [None] * trials if results else []
    for stored in results:
        answers[stored.result.trial] = _answer(stored, _place(_turns(stored.messages), prompts))
    return answers


def _place(turns: _Turns, prompts: list[_Turns]) -> int | None:
    if not turns:
        return None
    if turns not in prompts:
        prompts.append(turns)
    return prompts.index(turns)


def _turns(messages: Sequence[Message]) -> _Turns:
    return [[message.role, _text(message.content) or ""] for message in messages]


def _answer(stored: StoredResult, prompt: int | None) -> dict[str, Json]:
    prediction = stored.result.prediction
    return _present(
        prompt=prompt,
        text=prediction.text or None,
        reasoning=prediction.reasoning or None,
        failure=None if prediction.failure is None else prediction.failure.message,
        finish=prediction.finish_reason,
        seconds=None if prediction.timing.service_s is None else round(prediction.timing.service_s, 3),
        tokens=_tokens(prediction),
        scores=[_score(name, score) for name, score in stored.result.scores.items()],
    )


def _tokens(prediction: Prediction) -> list[int | None] | None:
    usage = prediction.usage
    return None if usage is None else [usage.prompt_tokens, usage.completion_tokens]


def _score(name: str, score: Score) -> dict[str, Json]:
    return _present(
        scorer=name, value=score.value, outcome=score.outcome.value, answer=score.answer, reason=score.reason or None
    )


def _present(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=dict)
