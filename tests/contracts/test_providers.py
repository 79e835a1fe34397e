"""Every registered provider keeps the protocol's promises."""

import dataclasses
import inspect

import pytest

from evalkit.protocols import Model, Provider, ProviderContext
from evalkit.records import Prediction, PredictionOutcome, Sample
from evalkit.registry import Registry
from tests.fake_endpoint import FakeEndpoint
from tests.providers.asking import request_for

REGISTRY = Registry("evalkit.providers")
NAMES = REGISTRY.names()


def test_the_built_in_ones_are_there():
    assert {"llamacpp", "openai", "recorded", "scripted"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_one_frozen_dataclass_that_says_what_it_is(name):
    plugin = REGISTRY.plugin(name)
    assert dataclasses.is_dataclass(plugin)
    assert plugin.__dataclass_params__.frozen
    assert plugin.__slots__ is not None
    first = inspect.getdoc(plugin).splitlines()[0]
    assert first.endswith((".", ";"))
    for option in dataclasses.fields(plugin):
        assert option.name in inspect.getdoc(plugin), f"{name}: option {option.name} is not documented"


@pytest.fixture
def options(fake_endpoint: FakeEndpoint, tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"id": "s1", "text": "2"}\n')
    fake_endpoint.settings.answers["What is 1 + 1?"] = "2"
    return {
        "openai": {"base_url": fake_endpoint.url},
        "recorded": {"path": "answers.jsonl", "base_dir": str(tmp_path)},
        "scripted": {},
        "llamacpp": {},
    }


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_provider_with_a_stable_url(name, options):
    provider = REGISTRY.build(name, options[name])
    assert isinstance(provider, Provider)
    assert provider.url == REGISTRY.build(name, options[name]).url
    assert provider.concurrency is None or provider.concurrency >= 1


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"llamacpp"}))
async def test_it_answers_and_fails_as_a_value(name, options):
    provider = REGISTRY.build(name, options[name])
    async with provider.open(ProviderContext(models=("fake-model",))) as model:
        assert isinstance(model, Model)
        pieces: list[str] = []
        plain = await model.predict(request_for())
        streamed = await model.predict(request_for(), pieces.append)
        missing = await model.predict(request_for(sample=Sample(id="none", input="none")))
        assert isinstance(await model.list_models(), tuple | None)
    assert (plain.outcome, plain.text) == (PredictionOutcome.OK, "2")
    assert (streamed.text, "".join(pieces)) == ("2", "2")
    assert isinstance(missing, Prediction)
