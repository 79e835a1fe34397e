"""`evalkit models`: the list beside the catalogue, the config's models, and the sentence when it cannot be had."""

import json

import pytest

from evalkit.catalog import CATALOG
from evalkit.report.numbers import NOTHING
from tests.end_to_end.command import write_config
from tests.fake_endpoint import FakeEndpoint, Reply

LLAMA, KIMI = "meta-llama/Llama-3.1-8B-Instruct", "moonshotai/Kimi-K2-Instruct"
SCOUT = "meta-llama/Llama-4-Scout-17B-16E-Instruct"
NEW = {
    "id": "lab/new-model",
    "context_length": 1048576,
    "architecture": {"modality": "text+image->text"},
    "pricing": {"prompt": "0.0000001", "completion": "0.000002"},
}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in ("WANDB_API_KEY", "OPENAI_API_KEY", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def config_of(folder, endpoint, *models, **sections):
    return write_config(
        folder,
        version=1,
        name="listed",
        providers={"fake": {"use": "openai", "base_url": endpoint.url, **sections.pop("provider", {})}},
        models=[{"id": name, "provider": "fake"} if isinstance(name, str) else name for name in models],
        datasets={"qa": {"rows": [{"input": "q", "target": "a"}]}},
        scorers={"exact": {"use": "exact"}},
        **sections,
    )


def rows_of(out: str) -> dict[str, list[str]]:
    """Return the table's rows by model id, each cell a word."""
    table = out.partition("USD/M")[2].partition("\n* is asked for")[0]
    lines = [line.removeprefix("* ").split() for line in table.splitlines()[1:]]
    return {words[0]: words[1:] for words in lines}


def test_offline_needs_no_key_and_shows_the_catalogue(cli):
    done = cli("models", "--offline")
    assert done.code == 0
    rows = rows_of(done.out)
    assert list(rows) == sorted((model.id for model in CATALOG.models), key=str.casefold)
    assert rows[SCOUT] == ["?", "64K", "vision", "17B", "of", "109B", "0.17/0.66"]
    assert rows[KIMI][-1] == NOTHING
    assert "which of them are served is not known" in done.out
    assert "2026-09-29" in done.err
    assert "\x1b" not in done.out


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["table", "json"])
def test_without_a_key_it_says_so(cli, arguments):
    done = cli("models", *arguments)
    assert done.code == 6
    assert "WANDB_API_KEY is not set" in done.err
    assert "evalkit models --offline" in done.err


