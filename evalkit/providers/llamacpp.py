"""A real model served on this machine by llama.cpp, in a child process that lives as long as the run."""

import asyncio
import importlib.util
import os
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evalkit.chat_client import ChatModel, open_chat_model
from evalkit.chat_endpoint import ChatEndpoint
from evalkit.errors import AccessError, ConfigError, ProviderError
from evalkit.listed_models import ListedModel
from evalkit.local_child import ending, run_child
from evalkit.local_weights import DEFAULT_WEIGHTS, file_sha256, pull_weights
from evalkit.protocols import Model, ProviderContext
from evalkit.records import Failure, FailureKind, Json, Prediction, Request
from evalkit.triage import failed

__all__ = ["LlamaCpp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCpp:
    """Serve a GGUF file on loopback with llama.cpp; without `gguf`, SmolLM2-135M-Instruct.

    Answers at temperature 0 repeat on a best-effort basis only: batching of neighbours changes the last bits.

    Attributes:
        gguf: the model's file; left out, the pinned small model, fetched once.
        slots: prompts answered at once.
        threads: left out, one less than there are cores, for a busy machine slows llama.cpp to a crawl.
        context: tokens of prompt and answer that each slot has room for.
        base_dir: where a relative `gguf` starts; the config's folder.
    """

    gguf: str | None = None
    slots: int = 4
    threads: int | None = None
    context: int = 2048
    base_dir: Path = Path()

    timeout: ClassVar[float] = 180.0
    """Seconds one attempt may take when the config does not say; a shared machine can be very slow."""

    takes_images: ClassVar[bool] = False
    """Its models read text only."""

    def __post_init__(self) -> None:
        for name, least in (("slots", 1), ("threads", 1), ("context", 64)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")

    @property
    def url(self) -> str:
        """The model file's digest and what bounds an answer, never the port: the same question on every run."""
        return f"llamacpp:{self._sha256()}:context={self.context}"

    @property
    def concurrency(self) -> int:
        """One call a slot."""
        return self.slots

    def open(self, context: ProviderContext) -> AbstractAsyncContextManager[Model]:
        """Fetch the weights if they are missing, start the server, wait until it is healthy.

        Raises:
            AccessError: a model id is asked for that the small model is not.
            ProviderError: xllamacpp is not installed, the weights cannot be had, or the server does not start.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise ProviderError("the local model needs llama.cpp: pip install 'evalkit[local]'")
        if self.gguf is None and (strangers := {i for i in context.models if i.lower() != DEFAULT_WEIGHTS.model}):
            raise AccessError(
                f"the local provider serves {DEFAULT_WEIGHTS.model}, not {', '.join(sorted(strangers))}: "
                "use that id, or name the other model's file as the provider's gguf"
            )
        return self._serve(context)

    @asynccontextmanager
    async def _serve(self, context: ProviderContext) -> AsyncGenerator[Model]:
        gguf = await asyncio.to_thread(pull_weights) if self.gguf is None else self._file()
        key = secrets.token_urlsafe(24)
        options: dict[str, Json] = {
            "gguf": str(gguf),
            "models": list(context.models) or [DEFAULT_WEIGHTS.model],
            "slots": self.slots,
            "threads": self.threads or max(1, (os.cpu_count() or 1) - 1),
            "context": self.context,
            "key": key,
            "parent": os.getpid(),
        }
        async with (
            run_child(options, context.log_dir) as (child, url),
            open_chat_model(ChatEndpoint(base_url=f"{url}/v1", key=key, uses_proxy=False)) as model,
        ):
            yield _LocalModel(model, child)

    def _sha256(self) -> str:
        return DEFAULT_WEIGHTS.sha256 if self.gguf is None else file_sha256(self._file())

    def _file(self) -> Path:
        path = (self.base_dir / Path(self.gguf or "").expanduser()).absolute()
        if not path.is_file():
            raise ConfigError(f"gguf: there is no file {path}")
        return path


class _LocalModel:
    """The server's Model; says so when the server has died, instead of trying a closed port again."""

    def __init__(self, model: ChatModel, child: asyncio.subprocess.Process) -> None:
        self._model = model
        self._child = child

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer of the local server."""
        prediction = await self._model.predict(request, on_text)
        failure, code = prediction.failure, self._child.returncode
        if code is None or failure is None or failure.status is not None:
            return prediction
        message = f"the local model's server ended with {ending(code)}; see llamacpp.log in the run folder"
        return failed(Failure(FailureKind.QUOTA, message))  # the kind that starts no further call and can be resumed

    async def list_models(self) -> tuple[ListedModel, ...] | None:
        """Return the server's list of its one model."""
        return await self._model.list_models()
