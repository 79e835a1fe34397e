"""The fixture `fake_endpoint`: an OpenAI-compatible endpoint on loopback, in a thread of its own."""

from collections.abc import Iterator

import pytest

from tests.fake_endpoint import FakeEndpoint

__all__ = ["fake_endpoint"]


@pytest.fixture
def fake_endpoint() -> Iterator[FakeEndpoint]:
    """Serve until the test ends."""
    with FakeEndpoint() as endpoint:
        yield endpoint
