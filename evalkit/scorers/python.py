"""A function of the user's own judges the answer, in a process of its own."""

import ast
import importlib.util
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from evalkit.digest import digest_json
from evalkit.errors import ConfigError
from evalkit.records import Json, Prediction, Sample, Score, ScoreOutcome
from evalkit.registry import nearest
from evalkit.scorer_process import ScorerProcess

__all__ = ["Python"]

_UNMEASURED = {"measure": False}


@dataclass(frozen=True)
class Python:
    """Call `function(sample, text)` of a module beside the config; it gives a value in [0, 1] (or in `range`).

    `sample` is a dict of id, input, target, choices, group, slices and fields; `text` the extracted answer. It returns
    a bool, a number, {"value": ..., "reason": ...}, or None for no answer. What it prints is thrown away. A time-out,
    crash, exception or value out of range is a scorer error of that sample alone.

    Attributes:
        function: "module:function", imported from the config's folder.
        timeout: seconds that one call may take.
        graded: values lie between 0 and 1, not at its ends.
        range: lowest and highest value, rescaled to [0, 1].
        base_dir: where the module is looked for; the config's folder.
    """

    function: str
    timeout: float = field(default=10.0, metadata=_UNMEASURED)
    graded: bool = True
    range: tuple[float, float] | None = None
    base_dir: Path = field(default=Path(), metadata=_UNMEASURED)

    def __post_init__(self) -> None:
        module, _, name = self.function.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), name)):
            raise ValueError(f"{self.function!r} is not module:function, as in my_scorers:brevity")
        if not 0 < self.timeout < math.inf:
            raise ValueError("timeout is a number of seconds above 0")
        if self.range is not None and not -math.inf < self.range[0] < self.range[1] < math.inf:
            raise ValueError("range is [lowest, highest], the lower first")

    needs_target: ClassVar[bool] = False
    tolerates_text: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        """Graded, unless said otherwise."""
        return "graded" if self.graded else "binary"

    @cached_property
    def source_digest(self) -> str:
        """The name of the function's code: its module's file. Two runs with another file are not comparable.

        Raises:
            ConfigError: the module or the function is not there.
        """
        module, _, name = self.function.partition(":")
        source = _module_file(self.base_dir, module).read_text(encoding="utf-8")
        names = _top_names(source)
        if names is not None and name not in names:
            raise ConfigError(f"scorer function {self.function!r}: {module} has no {name!r}{nearest(name, names)}")
        return digest_json([name, source])

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Ask the function."""
        answer = await self._process.ask(_plain_sample(sample), prediction.text, self.timeout)
        reason = str(answer["reason"])
        if answer["value"] is None:
            return Score(None, reason or "the function returned None", ScoreOutcome.NO_ANSWER)
        value = float(answer["value"])
        low, high = self.range or (0.0, 1.0)
        if not low <= value <= high:
            raise ValueError(f"the function returned {value!r}, outside [{low:g}, {high:g}]")
        value = (value - low) / (high - low)
        if not self.graded and value not in (0.0, 1.0):
            raise ValueError(f"the function returned {answer['value']}, neither true nor false; say graded: true")
        return Score(min(value, 1.0), reason)

    def gold(self, sample: Sample) -> str | None:
        """Return the target as a right answer, where it is a text."""
        return sample.target if isinstance(sample.target, str) and sample.target.strip() else None

    async def close(self) -> None:
        """End the process."""
        await self._process.close()

    @cached_property
    def _process(self) -> ScorerProcess:
        module, _, name = self.function.partition(":")
        return ScorerProcess(self.base_dir.resolve(), module, name)


def _plain_sample(sample: Sample) -> dict[str, Json]:
    return {
        "id": sample.id,
        "input": sample.input,
        "target": sample.target,
        "choices": sample.choices,
        "group": sample.group,
        "slices": dict(sample.slices),
        "fields": dict(sample.fields),
    }


def _module_file(folder: Path, module: str) -> Path:
    path = folder.joinpath(*module.split("."))
    for candidate in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise ConfigError(f"scorer function: no module {module!r} in {folder} or installed; write it beside the config")
    return Path(found.origin)


def _top_names(source: str) -> set[str] | None:
    """Return the names a module's source defines at its top level, None when they cannot be known."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ConfigError(f"scorer function: line {error.lineno} of its module: {error.msg}") from None
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            names.update(found.id for found in ast.walk(node) if isinstance(found, ast.Name))
        else:
            names.update(found.id for found in ast.walk(node) if isinstance(found, ast.Name))
    return None if "*" in names or any(isinstance(node, (ast.If, ast.Try, ast.With)) for node in tree.body) else names
