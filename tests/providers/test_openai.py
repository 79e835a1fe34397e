"""The OpenAI-compatible provider against a real loopback endpoint: what is sent, what comes back, what never leaks."""

import asyncio
import logging
import ssl

import aiohttp
import pytest

from evalkit.errors import AccessError, ConfigError, ProviderError
from evalkit.protocols import ProviderContext
from evalkit.records import FailureKind, PredictionOutcome, Usage
from tests.fake_endpoint import FakeEndpoint, Reply
from tests.providers.asking import build, request_for

HERE = ProviderContext()
KEY = "k-0123456789abcdef"


async def ask(endpoint: FakeEndpoint, *prompts, on_text=None, context=HERE, params=None, **options):
    async with build("openai", base_url=endpoint.url, **options).open(context) as model:
        return [await model.predict(request_for(prompt, params=params), on_text) for prompt in prompts]


def completion(message=None, finish="stop", **body):
    message = {"role": "assistant", "content": "Paris", **(message or {})}
    return Reply(body={"model": "served", "choices": [{"message": message, "finish_reason": finish}], **body})


async def test_an_answer_and_all_that_comes_with_it(fake_endpoint):
    message = {"reasoning_content": "France, so", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    reply = completion(message, usage=usage, system_fingerprint="fp_1")
    reply.body["choices"][0]["logprobs"] = {"content": [{"token": "Paris", "logprob": -0.1}]}
    fake_endpoint.settings.replies["q"] = [reply]
    [answer] = await ask(fake_endpoint, "q")
    assert (answer.outcome, answer.text, answer.failure) == (PredictionOutcome.OK, "Paris", None)
    assert answer.usage == Usage(7, 3, 10, 4, 2)
    assert (answer.served_model, answer.fingerprint, answer.finish_reason) == ("served", "fp_1", "stop")
    assert answer.reasoning == "France, so"
    assert answer.tool_calls == message["tool_calls"]
    assert answer.logprobs == {"content": [{"token": "Paris", "logprob": -0.1}]}


async def test_params_are_sent_as_they_are_and_extra_body_is_merged(fake_endpoint):
    await ask(fake_endpoint, "q ü \ud83d", params={"temperature": 0, "stop": ["\n"], "extra_body": {"top_k": 3}})
    [sent] = fake_endpoint.book.bodies
    assert sent == {
        "model": "fake-model",
        "messages": [{"role": "user", "content": "q ü ?"}],
        "temperature": 0,
        "stop": ["\n"],
        "top_k": 3,
    }


@pytest.mark.parametrize(
    ("reply", "outcome", "text"),
    [
        pytest.param(completion({"content": None}), PredictionOutcome.OK, "", id="null-content"),
        pytest.param(completion(finish="length"), PredictionOutcome.TRUNCATED, "Paris", id="length"),
        pytest.param(completion(finish="content_filter"), PredictionOutcome.FILTERED, "Paris", id="filtered"),
        pytest.param(completion({"content": None, "refusal": "No."}), PredictionOutcome.REFUSED, "", id="refused"),
        pytest.param(
            completion({"content": [{"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}]}),
            PredictionOutcome.OK,
            "Paris",
            id="parts",
        ),
        pytest.param(
            Reply(body=b'{"choices":[{"message":{"content":"\\ud800 \\u0000x"}}]}'),
            PredictionOutcome.OK,
            "\ud800 \0x",
            id="lone-surrogate",
        ),
    ],
)
async def test_how_an_answer_ended(fake_endpoint, reply, outcome, text):
    fake_endpoint.settings.replies["q"] = [reply]
    [answer] = await ask(fake_endpoint, "q")
    assert (answer.outcome, answer.text) == (outcome, text)
    assert (answer.failure is None) == (outcome in {PredictionOutcome.OK, PredictionOutcome.TRUNCATED})


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": -1}, {"prompt_tokens": True}, "many", []], ids=repr
)
async def test_usage_that_says_nothing_is_none(fake_endpoint, usage):
    fake_endpoint.settings.replies["q"] = [completion(usage=usage)]
    [answer] = await ask(fake_endpoint, "q")
    assert answer.usage is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":[null]}',
        b'{"choices":[{"message":{"content":7}}]}',
        b"\xff\xfe{}",
        b"<html>busy</html>",
        b"[" * 100_000,
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
async def test_a_malformed_body_is_transient(fake_endpoint, body):
    fake_endpoint.settings.replies["q"] = [Reply(body=body)]
    [answer] = await ask(fake_endpoint, "q")
    assert answer.outcome is PredictionOutcome.INFRA_ERROR
    assert (answer.failure.kind, answer.failure.status) == (FailureKind.TRANSIENT, 200)


async def test_numbers_that_json_cannot_hold_never_reach_the_journal(fake_endpoint):
    body = b'{"choices":[{"message":{"content":"x"},"logprobs":{"content":[{"logprob":-1e999},{"logprob":NaN}]}}]}'
    fake_endpoint.settings.replies["q"] = [Reply(body=body)]
    [answer] = await ask(fake_endpoint, "q")
    assert answer.logprobs == {"content": [{"logprob": None}, {"logprob": None}]}


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"message": "Rate limited", "code": 429}, FailureKind.THROTTLE, 429),
        ({"message": "upstream died"}, FailureKind.TRANSIENT, 500),
        ("upstream died", FailureKind.TRANSIENT, 500),
    ],
)
async def test_an_error_inside_a_200(fake_endpoint, error, kind, status):
    fake_endpoint.settings.replies["q"] = [Reply(body={"error": error})]
    [answer] = await ask(fake_endpoint, "q")
    assert (answer.failure.kind, answer.failure.status) == (kind, status)


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("500", FailureKind.TRANSIENT, 500),
        ("503", FailureKind.OVERLOADED, 503),
        ("429", FailureKind.THROTTLE, 429),
        ("quota", FailureKind.QUOTA, 429),
        ("401", FailureKind.ACCESS, 401),
        ("403", FailureKind.ACCESS, 403),
        ("404", FailureKind.UNKNOWN_MODEL, 404),
        ("400", FailureKind.REJECTED, 400),
        ("reset", FailureKind.TRANSIENT, None),
        ("truncated", FailureKind.TRANSIENT, None),
        ("malformed", FailureKind.TRANSIENT, 200),
        ("empty", FailureKind.TRANSIENT, 200),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_every_fault_of_an_endpoint_is_a_value(fake_endpoint, fault, kind, status, streamed):
    fake_endpoint.configure({"fault_at": {"1": fault}, "retry_after": "2"})
    first, second = await ask(fake_endpoint, "q", "q", on_text=[].append if streamed else None)
    assert (first.failure.kind, first.failure.status) == (kind, status)
    assert first.failure.retry_after_s == (2.0 if fault == "429" else None)
    assert second.outcome is PredictionOutcome.OK


