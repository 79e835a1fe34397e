"""A row to a sample: which column or template gives each of its parts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from evalkit.config.schema import FieldsSpec
from evalkit.digest import digest_json
from evalkit.errors import DatasetError
from evalkit.expressions import Pick, compile_pick
from evalkit.image_references import image_sha256
from evalkit.image_shelf import ImageShelf
from evalkit.image_values import ImageReader
from evalkit.located import LocatedRow, json_value
from evalkit.records import Image, Json, Message, Sample
from evalkit.shapes import choice_texts, message_turns, single_text

__all__ = ["SampleMaker", "as_row", "content_digest"]

_DEFAULTS = {"id": ("id",), "input": ("input", "question", "prompt"), "target": ("target", "answer")}
_HASH_CHARS = 12


class SampleMaker:
    """Makes the samples of one dataset, by its `fields` or by the default columns.

    Defaults: id from `id`, else a hash of the row; input from `input`, else `question` or `prompt`; target from
    `target`, else `answer`. All rows are read by the same columns: a default column that comes or goes is an error.
    """

    def __init__(self, fields: FieldsSpec, group_by: str | None = None, *, folder: Path = Path()) -> None:
        """Let the paths of images start at `folder`, where a row does not know its own."""
        given = fields.model_dump(exclude_none=True, exclude={"slices", "images"})
        named_images = [fields.images] if isinstance(fields.images, str) else fields.images or []
        self._image_picks = [compile_pick(text, "fields.images", keeps_bytes=True) for text in named_images]
        self.shelf = ImageShelf()
        self._images = ImageReader(self.shelf, folder)
        self._picks: dict[str, Pick] = {part: compile_pick(text, f"fields.{part}") for part, text in given.items()}
        if group_by is not None and "group" not in self._picks:
            self._picks["group"] = compile_pick(group_by, "stats.group_by")
        slices = fields.slices or {}
        named = slices if isinstance(slices, dict) else {column: column for column in slices}
        self._slices = {name: compile_pick(text, f"fields.slices.{name}") for name, text in named.items()}
        self._defaults: dict[str, str | None] = {}
        self._has_fields = bool(given or named or named_images)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the images of the row that was last made a sample."""
        return tuple(self._images.faults)

    def make(self, row: Mapping[str, Json], index: int) -> Sample:
        """Return the sample of one row.

        Raises:
            DatasetError: a part is missing or of the wrong shape; the message does not say where the row lies. An
                image that cannot be read is among `faults` instead, so that every one of a dataset is told.
        """
        self._images.next_row()
        folder = row.folder if isinstance(row, LocatedRow) else None
        found = [pick(row, index) for pick in self._image_picks]
        images = self._images.read(found, folder)
        messages = self._read_turns(message_turns(self._value("messages", row, index)), folder)
        question = self._images.read_parts(self._input(row, index, messages), folder)
        row = self._without_bytes(row)
        sample = Sample(
            id=self._id(row, index),
            input=question,
            target=self._value("target", row, index),
            choices=choice_texts(self._value("choices", row, index)),
            messages=messages,
            images=images,
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
        self._images.next_row()
        made = replace(
            sample,
            id=_own_id(sample.id, "Sample.id"),
            input=self._images.read_parts(json_value(sample.input, "Sample.input"), None),
            target=json_value(sample.target, "Sample.target"),
            messages=self._read_turns(sample.messages, None),
            images=self._images.read(list(sample.images), None),
            group=sample.group if sample.group is not None else self._group(as_row(sample), index),
            fields=self._images.without_bytes(json_value(sample.fields, "Sample.fields")),
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

    def _read_turns(self, turns: tuple[Message, ...] | None, folder: Path | None) -> tuple[Message, ...] | None:
        """Return messages with the images in them by reference."""
        if turns is None:
            return None
        return tuple(
            turn
            if (content := self._images.read_parts(turn.content, folder)) is turn.content
            else Message(turn.role, content)
            for turn in turns
        )

    def _without_bytes(self, row: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return the row with references where its images were: it is journaled, and images are kept once, apart."""
        bytes_at = row.bytes_at if isinstance(row, LocatedRow) else ""
        if bytes_at and not self._image_picks:
            raise DatasetError(f"{bytes_at} holds bytes, which has no JSON form; if it is an image, say fields.images")
        if not (bytes_at or self._images.has_read):
            return row
        plain = cast("Mapping[str, Json]", self._images.without_bytes(row))
        return row.with_values(plain.items()) if isinstance(row, LocatedRow) else plain

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
    """Return the digest of id, input, target, choices, messages and images: the same one says the same content."""
    turns = (
        None if sample.messages is None else [{"role": turn.role, "content": turn.content} for turn in sample.messages]
    )
    content: dict[str, Json] = {
        "id": sample.id,
        "input": sample.input,
        "target": sample.target,
        "choices": sample.choices,
        "messages": turns,
    }
    if sample.images:
        content["images"] = [_content_of(image) for image in sample.images]
    return digest_json(content)


def _content_of(image: Image) -> str:
    return image_sha256(image.reference) or image.reference


def _own_id(value: Json, name: str) -> str:
    text = "" if value is None else single_text(value, name)
    if not text.strip():
        raise DatasetError(f"{name} is empty; every sample needs an id")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise DatasetError(
            f"{name} holds half of a character (a lone surrogate), which no file can keep; mend the data"
        )
    return text