def test_without_a_project_it_says_so(cli, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    done = cli("models")
    assert done.code == 6
    assert "weave.project" in done.err


def test_the_list_beside_the_catalogue(cli, fake_endpoint):
    fake_endpoint.settings.models = [LLAMA, NEW, "b\x1b[31m/x"]
    done = cli("models", "--base-url", fake_endpoint.url)
    rows = rows_of(done.out)
    assert done.code == 0
    assert "3 served; 2 of them new to the catalogue; 8 of the catalogue missing" in done.out
    assert rows[LLAMA] == ["known", NOTHING, "text", "8B", NOTHING]
    assert rows["lab/new-model"] == ["new", "1.04M", "vision", NOTHING, "0.10/2.00"]
    assert rows[KIMI][0] == "missing"
    assert "\x1b" not in done.out


def test_as_json(cli, fake_endpoint):
    fake_endpoint.settings.models = [LLAMA, NEW]
    done = cli("models", "--base-url", fake_endpoint.url, "--json")
    [provider] = json.loads(done.out)["providers"]
    assert (provider["url"], provider["lists_models"], provider["missing"]) == (fake_endpoint.url, True, [])
    by_id = {model["id"]: model for model in provider["models"]}
    assert by_id["lab/new-model"]["context_window"] == 1048576
    assert by_id["lab/new-model"]["price_usd_per_million_tokens"]["output"] == 2
    assert [by_id[name]["status"] for name in (LLAMA, "lab/new-model", KIMI)] == ["known", "new", "missing"]


def test_the_key_and_the_project_are_sent(cli, fake_endpoint, monkeypatch):
    fake_endpoint.settings.api_key, fake_endpoint.settings.project = "k-12345678", "team/qa"
    monkeypatch.setenv("MY_KEY", "k-12345678")
    asked = ["models", "--base-url", fake_endpoint.url, "--api-key-env", "MY_KEY", "--project"]
    assert cli(*asked, "team/qa").code == 0
    refused = cli(*asked, "team/other")
    assert refused.code == 6
    assert "Invalid Authentication" in refused.err
    assert "k-12345678" not in refused.err


def test_a_server_without_a_list(cli, fake_endpoint, tmp_path):
    fake_endpoint.settings.lists_models = False
    done = cli("models", config_of(tmp_path, fake_endpoint, "m"))
    assert done.code == 0
    assert f"{fake_endpoint.url} keeps no list: not checked" in done.err
    assert rows_of(done.out).keys() == {"m", *(model.id for model in CATALOG.models)}


@pytest.mark.parametrize(
    ("page", "code", "words"),
    [
        pytest.param(Reply(503, {"error": "busy"}), 3, "busy", id="503"),
        pytest.param(Reply(body=b"<html>"), 3, "is not JSON", id="html"),
        pytest.param(Reply(401, {"error": "Invalid Authentication"}), 6, "check the API key", id="401"),
    ],
)
def test_a_list_that_cannot_be_had(cli, fake_endpoint, page, code, words):
    fake_endpoint.settings.model_pages = [page]
    done = cli("models", "--base-url", fake_endpoint.url, "--json")
    assert done.code == code
    assert words in done.err
    [provider] = json.loads(done.out)["providers"]
    assert words in provider["error"]


def test_the_configs_models_are_marked(cli, fake_endpoint, tmp_path):
    fake_endpoint.settings.models = ["lab/a", "lab/b"]
    done = cli("models", config_of(tmp_path, fake_endpoint, "lab/a"))
    assert done.code == 0
    assert "* is asked for by the config" in done.out
    assert "* lab/a" in done.out
    assert "  lab/b" in done.out


def test_a_model_of_the_config_that_is_not_there(cli, fake_endpoint, tmp_path):
    fake_endpoint.settings.models = [LLAMA]
    models = ("llama-3.1-8b", {"id": LLAMA, "provider": "fake", "label": "L"})
    config = config_of(tmp_path, fake_endpoint, *models)
    done = cli("models", config)
    assert done.code == 6
    assert f"fake: {fake_endpoint.url} does not list 'llama-3.1-8b'; did you mean '{LLAMA}'?" in done.err
    assert "* llama-3.1-8b" in done.out
    answer = cli("models", config, "--json")
    assert answer.code == 6
    assert json.loads(answer.out)["providers"][0]["missing"] == ["llama-3.1-8b"]
    assert cli("models", config, "--offline").code == 0


def test_several_providers_are_all_asked(cli, fake_endpoint, tmp_path):
    fake_endpoint.settings.models = ["a/m"]
    with FakeEndpoint(models=["b/m"], api_key="secret") as other:
        providers = {
            "one": {"use": "openai", "base_url": fake_endpoint.url},
            "two": {"use": "openai", "base_url": other.url},
            "played": {"use": "scripted"},
        }
        models = [{"id": f"{name}/m", "provider": name, "label": name} for name in providers]
        models[0]["id"] = "a/m"
        config = config_of(tmp_path, fake_endpoint, *models)
        written = {**json.loads(config.read_text()), "providers": providers}
        config.write_text(json.dumps(written))
        done = cli("models", config)
        only = cli("models", config, "--provider", "one")
    assert done.code == 6
    assert f"{other.url}/models does not list the models: Invalid Authentication" in done.err
    assert "provider played (scripted) keeps no list of models" in done.err
    assert "* a/m" in done.out
    assert only.code == 0
    assert other.url not in only.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "wandbb"], "did you mean 'wandb'?"),
        (["--api-key-env", "X"], "goes with --base-url"),
        (["--base-url", "http://127.0.0.1:9/v1", "--provider", "openai"], "give one of them"),
        (["--base-url", "127.0.0.1:9/v1"], "base_url must be an http or https address"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
    ids=["provider", "key-alone", "both", "address", "no-file"],
)
def test_wrong_use_is_two(cli, arguments, words):
    done = cli("models", *arguments)
    assert done.code == 2
    assert words in done.err