async def test_nobody_listening_is_transient(fake_endpoint):
    provider = build("openai", base_url="http://127.0.0.1:9/v1", connect_timeout=2.0)
    async with provider.open(HERE) as model:
        answer = await model.predict(request_for())
    assert answer.failure.kind is FailureKind.TRANSIENT
    assert answer.failure.message.startswith("no reply: ")


async def test_a_certificate_that_is_not_trusted_stops_the_run(fake_endpoint, monkeypatch):
    async with build("openai", base_url=fake_endpoint.url).open(HERE) as model:

        async def connect(*_args, **_options):
            raise aiohttp.ClientConnectionError from ssl.SSLCertVerificationError("self-signed certificate")

        monkeypatch.setattr(aiohttp.ClientSession, "_request", connect)
        answer = await model.predict(request_for())
    assert answer.failure.kind is FailureKind.ACCESS
    assert "self-signed certificate" in answer.failure.message


async def test_a_redirect_is_not_followed(fake_endpoint):
    fake_endpoint.settings.replies["q"] = [Reply(307, b"", {"location": "http://127.0.0.1:9/elsewhere"})]
    [answer] = await ask(fake_endpoint, "q")
    assert (answer.failure.kind, answer.failure.status) == (FailureKind.ACCESS, 307)
    assert fake_endpoint.book.requests == 1


async def test_streaming_hands_over_the_pieces_and_times_the_first(fake_endpoint):
    fake_endpoint.settings.answers["q"] = "one two three"
    got = []
    [answer] = await ask(fake_endpoint, "q", on_text=got.append)
    assert (answer.text, "".join(got)) == ("one two three", "one two three")
    assert len(got) > 1
    assert answer.timing.first_token_s > 0
    assert answer.usage.total_tokens > 0
    assert fake_endpoint.book.bodies[0]["stream_options"] == {"include_usage": True}


async def test_a_server_that_does_not_stream_is_read_whole(fake_endpoint):
    fake_endpoint.settings.replies["q"] = [completion()]
    got = []
    [answer] = await ask(fake_endpoint, "q", on_text=got.append)
    assert (answer.text, got) == ("Paris", ["Paris"])


def events(*data):
    return Reply(body="".join(f"{line}\n\n" for line in data).encode(), headers={"content-type": "text/event-stream"})


