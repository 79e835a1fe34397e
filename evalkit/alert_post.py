"""One POST of an alert to an address that is a secret: tried twice, never sent on to another host, never shown."""

import asyncio
import os
import re
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

from evalkit.errors import AlertError
from evalkit.triage import retry_after_s

__all__ = ["AlertPost", "check_variable", "read_variable", "send_post"]

_TRIES = 2
_DEFAULT_WAIT_S = 1.0
_LONGEST_WAIT_S = 5.0
_MOST_REDIRECTS = 3
_KEEPS_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPost:
    """What is posted; `variable` names the environment variable of the address."""

    variable: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    location: str
    wait_s: float | None


def check_variable(option: str, name: str) -> None:
    """Check that an option holds the name of a variable, and not the secret itself, which is never repeated.

    Raises:
        ValueError: it is no name of a variable.
    """
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{option} must be the name of an environment variable, such as ALERT_URL, not its value")


def read_variable(name: str) -> str:
    """Return what an environment variable holds.

    Raises:
        AlertError: it is not set, or holds what no header or address can carry.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise AlertError(f"the variable {name} is not set")
    if not value.isascii() or not value.isprintable():
        raise AlertError(f"the variable {name} holds control or special characters: copy its value again")
    return value


async def send_post(post: AlertPost, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> str:
    """Post to the address that `post.variable` holds, and say so without showing it.

    A 429 or 5xx is tried once more, after the wait that the server asks for, up to 5 s. A redirect is followed on the
    same host alone, and only one that keeps the method. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured; cookies,
    .netrc and whatever else of the environment is not.

    Raises:
        AlertError: it was not taken; the message shows neither the address nor anything else that is secret.
    """
    address = _address(post.variable)
    reply: _Reply | None = None
    for attempt in range(_TRIES):
        if reply is not None:
            await sleep(_DEFAULT_WAIT_S if reply.wait_s is None else reply.wait_s)
        reply = await _follow(post, address)
        is_transient = reply.status == 429 or reply.status >= 500  # noqa: PLR2004  HTTP's numbers
        if not is_transient or (reply.wait_s or 0.0) > _LONGEST_WAIT_S or attempt == _TRIES - 1:
            break
    assert reply is not None
    if 200 <= reply.status < 300:  # noqa: PLR2004  HTTP's numbers
        return f"posted to the address in {post.variable}"
    raise AlertError(_refusal(reply, post.variable))


def _address(variable: str) -> SplitResult:
    value = read_variable(variable)
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or " " in value:
        raise AlertError(f"the variable {variable} holds no http or https address")
    return parts


def _split(url: str, start: str = "") -> SplitResult | None:
    try:
        parts = urlsplit(urljoin(start, url))
        _origin(parts)
    except ValueError:
        return None
    return parts


async def _follow(post: AlertPost, address: SplitResult) -> _Reply:
    """Post, and post again where the same host says to; any other redirect is left as the reply."""
    url = address.geturl()
    for _ in range(_MOST_REDIRECTS):
        reply = await _post_once(post, url)
        if reply.status not in _KEEPS_METHOD or not reply.location:
            return reply
        target = _split(reply.location, url)
        if target is None or _origin(target) != _origin(address):
            return reply
        url = target.geturl()
    return await _post_once(post, url)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


async def _post_once(post: AlertPost, url: str) -> _Reply:
    """Send one request. What the HTTP library raises may hold the address, so it ends here, context and all."""
    import aiohttp

    problem = ""
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(
                url,
                data=post.body,
                headers={"User-Agent": "evalkit", **post.headers},
                allow_redirects=False,
                proxy=_proxy(url),
            ) as reply,
        ):
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return _Reply(reply.status, headers.get("location", ""), retry_after_s(headers))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        problem = _why(error)
    raise AlertError(f"the address in {post.variable} cannot be reached: {problem}")


def _why(error: Exception) -> str:
    """Return what failed in the words of the operating system, or the error's kind: its own words may hold a secret."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        return os.strerror(error.errno) if error.errno > 0 else type(error).__name__
    return type(error).__name__


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _refusal(reply: _Reply, variable: str) -> str:
    if reply.status in _REDIRECTS:
        return (
            f"the address in {variable} redirects (HTTP {reply.status}) to where alerts are not sent on;"
            f" put the final address in {variable}"
        )
    return f"the address in {variable} refused it with HTTP {reply.status}{_meaning(reply.status)}"


def _meaning(status: int) -> str:
    """Return what a status stands for in the standard's words: a server's own may echo a secret in any disguise."""
    known = {each.value: f" ({each.phrase})" for each in HTTPStatus}
    return known.get(status, "")
