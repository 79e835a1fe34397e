"""Options and configs to who is asked, with which settings, and where it is traced."""

from pathlib import Path

import pytest

from evalkit.cli.chat_plan import Asked, plan_chat, read_settings
from evalkit.cli.chat_session import ChatPlan
from evalkit.errors import AccessError, ConfigError
from tests.end_to_end.command import write_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(
        tmp_path,
        name="talk",
        weave={"project": "team/project"},
        providers={"mine": {"use": "scripted"}},
        models=[
            {"id": "x", "provider": "mine", "label": "plain", "params": {"temperature": 1, "seed": 3}},
            {"id": "x", "provider": "mine", "label": "pirate", "system": "You are a pirate."},
            {"id": "j", "provider": "mine", "label": "other"},
        ],
        datasets={"rows": {"rows": [{"input": "a", "target": "b"}]}},
        scorers={"exact": {"use": "exact"}},
    )


def labels(plan: ChatPlan) -> list[str]:
    return [model.label for model in plan.models]


def test_ids_on_the_default_provider() -> None:
    plan = plan_chat(Asked(models=("a", "b")), {}, None)
    assert [(model.id, model.provider, model.label) for model in plan.models] == [
        ("a", "wandb", "a"),
        ("b", "wandb", "b"),
    ]
    assert (plan.weave.backend, plan.weave.project) == ("local", "local/chat")


def test_the_local_provider_has_a_model_of_its_own() -> None:
    (model,) = plan_chat(Asked(provider="local"), {}, None).models
    assert (model.id, model.provider) == ("smollm2-135m-instruct", "local")


def test_an_address_takes_the_key_that_is_named_and_the_project() -> None:
    asked = Asked(models=("a",), base_url="http://127.0.0.1:1/v1", api_key_env="MY_KEY", project="team/p")
    plan = plan_chat(asked, {}, None)
    (spec,) = plan.providers.values()
    assert spec.options == {"base_url": "http://127.0.0.1:1/v1", "api_key_env": "MY_KEY", "project_header": True}
    assert plan.project == "team/p"
    assert plan.models[0].provider in plan.providers


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [((), ["plain", "pirate", "other"]), (("p*",), ["plain", "pirate"]), (("other", "plain"), ["plain", "other"])],
    ids=["all", "glob", "names"],
)
def test_labels_of_a_config(config: Path, wanted: tuple[str, ...], expected: list[str]) -> None:
    plan = plan_chat(Asked(config=config, models=wanted), {}, None)
    assert labels(plan) == expected
    assert plan.base_dir == config.parent
    assert plan.project == "team/project"


def test_a_provider_of_a_config_takes_ids(config: Path) -> None:
    plan = plan_chat(Asked(config=config, provider="mine", models=("new",)), {}, None)
    assert [(model.id, model.provider) for model in plan.models] == [("new", "mine")]


def test_settings_go_before_the_configs(config: Path) -> None:
    plan = plan_chat(Asked(config=config), {"temperature": 0}, "Be brief.")
    assert plan.models[0].params == {"temperature": 0, "seed": 3}
    assert {model.system for model in plan.models} == {"Be brief."}
    assert plan_chat(Asked(config=config), {}, None).models[1].system == "You are a pirate."


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param(Asked(), "name the models", id="no-model"),
        pytest.param(Asked(models=("a", "a")), "twice", id="twice"),
        pytest.param(Asked(models=("a",), api_key_env="K"), "goes with --base-url", id="key-without-address"),
        pytest.param(Asked(models=("a",), base_url="http://x/v1", provider="openai"), "instead of", id="two-places"),
        pytest.param(Asked(models=("a",), profile="ci"), "goes with --config", id="profile-without-config"),
    ],
)
def test_what_does_not_go_together_is_refused(asked: Asked, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_chat(asked, {}, None)


def test_a_label_that_is_not_there_is_named(config: Path) -> None:
    with pytest.raises(ConfigError, match="'parrot' matches none of: plain, pirate, other"):
        plan_chat(Asked(config=config, models=("parrot",)), {}, None)


@pytest.mark.parametrize(
    ("env", "asked", "backend"),
    [
        pytest.param({}, {}, "local", id="nothing"),
        pytest.param({"WANDB_API_KEY": "k"}, {}, "local", id="key-alone"),
        pytest.param({"WANDB_API_KEY": "k"}, {"project": "team/p"}, "wandb", id="both"),
        pytest.param({"WANDB_API_KEY": "k"}, {"project": "team/p", "no_trace": True}, "off", id="no-trace"),
    ],
)
def test_where_it_is_traced(
    env: dict[str, str], asked: dict[str, object], backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert plan_chat(Asked(models=("a",), **asked), {}, None).weave.backend == backend


def test_a_config_that_wants_wandb_needs_its_key(config: Path) -> None:
    config.write_text(config.read_text().replace('"weave": {', '"weave": {"backend": "wandb", '))
    with pytest.raises(AccessError, match="WANDB_API_KEY is not set"):
        plan_chat(Asked(config=config), {}, None)


def test_settings_are_read() -> None:
    given = {"temperature": 0.0, "seed": None, "stop": ["END"]}
    params = read_settings(given, ["top_k=40", "reasoning_effort=high", 'response_format={"type": "json_object"}'])
    assert params == {
        "temperature": 0.0,
        "stop": ["END"],
        "top_k": 40,
        "reasoning_effort": "high",
        "response_format": {"type": "json_object"},
    }
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        read_settings({}, ["top_k"])
