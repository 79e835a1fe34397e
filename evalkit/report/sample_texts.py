"""The texts of one row as the explorer's detail reads them: plain JSON, empty fields left out."""

import json
from collections.abc import Sequence

from evalkit.journal_reader import StoredResult
from evalkit.records import Image, Json, Message, Prediction, Sample, Score
from evalkit.report.sample_rows import Board, SampleRow
from evalkit.report.shown_images import Thumbnails, content_text, sample_images

__all__ = ["describe_texts", "preview"]

_PREVIEW_LENGTH = 110
_PREVIEW_SOURCE_LENGTH = 4 * _PREVIEW_LENGTH

_Turns = list[list[str]]


def preview(sample: Sample) -> str:
    """Return the beginning of a sample's input as one line."""
    return " ".join(_input(sample)[:_PREVIEW_SOURCE_LENGTH].split())[:_PREVIEW_LENGTH]


def describe_texts(row: SampleRow, board: Board, thumbnails: Thumbnails) -> dict[str, Json]:
    """Return a row's input, images, target, distinct prompts, and every model's answers by trial."""
    prompts = _Prompts(sample_images(row.sample))
    models = [_trials(results, prompts, board.trials) for results in row.results]
    return _present(
        images=thumbnails.describe(row.sample) or None,
        input=_input(row.sample),
        target=_text(row.sample.target),
        choices=None if row.sample.choices is None else list(row.sample.choices),
        prompts=prompts.distinct,
        models=models,
    )


def _input(sample: Sample) -> str:
    if not sample.input and sample.messages:
        return content_text(sample.messages[-1].content, sample.images) or ""
    return content_text(sample.input, sample.images) or ""


class _Prompts:
    """The prompts of one row, each once; images in them are told by what is known of the row's."""

    def __init__(self, images: Sequence[Image]) -> None:
        self.distinct: list[_Turns] = []
        self._images = images

    def place(self, messages: Sequence[Message]) -> int | None:
        """Return the place of these messages among the distinct ones, None for none at all."""
        turns = [[message.role, content_text(message.content, self._images) or ""] for message in messages]
        if not turns:
            return None
        if turns not in self.distinct:
            self.distinct.append(turns)
        return self.distinct.index(turns)


def _trials(results: Sequence[StoredResult], prompts: _Prompts, trials: int) -> list[Json]:
    answers: list[Json] = [None] * trials if results else []
    for stored in results:
        answers[stored.result.trial] = _answer(stored, prompts.place(stored.messages))
    return answers


def _answer(stored: StoredResult, prompt: int | None) -> dict[str, Json]:
    prediction = stored.result.prediction
    timing = prediction.timing
    return _present(
        prompt=prompt,
        text=prediction.text or None,
        reasoning=prediction.reasoning or None,
        calls=_text(prediction.tool_calls),
        logprobs=None if prediction.logprobs is None else True,
        failure=None if prediction.failure is None else prediction.failure.message,
        finish=prediction.finish_reason,
        served=prediction.served_model,
        fingerprint=prediction.fingerprint,
        seconds=_rounded(timing.service_s),
        byte=_rounded(timing.first_byte_s),
        token=_rounded(timing.first_token_s),
        queue=_rounded(timing.queue_s) or None,
        backoff=_rounded(timing.backoff_s) or None,
        attempts=None if prediction.attempts == 1 else prediction.attempts,
        cached=prediction.from_cache or None,
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


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _present(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=dict)
