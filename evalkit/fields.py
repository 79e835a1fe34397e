"""A row to a sample: which column or template gives each of its parts."""

from collections.abc import Mapping
from dataclasses import replace

from evalkit.config.schema import FieldsSpec
from evalkit.digest import digest_json
from evalkit.errors import DatasetError
from evalkit.expressions import Pick, compile_pick
from evalkit.located import json_value
from evalkit.records import Json, Message, Sample
from evalkit.shapes import choice_texts, message_turns, single_text

__all__ = ["SampleMaker", "as_row", "content_digest"]

_DEFAULTS = {"id": ("id",), "input": ("input", "question", "prompt"), "target": ("target", "answer")}
_HASH_CHARS = 12


class SampleMaker:
    """Makes the samples of one dataset, by its `fields` or by the default columns.

    Defaults: id from `id`, else a hash of the row; input from `input`, else `question` or `prompt`; target from
    `target`, else `answer`. All rows are read by the same columns: a default column that comes or goes is an error.
    """

    def __init__(self, fields: FieldsSpec, group_by: str | None = None) -> None:
        given = fields.model_dump(exclude_none=True, exclude={"slices"})
        if "images" in given:
            raise DatasetError("fields.images is not yet available; leave it out")
        self._picks: dict[str, Pick] = {part: compile_pick(text, f"fields.{part}") for part, text in given.items()}
        if group_by is not None and "group" not in self._picks:
            self._picks["group"] = compile_pick(group_by, "stats.group_by")
        slices = fields.slices or {}
        named = slices if isinstance(slices, dict) else {column: column for column in slices}
        self._slices = {name: compile_pick(text, f"fields.slices.{name}") for name, text in named.items()}
        self._defaults: dict[str, str | None] = {}
        self._has_fields = bool(given or named)

    def make(self, row: Mapping[str, Json], index: int) -> Sample:
        """Return the sample of one row.

        Raises:
            DatasetError: a part is missing or of the wrong shape; the message does not say where the row lies.
        """
        messages = message_turns(self._value("messages", row, index))
        sample = Sample(
            id=self._id(row, index),
            input=self._input(row, index, messages),
            target=self._value("target", row, index),
            choices=choice_texts(self._value("choices", row, index)),
            messages=messages,
            group=self._group(row, index),
            slices={
                name: single_text(pick(row, index), f"fields.slices.{name}") for name, pick in self._slices.items()
            },
            fields=row,
            index=index,
        )
        return replace(sample, digest=content_digest(sample))

    def adopt(self, sample: Sample, index: int) -> Sample:
        """Return a sample that a source made itself, with its place and digest.

        Raises:
            DatasetError: it cannot be one (empty id, no JSON), or `fields` are configured for it.
        """
        if self._has_fields:
            raise DatasetError("fields cannot be given for Samples; return dicts, or leave fields out")
        if sample.input is None:
            raise DatasetError("the Sample has no input")
        made = replace(
            sample,
            id=_own_id(sample.id, "Sample.id"),
            input=json_value(sample.input, "Sample.input"),
            target=json_value(sample.target, "Sample.target"),
            group=sample.group if sample.group is not None else self._group(as_row(sample), index),
            fields=json_value(sample.fields, "Sample.fields"),
            index=index,
        )
        return replace(made, digest=content_digest(made))

    @property
    def hashes_ids(self) -> bool:
        """Whether ids are hashes of the rows, so far."""
        return "id" not in self._picks and self._defaults.get("id", "") is None

    def _value(self, part: str, row: Mapping[str, Json], index: int) -> Json:
        if (pick := self._picks.get(part)) is not None:
            return pick(row, index)
        column = self._default(part, row) if part in _DEFAULTS else None
        return None if column is None else row[column]

    def _default(self, part: str, row: Mapping[str, Json]) -> str | None:
        present = [column for column in _DEFAULTS[part] if column in row]
        chosen = present[0] if present else None
        if part == "input" and present[:2] == ["question", "prompt"]:
            raise DatasetError("the columns 'question' and 'prompt' could both be the input; name one in fields.input")
        first = self._defaults.setdefault(part, chosen)
        if chosen != first:
            was = "no such column" if first is None else f"the column {first!r}"
            now = "none" if chosen is None else f"{chosen!r}"
            raise DatasetError(f"earlier rows give the {part} by {was}, this one by {now}; name one in fields.{part}")
        return chosen

    def _id(self, row: Mapping[str, Json], index: int) -> str:
        value = self._value("id", row, index)
        if self.hashes_ids:
            return digest_json(row)[:_HASH_CHARS]
        return _own_id(value, "fields.id" if "id" in self._picks else "the column 'id'")

    def _input(self, row: Mapping[str, Json], index: int, messages: tuple[Message, ...] | None) -> Json:
        value = self._value("input", row, index)
        if value is None and messages and "input" not in self._picks and self._defaults["input"] is None:
            return next(
                (message.content for message in reversed(messages) if message.role == "user"), messages[-1].content
            )
        if value is None:
            told = "fields.input is null" if "input" in self._picks else "the input is null"
            if "input" not in self._picks and self._defaults["input"] is None:
                told = f"there is no column 'input', 'question' or 'prompt'; name one in fields.input: {', '.join(row)}"
            raise DatasetError(told)
        return value

    def _group(self, row: Mapping[str, Json], index: int) -> str | None:
        if "group" not in self._picks:
            return None
        value = self._picks["group"](row, index)
        if value is None or value == "":
            raise DatasetError("the group is empty; every sample needs one")
        return single_text(value, "fields.group")


def as_row(item: Mapping[str, Json] | Sample) -> Mapping[str, Json]:
    """Return the columns of what a source yielded; those of a Sample are its fields with its id, input and target."""
    if isinstance(item, Sample):
        return {**item.fields, "id": item.id, "input": item.input, "target": item.target}
    return item


def content_digest(sample: Sample) -> str:
    """Return the digest of id, input, target, choices and messages: samples with the same one are the same content."""
    turns = (
        None if sample.messages is None else [{"role": turn.role, "content": turn.content} for turn in sample.messages]
    )
    return digest_json(
        {"id": sample.id, "input": sample.input, "target": sample.target, "choices": sample.choices, "messages": turns}
    )


def _own_id(value: Json, name: str) -> str:
    text = "" if value is None else single_text(value, name)
    if not text.strip():
        raise DatasetError(f"{name} is empty; every sample needs an id")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise DatasetError(
            f"{name} holds half of a character (a lone surrogate), which no file can keep; mend the data"
        )
    return text
