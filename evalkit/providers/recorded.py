"""Answers that were produced elsewhere, read from files and scored here."""

import functools
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from evalkit.digest import digest_json
from evalkit.errors import DatasetError
from evalkit.expressions import compile_pick
from evalkit.listed_models import ListedModel
from evalkit.local_weights import file_sha256
from evalkit.protocols import Model, ProviderContext
from evalkit.recorded_answers import PARTS, AnswerTable, Template, read_table
from evalkit.records import Failure, FailureKind, Prediction, Request
from evalkit.registry import nearest
from evalkit.triage import failed

__all__ = ["Recorded"]

_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NAMES_ROW = re.compile(r"\b(?:row|index)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Score answers from a file instead of asking a model.

    Attributes:
        path: the file (jsonl, json, csv, tsv, parquet); may be a template over `model`, and over `row` and `index`
            of the sample that is asked for.
        fields: column or template for each part of an answer: id or input (what joins it to a sample), text,
            model (other models' rows are skipped), trial, finish_reason, reasoning, usage, latency_s, served_model.
        order: join by place: the n-th row answers the dataset's n-th row.
        base_dir: where a relative path starts; the config's folder.
    """

    path: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    order: bool = False
    base_dir: Path = Path()

    takes_images: ClassVar[bool] = True
    """Whoever answered saw them."""

    def __post_init__(self) -> None:
        for part in self.fields:
            if part not in PARTS:
                raise ValueError(f"fields has no part {part!r}{nearest(part, PARTS)}")
        if self.order and (others := {"id", "input", "trial"} & set(self.fields)):
            raise ValueError(f"order: true joins rows by their place; leave {', '.join(sorted(others))} out of fields")

    @property
    def url(self) -> str:
        """The digest of the files and of how they are read: other answers, other calls.

        Raises:
            DatasetError: no file is there.
        """
        files = self._files()
        if not files:
            raise DatasetError(f"recorded answers: no file matches {self.path!r} in {self.base_dir.absolute()}")
        digests = [[str(file.relative_to(self._root)), file_sha256(file)] for file in files]
        return f"recorded:{digest_json([digests, self.path, dict(self.fields), self.order])}"

    @property
    def concurrency(self) -> int | None:
        """None: reading has no limit."""
        return None

    def open(self, context: ProviderContext) -> AbstractAsyncContextManager[Model]:
        """Read the answers of every model that the run asks for.

        Raises:
            DatasetError: a file cannot be read, a row lacks a field, or two rows answer the same sample.
        """
        return _opened(self, context)

    @property
    def _root(self) -> Path:
        return Path(Path(self.path).anchor or self.base_dir)

    def _files(self) -> list[Path]:
        pattern = _EXPRESSION.sub("*", self.path)
        if pattern == self.path:
            file = self.base_dir / self.path
            return [file] if file.is_file() else []
        relative = pattern.removeprefix(Path(pattern).anchor)
        return sorted(file for file in self._root.glob(relative) if file.is_file())


@asynccontextmanager
async def _opened(options: Recorded, context: ProviderContext) -> AsyncGenerator[Model]:
    model = _RecordedModel(options)
    if not model.path_needs_sample:
        for name in context.models:
            model.table(options.path if model.path is None else str(model.path({"model": name}, 0)), name)
    yield model


class _RecordedModel:
    """Finds the recorded answer to a request; one that is missing is that sample's rejection, never a guess."""

    def __init__(self, options: Recorded) -> None:
        is_template = _EXPRESSION.search(options.path) is not None
        self.path = compile_pick(options.path, "path") if is_template else None
        self.path_needs_sample = any(_NAMES_ROW.search(part) for part in _EXPRESSION.findall(options.path))
        self._options = options
        self._fields = {part: Template(text, f"fields.{part}") for part, text in options.fields.items()}
        self.table = functools.cache(self._read)

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the recorded answer."""
        sample = request.sample
        row = {**sample.fields, "row": sample.fields, "model": request.model}
        try:
            file = self._options.path if self.path is None else str(self.path(row, sample.index))
            found = self.table(file, request.model).find(request)
        except DatasetError as error:
            found = str(error)
        if isinstance(found, str):
            return failed(Failure(FailureKind.REJECTED, found))
        if on_text is not None and found.text:
            on_text(found.text)
        return found

    async def list_models(self) -> tuple[ListedModel, ...] | None:
        """Return None: which models were recorded is for the config to say."""
        return None

    def _read(self, path: str, model: str) -> AnswerTable:
        file = self._options.base_dir / path
        return read_table(file, path, self._fields, model, by_order=self._options.order)
