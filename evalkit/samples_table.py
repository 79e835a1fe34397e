"""`samples.parquet`: one row for each sample, trial and scorer, for pandas, DuckDB, anything."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evalkit.codec import encode_json
from evalkit.journal_reader import JournalReader, StoredResult
from evalkit.records import Json, Prediction, Sample
from evalkit.results import RunResult
from evalkit.store import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_samples"]

_ROWS_A_GROUP = 20_000
_TEXTS = ("evaluation", "model", "model_id", "sample_id", "scorer", "score_outcome", "prediction_outcome")
_LONG_TEXTS = ("input", "target", "text", "answer", "reason", "finish_reason", "served_model", "group", "slices")


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
    counts = [(name, pa.int64()) for name in ("trial", "prompt_tokens", "completion_tokens")]
    return pa.schema([*texts, *counts, ("value", pa.float64()), ("latency_s", pa.float64())])


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
    for cell in run.plan["cells"]:
        samples = {sample.id: sample for sample in reader.samples(cell["dataset"])}
        for stored in reader.results(cell["key"]):
            yield from _scores(cell, samples[stored.result.sample_id], stored)


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
    usage = prediction.usage
    return {
        "prediction_outcome": prediction.outcome.value,
        "text": _text(prediction.text),
        "finish_reason": prediction.finish_reason,
        "served_model": prediction.served_model,
        "latency_s": prediction.timing.service_s,
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "completion_tokens": None if usage is None else usage.completion_tokens,
    }


def _text(value: Json) -> str | None:
    """Return text as it is, but for what UTF-8 cannot carry; other values as JSON."""
    if value is None:
        return None
    text = value if isinstance(value, str) else encode_json(value)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
