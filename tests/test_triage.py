"""Every error body seen in the wild, to what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.records import FailureKind, PredictionOutcome
from evalkit.triage import MAX_MESSAGE_CHARS, clean_message, failed, retry_after_s, triage

K = FailureKind
WANDB_REFUSAL = "Concurrency limit reached for requests"
WANDB_QUOTA = "You exceeded your current quota, please check your plan and billing details"
WANDB_PERSONAL = (
    "W&B Inference is not available for personal accounts. "
    "Please switch to a non-personal account to access W&B Inference"
)


def error(message: str, type_: str | None = None, code: object = None) -> dict[str, object]:
    return {"error": {"message": message, "type": type_, "code": code}}


GUIDE = [
    (401, error("Invalid Authentication"), K.ACCESS),
    (403, error("Country, region, or territory not supported"), K.ACCESS),
    (404, error("The model `x/y` does not exist", "invalid_request_error", "model_not_found"), K.UNKNOWN_MODEL),
    (429, error(WANDB_REFUSAL), K.THROTTLE),
    (429, error(WANDB_QUOTA), K.QUOTA),
    (429, error(WANDB_PERSONAL), K.ACCESS),
    (500, error("The server had an error while processing your request"), K.TRANSIENT),
    (502, "<html><head><title>502 Bad Gateway</title></head></html>", K.TRANSIENT),
    (503, error("The engine is currently overloaded, please try again later"), K.OVERLOADED),
    (400, error("'messages' is a required property"), K.REJECTED),
]

SEEN = [
    pytest.param(401, error("Invalid API key", "authentication_error", "invalid_api_key"), K.ACCESS, id="aimock-key"),
    pytest.param(401, error("Invalid API Key", "authentication_error", 401), K.ACCESS, id="llamacpp-key"),
    pytest.param(400, error("No connected db.", "no_db_connection", "400"), K.ACCESS, id="litellm-key"),
    pytest.param(
        400,
        error(
            "/chat/completions: Invalid model name passed in model=x. Call `/v1/models`", "invalid_request_error", "400"
        ),
        K.UNKNOWN_MODEL,
        id="litellm-model",
    ),
    pytest.param(404, {"detail": "Not Found"}, K.REJECTED, id="litellm-path"),
    pytest.param(404, "Not Found", K.REJECTED, id="mock-llm-path"),
    pytest.param(
        404, error("No fixture matched", "invalid_request_error", "no_fixture_match"), K.REJECTED, id="aimock-404"
    ),
    pytest.param(404, error("File Not Found", "not_found_error", 404), K.REJECTED, id="llamacpp-path"),
    pytest.param(404, error("Not found", "invalid_request_error", "model_not_found"), K.UNKNOWN_MODEL, id="code-alone"),
    pytest.param(429, error("Rate limit reached", "rate_limit_error", "chaos_ratelimit"), K.THROTTLE, id="aimock-429"),
    pytest.param(429, error("litellm.RateLimitError", "throttling_error", "429"), K.THROTTLE, id="litellm-429"),
    pytest.param(429, None, K.THROTTLE, id="bare-429"),
    pytest.param(429, error("x", "insufficient_quota", "insufficient_quota"), K.QUOTA, id="openai-quota-code"),
    pytest.param(
        429, error("Quota exceeded for quota metric: requests per minute", "billing"), K.RATE, id="quota-per-minute"
    ),
    pytest.param(
        429,
        error("Rate limit reached on tokens per min (TPM): Limit 8000. Try again in 2s"),
        K.RATE,
        id="tokens-per-min",
    ),
    pytest.param(429, error("Rate limit exceeded: free-models-per-min"), K.RATE, id="models-per-min"),
    pytest.param(429, error("Rate limit exceeded: free-models-per-day"), K.QUOTA, id="models-per-day"),
    pytest.param(429, error("Rate limit reached on requests per day (RPD): Limit 200"), K.QUOTA, id="requests-per-day"),
    pytest.param(
        429, error("Limits: 20 requests per minute, 200 per day. Minute limit reached"), K.RATE, id="minute-before-day"
    ),
    pytest.param(402, error("Insufficient credits", None, 402), K.QUOTA, id="payment-required"),
    pytest.param(500, error("Internal error", "internal_server_error", "500"), K.TRANSIENT, id="litellm-500"),
    pytest.param(
        500,
        error("image input is not supported - hint: you may need to provide the mmproj", "server_error", 500),
        K.REJECTED,
        id="llamacpp-image",
    ),
    pytest.param(
        501, error("This server does not support embeddings", "not_supported_error", 501), K.REJECTED, id="llamacpp-501"
    ),
    pytest.param(503, error("Loading model", "unavailable_error", 503), K.OVERLOADED, id="llamacpp-loading"),
    pytest.param(529, error("Overloaded", "overloaded_error"), K.OVERLOADED, id="529"),
    pytest.param(504, "", K.TRANSIENT, id="504"),
    pytest.param(408, None, K.TRANSIENT, id="408"),
    pytest.param(
        400,
        error(
            "request (3031 tokens) exceeds the available context size (2048 tokens)", "exceed_context_size_error", 400
        ),
        K.TOO_LONG,
        id="llamacpp-context",
    ),
    pytest.param(
        400,
        error(
            "This model's maximum context length is 8192 tokens.", "invalid_request_error", "context_length_exceeded"
        ),
        K.TOO_LONG,
        id="openai-context",
    ),
    pytest.param(400, {"message": "This model's maximum context length is 4096 tokens"}, K.TOO_LONG, id="flat-context"),
    pytest.param(400, error("blocked", None, "content_filter"), K.FILTERED, id="azure-filter"),
    pytest.param(403, error("Your input was flagged: violence"), K.FILTERED, id="moderation-403"),
    pytest.param(413, "Request Entity Too Large", K.REJECTED, id="413"),
    pytest.param(422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, K.REJECTED, id="fastapi"),
    pytest.param(301, None, K.ACCESS, id="redirect"),
    pytest.param(
        400, error("Unsupported parameter: 'max_tokens' is not supported with this model."), K.REJECTED, id="parameter"
    ),
]


@pytest.mark.parametrize(("status", "body", "kind"), GUIDE, ids=[f"{row[0]}-{row[2]}" for row in GUIDE])
def test_the_table_of_the_guide(status, body, kind):
    assert triage(status, body).kind is kind


@pytest.mark.parametrize(("status", "body", "kind"), SEEN)
def test_bodies_that_servers_send(status, body, kind):
    failure = triage(status, body)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(error("A  message\n\twith\x1b[31m colour"), "A message with[31m colour", id="control"),
        pytest.param({"error": "as text"}, "as text", id="error-text"),
        pytest.param([{"error": {"message": "in a list"}}], "in a list", id="list"),
        pytest.param({"detail": [{"msg": "one"}, {"msg": "two"}]}, "one; two", id="details"),
        pytest.param("<html><title>Bad</title><body>long</body></html>", "Bad", id="html"),
        pytest.param("plain", "plain", id="text"),
        pytest.param("", "HTTP 418 without a message", id="empty"),
        pytest.param({"error": {"code": 1}}, "HTTP 418 without a message", id="no-message"),
        pytest.param({"error": {"message": ["x", {"msg": "y"}]}}, "x; y", id="nested"),
        pytest.param(7, "HTTP 418 without a message", id="number"),
    ],
)
def test_the_message_is_the_servers_words(body, words):
    assert triage(418, body).message == words


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefghijkl",
        "Received API Key = sk-...abcd1234, hash d2ff5b1c0e8a4f7799aabbccddeeff00d2ff5b1c0e8a4f7799aabbccddeeff00",
        "Authorization: Bearer abc.def.ghi was refused",
        "the key s3cr3t is not known",
    ],
)
def test_secrets_are_hidden(text):
    message = triage(401, error(text), secrets=["s3cr3t"]).message
    assert "[hidden]" in message
    assert not any(part in message for part in ("sk-proj", "abcd1234", "d2ff5b1c", "abc.def", "s3cr3t"))


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (401, "Invalid Authentication", "team and project"),
        (403, "Country, region, or territory not supported", "terms-of-use"),
        (404, "The model does not exist", "/models"),
        (429, WANDB_PERSONAL, "create a team"),
        (308, "Permanent Redirect", "base_url"),
    ],
)
def test_access_says_what_to_do(status, message, advice):
    failure = triage(status, error(message))
    assert failure.message.startswith(message)
    assert advice in failure.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"retry-after": "2"}, 2.0, id="seconds"),
        pytest.param({"retry-after": "0.5"}, 0.5, id="fraction"),
        pytest.param({"retry-after-ms": "250", "retry-after": "9"}, 0.25, id="milliseconds"),
        pytest.param({"retry-after-ms": "soon", "retry-after": "9"}, 9.0, id="broken-milliseconds"),
        pytest.param({"retry-after": "-1"}, None, id="negative"),
        pytest.param({"retry-after": "nan"}, None, id="nan"),
        pytest.param({"retry-after": "inf"}, None, id="infinite"),
        pytest.param({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0, id="date-by-our-clock"),
        pytest.param(
            {"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT", "date": "Thu, 01 Jan 1970 00:01:30 GMT"},
            10.0,
            id="date-by-their-clock",
        ),
        pytest.param({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0, id="date-gone-by"),
        pytest.param({"retry-after": "tomorrow"}, None, id="words"),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after_s(headers, now=60.0) == seconds
    assert triage(429, None, headers, now=60.0).retry_after_s == seconds


def test_a_date_without_any_clock_says_nothing():
    assert retry_after_s({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}) is None


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (K.REJECTED, PredictionOutcome.REJECTED),
        (K.TOO_LONG, PredictionOutcome.TOO_LONG),
        (K.FILTERED, PredictionOutcome.FILTERED),
        (K.REFUSED, PredictionOutcome.REFUSED),
        (K.NOT_RUN, PredictionOutcome.NOT_RUN),
        (K.ACCESS, PredictionOutcome.INFRA_ERROR),
        (K.QUOTA, PredictionOutcome.INFRA_ERROR),
        (K.THROTTLE, PredictionOutcome.INFRA_ERROR),
        (K.TRANSIENT, PredictionOutcome.INFRA_ERROR),
        (K.OVERLOADED, PredictionOutcome.INFRA_ERROR),
    ],
)
def test_a_failure_is_a_prediction(kind, outcome):
    failure = triage(400, None)
    failure = type(failure)(kind, "why")
    assert (failed(failure).outcome, failed(failure).failure) == (outcome, failure)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "detail", "code", "type", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(status=st.integers(100, 999), body=json_values)
def test_any_body_gives_a_clean_short_message(status, body):
    failure = triage(status, body)
    assert 0 < len(failure.message) <= MAX_MESSAGE_CHARS
    assert failure.message.isprintable()


@given(st.text(max_size=2000))
def test_cleaning_twice_changes_nothing(text):
    assert clean_message(clean_message(text)) == clean_message(text)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        pytest.param({}, K.THROTTLE, id="no word of a quota"),
        pytest.param({"retry-after": "1"}, K.THROTTLE, id="only when to come back"),
        pytest.param({"x-ratelimit-remaining-requests": "3"}, K.THROTTLE, id="calls are left"),
        pytest.param(
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, K.RATE, id="no calls are left"
        ),
    ],
)
def test_headers_tell_a_used_up_minute_from_too_many_calls_at_once(headers, kind):
    assert triage(429, error("Rate limit reached"), headers).kind is kind


def test_a_request_larger_than_a_whole_minute_is_too_long():
    words = "Request too large for gpt-x in organization o on tokens per min (TPM): Limit 10000, Requested 40000."
    assert triage(429, error(words, "tokens", "rate_limit_exceeded")).kind is K.TOO_LONG


def test_a_server_that_speaks_of_concurrency_means_it_whatever_its_headers_say():
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}
    assert triage(429, error(WANDB_REFUSAL), spent).kind is K.THROTTLE
