"""One sample in full: what was asked, and what every model answered, as plain values and as text."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.image_references import describe_image
from evalkit.journal_reader import JournalReader, StoredResult
from evalkit.records import Image, Json, Sample, Score, Timing
from evalkit.report.numbers import format_duration, plural
from evalkit.report.shown_images import content_text, sample_images

__all__ = ["Answer", "AskedSample", "find_sample"]

_INDENT = "  "
_WHOLE_DIGEST = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model answered in one trial."""

    model: str
    model_id: str
    stored: StoredResult
    images: tuple[Image, ...] = ()

    def describe(self) -> dict[str, Json]:
        """Return everything journaled of the call and its scores."""
        result = self.stored.result
        return {
            "model": self.model,
            "model_id": self.model_id,
            "trial": result.trial,
            "messages": [dataclasses.asdict(message) for message in self.stored.messages],
            "params": dict(self.stored.params),
            "prediction": dataclasses.asdict(result.prediction),
            "scores": {name: dataclasses.asdict(score) for name, score in result.scores.items()},
        }

    def lines(self) -> Iterator[str]:
        """Yield the answer as text, as the model wrote it."""
        prediction = self.stored.result.prediction
        yield f"== {self.model} ({self.model_id}), trial {self.stored.result.trial + 1}"
        yield from _block("parameters", dict(self.stored.params) or None)
        for message in self.stored.messages:
            yield from _block(f"prompt, {message.role}", content_text(message.content, self.images))
        yield from _block("reasoning", prediction.reasoning)
        yield from _block("answer", prediction.text or None)
        yield from _block("tool calls", prediction.tool_calls)
        if prediction.failure is not None:
            status = "" if prediction.failure.status is None else f", HTTP {prediction.failure.status}"
            yield from _block(f"failure ({prediction.failure.kind}{status})", prediction.failure.message)
        for name, score in self.stored.result.scores.items():
            yield f"score {name}: {_describe_score(score)}"
            yield from _indented(score.reason)
        yield from self._ending()
        yield ""

    def _ending(self) -> Iterator[str]:
        prediction = self.stored.result.prediction
        finish = "" if prediction.finish_reason is None else f", ended by {prediction.finish_reason}"
        served = "" if prediction.served_model is None else f", served by {prediction.served_model}"
        served += "" if prediction.fingerprint is None else f" ({prediction.fingerprint})"
        asked = "from the shared cache" if prediction.from_cache else plural(prediction.attempts, "attempt")
        yield f"outcome: {prediction.outcome.value}{finish}{served}, {asked}"
        yield f"time: {_describe_time(prediction.timing)}"
        if (usage := prediction.usage) is not None:
            counts = {name.removesuffix("_tokens"): n for name, n in dataclasses.asdict(usage).items() if n is not None}
            yield f"tokens: {', '.join(f'{n:,} {name}' for name, n in counts.items())}"
        if prediction.logprobs is not None:
            yield "logprobs: --json prints them"


@dataclass(frozen=True, slots=True)
class AskedSample:
    """One sample in one evaluation, with every answer to it."""

    evaluation: str
    sample: Sample
    answers: tuple[Answer, ...]

    def describe(self) -> dict[str, Json]:
        """Return the sample and every answer to it."""
        return {
            "evaluation": self.evaluation,
            "sample": dataclasses.asdict(self.sample),
            "results": [answer.describe() for answer in self.answers],
        }

    def lines(self) -> Iterator[str]:
        """Yield the sample and every answer to it as text, control characters included."""
        sample = self.sample
        yield f"{sample.id}, evaluation {self.evaluation}"
        for name, value in sample.slices.items():
            yield f"{name}: {value}"
        yield from _block("input", content_text(sample.input, sample.images))
        yield from _block("images", "\n".join(_in_full(image) for image in sample_images(sample)) or None)
        yield from _block("choices", None if sample.choices is None else "\n".join(sample.choices))
        yield from _block("target", sample.target)
        yield ""
        for answer in self.answers:
            yield from answer.lines()


def find_sample(reader: JournalReader, cells: Sequence[Mapping[str, Json]], sample_id: str) -> Iterator[AskedSample]:
    """Yield the sample once for each evaluation among `cells` (of run.json's plan) that has it."""
    for evaluation in dict.fromkeys(cell["evaluation"] for cell in cells):
        asked = [cell for cell in cells if cell["evaluation"] == evaluation]
        samples = (sample for sample in reader.samples(asked[0]["dataset"]) if sample.id == sample_id)
        if (sample := next(samples, None)) is not None:
            answers = [
                Answer(cell["model"], cell["model_id"], stored, sample_images(sample))
                for cell in asked
                for stored in reader.results(cell["key"], sample_id=sample_id)
            ]
            yield AskedSample(evaluation, sample, tuple(answers))


def _block(title: str, content: Json) -> Iterator[str]:
    """Yield a titled text, indented; nothing where there is none."""
    if content is None:
        return
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1, default=dict)
    yield f"{title}:"
    yield from _indented(text)


def _indented(text: str) -> Iterator[str]:
    return (_INDENT + line for line in text.splitlines())


def _describe_time(timing: Timing) -> str:
    """Return the answering attempt's time with its parts, then what came before it."""
    parts = {"first byte": timing.first_byte_s, "first token": timing.first_token_s}
    told = [f"{name} after {format_duration(seconds)}" for name, seconds in parts.items() if seconds is not None]
    inside = f" ({', '.join(told)})" if told else ""
    waited = f"{format_duration(timing.queue_s)} queued, {format_duration(timing.backoff_s)} backed off"
    return f"{format_duration(timing.service_s)}{inside}; {waited}"


def _in_full(image: Image) -> str:
    """Return what is known of an image; its digest, which names its file, in full."""
    return describe_image(image, digest_chars=_WHOLE_DIGEST)


def _describe_score(score: Score) -> str:
    value = score.outcome.value if score.value is None else f"{score.value:g}"
    read = "" if score.answer is None else f", read as {score.answer!r}"
    return f"{value}{read}"
