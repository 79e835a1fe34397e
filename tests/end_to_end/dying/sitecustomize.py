"""Kill this process without a word where EVALKIT_TEST_DIES says: python imports this file when it starts.

`module:function` dies when the function is entered, `module:function>` when it has returned, `...#3` the third time.
Children, which are told the same, die there too unless EVALKIT_TEST_DIES is none of their modules' functions.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Place:
    """One function of one module, and when to die there."""

    def __init__(self, text: str) -> None:
        text, _, count = text.partition("#")
        self.is_after = text.endswith(">")
        self.module, _, self.function = text.removesuffix(">").partition(":")
        self._left = itertools.count(1 - int(count or 1))

    def arm(self, module: ModuleType) -> None:
        """Put the deadly function in place of the real one."""
        *outer, name = self.function.split(".")
        owner: Any = functools.reduce(getattr, outer, module)
        found = inspect.getattr_static(owner, name)
        is_static = isinstance(found, (classmethod, staticmethod))
        armed = self._armed(found.__func__ if is_static else found)
        setattr(owner, name, type(found)(armed) if is_static else armed)

    def _armed(self, real: Any) -> Any:
        @functools.wraps(real)
        def plain(*args: Any, **kwargs: Any) -> Any:
            self._reach(after=False)
            result = real(*args, **kwargs)
            self._reach(after=True)
            return result

        @functools.wraps(real)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            self._reach(after=False)
            result = await real(*args, **kwargs)
            self._reach(after=True)
            return result

        return awaited if inspect.iscoroutinefunction(real) else plain

    def _reach(self, *, after: bool) -> None:
        if after is self.is_after and next(self._left) == 0:
            _die()


class _Finder(importlib.abc.MetaPathFinder):
    """Arms the one module once it has been imported, before anybody takes a name from it."""

    def __init__(self, place: _Place) -> None:
        self._place = place

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._place.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def run_and_arm(module: ModuleType) -> None:
            run(module)
            self._place.arm(module)

        spec.loader.exec_module = run_and_arm  # type: ignore[method-assign]  # this spec's own loader
        return spec


if place := os.environ.get("EVALKIT_TEST_DIES"):
    sys.meta_path.insert(0, _Finder(_Place(place)))
