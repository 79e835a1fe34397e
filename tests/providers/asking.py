"""How the provider tests ask: a request in one call, a provider by name and options."""

from collections.abc import Mapping
from typing import Any

from evalkit.records import CallKey, Message, Request, Sample
from evalkit.registry import Registry

__all__ = ["build", "request_for"]


def request_for(
    prompt: Any = "What is 1 + 1?",
    *,
    model: str = "fake-model",
    params: Mapping[str, Any] | None = None,
    sample: Sample | None = None,
    trial: int = 0,
) -> Request:
    """Return a request of one user message."""
    sample = sample or Sample(id="s1", input=prompt, target="2")
    key = CallKey("request", sample.id, trial)
    return Request(model, (Message("user", prompt),), params or {}, sample, key)


def build(name: str, **options: Any) -> Any:
    """Return the provider as YAML would make it."""
    return Registry("evalkit.providers").build(name, options)