@pytest.mark.parametrize(
    ("reply", "outcome", "text"),
    [
        pytest.param(
            events(": comment", 'data: {"choices":[{"delta":{"content":"a"}}]}', 'data:{"choices":[]}', "data: [DONE]"),
            PredictionOutcome.OK,
            "a",
            id="comments",
        ),
        pytest.param(
            events('data: {"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}'),
            PredictionOutcome.TRUNCATED,
            "a",
            id="no-done",
        ),
        pytest.param(
            events('data: {"choices":[{"delta":{"refusal":"No"}}]}', "data: [DONE]"),
            PredictionOutcome.REFUSED,
            "",
            id="refusal",
        ),
        pytest.param(
            events('data: {"choices":[{"delta":{"content":"a"}}]}', 'data: {"error":{"message":"x","code":503}}'),
            PredictionOutcome.INFRA_ERROR,
            "",
            id="error-event",
        ),
        pytest.param(
            events('data: {"choices":[{"delta":{"content":"a"}}]}'), PredictionOutcome.INFRA_ERROR, "", id="broke-off"
        ),
        pytest.param(events("data: [1]", "data: [DONE]"), PredictionOutcome.INFRA_ERROR, "", id="odd-chunk"),
        pytest.param(
            events('data: {"choices":[{"delta":{"content":7}}]}', "data: [DONE]"),
            PredictionOutcome.INFRA_ERROR,
            "",
            id="odd-content",
        ),
    ],
)
async def test_streams_of_all_sorts(fake_endpoint, reply, outcome, text):
    fake_endpoint.settings.replies["q"] = [reply]
    [answer] = await ask(fake_endpoint, "q", on_text=[].append)
    assert (answer.outcome, answer.text) == (outcome, text)


async def test_streamed_reasoning_tools_and_logprobs_are_put_together(fake_endpoint):
    chunks = [
        'data: {"model":"m","choices":[{"delta":{"reasoning":"so "},"logprobs":{"content":[{"token":"a"}]}}]}',
        'data: {"choices":[{"delta":{"reasoning":"then"}}]}',
        'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}}]}',
        'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"x\\""}}]}}]}',
        'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}',
    ]
    fake_endpoint.settings.replies["q"] = [events(*chunks, "data: [DONE]")]
    [answer] = await ask(fake_endpoint, "q", on_text=[].append)
    assert answer.reasoning == "so then"
    assert answer.tool_calls == [{"function": {"name": "f", "arguments": '{"x":1}'}, "id": "c"}]
    assert answer.logprobs == {"content": [{"token": "a"}]}
    assert answer.timing.first_token_s > 0


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_cancelled_call_passes_through_and_frees_its_connection(fake_endpoint, streamed):
    fake_endpoint.settings.fault_at = {1: "hang"}
    async with build("openai", base_url=fake_endpoint.url).open(HERE) as model:
        hanging = asyncio.create_task(model.predict(request_for(), [].append if streamed else None))
        await until(lambda: fake_endpoint.book.in_flight == 1)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert (await model.predict(request_for())).outcome is PredictionOutcome.OK
        await until(lambda: fake_endpoint.book.abandoned == 1)


async def until(is_so):
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110  the endpoint counts in a thread of its own
            await asyncio.sleep(0.01)


