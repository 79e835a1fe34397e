"""Rows from a function of the user's own."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from evalkit.errors import DatasetError
from evalkit.located import LocatedRow, located_row
from evalkit.records import Sample

__all__ = ["Python"]

_NOT_THEIRS = ("<frozen", __file__, importlib.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """Call `module:function`, found beside the config or installed; it returns dicts or Samples."""

    python: str
    base_dir: Path = Path()

    def load(self) -> Iterator[LocatedRow | Sample]:
        """Yield what the function returns, in its order.

        Raises:
            DatasetError: the function cannot be found, raises, or returns something else than rows.
        """
        with _importable(self.base_dir):
            for number, row in enumerate(self._returned(self._function()), 1):
                if isinstance(row, Sample):
                    yield row
                elif isinstance(row, Mapping):
                    where = f"{self.python}, row "
                    yield located_row(cast("Mapping[Any, object]", row), where, number, keeps_bytes=True)
                else:
                    raise DatasetError(
                        f"{self.python}, row {number}: is a {type(row).__name__}; a row is a dict or a Sample"
                    )

    def _function(self) -> Callable[[], object]:
        module_name, _, name = self.python.partition(":")
        if not (module_name and name):
            raise DatasetError(f"python: {self.python!r} must be written module:function")
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise DatasetError(f"{self.python}: cannot import {module_name!r}: {_told(error)}") from error
        self._check_origin(module)
        function = getattr(module, name, None)
        if not callable(function):
            raise DatasetError(f"{self.python}: {module.__file__ or module_name} has no function {name!r}")
        return cast("Callable[[], object]", function)

    def _check_origin(self, module: ModuleType) -> None:
        """Refuse a module that was imported from elsewhere although the config's folder holds one of its name."""
        stem = self.base_dir.joinpath(*module.__name__.split("."))
        for own in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if own.is_file() and not (module.__file__ and own.samefile(module.__file__)):
                raise DatasetError(
                    f"{self.python}: {own} is hidden by {module.__file__ or 'a built-in module'}, already imported"
                    " under that name; rename the file"
                )

    def _returned(self, function: Callable[[], object]) -> Iterator[object]:
        number = 0
        try:
            for number, row in enumerate(self._iterable(function()), 1):  # noqa: B007  the number is for the error
                yield row
        except DatasetError:
            raise
        except Exception as error:
            after = f" after row {number}" if number else ""
            raise DatasetError(f"{self.python}: raised{after}: {_told(error)}") from error

    def _iterable(self, found: object) -> Iterable[object]:
        if inspect.iscoroutine(found):
            found.close()
        if not isinstance(found, Iterable) or isinstance(found, (str, bytes, Mapping)):
            kind = type(cast("object", found)).__name__
            raise DatasetError(f"{self.python}: returned a {kind}; it must return an iterable of dicts or Samples")
        return cast("Iterable[object]", found)


@contextmanager
def _importable(folder: Path) -> Generator[None]:
    """Let modules be imported from `folder`, as Python does for the folder of a script."""
    entry = str(folder.absolute())
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # the function may have taken it out itself
            sys.path.remove(entry)


def _told(error: Exception) -> str:
    """Return the error's type, words, and the line of the user's it came from."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_NOT_THEIRS)
    ]
    last = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{last}"
