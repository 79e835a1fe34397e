"""`samples.parquet`: one row for each sample, trial and scorer, for pandas, DuckDB, anything."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from evalkit.codec import encode_json
from evalkit.journal_reader import JournalReader, StoredResult
from evalkit.records import Json, Prediction, Sample
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.tokens import billed_tokens

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_samples"]

_ROWS_A_GROUP = 20_000
_TEXTS = ("evaluation", "model", "model_id", "sample_id", "scorer", "score_outcome", "prediction_outcome")
_LONG_TEXTS = (
    *("input", "target", "text", "tool_calls", "answer", "reason"),
    *("finish_reason", "served_model", "fingerprint", "group", "slices"),
)
_COUNTS = ("trial", "attempts", "prompt_tokens", "completion_tokens")
_NUMBERS = ("value", "latency_s", "queue_s", "backoff_s", "first_byte_s", "first_token_s", "cost_usd")


def write_samples(folder: RunFolder) -> None:
    """Write `samples.parquet` of a stored run, a group of rows at a time, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder.path / "samples.parquet"
    beside = path.with_suffix(".parquet.part")
    schema = _schema()
    run = folder.load()
    with folder.reader() as reader, pq.ParquetWriter(beside, schema, compression="zstd", use_dictionary=True) as writer:
        for rows in _groups(_rows(run, reader)):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    beside.replace(path)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    texts = [(name, pa.string()) for name in _TEXTS + _LONG_TEXTS]
    counts = [(name, pa.int64()) for name in _COUNTS]
    return pa.schema([*texts, *counts, *((name, pa.float64()) for name in _NUMBERS)])


def _groups(rows: Iterator[dict[str, Json]]) -> Iterator[list[dict[str, Json]]]:
    group: list[dict[str, Json]] = []
    for row in rows:
        group.append(row)
        if len(group) == _ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def _rows(run: RunResult, reader: JournalReader) -> Iterator[dict[str, Json]]:
    prices = {cell.key: cell.price for cell in run.cells}
    for cell in run.plan["cells"]:
        samples = {sample.id: sample for sample in reader.samples(cell["dataset"])}
        for stored in reader.results(cell["key"]):
            cost_usd = _cost_usd(stored.result.prediction, prices.get(cell["key"]))
            for row in _scores(cell, samples[stored.result.sample_id], stored):
                yield row | {"cost_usd": cost_usd}


def _scores(cell: dict[str, Json], sample: Sample, stored: StoredResult) -> Iterator[dict[str, Json]]:
    result = stored.result
    shared: dict[str, Json] = {
        "evaluation": cell["evaluation"],
        "model": cell["model"],
        "model_id": cell["model_id"],
        "sample_id": sample.id,
        "trial": result.trial,
        "input": _text(sample.input),
        "target": _text(sample.target),
        "group": sample.group,
        "slices": encode_json(dict(sample.slices)) if sample.slices else None,
        **_call(result.prediction),
    }
    for scorer, score in result.scores.items():
        answer = result.prediction.text if score.answer is None and score.value is not None else score.answer
        yield shared | {
            "scorer": scorer,
            "value": score.value,
            "score_outcome": score.outcome.value,
            "answer": _text(answer),
            "reason": _text(score.reason) or None,
        }


def _call(prediction: Prediction) -> dict[str, Json]:
    usage, timing = prediction.usage, prediction.timing
    return {
        "prediction_outcome": prediction.outcome.value,
        "text": _text(prediction.text),
        "tool_calls": _text(prediction.tool_calls),
        "finish_reason": _text(prediction.finish_reason),
        "served_model": _text(prediction.served_model),
        "fingerprint": _text(prediction.fingerprint),
        "attempts": prediction.attempts,
        "latency_s": timing.service_s,
        "queue_s": timing.queue_s,
        "backoff_s": timing.backoff_s,
        "first_byte_s": timing.first_byte_s,
        "first_token_s": timing.first_token_s,
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "completion_tokens": None if usage is None else usage.completion_tokens,
    }


def _cost_usd(prediction: Prediction, price: Mapping[str, float] | None) -> float | None:
    """Return what one call's tokens cost, None where price or tokens are not known."""
    prompt, completion = billed_tokens(prediction)
    if price is None or prompt is None or completion is None:
        return None
    return (prompt * price["input"] + completion * price["output"]) / 1e6


def _text(value: Json) -> str | None:
    """Return text as it is, but for what UTF-8 cannot carry; other values as JSON."""
    if value is None:
        return None
    text = value if isinstance(value, str) else encode_json(value)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
