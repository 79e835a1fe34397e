"""A reply that unpacks to more than anyone would answer is read no further, whatever its status."""

import gzip
import json
import tracemalloc
import zlib

import pytest

from evalkit import chat_limit
from evalkit.protocols import ProviderContext
from evalkit.records import FailureKind, PredictionOutcome
from tests.fake_endpoint import FakeEndpoint, Reply
from tests.providers.asking import build, request_for

BOMB = b'{"choices": [{"message": {"content": "' + b"x" * (3 << 20)
STREAM = {"content-type": "text/event-stream"}
EVENT = b'data: {"choices": [{"delta": {"content": "' + b"y" * 100_000 + b'"}}]}\n\n'


@pytest.fixture
def one_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_limit, "MOST_REPLY_BYTES", 1 << 20)


@pytest.mark.usefixtures("one_mib")
@pytest.mark.parametrize(
    ("reply", "streams"),
    [
        pytest.param(Reply(200, gzip.compress(BOMB), {"content-encoding": "gzip"}), False, id="gzip"),
        pytest.param(Reply(200, zlib.compress(BOMB), {"content-encoding": "deflate"}), False, id="deflate"),
        pytest.param(Reply(500, gzip.compress(BOMB), {"content-encoding": "gzip"}), False, id="an error"),
        pytest.param(Reply(200, BOMB), False, id="plain"),
        pytest.param(Reply(200, gzip.compress(BOMB), {"content-encoding": "gzip"}), True, id="asked as a stream"),
        pytest.param(Reply(200, gzip.compress(EVENT * 30), STREAM | {"content-encoding": "gzip"}), True, id="streamed"),
    ],
)
async def test_it_is_read_no_further(fake_endpoint: FakeEndpoint, reply: Reply, streams: bool) -> None:
    whole = json.dumps({"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}).encode()
    fake_endpoint.settings.replies["q"] = [reply, Reply(200, whole)]
    async with build("openai", base_url=fake_endpoint.url).open(ProviderContext()) as model:
        answers = [await model.predict(request_for("q", params={"stream": streams})) for _ in range(2)]
    failure = answers[0].failure
    assert failure is not None
    assert (failure.kind, failure.status) == (FailureKind.REJECTED, reply.status)
    assert failure.message == "the reply is larger than 1 MiB, and was read no further"
    assert (answers[0].outcome, answers[1].text) == (PredictionOutcome.REJECTED, "Paris")


@pytest.mark.slow
async def test_a_gzip_bomb_takes_no_more_memory_than_the_limit(fake_endpoint: FakeEndpoint) -> None:
    """A gigabyte in a megabyte: the limit of 64 MiB holds, with what is around it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(1 << 10)) + packer.flush()
    fake_endpoint.settings.replies["q"] = [Reply(200, bomb, {"content-encoding": "gzip"})]
    async with build("openai", base_url=fake_endpoint.url).open(ProviderContext()) as model:
        tracemalloc.start()
        answer = await model.predict(request_for("q"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.failure is not None
    assert answer.failure.message == "the reply is larger than 64 MiB, and was read no further"
    assert peak < 100 << 20
