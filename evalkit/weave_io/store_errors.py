"""What the store answers when a request cannot be served: a status and a body, whichever face carries it."""

from collections.abc import Mapping
from typing import Any

from evalkit.errors import StoreError

__all__ = ["RequestError", "bad_request", "conflict", "not_found", "unprocessable"]


class RequestError(StoreError):
    """A request the store refuses; `status` is its HTTP status, `body` its JSON body."""

    def __init__(self, status: int, reason: str, **details: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.body: Mapping[str, Any] = {"reason": reason, **details}


def not_found(reason: str, **details: Any) -> RequestError:
    """Return the error for something that is not in the store."""
    return RequestError(404, reason, **details)


def bad_request(reason: str) -> RequestError:
    """Return the error for a request that no store could serve."""
    return RequestError(400, reason)


def conflict(reason: str) -> RequestError:
    """Return the error for a digest that differs from the one computed here."""
    return RequestError(409, reason)


def unprocessable(reason: str) -> RequestError:
    """Return the error for an item of a batch that is broken; on it the SDK splits the batch and sends the rest."""
    return RequestError(422, reason)
