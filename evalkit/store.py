"""A run folder to and from disk: atomic, schema-versioned."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evalkit.errors import StoreError
from evalkit.journal_reader import JournalReader
from evalkit.records import Json
from evalkit.results import CellResult, RunResult

__all__ = ["SCHEMA_VERSION", "RunFolder", "decode_cell", "encode_cell", "write_atomically"]

SCHEMA_VERSION = 1
_MENDING = "restore it from a copy, or move this run's folder away and run its config again"


@dataclasses.dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run: run.json, calls.sqlite and what is made from them."""

    path: Path

    @property
    def run_json(self) -> Path:
        """The contract: plan, metrics, versions."""
        return self.path / "run.json"

    @property
    def journal(self) -> Path:
        """The SQLite file of calls and results."""
        return self.path / "calls.sqlite"

    @property
    def images(self) -> Path:
        """The folder of the images that were shown, each under its digest."""
        return self.path / "images"

    def load(self) -> RunResult:
        """Read run.json.

        Raises:
            StoreError: it is missing, broken, or of another schema version.
        """
        try:
            plain = json.loads(self.run_json.read_text(encoding="utf-8"))
            version = plain.get("schema_version")
        except FileNotFoundError:
            raise StoreError(
                f"{self.path}: no run.json there; name a run folder, such as reports/<name>/<run>"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.run_json}: cannot be read ({error.strerror}); check its permissions") from None
        except (ValueError, AttributeError) as error:
            raise StoreError(f"{self.run_json}: damaged ({error}); {_MENDING}") from None
        if version != SCHEMA_VERSION:
            raise StoreError(f"{self.run_json}: schema_version {version}; this evalkit reads {SCHEMA_VERSION}")
        try:
            return _run_adapter().validate_python(plain)  # from Python: JSON's own reader refuses lone surrogates
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise StoreError(f"{self.run_json}: damaged ({where}: {first['msg']}); {_MENDING}") from None

    def save(self, run: RunResult) -> None:
        """Write run.json, whole or not at all."""
        write_atomically(self.run_json, json.dumps(dataclasses.asdict(run), indent=1, ensure_ascii=False) + "\n")

    def replace_weave(self, block: Mapping[str, Json] | None) -> None:
        """Replace the weave block of run.json and nothing else."""
        self.save(dataclasses.replace(self.load(), weave=block))

    def reader(self) -> JournalReader:
        """Open the journal for reading."""
        return JournalReader(self.journal)


def encode_cell(cell: CellResult) -> dict[str, Json]:
    """Return a cell as in run.json."""
    return dataclasses.asdict(cell)


def decode_cell(plain: Mapping[str, Json]) -> CellResult:
    """Read what `encode_cell` made."""
    return _cell_adapter().validate_python(dict(plain))


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file beside its place and move it there, so that no reader ever sees half of it."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@cache
def _run_adapter() -> TypeAdapter[RunResult]:
    return TypeAdapter(RunResult)


@cache
def _cell_adapter() -> TypeAdapter[CellResult]:
    return TypeAdapter(CellResult)