AMBIENT = {
    "OPENAI_API_KEY": "sk-ambient-key",
    "OPENAI_ADMIN_KEY": "sk-ambient-admin",
    "OPENAI_ORG_ID": "ambient-org",
    "OPENAI_PROJECT_ID": "ambient-project",
    "OPENAI_WEBHOOK_SECRET": "ambient-webhook",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/ambient",
    "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer ambient-header\nX-Ambient: 1",
    "WANDB_API_KEY": "ambient-wandb",
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("own_key", [False, True], ids=["no-key", "own-key"])
async def test_nothing_of_the_environment_reaches_another_base_url(
    fake_endpoint, monkeypatch, tmp_path, own_key, streamed
):
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    logins = tmp_path / "netrc"
    logins.write_text("machine 127.0.0.1 login ambient password ambient\ndefault login ambient password ambient\n")
    logins.chmod(0o600)
    monkeypatch.setenv("NETRC", str(logins))
    monkeypatch.setenv("MY_KEY", KEY)
    options = {"api_key_env": "MY_KEY"} if own_key else {}
    async with build("openai", base_url=fake_endpoint.url, **options).open(ProviderContext("team/project")) as model:
        answer = await model.predict(request_for(), [].append if streamed else None)
        await model.list_models()
    assert answer.outcome is PredictionOutcome.OK
    seen = fake_endpoint.stats()
    assert [len(seen["headers"]), len(seen["list_headers"])] == [1, 1]
    for headers in seen["headers"] + seen["list_headers"]:
        assert not any("ambient" in value.lower() for value in (*headers, *headers.values()))
        assert headers.get("authorization") == (f"Bearer {KEY}" if own_key else None)
        assert not {"openai-project", "openai-organization"} & set(headers)


async def test_key_project_and_headers_are_sent_when_they_are_asked_for(fake_endpoint, monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    fake_endpoint.settings.api_key, fake_endpoint.settings.project = KEY, "team/project"
    options = {"api_key_env": "MY_KEY", "project_header": True, "headers": {"X-Team": "evals"}}
    [answer] = await ask(fake_endpoint, "q", context=ProviderContext("team/project"), **options)
    assert answer.outcome is PredictionOutcome.OK
    assert fake_endpoint.stats()["headers"][0]["x-team"] == "evals"


async def test_the_key_never_shows(fake_endpoint, monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", KEY)
    fake_endpoint.settings.replies["q"] = [Reply(401, {"error": {"message": f"the key {KEY} is wrong"}})]
    with caplog.at_level(logging.DEBUG):
        async with build("openai", base_url=fake_endpoint.url, api_key_env="MY_KEY").open(HERE) as model:
            answer = await model.predict(request_for("q"))
            assert KEY not in repr(model)
    assert answer.failure.message.startswith("the key [hidden] is wrong")
    assert KEY not in caplog.text
    assert KEY not in repr(answer)


@pytest.mark.parametrize(
    ("options", "variable", "context", "words"),
    [
        pytest.param({}, None, HERE, "OPENAI_API_KEY is not set", id="openai"),
        pytest.param(
            {"base_url": "https://api.inference.wandb.ai/v1"}, None, HERE, "WANDB_API_KEY is not set", id="wandb"
        ),
        pytest.param({"api_key_env": "MY_KEY", "project_header": True}, KEY, HERE, "weave.project", id="no-project"),
        pytest.param(
            {"api_key_env": "MY_KEY", "project_header": True},
            KEY,
            ProviderContext("local/x"),
            "weave.project",
            id="local",
        ),
        pytest.param({"api_key_env": "MY_KEY"}, "two words", HERE, "copy it again", id="odd-key"),
        pytest.param({"api_key_env": "MY_KEY"}, "  ", HERE, "MY_KEY is not set", id="blank-key"),
        pytest.param(
            {"api_key_env": "MY_KEY", "project_header": True},
            KEY,
            ProviderContext("team/a\nb"),
            "header",
            id="odd-project",
        ),
    ],
)
def test_no_access_without_key_or_project(monkeypatch, options, variable, context, words):
    if variable is not None:
        monkeypatch.setenv("MY_KEY", variable)
    with pytest.raises(AccessError, match=words):
        build("openai", **options).open(context)


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "ftp://x/v1"},
        {"base_url": "http://user:secret@x/v1"},
        {"base_url": "http://x/v1?key=1"},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"X-Api-Key": "x"}},
        {"headers": {"X-Team": "a\r\nb: c"}},
        {"headers": {"bad name": "x"}},
        {"connect_timeout": 0},
        {"api_key": "sk-x"},
    ],
    ids=repr,
)
def test_options_that_cannot_be(options):
    with pytest.raises(ConfigError):
        build("openai", **options)


def test_one_endpoint_has_one_name():
    assert build("openai", base_url="http://x/v1/").url == build("openai", base_url="http://x/v1").url == "http://x/v1"


async def test_listing_models(fake_endpoint):
    fake_endpoint.settings.models = ["b", "a"]
    async with build("openai", base_url=fake_endpoint.url).open(HERE) as model:
        assert [listed.id for listed in await model.list_models()] == ["b", "a"]
        fake_endpoint.settings.lists_models = False
        assert await model.list_models() is None
        fake_endpoint.settings.lists_models = True
        fake_endpoint.settings.api_key = KEY
        with pytest.raises(AccessError, match="Invalid Authentication"):
            await model.list_models()
    async with build("openai", base_url="http://127.0.0.1:9/v1").open(HERE) as model:
        with pytest.raises(ProviderError):
            await model.list_models()


async def test_hundreds_in_flight_are_not_held_back(fake_endpoint):
    fake_endpoint.settings.faults = {"hang": 1.0}
    async with build("openai", base_url=fake_endpoint.url).open(HERE) as model:
        calls = [asyncio.ensure_future(model.predict(request_for(f"q{i}"))) for i in range(520)]
        async with asyncio.timeout(60):
            while fake_endpoint.book.in_flight < 520:  # noqa: ASYNC110  it is another thread that counts
                await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calls, return_exceptions=True)
        )
