"""The scripted provider: the same seed gives the same run, and every fault is a value."""

import asyncio

import pytest

from evalkit.errors import ConfigError
from evalkit.protocols import ProviderContext
from evalkit.records import FailureKind, PredictionOutcome, Sample
from tests.providers.asking import build, request_for

SAMPLES = [Sample(id=f"s{i}", input=f"q{i}", target=f"t{i}", fields={"topic": "x"}, index=i) for i in range(400)]


async def play(samples, *, model="m", trial=0, times=1, **options):
    async with build("scripted", **options).open(ProviderContext()) as opened:
        return [
            await opened.predict(request_for("q", model=model, sample=sample, trial=trial))
            for _ in range(times)
            for sample in samples
        ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({}, "t1", id="target"),
        pytest.param({"default": "plain"}, "plain", id="literal"),
        pytest.param(
            {"default": "{{ id }} {{ input }} {{ model }} {{ trial }} {{ topic }}"}, "s1 q1 m 0 x", id="template"
        ),
        pytest.param({"answers": {"s1": "by id", "q1": "by input"}}, "by id", id="by-id"),
        pytest.param({"answers": {"q1": "by {{ input }}"}}, "by q1", id="by-input"),
        pytest.param({"accuracy": 0}, "(a scripted wrong answer)", id="wrong"),
        pytest.param({"accuracy": {"m": 0, "*": 1}, "wrong": "not {{ target }}"}, "not t1", id="wrong-by-model"),
    ],
)
async def test_the_answer(options, text):
    [answer] = await play([SAMPLES[1]], **options)
    assert (answer.outcome, answer.text) == (PredictionOutcome.OK, text)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("value", [3, 2.5, ["a", 1], {"b": None}, True, None], ids=repr)
async def test_a_target_that_is_no_text_is_answered_as_json(value):
    [answer] = await play([Sample("s", "q", target=value)])
    assert answer.text == {3: "3", 2.5: "2.5", True: "true", None: "null"}.get(
        value if not isinstance(value, (list, dict)) else "", '["a",1]' if isinstance(value, list) else '{"b":null}'
    )


async def test_accuracy_is_a_seeded_share_that_differs_by_model():
    def right(answers):
        return [answer.text.startswith("t") for answer in answers]

    once = right(await play(SAMPLES, accuracy=0.7))
    assert once == right(await play(SAMPLES, accuracy=0.7))
    assert 0.6 < sum(once) / len(once) < 0.8
    assert once != right(await play(SAMPLES, accuracy=0.7, model="other"))
    assert once != right(await play(SAMPLES, accuracy=0.7, trial=1))
    assert once != right(await play(SAMPLES, accuracy=0.7, seed=1))


@pytest.mark.parametrize(
    ("kind", "failure", "outcome"),
    [
        (401, FailureKind.ACCESS, PredictionOutcome.INFRA_ERROR),
        ("403", FailureKind.ACCESS, PredictionOutcome.INFRA_ERROR),
        (404, FailureKind.UNKNOWN_MODEL, PredictionOutcome.INFRA_ERROR),
        (429, FailureKind.THROTTLE, PredictionOutcome.INFRA_ERROR),
        ("quota", FailureKind.QUOTA, PredictionOutcome.INFRA_ERROR),
        (500, FailureKind.TRANSIENT, PredictionOutcome.INFRA_ERROR),
        (503, FailureKind.OVERLOADED, PredictionOutcome.INFRA_ERROR),
        ("reset", FailureKind.TRANSIENT, PredictionOutcome.INFRA_ERROR),
        ("malformed", FailureKind.TRANSIENT, PredictionOutcome.INFRA_ERROR),
        ("rejected", FailureKind.REJECTED, PredictionOutcome.REJECTED),
        ("too_long", FailureKind.TOO_LONG, PredictionOutcome.TOO_LONG),
        ("refused", FailureKind.REFUSED, PredictionOutcome.REFUSED),
        ("filtered", FailureKind.FILTERED, PredictionOutcome.FILTERED),
    ],
)
async def test_faults(kind, failure, outcome):
    first, second = await play([SAMPLES[0]], times=2, faults=[{"kind": kind, "attempts": 1, "retry_after": 3}])
    assert (first.failure.kind, first.outcome) == (failure, outcome)
    assert second.outcome is PredictionOutcome.OK


async def test_a_truncated_answer_still_has_its_text():
    [answer] = await play([SAMPLES[0]], faults=[{"kind": "truncated"}])
    assert (answer.outcome, answer.text, answer.finish_reason) == (PredictionOutcome.TRUNCATED, "t0", "length")


async def test_a_hung_answer_waits_for_ever():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await play([SAMPLES[0]], faults=[{"kind": "hang"}])


async def test_faults_hit_the_samples_and_the_share_they_are_for():
    failed = [answer.failure is not None for answer in await play(SAMPLES[:4], faults=[{"kind": 500, "on": ["s2"]}])]
    assert failed == [False, False, True, False]
    answers = await play(SAMPLES, faults=[{"kind": 500, "rate": 0.25}])
    assert 0.18 < sum(answer.failure is not None for answer in answers) / len(answers) < 0.32


async def test_a_template_that_does_not_fit_rejects_the_sample():
    [answer] = await play([SAMPLES[0]], default="{{ nowhere }}")
    assert answer.outcome is PredictionOutcome.REJECTED
    assert "nowhere" in answer.failure.message


async def test_text_is_handed_over():
    got = []
    async with build("scripted").open(ProviderContext()) as model:
        await model.predict(request_for(sample=SAMPLES[0]), got.append)
    assert got == ["t0"]


def test_the_url_names_what_the_answers_depend_on():
    def url(**options):
        return build("scripted", **options).url

    assert url() == url(latency=1.0, usage=False, faults=[{"kind": 500}])
    assert len({url(), url(seed=1), url(default="x"), url(accuracy=0.5), url(answers={"a": "b"})}) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"accuracy": 2},
        {"accuracy": {"m": -1}},
        {"latency": -1},
        {"default": "{{ target"},
        {"faults": [{"kind": "boom"}]},
        {"faults": [{"kind": 500, "rate": 2}]},
        {"faults": [{"kind": 500, "ratee": 1}]},
        {"nonsense": 1},
    ],
    ids=repr,
)
def test_options_that_cannot_be(options):
    with pytest.raises(ConfigError):
        build("scripted", **options)
