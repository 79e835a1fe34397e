"""Rows of a Hugging Face dataset: from the hub, pinned to a commit, or from a local folder in the same layout."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from evalkit.errors import DatasetError
from evalkit.hub import Hub
from evalkit.located import LocatedRow, located_row
from evalkit.records import Json

__all__ = ["Hf"]

_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Hf:
    """Load a dataset of the Hugging Face hub, or a local folder, through the `datasets` library.

    `hf` is a name on the hub or a folder; an existing folder below `base_dir` wins. Once loaded, `resolved` says what
    was read: of the hub the commit, so that the same rows can be asked for again.
    """

    hf: str
    split: str | None = None
    config: str | None = None
    revision: str | None = None
    streaming: bool = False
    base_dir: Path = Path()
    resolved: dict[str, Json] = field(default_factory=dict[str, Json], init=False, compare=False)

    def load(self) -> Iterator[LocatedRow]:
        """Yield the rows of the split.

        Raises:
            DatasetError: no network, no such dataset, configuration or split, or rows that cannot be read.
        """
        if not self.split:
            raise DatasetError(f"hf: {self.hf!r} needs a split, such as split: test")
        rows = iter(cast("Any", _guarded(self._opened, self._named)))
        number = 0
        while (row := _guarded(lambda: next(rows, None), f"{self._named}, row {number + 1}")) is not None:
            number += 1
            yield located_row(cast("Mapping[Any, object]", row), f"{self._named}, row ", number, keeps_bytes=True)
        if not number:
            raise DatasetError(f"{self._named}: the split holds no rows")

    @property
    def _named(self) -> str:
        return f"{self.hf}{f'/{self.config}' if self.config else ''}[{self.split}]"

    def _opened(self) -> object:
        folder = self._folder()
        place, commit, online = (str(folder), None, False) if folder else (self.hf, *self._pinned())
        found, read = self._loaded(place, commit, streaming=self.streaming and (online or folder is not None))
        if not folder and commit not in {None, read}:
            raise DatasetError(
                f"hf: {self.hf!r} is wanted at {commit}, but the library took the cached {read};"
                " connect to the hub, or set revision to the cached commit"
            )
        self.resolved.update(source="folder" if folder else "hub", name=self.hf, config=self.config, split=self.split)
        self.resolved.update({} if folder else {"revision": read})
        return found

    def _loaded(self, place: str, commit: str | None, *, streaming: bool) -> tuple[object, str | None]:
        """Return the rows and their commit: the library reads any cached one when it cannot reach the hub."""
        library: Any = importlib.import_module("datasets")  # by name, for it has no types
        library.disable_progress_bars()
        importlib.import_module("huggingface_hub.utils").disable_progress_bars()
        if streaming:
            builder = library.load_dataset_builder(place, name=self.config, revision=commit)
            found = builder.as_streaming_dataset(split=self.split)
            return (_undecoded(found) if found.features else found), builder.hash
        found = library.load_dataset(place, name=self.config, split=self.split, revision=commit)
        return _undecoded(found), _commit_of(found)

    def _folder(self) -> Path | None:
        """Return the local folder that `hf` names, None for a name on the hub."""
        folder = self.base_dir / Path(self.hf).expanduser()
        if folder.is_dir():
            return folder
        if self.hf.startswith((".", "/", "~")):
            raise DatasetError(f"hf: there is no folder {self.hf!r} in {self.base_dir.absolute()}")
        if Path(self.hf).is_dir():
            raise DatasetError(
                f"hf: the folder {Path(self.hf).absolute()} would be read in place of the hub's {self.hf!r};"
                " rename it, or run from elsewhere"
            )
        return None

    def _pinned(self) -> tuple[str | None, bool]:
        """Return the commit to load, as the hub says or offline as the config says, and whether the hub was asked."""
        from huggingface_hub import constants, get_token

        if constants.HF_HUB_OFFLINE:
            return self.revision, False
        return Hub(endpoint=constants.ENDPOINT, token=get_token()).commit_of(self.hf, self.revision), True


def _undecoded(found: Any) -> Any:
    """Return rows whose images are the bytes they were stored as: nothing is decompressed, so nothing is lost."""
    if not any(_is_media(feature) for feature in found.features.values()):
        return found
    return (found.to_iterable_dataset() if hasattr(found, "to_iterable_dataset") else found).decode(enable=False)


def _is_media(feature: Any) -> bool:
    """Tell a feature that the library would decode, also inside lists and structures."""
    if isinstance(feature, dict):
        return any(_is_media(each) for each in cast("dict[str, Any]", feature).values())
    inner: Any = cast("list[Any]", feature)[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    return hasattr(cast("object", feature), "decode_example") or (inner is not None and _is_media(inner))


def _commit_of(found: Any) -> str | None:
    """Return the commit of rows from the hub: the library caches them in a folder of that name."""
    folders = {Path(file["filename"]).parent.name for file in found.cache_files}
    return folders.pop() if len(folders) == 1 else None


def _guarded(read: Callable[[], object], where: str) -> object:
    """Call into the library; whatever it raises becomes an error that says where."""
    try:
        return read()
    except DatasetError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        empty = isinstance(cause, StopIteration)  # all that the library says of an empty file
        reason = "a file of the split is empty" if empty else " ".join(f"{type(cause).__name__}: {cause}".split())
        raise DatasetError(f"{where}: {reason[:_LONGEST_REASON]}") from error
