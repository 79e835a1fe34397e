"""A Model over any server that speaks OpenAI's chat completions; one HTTP client for its whole life."""

import dataclasses
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from evalkit.chat_answer import read_answer, read_json
from evalkit.chat_endpoint import FIRST_BYTE_AT, ChatEndpoint, open_client, request_options
from evalkit.chat_limit import ReplyTooLargeError
from evalkit.chat_stream import read_stream
from evalkit.errors import AccessError, ProviderError
from evalkit.image_store import ImageSender
from evalkit.listed_models import ListedModel
from evalkit.model_pages import ModelPages
from evalkit.rate_limits import hold_s
from evalkit.records import Failure, FailureKind, Json, Prediction, Request, Timing
from evalkit.triage import clean_message, failed, triage

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from openai._types import RequestOptions

__all__ = ["ChatModel", "open_chat_model"]

_NO_LIST = frozenset({404, 405, 501})
_REFUSALS = frozenset({400, 422, 500, 501})
"""Statuses with which servers refuse a field that they do not know."""
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
        self._tells_usage = True
        self._images = ImageSender(endpoint.images)
        self._options = request_options(endpoint)
        self._url = endpoint.base_url.rstrip("/") + "/chat/completions"
        self._cast_to = httpx2.Response
        self._status_error = openai.APIStatusError
        self._connect_error = aiohttp.ClientConnectorError
        library_errors = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, aiohttp.ClientError)
        self._errors: tuple[type[Exception], ...] = (*library_errors, OSError, EOFError, ValueError, ReplyTooLargeError)

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer; with `on_text`, hand over each piece of text.

        The answer is streamed when the parameters say `stream: true`, or when `on_text` is given and they say nothing.
        """
        try:
            body = _body(request, self._images)
            streams = on_text is not None if body.get("stream") is None else body["stream"]
            if streams:
                return await self._stream({**body, "stream": True}, on_text or _drop)
            began = time.perf_counter()
            reply = await self._post(body)
        except self._errors as error:
            return self._failed(error)
        answer = read_answer(reply.content, partial(self._triage, reply))
        if on_text is not None and answer.text:
            on_text(answer.text)
        timing = Timing(first_byte_s=_first_byte_s(reply, began))
        return dataclasses.replace(answer, timing=timing, hold_s=_hold_s(reply))

    async def list_models(self) -> tuple[ListedModel, ...] | None:
        """Return what the endpoint says of the models it serves, in its order; None when it keeps no list.

        Raises:
            AccessError: the endpoint refuses the key, the project or this place.
            ProviderError: it cannot be reached or does not answer with a list.
        """
        pages = ModelPages()
        where = f"{self._client.base_url}models"
        while pages.is_open:
            options: RequestOptions = {**self._options, "params": pages.query}
            try:
                reply = await self._client.get("/models", cast_to=self._cast_to, options=options)
            except self._errors as error:
                failure = self._failure(error)
                if failure.status in _NO_LIST and pages.models is None:
                    return None
                refused = AccessError if failure.kind is FailureKind.ACCESS else ProviderError
                raise refused(f"{where} does not list the models: {failure.message}") from None
            try:
                pages.add(reply.content)
            except ValueError as error:
                raise ProviderError(f"{where} does not list the models: {error}") from None
        return pages.models

    async def _post(self, body: dict[str, Json], *, stream: bool = False) -> "httpx2.Response":
        content = _encode(body).encode("utf-8", "replace")
        reply: httpx2.Response = await self._client.post(  # pyright: ignore[reportUnknownVariableType, reportCallIssue]
            self._url,
            cast_to=self._cast_to,
            content=content,
            options=self._options,
            stream=stream,  # pyright: ignore[reportArgumentType]  with cast_to=Response the raw reply comes back unread
        )
        return reply

    async def _stream(self, body: dict[str, Json], on_text: Callable[[str], None]) -> Prediction:
        """Ask for a stream with the tokens used at its end; without them where a server knows no stream_options."""
        if self._tells_usage:
            try:
                return await self._read_stream({**body, "stream_options": {"include_usage": True}}, on_text)
            except self._status_error as error:
                if not _refuses_options(error.response):
                    raise
        answer = await self._read_stream(body, on_text)
        self._tells_usage = False
        return answer

    async def _read_stream(self, body: dict[str, Json], on_text: Callable[[str], None]) -> Prediction:
        started_at, began = time.time(), time.perf_counter()
        reply = await self._post(body, stream=True)
        first_token_s: float | None = None
        on_error = partial(self._triage, reply)
        try:
            if "event-stream" in reply.headers.get("content-type", "event-stream"):
                answer, begun_at = await read_stream(reply.aiter_bytes(), on_text, on_error)
                first_token_s = None if begun_at is None else round(begun_at - began, 6)
            else:
                answer = read_answer(await reply.aread(), on_error)
                on_text(answer.text)
        finally:
            await reply.aclose()
        service_s = round(time.perf_counter() - began, 6)
        timing = Timing(
            started_at=started_at,
            ended_at=started_at + service_s,
            service_s=service_s,
            first_token_s=first_token_s,
            first_byte_s=_first_byte_s(reply, began),
        )
        return dataclasses.replace(answer, timing=timing, hold_s=_hold_s(reply))

    def _failed(self, error: Exception) -> Prediction:
        prediction = failed(self._failure(error))
        hold = _hold_s(error.response) if isinstance(error, self._status_error) else None
        return prediction if hold is None else dataclasses.replace(prediction, hold_s=hold)

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, self._status_error):
            return self._triage(error.response, error.response.status_code, _error_body(error.response))
        cause, is_sent = error, True
        while cause.__cause__ is not None:
            cause = cause.__cause__
            is_sent = is_sent and not isinstance(cause, self._connect_error)
        if isinstance(cause, ReplyTooLargeError):
            return Failure(FailureKind.REJECTED, str(cause), cause.status)
        kind = FailureKind.ACCESS if _is_untrusted(cause) else FailureKind.TRANSIENT
        message = clean_message(f"no reply: {type(cause).__name__}: {cause}", self._secrets)
        return Failure(kind, message, is_sent=is_sent)

    def _triage(self, reply: "httpx2.Response", status: int, body: Json) -> Failure:
        return triage(status, body, reply.headers, now=time.time(), secrets=self._secrets)


def _body(request: Request, images: ImageSender) -> dict[str, Json]:
    params = dict(request.params)
    extra: dict[str, Json] = params.pop("extra_body", None) or {}
    messages = [{"role": message.role, "content": images.fill(message.content)} for message in request.messages]
    return {"model": request.model, "messages": messages, **params, **extra}


def _error_body(reply: "httpx2.Response") -> Json:
    try:
        return read_json(reply.content)
    except ValueError:
        return reply.content.decode("utf-8", "replace")


def _is_untrusted(error: BaseException) -> bool:
    """Tell a server whose certificate is not to be trusted: no retry cures it, and no other call fares better."""
    return isinstance(error, ssl.CertificateError)


def _refuses_options(reply: "httpx2.Response") -> bool:
    return reply.status_code in _REFUSALS and b"stream_options" in reply.content


def _first_byte_s(reply: "httpx2.Response", began: float) -> float | None:
    at: float | None = reply.extensions.get(FIRST_BYTE_AT)
    return None if at is None else round(at - began, 6)


def _hold_s(reply: "httpx2.Response") -> float | None:
    """Return how long the server takes no further call; most replies say nothing of it, which must cost nothing."""
    if any(b"ratelimit" in name.lower() for name, _ in reply.headers.raw):
        return hold_s(reply.headers, time.time())
    return None


def _drop(_text: str) -> None:
    """Take a piece of text that nobody waits for."""
