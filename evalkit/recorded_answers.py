"""A file of answers to a table by sample: rows joined by id, by input or by order; a doubled row is an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.chat_answer import as_object
from evalkit.digest import canonical_json
from evalkit.errors import DatasetError
from evalkit.expressions import compile_pick
from evalkit.located import place_of
from evalkit.records import Json, Prediction, PredictionOutcome, Request, Timing, Usage
from evalkit.registry import nearest
from evalkit.rowfiles import read_rows
from evalkit.shapes import single_text

__all__ = ["PARTS", "AnswerTable", "Template", "read_table"]

PARTS = ("id", "input", "text", "model", "trial", "finish_reason", "reasoning", "usage", "latency_s", "served_model")
"""What `fields` may name."""

_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


class Template:
    """A column's name, or a template over `row`, `model`, `index` and the row's columns."""

    def __init__(self, text: str, name: str) -> None:
        self._is_column = "{{" not in text and "{%" not in text
        self._pick = compile_pick(text, name)

    def value(self, row: Mapping[str, Json], model: str, index: int) -> Json:
        """Return the value for one row.

        Raises:
            DatasetError: a column or name is not there.
        """
        return self._pick(row if self._is_column else {**row, "row": row, "model": model}, index)


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The recorded answers of one model, by the key that joins them to samples and trials."""

    shown: str
    joined_by: str
    has_trials: bool
    answers: Mapping[tuple[Json, int], Prediction]

    def find(self, request: Request) -> Prediction | str:
        """Return the answer to a request, or why there is none."""
        sample, trial = request.sample, request.key.trial
        keys: dict[str, Json] = {"id": sample.id, "input": canonical_json(sample.input), "order": sample.index}
        answer = self.answers.get((keys[self.joined_by], trial))
        if answer is not None:
            return answer
        if trial and not self.has_trials:
            return f"{self.shown} holds one answer for each sample, and trial {trial} is asked for; name fields.trial"
        which = {
            "id": f"id {sample.id!r}",
            "input": f"the input of sample {sample.id!r}",
            "order": f"row {sample.index}",
        }
        return f"{self.shown} holds no answer for {which[self.joined_by]}"


def read_table(file: Path, shown: str, fields: Mapping[str, Template], model: str, *, by_order: bool) -> AnswerTable:
    """Return one model's answers from a file.

    Raises:
        DatasetError: the file cannot be read, a field is missing in a row, or two rows answer the same sample.
    """
    answers: dict[tuple[Json, int], Prediction] = {}
    places: dict[tuple[Json, int], str] = {}
    fields, joined_by = dict(fields), ""
    for index, row in enumerate(read_rows(file, shown)):
        place = place_of(row, index)
        if not joined_by:
            fields, joined_by = _settle(fields, row, by_order=by_order, shown=shown)
        parts = _parts(fields, row, model, index, place)
        if "model" in parts and parts["model"] != model:
            continue
        key = (_key(joined_by, parts, len(answers), place), _trial(parts, place))
        if key in answers:
            raise DatasetError(
                f"{place}: answers the same {joined_by} as {places[key]}; keep one row for each sample,"
                " name fields.trial, or join by place with order: true"
            )
        answers[key], places[key] = _prediction(parts, place), place
    if not answers:
        raise DatasetError(f"{shown}: no row is an answer of model {model!r}")
    return AnswerTable(shown, joined_by, "trial" in fields, answers)


def _settle(
    fields: Mapping[str, Template], row: Mapping[str, Json], *, by_order: bool, shown: str
) -> tuple[dict[str, Template], str]:
    """Return the fields with the default columns that the first row has, and what joins rows to samples."""
    settled = {part: Template(part, f"fields.{part}") for part in ("id", "input", "text") if part in row} | dict(fields)
    if "text" not in settled:
        raise DatasetError(f"{shown}: fields.text is needed: which column holds the answer?{nearest('text', row)}")
    named = [part for part in ("id", "input") if part in fields]
    if by_order:
        return {part: template for part, template in settled.items() if part not in {"id", "input"}}, "order"
    joined_by = next(iter(named), next((part for part in ("id", "input") if part in settled), ""))
    if not joined_by:
        raise DatasetError(
            f"{shown}: name fields.id or fields.input, or say order: true; its columns: {', '.join(row)}"
        )
    return {
        part: template for part, template in settled.items() if part not in {"id", "input"} or part == joined_by
    }, joined_by


def _parts(
    fields: Mapping[str, Template], row: Mapping[str, Json], model: str, index: int, place: str
) -> dict[str, Json]:
    parts: dict[str, Json] = {}
    try:
        if "model" in fields:
            parts["model"] = fields["model"].value(row, model, index)
            if parts["model"] != model:
                return parts
        for part, template in fields.items():
            parts[part] = template.value(row, model, index)
    except DatasetError as error:
        raise DatasetError(f"{place}: {error}") from None
    return parts


def _key(joined_by: str, parts: Mapping[str, Json], order: int, place: str) -> Json:
    if joined_by == "order":
        return order
    if parts[joined_by] is None:
        raise DatasetError(f"{place}: the {joined_by} that joins this answer to a sample is null")
    return single_text(parts["id"], f"{place}: fields.id") if joined_by == "id" else canonical_json(parts["input"])


def _trial(parts: Mapping[str, Json], place: str) -> int:
    trial = parts.get("trial", 0)
    number = int(trial) if isinstance(trial, str) and trial.isdecimal() else trial
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise DatasetError(f"{place}: fields.trial must be a number from 0, not {trial!r}")
    return number


def _prediction(parts: Mapping[str, Json], place: str) -> Prediction:
    text = parts["text"]
    if text is not None and not isinstance(text, str):
        text = single_text(text, f"{place}: fields.text")
    finish_reason = _optional(parts, "finish_reason", place, str)
    latency_s = _optional(parts, "latency_s", place, (int, float))
    return Prediction(
        PredictionOutcome.TRUNCATED if finish_reason == "length" else PredictionOutcome.OK,
        text=text or "",
        usage=_usage(parts.get("usage")),
        timing=Timing() if latency_s is None else Timing(service_s=float(latency_s)),
        finish_reason=finish_reason,
        reasoning=_optional(parts, "reasoning", place, str),
        served_model=_optional(parts, "served_model", place, str),
    )


def _optional(parts: Mapping[str, Json], part: str, place: str, kind: type | tuple[type, ...]) -> Json:
    value = parts.get(part)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise DatasetError(f"{place}: fields.{part} gives {type(value).__name__}, which cannot be its value")
    return value


def _usage(raw: Json) -> Usage | None:
    counts = [as_object(raw).get(name) for name in _TOKENS]
    numbers = [count if isinstance(count, int) and not isinstance(count, bool) else None for count in counts]
    return Usage(*numbers) if any(number is not None for number in numbers) else None
