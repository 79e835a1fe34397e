"""How large a reply may be once it is unpacked: a small compressed body can hold more than a machine does."""

import contextlib
from collections.abc import AsyncGenerator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

__all__ = ["MOST_REPLY_BYTES", "ReplyTooLargeError", "limit_size"]

MOST_REPLY_BYTES = 64 << 20
"""Larger than any answer: reasoning of a million tokens with their logprobs."""


class ReplyTooLargeError(Exception):
    """A reply that was read no further; `status` is its own."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the reply is larger than {MOST_REPLY_BYTES >> 20} MiB, and was read no further")
        self.status = status


def limit_size(reply: "httpx2.Response") -> None:
    """Have a reply whose body is yet to be read raise ReplyTooLargeError where it unpacks to more than the limit."""
    reply.__class__ = _limited_reply()


@cache
def _limited_reply() -> "type[httpx2.Response]":
    import httpx2

    class LimitedReply(httpx2.Response):
        async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes]:
            size = 0
            async with contextlib.aclosing(super().aiter_bytes(chunk_size)) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MOST_REPLY_BYTES:
                        raise ReplyTooLargeError(self.status_code)
                    yield chunk

    return LimitedReply
