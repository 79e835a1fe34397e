"""The seams of a run: where samples come from, who serves a model, who answers, who judges."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from evalkit.records import Json, Prediction, Request, Sample, Score

__all__ = ["Model", "Provider", "ProviderContext", "Row", "Scorer", "Source"]

Row = dict[str, Json]
"""One record of a source: column name to JSON value."""


@runtime_checkable
class Source(Protocol):
    """Reads rows from one kind of place; `config.fields` turns them into Samples, unless they are Samples already."""

    def load(self) -> Iterable[Row | Sample]:
        """Yield the rows in a stable order.

        Raises:
            DatasetError: with the file and line, or the name that cannot be found.
        """
        ...


@runtime_checkable
class Model(Protocol):
    """Answers one request. Never raises for what an endpoint does: a failure is in the Prediction."""

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer; with `on_text`, also hand over the text piece by piece as it arrives."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider may know of the run that opens it.

    `base_dir` resolves relative paths (the config's folder); `log_dir` takes a child's stderr; `images` is the folder
    with the bytes of the images that requests hold by reference.
    """

    project: str | None = None
    base_dir: Path = Path()
    log_dir: Path | None = None
    models: tuple[str, ...] = ()
    images: Path | None = None


@runtime_checkable
class Provider(Protocol):
    """Serves models of one kind of endpoint. Its dataclass fields are its YAML options.

    `url` names the endpoint inside call identities: same url, model, messages and params is the same question.
    `concurrency` is the most calls it can serve at once, None where it has no opinion of its own. A class may say
    `takes_images: ClassVar[bool]` where that holds for every model it serves.
    """

    @property
    def url(self) -> str:
        """Name the endpoint for call identities."""
        ...

    @property
    def concurrency(self) -> int | None:
        """Say how many calls it serves at once, None without an opinion."""
        ...

    def open(self, context: ProviderContext) -> AbstractAsyncContextManager[Model]:
        """Start what is needed (client, child process) and yield a Model for every model id of this provider.

        Raises:
            AccessError: the key or the project is missing.
            ProviderError: it cannot be started.
        """
        ...


@runtime_checkable
class Scorer(Protocol):
    """Judges one prediction. Its dataclass fields are its YAML options.

    A class says `kind: ClassVar[str] = "binary" | "graded"`, `version: ClassVar[int]` (raised when its numbers
    change) and may say `extract: ClassVar[tuple[Json, ...]]`, the extraction used when the config names none.
    """

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        """Return the score of `prediction.text`, which is already the extracted answer."""
        ...
