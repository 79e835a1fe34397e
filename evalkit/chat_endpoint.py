"""Where a chat server is, and the OpenAI SDK's client for it, deaf to whatever the environment says."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.chat_limit import limit_size

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from openai._types import RequestOptions

__all__ = ["FIRST_BYTE_AT", "ChatEndpoint", "open_client", "request_options"]

FIRST_BYTE_AT = "first_byte_at"
"""The extension of a reply that says when its headers came, by `time.perf_counter`."""
_MAX_CONNECTIONS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """Where a chat server is and what is sent along with each call; `key` never shows in a repr.

    `images` is the folder with the bytes of the images that requests hold by reference.
    """

    base_url: str
    key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    connect_timeout: float = 10.0
    uses_proxy: bool = True
    images: Path | None = None


def open_client(endpoint: ChatEndpoint) -> "AsyncOpenAI":
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
            event_hooks={"response": [_receive]},
            verify=endpoint.base_url.startswith("https:"),
        ),
    )


async def _receive(reply: "httpx2.Response") -> None:
    limit_size(reply)
    reply.extensions[FIRST_BYTE_AT] = time.perf_counter()


def _headers(endpoint: ChatEndpoint) -> dict[str, str]:
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "evalkit"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    return headers | dict(endpoint.headers)


def request_options(endpoint: ChatEndpoint) -> "RequestOptions":
    """Switch the SDK's own authentication off: the header is among ours, or is not sent at all.

    What is given here the SDK need not copy from its defaults, which costs a tenth of a call.
    """
    import httpx2
    from openai import Omit

    return {
        "headers": {} if endpoint.key else {"Authorization": Omit()},
        "security": {},
        "params": {},
        "max_retries": 0,
        "timeout": httpx2.Timeout(None, connect=endpoint.connect_timeout),
    }
