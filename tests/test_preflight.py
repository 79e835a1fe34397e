"""Models held against an endpoint's list before the first call: who is refused, and what is only a note."""

import asyncio
import dataclasses

import pytest

from evalkit.errors import AccessError, ProviderError
from evalkit.listed_models import ListedModel, TokenPrice
from evalkit.preflight import Asked, ModelCheck, check_all, check_models, find_listed, find_missing
from evalkit.protocols import ProviderContext
from tests.fake_endpoint import FakeEndpoint
from tests.providers.asking import build
from tests.virtual_time import run_virtual

LLAMA, SCOUT = "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-4-Scout-17B-16E-Instruct"
WANDB = "https://api.inference.wandb.ai/v1"


class Lists:
    """A provider's model that has a list of its own making."""

    def __init__(self, *rows: ListedModel | str, error: Exception | None = None) -> None:
        self._rows, self._error = rows, error

    async def list_models(self):
        if self._error is not None:
            raise self._error
        return tuple(self._rows)


async def check(model, *wanted, url="http://x/v1"):
    return await check_models(model, wanted, provider="p", url=url)


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        pytest.param(["a", "b"], ["a"], id="there"),
        pytest.param(["a", "b"], ["b", "b", "a"], id="twice"),
        pytest.param([ListedModel("a", aliases=("a-1",))], ["a-1"], id="alias"),
        pytest.param(["*"], ["anything"], id="every-model"),
        pytest.param(["openai/*", "b"], ["openai/gpt-4o", "b"], id="wildcard"),
        pytest.param(["llama3:latest"], ["llama3"], id="latest"),
        pytest.param(["a"], [], id="nothing-wanted"),
    ],
)
async def test_listed_models_pass(listed, wanted):
    checked = await check(Lists(*listed), *wanted)
    assert checked.note == ""
    assert [row.id for row in checked.listed] == [getattr(row, "id", row) for row in listed]


@pytest.mark.parametrize(
    ("listed", "wanted", "words"),
    [
        pytest.param([LLAMA, SCOUT], [LLAMA.lower()], ["there it is written '" + LLAMA], id="case"),
        pytest.param([LLAMA, "b"], ["llama-3.1-8b"], ["'llama-3.1-8b'; did you mean '" + LLAMA + "'?"], id="vendor"),
        pytest.param([LLAMA, SCOUT], ["llama"], [f"did you mean '{LLAMA}' or '{SCOUT}'?"], id="several"),
        pytest.param(["a", "b"], ["zzz", "b", "yyy"], ["'zzz'", "'yyy'"], id="two-strangers"),
        pytest.param(["openai/*"], ["azure/gpt-4o"], ["'azure/gpt-4o'"], id="wildcard"),
    ],
)
async def test_an_unlisted_model_is_refused(listed, wanted, words):
    with pytest.raises(AccessError) as refused:
        await check(Lists(*listed), *wanted)
    for word in (*words, "provider p at http://x/v1", "nothing was sent", "evalkit models", "check_models: false"):
        assert word in str(refused.value)
    assert "'b'" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        pytest.param(object(), "keeps no list", id="no-method"),
        pytest.param(Lists(), "lists none", id="empty"),
        pytest.param(Lists(error=ProviderError("it is 503")), "it is 503", id="unreachable"),
        pytest.param(Lists(ListedModel("tiny.gguf", owned_by="llamacpp")), "every id with 'tiny.gguf'", id="llama-cpp"),
    ],
)
async def test_no_list_is_a_note(model, words):
    checked = await check(model, "whatever")
    assert checked.note.startswith("models of p not checked: ")
    assert words in checked.note


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"lists_models": False}, "keeps no list", id="404"),
        pytest.param({"models": []}, "lists none", id="empty"),
    ],
)
async def test_an_endpoint_without_a_list(settings, words):
    with FakeEndpoint(**settings) as endpoint:
        async with build("openai", base_url=endpoint.url).open(ProviderContext()) as model:
            checked = await check(model, "fake-model", url=endpoint.url)
    assert words in checked.note


async def test_a_refused_key_is_access_with_the_servers_words(fake_endpoint):
    fake_endpoint.settings.api_key = "k-1"
    async with build("openai", base_url=fake_endpoint.url).open(ProviderContext()) as model:
        with pytest.raises(AccessError, match=r"Invalid Authentication .*team and project"):
            await check(model, "fake-model")
    assert fake_endpoint.book.requests == 0


async def test_several_providers_are_refused_together_and_asked_at_once():
    asked = [Asked(name, f"http://{name}", Lists(f"{name}/m"), (f"{name}/m",)) for name in ("a", "b", "c")]
    assert [checked.provider for checked in await check_all(asked)] == ["a", "b", "c"]
    wrong = [dataclasses.replace(each, wanted=("x",)) for each in asked[:2]]
    with pytest.raises(AccessError) as refused:
        await check_all([*wrong, asked[2]])
    assert "http://a does not list 'x'" in str(refused.value)
    assert "http://b does not list 'x'" in str(refused.value)
    with pytest.raises(ZeroDivisionError):
        await check_all([Asked("d", "u", Lists(error=ZeroDivisionError()), ()), *asked])


def test_a_list_that_does_not_come_is_not_waited_for():
    class Hangs:
        async def list_models(self):
            await asyncio.sleep(3600)

    assert "within 10 s" in run_virtual(check(Hangs(), "a")).note


def test_the_row_that_says_most_is_found():
    own, alias, wild = ListedModel("a"), ListedModel("b", aliases=("a", "c")), ListedModel("*", created=1)
    assert find_listed("a", (wild, alias, own)) is own
    assert find_listed("c", (alias, wild)) is alias
    assert find_listed("d", (own, alias, wild)) is wild
    assert find_listed("d", (own,)) is None
    assert find_missing(["x", "a", "x"], (own,)) == ("x",)


def test_what_a_check_knows_of_a_model():
    price = TokenPrice(1, 2, "the endpoint's list")
    row = ListedModel(LLAMA, context_window=8192, modality=frozenset({"text", "vision"}), price=price)
    for url, listed, window, cost in (
        (WANDB, (row,), 8192, 1),
        (WANDB, (ListedModel(LLAMA),), 128_000, 0.22),
        (WANDB, None, 128_000, 0.22),
        ("http://x/v1", (ListedModel(LLAMA),), None, None),
    ):
        checked = ModelCheck("p", url, listed)
        assert checked.context_window(LLAMA) == window
        assert getattr(checked.price(LLAMA), "input", None) == cost
    assert ModelCheck("p", WANDB, (row,)).modality(LLAMA) == {"text", "vision"}
    assert ModelCheck("p", "http://x/v1").modality(LLAMA) == {"text"}
    unknown = ModelCheck("p", WANDB)
    assert unknown.modality("x") is unknown.context_window("x") is unknown.price("x") is None
