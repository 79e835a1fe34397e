"""An error inside a 200 means what the same error means under the status it should have come with."""

from typing import Any

import pytest

from evalkit.chat_error import inner_error
from evalkit.protocols import ProviderContext
from evalkit.records import FailureKind, Json, PredictionOutcome
from evalkit.triage import triage
from tests.fake_endpoint import FakeEndpoint, Reply
from tests.providers.asking import build, request_for

K = FailureKind
SECRET = "hush-9f2a77-never-tell"


def error(message: str = "x", **codes: Any) -> dict[str, Any]:
    return {"error": {"message": message, **codes}}


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        pytest.param(error(code=429), 429, K.THROTTLE, id="a number"),
        pytest.param(error(code="503"), 503, K.OVERLOADED, id="a number in words"),
        pytest.param(error(status=502), 502, K.TRANSIENT, id="a number called status"),
        pytest.param(
            {"error": "x", "status_code": 404, "detail": "model gone"}, 404, K.REJECTED, id="a number outside"
        ),
        pytest.param(error(type="rate_limit_error"), 429, K.THROTTLE, id="rate limit by type"),
        pytest.param(error(type="RateLimitError", code=None), 429, K.THROTTLE, id="rate limit by class"),
        pytest.param(error(code="rate_limit_exceeded"), 429, K.THROTTLE, id="rate limit by code"),
        pytest.param(error(status="RESOURCE_EXHAUSTED"), 429, K.THROTTLE, id="exhausted"),
        pytest.param(error("Too Many Requests"), 429, K.THROTTLE, id="rate limit by words"),
        pytest.param(error("Rate limit reached"), 429, K.THROTTLE, id="rate limit by other words"),
        pytest.param(error(code="insufficient_quota"), 429, K.QUOTA, id="quota"),
        pytest.param(error(type="overloaded_error"), 503, K.OVERLOADED, id="overloaded"),
        pytest.param(error(status="UNAVAILABLE"), 503, K.OVERLOADED, id="unavailable"),
        pytest.param(error(type="server_error"), 500, K.TRANSIENT, id="server"),
        pytest.param(error(type="InternalServerError"), 500, K.TRANSIENT, id="server by class"),
        pytest.param(error(type="timeout_error"), 504, K.TRANSIENT, id="timeout"),
        pytest.param(error("upstream died"), 500, K.TRANSIENT, id="nothing said"),
        pytest.param({"error": "upstream died"}, 500, K.TRANSIENT, id="words alone"),
        pytest.param({"error": True}, 500, K.TRANSIENT, id="no words"),
        pytest.param(error("x", code=7), 500, K.TRANSIENT, id="no status"),
        pytest.param(error(type="invalid_request_error"), 400, K.REJECTED, id="invalid request"),
        pytest.param(error(type="BadRequestError", code=400), 400, K.REJECTED, id="bad request"),
        pytest.param(error(status="INVALID_ARGUMENT"), 400, K.REJECTED, id="invalid argument"),
        pytest.param(error(code="context_length_exceeded"), 400, K.TOO_LONG, id="too long by code"),
        pytest.param(
            error("This model's maximum context length is 4096 tokens"), 500, K.TOO_LONG, id="too long by words"
        ),
        pytest.param(error(code="content_filter"), 400, K.FILTERED, id="filtered"),
        pytest.param(error("flagged by moderation: content_policy_violation"), 400, K.FILTERED, id="filtered by words"),
        pytest.param(error(code="invalid_api_key"), 401, K.ACCESS, id="key"),
        pytest.param(error(type="AuthenticationError"), 401, K.ACCESS, id="key by class"),
        pytest.param(error(type="permission_error"), 403, K.ACCESS, id="permission"),
        pytest.param(error("no model x", code="model_not_found"), 404, K.UNKNOWN_MODEL, id="model"),
        pytest.param({"object": "error", "message": "x", "code": 400}, 400, K.REJECTED, id="an error as the body"),
        pytest.param(
            {
                "choices": [
                    {"message": {"content": ""}, "finish_reason": "error", "error": {"message": "x", "code": 502}}
                ]
            },
            502,
            K.TRANSIENT,
            id="an error in a choice",
        ),
        pytest.param(
            {**error(code=429), "choices": [{"message": {"content": "half"}}]}, 429, K.THROTTLE, id="beside an answer"
        ),
    ],
)
async def test_what_an_error_inside_a_200_means(
    fake_endpoint: FakeEndpoint, body: dict[str, Any], status: int, kind: FailureKind
) -> None:
    found = inner_error(body)
    assert found is not None
    assert found[0] == status
    assert triage(*found).kind is kind
    fake_endpoint.settings.replies["q"] = [Reply(body=body)]
    async with build("openai", base_url=fake_endpoint.url).open(ProviderContext()) as model:
        answer = await model.predict(request_for("q"))
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.status, answer.text) == (kind, status, "")


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": "x"}}]},
        {"choices": [{"message": {"content": "x"}, "error": None}], "error": None},
        {"object": "chat.completion", "message": "x"},
        {"choices": [{"message": {"content": "x"}}], "error": {}},
        {},
    ],
    ids=["an answer", "nulls", "no choices", "an empty one", "nothing"],
)
def test_what_is_no_error(body: Json) -> None:
    assert inner_error(body) is None


async def test_a_choice_that_ended_in_an_error_is_no_empty_answer(fake_endpoint: FakeEndpoint) -> None:
    body = {"choices": [{"message": {"content": None}, "finish_reason": "error"}]}
    fake_endpoint.settings.replies["q"] = [Reply(body=body)]
    async with build("openai", base_url=fake_endpoint.url).open(ProviderContext()) as model:
        answer = await model.predict(request_for("q"))
    assert answer.outcome is PredictionOutcome.INFRA_ERROR
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_a_key_that_is_echoed_never_stands_in_the_message(
    fake_endpoint: FakeEndpoint, streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", SECRET)
    body = error(f"no access with {SECRET}", code="invalid_api_key")
    fake_endpoint.settings.replies["q"] = [Reply(body=body)]
    async with build("openai", base_url=fake_endpoint.url, api_key_env="SOME_KEY").open(ProviderContext()) as model:
        answer = await model.predict(request_for("q", params={"stream": streams}))
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.ACCESS
    assert SECRET not in repr(answer)


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_the_wait_that_comes_with_it_is_heard(fake_endpoint: FakeEndpoint, streams: bool) -> None:
    reply = Reply(body=error(type="rate_limit_error"), headers={"retry-after": "7"})
    fake_endpoint.settings.replies["q"] = [reply]
    async with build("openai", base_url=fake_endpoint.url).open(ProviderContext()) as model:
        answer = await model.predict(request_for("q", params={"stream": streams}))
    assert answer.failure is not None
    assert answer.failure.retry_after_s == 7.0
