"""A Model over any server that speaks OpenAI's chat completions; one HTTP client for its whole life."""

import dataclasses
import json
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from evalkit.chat_answer import AnswerPieces, malformed, read_answer, read_json
from evalkit.errors import AccessError, ProviderError
from evalkit.records import Failure, FailureKind, Json, Prediction, Request, Timing
from evalkit.triage import clean_message, failed, triage

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

__all__ = ["ChatEndpoint", "ChatModel", "open_chat_model"]

_MAX_CONNECTIONS = 4096
_NO_LIST = frozenset({404, 405, 501})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """Where a chat server is and what is sent along with each call; `key` never shows in a repr."""

    base_url: str
    key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    connect_timeout: float = 10.0
    uses_proxy: bool = True


@asynccontextmanager
async def open_chat_model(endpoint: ChatEndpoint) -> AsyncGenerator["ChatModel"]:
    """Open the client, yield a Model for every model id of the endpoint, close the client."""
    client = _open_client(endpoint)
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
        self._options = _request_options(endpoint)
        self._cast_to = httpx2.Response
        self._status_error = openai.APIStatusError
        self._errors = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, aiohttp.ClientError, OSError, ValueError)

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
        rows = cast("dict[str, Json]", listed).get("data") if isinstance(listed, dict) else listed
        if not isinstance(rows, list):
            return None
        named = [cast("dict[str, Json]", row) for row in cast("list[Json]", rows) if isinstance(row, dict)]
        return tuple(row["id"] for row in named if isinstance(row.get("id"), str))

    async def _post(self, body: dict[str, Json], *, stream: bool) -> "httpx2.Response":
        content = _encode(body).encode("utf-8", "replace")
        reply: httpx2.Response = await self._client.post(  # pyright: ignore[reportUnknownVariableType, reportCallIssue]
            "/chat/completions",
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
        kind = FailureKind.REJECTED if _is_permanent(cause) else FailureKind.TRANSIENT
        return Failure(kind, clean_message(f"no reply: {type(cause).__name__}: {cause}", self._secrets))


def _open_client(endpoint: ChatEndpoint) -> "AsyncOpenAI":
    """Build the SDK's client so that nothing in the environment can add to what is sent, or change where it goes.

    The SDK reads OPENAI_API_KEY, OPENAI_ADMIN_KEY, OPENAI_ORG_ID, OPENAI_PROJECT_ID, OPENAI_WEBHOOK_SECRET and
    OPENAI_BASE_URL where an argument is None, and puts OPENAI_CUSTOM_HEADERS among its default headers, which are
    therefore replaced as a whole.
    """
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    class Client(AsyncOpenAI):
        @property
        def default_headers(self) -> dict[str, str]:  # pyright: ignore[reportIncompatibleMethodOverride]  a narrower dict
            return headers

    headers = _headers(endpoint)
    timeout = httpx2.Timeout(None, connect=endpoint.connect_timeout)
    return Client(
        api_key="unused",
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=timeout,
        http_client=DefaultAioHttpClient(
            timeout=timeout,
            limits=httpx2.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=_MAX_CONNECTIONS),
            follow_redirects=False,
            trust_env=endpoint.uses_proxy,
            verify=endpoint.base_url.startswith("https:"),
        ),
    )


def _headers(endpoint: ChatEndpoint) -> dict[str, str]:
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "evalkit"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    return headers | dict(endpoint.headers)


def _request_options(endpoint: ChatEndpoint) -> "RequestOptions":
    """Switch the SDK's own authentication off: the header is among ours, or is not sent at all."""
    from openai import Omit

    options: RequestOptions = {"security": {}}
    if not endpoint.key:
        options["headers"] = {"Authorization": Omit()}
    return options


def _body(request: Request) -> dict[str, Json]:
    params = dict(request.params)
    extra = params.pop("extra_body", None) or {}
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


def _is_permanent(error: BaseException) -> bool:
    return isinstance(error, ssl.CertificateError) or type(error).__name__ in {"InvalidUrlClientError", "InvalidURL"}


def _with_first_token(answer: Prediction, first_token_s: float | None) -> Prediction:
    if first_token_s is None:
        return answer
    return dataclasses.replace(answer, timing=Timing(first_token_s=round(first_token_s, 6)))
