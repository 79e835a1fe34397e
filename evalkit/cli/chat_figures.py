"""What one answer of a chat took and cost: as words under it, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict

from evalkit.live_answer import Answer
from evalkit.model_names import is_same_model
from evalkit.playground import Turn
from evalkit.reasoning import split_reasoning
from evalkit.records import Json, PredictionOutcome
from evalkit.report.numbers import format_count, format_duration, format_money
from evalkit.report.terminal import clean_text
from evalkit.tracing import Trace

__all__ = ["describe_answer", "describe_turn", "latency_words", "notes", "readable", "reasoning_of", "usage_words"]


def readable(text: str) -> str:
    """Return a model's text as a terminal may show it, line ends made one kind."""
    clean = clean_text(text.replace("\r\n", "\n"))
    return clean.encode("utf-8", "backslashreplace").decode("utf-8")


def reasoning_of(answer: Answer) -> tuple[str, str]:
    """Return an answer's reasoning, in tags or beside the text, and what it says after it."""
    thought, said = split_reasoning(answer.text, answer.bound.spec.reasoning.tags)
    beside = "" if answer.prediction is None else answer.prediction.reasoning or ""
    return (beside or thought).strip(), said


def latency_words(answer: Answer) -> str:
    """Return time to first token and in total, of the attempt that answered."""
    prediction = answer.prediction
    if prediction is None:
        return format_duration(answer.elapsed_s)
    timing = prediction.timing
    if not prediction.attempts:
        return "not asked"
    first = "" if timing.first_token_s is None else f"first token {format_duration(timing.first_token_s)}, "
    total_s = answer.elapsed_s if timing.service_s is None else timing.service_s
    return f"{first}total {format_duration(total_s)}"


def usage_words(answer: Answer) -> str:
    """Return tokens, speed and cost; what nobody said is unknown, never 0. "" of a failure that used none."""
    usage = None if answer.prediction is None else answer.prediction.usage
    if usage is None:
        return "" if answer.failure is not None else "tokens unknown, cost unknown"
    speed, cost = answer.tokens_per_second, answer.cost_usd
    words = [f"{_count(usage.prompt_tokens)} in, {_count(usage.completion_tokens)} out"]
    if speed is not None:
        words.append(f"{speed:.{0 if speed >= 10 else 1}f} tok/s")  # noqa: PLR2004  two digits are enough
    words.append("cost unknown" if cost is None else format_money(cost))
    return ", ".join(words)


def notes(answer: Answer) -> Iterator[str]:
    """Yield what is out of the ordinary about an answer that has ended."""
    prediction = answer.prediction
    if prediction is None:
        return
    if prediction.outcome is PredictionOutcome.TRUNCATED:
        yield "cut off at max_tokens"
    if prediction.attempts > 1:
        yield f"{prediction.attempts} attempts, {format_duration(answer.elapsed_s)} in all"
    served = prediction.served_model
    if served and not is_same_model(answer.bound.spec.id, served):
        yield f"served as {readable(served)}"


def describe_turn(turn: Turn, trace: Trace | None, *, project: str | None) -> dict[str, Json]:
    """Return a turn as JSON; `trace` is None where nothing is traced."""
    traced = None if trace is None else {"project": project, **asdict(trace)}
    return {"prompt": turn.prompt, "models": [describe_answer(answer) for answer in turn.answers], "trace": traced}


def describe_answer(answer: Answer) -> dict[str, Json]:
    """Return one model's answer as JSON."""
    spec, prediction, failure, price = answer.bound.spec, answer.prediction, answer.failure, answer.bound.price
    assert prediction is not None, "only a turn that is over is described"
    thought, said = reasoning_of(answer)
    timing = prediction.timing
    return {
        "label": answer.label,
        "model": spec.id,
        "provider": spec.provider,
        "params": dict(spec.params),
        "messages": [{"role": message.role, "content": message.content} for message in answer.messages],
        "outcome": str(prediction.outcome),
        "text": said,
        "reasoning": thought or None,
        "tool_calls": prediction.tool_calls,
        "finish_reason": prediction.finish_reason,
        "served_model": prediction.served_model,
        "usage": None if prediction.usage is None else asdict(prediction.usage),
        "cost_usd": answer.cost_usd,
        "price": None if price is None else asdict(price),
        "timing": {
            "first_token_s": timing.first_token_s,
            "total_s": timing.service_s,
            "elapsed_s": round(answer.elapsed_s, 6),
            "backoff_s": round(timing.backoff_s, 6),
            "tokens_per_second": None if answer.tokens_per_second is None else round(answer.tokens_per_second, 3),
            "attempts": prediction.attempts,
        },
        "failure": None if failure is None else {**asdict(failure), "kind": str(failure.kind)},
    }


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else format_count(tokens)
