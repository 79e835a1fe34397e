"""A prompt beyond the context window, in the words of the servers that say so, is an outcome of its own."""

import pytest

from evalkit.records import FailureKind, PredictionOutcome
from evalkit.triage import failed, triage

BAD = {"type": "BadRequestError", "code": 400}
INVALID = {"type": "invalid_request_error"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(
            400,
            {
                **BAD,
                "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
            },
            id="wandb-and-vllm-requested",
        ),
        pytest.param(
            400,
            {
                **BAD,
                "message": "This model's maximum context length is 4096 tokens. However, your messages resulted in 5",
            },
            id="vllm-messages",
        ),
        pytest.param(
            400,
            {
                **BAD,
                "message": "'max_tokens' is too large: 4096. This model's maximum context length is 4096 tokens and "
                "your request has 30 input tokens (4096 > 4096 - 30).",
            },
            id="vllm-max-tokens",
        ),
        pytest.param(
            400,
            {
                **BAD,
                "message": "The decoder prompt (length 5012) is longer than the maximum model length of 4096. "
                "Make sure that `max_model_len` is no smaller than the number of text tokens.",
            },
            id="vllm-v1",
        ),
        pytest.param(
            400,
            {"code": 400, "message": "request (5000 tokens) is too big", "type": "exceed_context_size_error"},
            id="llama-cpp-type",
        ),
        pytest.param(
            400,
            {"code": 400, "message": "the request exceeds the available context size. try increasing the context size"},
            id="llama-cpp-words",
        ),
        pytest.param(
            500,
            {"message": "Requested tokens (3000) exceed context window of 2048", "type": "internal_server_error"},
            id="llama-cpp-python-500",
        ),
        pytest.param(
            400, {**INVALID, "message": "Shorten it.", "code": "context_length_exceeded"}, id="openai-and-groq-code"
        ),
        pytest.param(
            400, {**INVALID, "message": "Your input exceeds the context window of this model."}, id="openai-responses"
        ),
        pytest.param(
            400,
            {"message": "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException", "code": "400"},
            id="litellm",
        ),
        pytest.param(400, {**INVALID, "message": "prompt is too long: 210000 tokens > 200000 maximum"}, id="anthropic"),
        pytest.param(
            400,
            {"message": "too many tokens: the total number of tokens in the prompt cannot exceed 4081"},
            id="cohere",
        ),
        pytest.param(400, {"message": "Input is too long for requested model."}, id="bedrock"),
        pytest.param(
            400,
            {"message": "Requested token count exceeds the model's maximum context length of 4096 tokens."},
            id="sglang",
        ),
        pytest.param(400, {"message": "input length exceeds the context length", "type": "api_error"}, id="ollama"),
        pytest.param(500, {"message": "prompt too long; exceeded max context length by 4 tokens"}, id="ollama-500"),
        pytest.param(
            400,
            {"message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"},
            id="mistral",
        ),
    ],
)
def test_a_prompt_that_is_too_long(status, error):
    failure = triage(status, {"error": error})
    assert failure.kind is FailureKind.TOO_LONG
    assert failed(failure).outcome is PredictionOutcome.TOO_LONG
    assert triage(status, {"object": "error", **error}).kind is FailureKind.TOO_LONG


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(400, "max_tokens must be at least 1", id="max-tokens"),
        pytest.param(400, "The response was too long to be read", id="the-response"),
        pytest.param(422, "temperature must be at most 2", id="temperature"),
    ],
)
def test_another_rejection_is_not(status, message):
    assert triage(status, {"error": {"message": message}}).kind is FailureKind.REJECTED
