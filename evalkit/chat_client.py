"""A Model over any server that speaks OpenAI's chat completions; one HTTP client for its whole life."""

import dataclasses
import json
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from evalkit.chat_answer import as_object, malformed, read_answer, read_json
from evalkit.chat_endpoint import ChatEndpoint, open_client, request_options
from evalkit.chat_stream import AnswerPieces
from evalkit.errors import AccessError, ProviderError
from evalkit.records import Failure, FailureKind, Json, Prediction, Request, Timing
from evalkit.triage import clean_message, failed, triage

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

__all__ = ["ChatModel", "open_chat_model"]

_NO_LIST = frozenset({404, 405, 501})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict).encode


@asynccontextmanager
async def open_chat_model(endpoint: ChatEndpoint) -> AsyncGenerator["ChatModel"]:
    """Open the client, yield a Model for every model id of the endpoint, close the client."""
    client = open_client(endpoint)
    try:
        yield ChatModel(client, endpoint)
    finally:
        await client.close()


class ChatModel:
    """Sends a request as one chat completion; every failure of the endpoint is in the Prediction."""

    def __init__(self, client: "AsyncOpenAI", endpoint: ChatEndpoint) -> None:
        import aiohttp
        import httpx2
        import openai

        self._client = client
        self._secrets = (endpoint.key,) if endpoint.key else ()
        self._options = request_options(endpoint)
        self._url = endpoint.base_url.rstrip("/") + "/chat/completions"
        self._cast_to = httpx2.Response
        self._status_error = openai.APIStatusError
        library_errors = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, aiohttp.ClientError)
        self._errors: tuple[type[Exception], ...] = (*library_errors, OSError, EOFError, ValueError)

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer; with `on_text`, stream it and hand over each piece of text."""
        try:
            if on_text is not None:
                return await self._stream(request, on_text)
            reply = await self._post(_body(request), stream=False)
        except self._errors as error:
            return failed(self._failure(error))
        return read_answer(reply.content)

    async def list_models(self) -> tuple[str, ...] | None:
        """Return the ids the endpoint serves, in its order; None when it keeps no list.

        Raises:
            AccessError: the endpoint refuses the key, the project or this place.
            ProviderError: it cannot be reached or does not answer with a list.
        """
        try:
            reply = await self._client.get("/models", cast_to=self._cast_to, options=self._options)
            listed = read_json(reply.content)
        except self._errors as error:
            failure = self._failure(error)
            if failure.kind is FailureKind.ACCESS and failure.status not in _NO_LIST:
                raise AccessError(f"{self._client.base_url} refuses to list its models: {failure.message}") from None
            if failure.status in _NO_LIST:
                return None
            raise ProviderError(f"{self._client.base_url} does not list its models: {failure.message}") from None
        rows = as_object(listed).get("data") if isinstance(listed, dict) else listed
        if not isinstance(rows, list):
            return None
        ids = (as_object(row).get("id") for row in cast("list[Json]", rows))
        return tuple(name for name in ids if isinstance(name, str))

    async def _post(self, body: dict[str, Json], *, stream: bool) -> "httpx2.Response":
        content = _encode(body).encode("utf-8", "replace")
        reply: httpx2.Response = await self._client.post(  # pyright: ignore[reportUnknownVariableType, reportCallIssue]
            self._url,
            cast_to=self._cast_to,
            content=content,
            options=self._options,
            stream=stream,  # pyright: ignore[reportArgumentType]  with cast_to=Response the raw reply comes back unread
        )
        return reply

    async def _stream(self, request: Request, on_text: Callable[[str], None]) -> Prediction:
        began = time.perf_counter()
        first_token_s: float | None = None
        pieces = AnswerPieces()
        body = {**_body(request), "stream": True, "stream_options": {"include_usage": True}}
        reply = await self._post(body, stream=True)
        try:
            if "event-stream" not in reply.headers.get("content-type", "event-stream"):
                answer = read_answer(await reply.aread())
                on_text(answer.text)
                return answer
            async for event in _events(reply):
                if text := pieces.add(event):
                    first_token_s = first_token_s or time.perf_counter() - began
                    on_text(text)
        except ValueError as error:
            return malformed(f"a broken stream: {clean_message(str(error))}")
        finally:
            await reply.aclose()
        return _with_first_token(pieces.finish(), first_token_s)

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, self._status_error):
            return triage(
                error.response.status_code,
                _error_body(error.response),
                error.response.headers,
                now=time.time(),
                secrets=self._secrets,
            )
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        kind = FailureKind.ACCESS if _is_untrusted(cause) else FailureKind.TRANSIENT
        return Failure(kind, clean_message(f"no reply: {type(cause).__name__}: {cause}", self._secrets))


def _body(request: Request) -> dict[str, Json]:
    params = dict(request.params)
    extra: dict[str, Json] = params.pop("extra_body", None) or {}
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    return {"model": request.model, "messages": messages, **params, **extra}


async def _events(reply: "httpx2.Response") -> AsyncIterator[str]:
    """Yield the data of each server-sent event; comments and other fields are skipped."""
    data: list[str] = []
    async for line in reply.aiter_lines():
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def _error_body(reply: "httpx2.Response") -> Json:
    try:
        return read_json(reply.content)
    except ValueError:
        return reply.content.decode("utf-8", "replace")


def _is_untrusted(error: BaseException) -> bool:
    """Tell a server whose certificate is not to be trusted: no retry cures it, and no other call fares better."""
    return isinstance(error, ssl.CertificateError)


def _with_first_token(answer: Prediction, first_token_s: float | None) -> Prediction:
    if first_token_s is None:
        return answer
    return dataclasses.replace(answer, timing=Timing(first_token_s=round(first_token_s, 6)))
