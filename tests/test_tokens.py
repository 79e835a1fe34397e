"""Guesses of tokens: what counts, what is learnt, and that a guess is seldom too low."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Usage,
)
from evalkit.tokens import (
    FIRST_ANSWER_TOKENS,
    FIRST_BYTES_PER_TOKEN,
    FIRST_IMAGE_TOKENS,
    MESSAGE_TOKENS,
    REQUEST_TOKENS,
    TRUSTED_ANSWERS,
    TokenEstimator,
    Tokens,
    billed_tokens,
    count_tokens,
)

TEMPLATE = REQUEST_TOKENS + MESSAGE_TOKENS
IMAGE = {"type": "image_url", "image_url": {"url": "image:abc.png"}}


def ask(*contents: object, model: str = "m", **params: object) -> Request:
    messages = tuple(Message("user", content) for content in contents)
    return Request(model, messages, params, Sample("s", ""), CallKey("r", "s"))


def text_tokens(length: int) -> int:
    return -int(-length // FIRST_BYTES_PER_TOKEN)


@pytest.mark.parametrize(
    ("request_", "prompt"),
    [
        (ask("x" * 300), TEMPLATE + 100),
        (ask("x" * 300, "y" * 30), TEMPLATE + MESSAGE_TOKENS + 110),
        (ask("\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 100), TEMPLATE + 100),
        (ask("\ud800"), TEMPLATE + 1),
        (ask(""), TEMPLATE),
        (ask(None), TEMPLATE),
        (ask([{"type": "text", "text": "x" * 300}, IMAGE, IMAGE]), TEMPLATE + 100 + 2 * FIRST_IMAGE_TOKENS),
        (ask(["x" * 300]), TEMPLATE + 100),
        (ask("", tools=[{"a": "x" * 290}]), TEMPLATE + text_tokens(len(json.dumps([{"a": "x" * 290}])) - 1)),
        (ask("", response_format={"a": 1}), TEMPLATE + text_tokens(7)),
    ],
    ids=["text", "messages", "chinese", "lone surrogate", "empty", "null", "images", "bare parts", "tools", "schema"],
)
def test_a_prompt_is_guessed_by_its_size(request_: Request, prompt: int) -> None:
    assert TokenEstimator().estimate(request_).prompt == prompt


@pytest.mark.parametrize(
    ("params", "completion"),
    [
        ({}, FIRST_ANSWER_TOKENS),
        ({"max_tokens": 16}, 16),
        ({"max_tokens": 16, "max_completion_tokens": 20}, 20),
        ({"max_tokens": 16, "n": 3}, 48),
        ({"extra_body": {"max_tokens": 7, "n": 2}}, 14),
        ({"max_tokens": None}, FIRST_ANSWER_TOKENS),
        ({"max_tokens": True, "n": True}, FIRST_ANSWER_TOKENS),
        ({"max_tokens": 0, "n": 0}, FIRST_ANSWER_TOKENS),
    ],
    ids=["none", "max_tokens", "both", "n", "extra_body", "null", "no numbers", "zero"],
)
def test_an_answer_is_guessed_by_its_limit(params: dict[str, object], completion: int) -> None:
    assert TokenEstimator().estimate(ask("x", **params)).completion == completion


def test_without_a_limit_the_longest_of_enough_answers_stands() -> None:
    estimator = TokenEstimator()
    for seen in range(TRUSTED_ANSWERS):
        assert estimator.estimate(ask("x")).completion == FIRST_ANSWER_TOKENS
        estimator.learn(ask("x"), Usage(5, 10 + seen))
    assert estimator.estimate(ask("x")).completion == 10 + TRUSTED_ANSWERS - 1
    assert estimator.estimate(ask("x", n=2)).completion == 2 * (10 + TRUSTED_ANSWERS - 1)
    assert estimator.estimate(ask("x", model="other")).completion == FIRST_ANSWER_TOKENS


def test_a_first_answer_beyond_the_default_counts_at_once() -> None:
    estimator = TokenEstimator()
    estimator.learn(ask("x"), Usage(5, 5_000))
    assert estimator.estimate(ask("x")).completion == 5_000


@pytest.mark.parametrize(
    "usage", [None, Usage(), Usage(0, 0), Usage(-3, 4)], ids=["none", "untold", "zero", "negative"]
)
def test_nothing_is_learnt_of_a_prompt_that_was_not_counted(usage: Usage | None) -> None:
    estimator = TokenEstimator()
    before = estimator.estimate(ask("x" * 300))
    estimator.learn(ask("x" * 300), usage)
    assert estimator.estimate(ask("x" * 300)).prompt == before.prompt


def test_images_are_learnt_apart_from_text() -> None:
    estimator = TokenEstimator()
    estimator.learn(ask("x" * 400), Usage(TEMPLATE + 100, 1))
    estimator.learn(ask([{"type": "text", "text": "x" * 400}, IMAGE]), Usage(TEMPLATE + 100 + 600, 1))
    pictured = estimator.estimate(ask([IMAGE])).prompt
    assert pictured == TEMPLATE + 600
    assert estimator.estimate(ask("x" * 400)).prompt == pytest.approx(TEMPLATE + 125, abs=1)


@given(
    st.floats(0.05, 1.5),
    st.lists(st.tuples(st.integers(20, 5_000), st.floats(-0.1, 0.1)), min_size=30, max_size=80),
)
def test_a_guess_is_a_little_too_high(rate: float, prompts: list[tuple[int, float]]) -> None:
    """Once a model is known, guesses of prompts whose rate varies by a tenth cover them and are not twice too high."""
    estimator = TokenEstimator()
    covered = 0
    for length, off in prompts:
        real = TEMPLATE + max(1, round(length * rate * (1 + off)))
        guess = estimator.estimate(ask("x" * length)).prompt
        estimator.learn(ask("x" * length), Usage(real, 1))
        covered += guess >= 0.9 * real
    assert covered >= 0.8 * len(prompts)
    assert estimator.estimate(ask("x" * 10_000)).prompt <= TEMPLATE + 2 * max(1, 10_000 * rate) + 2_000


@given(st.integers(1, 10_000), st.floats(0.05, 2.0))
def test_a_steady_rate_is_found(length: int, rate: float) -> None:
    estimator = TokenEstimator()
    real = TEMPLATE + max(1, round(length * rate))
    for _ in range(60):
        estimator.learn(ask("x" * length), Usage(real, 1))
    assert real <= estimator.estimate(ask("x" * length)).prompt <= real + 1


@given(st.text(max_size=200), st.text(max_size=200))
def test_more_text_is_never_guessed_as_less(first: str, second: str) -> None:
    estimator = TokenEstimator()
    assert estimator.estimate(ask(first + second)).prompt >= estimator.estimate(ask(first)).prompt


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, (None, None)),
        (Usage(10, 5), (10, 5)),
        (Usage(10, None, 15), (10, None)),
        (Usage(10, 5, 15, cached_tokens=8, reasoning_tokens=3), (10, 5)),
        (Usage(10, 5, 18, reasoning_tokens=3), (10, 8)),
        (Usage(10, 5, 21, reasoning_tokens=3), (10, 11)),
        (Usage(10, 5, 1015), (10, 1005)),
        (Usage(10, 5, 3), (10, 5)),
        (Usage(10, 5, None, reasoning_tokens=3), (10, 5)),
    ],
    ids=[
        "none",
        "plain",
        "half",
        "reasoning inside",
        "reasoning beside",
        "total beyond both",
        "total far beyond both",
        "total below both",
        "no total",
    ],
)
def test_no_token_is_counted_twice_or_not_at_all(usage: Usage | None, counted: tuple[int | None, int | None]) -> None:
    assert count_tokens(usage) == counted


@pytest.mark.parametrize(
    ("failure", "usage", "billed"),
    [
        (None, Usage(10, 5), (10, 5)),
        (None, None, (None, None)),
        (Failure(FailureKind.REJECTED, "no", 400), None, (0, 0)),
        (Failure(FailureKind.TRANSIENT, "no", 502), None, (0, 0)),
        (Failure(FailureKind.TRANSIENT, "malformed", 200), None, (None, None)),
        (Failure(FailureKind.TRANSIENT, "no reply"), None, (None, None)),
        (Failure(FailureKind.TRANSIENT, "no connection", is_sent=False), None, (0, 0)),
        (Failure(FailureKind.REFUSED, "no", 200), Usage(10, 5), (10, 5)),
    ],
    ids=["answer", "untold", "400", "502", "malformed", "lost", "never sent", "refused"],
)
def test_what_a_request_is_billed(
    failure: Failure | None, usage: Usage | None, billed: tuple[int | None, int | None]
) -> None:
    assert billed_tokens(Prediction(PredictionOutcome.OK, failure=failure, usage=usage)) == billed


def test_both_together() -> None:
    assert Tokens(3, 4).total == 7
