"""Servers that nobody here wrote: each run ends with the right numbers or with one clear sentence."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.end_to_end.command import Done, evalkit, write_config
from tests.end_to_end.foreign_servers import free_port, npm_install, pip_install, serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS = 80
QUESTIONS = [f"question {n:03d}" for n in range(ROWS)]
KEY = "sk-test-of-a-foreign-server"
CHAOS = ("--chaos-ratelimit", "0.3", "--chaos-drop", "0.1", "--chaos-malformed", "0.1", "--chaos-disconnect", "0.1")


@pytest.fixture(scope="module")
def node_commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return npm_install(tmp_path_factory.mktemp("node"), "@copilotkit/aimock@1.43.0", "@dwmkerr/mock-llm@0.1.29")


def run(folder: Path, url: str, model: str = "gpt-4", env: dict[str, str] | None = None, **sections: Any) -> Done:
    provider = {"use": "openai", "base_url": url, "timeout": "10s", **({"api_key_env": "FOREIGN_KEY"} if env else {})}
    count = sections.pop("count", ROWS)
    rows = [{"id": f"r{n}", "input": text, "target": f"answer {n:03d}"} for n, text in enumerate(QUESTIONS[:count])]
    config: dict[str, Any] = {
        "name": "foreign",
        "weave": {"backend": "off"},
        "providers": {"foreign": {**provider, **sections.pop("provider", {})}},
        "models": [{"id": model, "provider": "foreign", "price": {"input": 1.0, "output": 1.0}}],
        "datasets": {"rows": {"rows": rows}},
        "scorers": {"exact": {"use": "exact"}},
        "retry": {"max_attempts": 15, "base": 0.05, "cap": "2s"},
    }
    write_config(folder, **config | sections)
    return evalkit("run", "config.yaml", cwd=folder, env=env, timeout=240)


class TestAimock:
    """Right error bodies, Retry-After, rate-limit headers, keys, and chaos."""

    @pytest.fixture
    def url(self, node_commands: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
        fixtures = [
            {"match": {"userMessage": text}, "response": {"content": f"answer {n:03d}" if n % 4 else "something else"}}
            for n, text in enumerate(QUESTIONS)
        ]
        (tmp_path / "fixtures.json").write_text(json.dumps({"fixtures": fixtures}), encoding="utf-8")
        port = free_port()
        command = [str(node_commands / "llmock"), "-h", "127.0.0.1", "-p", str(port), "-f", "fixtures.json"]
        chaos = getattr(request, "param", ())
        with serve([*command, *chaos], port, cwd=tmp_path, env={"AIMOCK_API_KEYS": KEY}) as url:
            yield url

    @pytest.mark.parametrize("url", [CHAOS], ids=["chaos"], indirect=True)
    @pytest.mark.parametrize("adaptive", [False, True], ids=["fixed", "adaptive"])
    def test_chaos_loses_no_row(self, url: str, tmp_path: Path, adaptive: bool) -> None:
        throttle = {"max_concurrency": 16, "adaptive": adaptive}
        done = run(tmp_path, url, env={"FOREIGN_KEY": KEY}, throttle=throttle)
        assert done.code == 0, done.stderr
        cell = done.run["cells"][0]
        assert cell["outcomes"]["ok"] == ROWS
        assert cell["metrics"]["exact"]["mean"] == 0.75
        assert done.run["calls"]["by_status"]["200"] >= ROWS
        assert done.run["calls"]["by_status"]["429"] > 0

    def test_a_wrong_key_is_one_sentence(self, url: str, tmp_path: Path) -> None:
        done = run(tmp_path, url, env={"FOREIGN_KEY": "sk-another-key-entirely"})
        assert done.code == 6, done.stderr
        assert "key" in done.stderr
        assert "sk-another" not in done.stderr

    def test_streaming_counts_the_same(self, url: str, tmp_path: Path) -> None:
        models = [{"id": "gpt-4", "provider": "foreign", "params": {"stream": True}}]
        done = run(tmp_path, url, env={"FOREIGN_KEY": KEY}, models=models)
        assert done.code == 0, done.stderr
        assert done.run["cells"][0]["metrics"]["exact"]["mean"] == 0.75


def test_a_server_without_usage_leaves_tokens_and_cost_unknown(node_commands: Path, tmp_path: Path) -> None:
    port = free_port()
    server = [str(node_commands / "mock-llm")]
    with serve(server, port, cwd=tmp_path, env={"HOST": "127.0.0.1", "PORT": str(port)}) as url:
        rows = [{"id": f"r{n}", "input": text, "target": text} for n, text in enumerate(QUESTIONS)]
        done = run(tmp_path, url, model="gpt-5.2", datasets={"rows": {"rows": rows}})
    assert done.code == 0, done.stderr
    cell = done.run["cells"][0]
    assert cell["metrics"]["exact"]["mean"] == 1.0
    assert cell["cost_usd"] is None
    assert "$0" not in done.stderr
    assert (done.folder / "report.html").is_file()


def test_a_server_without_a_model_list_is_asked_all_the_same(tmp_path: Path) -> None:
    commands = pip_install(tmp_path / "venv", "fakellm==0.3.5")
    rules = [
        {"name": f"q{n}", "when": {"messages_contain": text}, "respond": {"content": f"answer {n:03d}"}}
        for n, text in enumerate(QUESTIONS)
    ]
    (tmp_path / "fakellm.yaml").write_text(json.dumps({"version": 1, "rules": rules}), encoding="utf-8")
    port = free_port()
    with serve([str(commands / "fakellm"), "serve", "--port", str(port)], port, cwd=tmp_path) as url:
        done = run(tmp_path, url, model="any-model")
    assert done.code == 0, done.stderr
    assert done.run["cells"][0]["metrics"]["exact"]["mean"] == 1.0


LITELLM = """
model_list:
  - model_name: mock
    litellm_params: {model: openai/mock, api_key: x, mock_response: "answer 001"}
  - model_name: mock-429
    litellm_params: {model: openai/mock, api_key: x, mock_response: "litellm.RateLimitError"}
  - model_name: mock-500
    litellm_params: {model: openai/mock, api_key: x, mock_response: "litellm.InternalServerError"}
  - model_name: mock-context
    litellm_params: {model: openai/mock, api_key: x, mock_response: "litellm.ContextWindowExceededError"}
general_settings: {master_key: sk-litellm-master-key}
"""


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("litellm")
    commands = pip_install(folder / "venv", "litellm[proxy]==1.106.2")
    (folder / "proxy.yaml").write_text(LITELLM, encoding="utf-8")
    port = free_port()
    command = [str(commands / "litellm"), "--config", "proxy.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with serve(
        [*command, "--telemetry", "False"], port, cwd=folder, env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    ) as url:
        yield url


@pytest.mark.nightly
@pytest.mark.timeout(1200)
class TestLiteLLM:
    """The gateway that many stand behind: its errors are its own."""

    RETRY: ClassVar[dict[str, Any]] = {"max_attempts": 2, "base": 0.05, "max_elapsed": "1s"}

    @pytest.mark.parametrize(
        "case",
        [
            pytest.param(("mock-429", "sk-litellm-master-key", 3, "8 of 8 calls failed"), id="rate limit for ever"),
            pytest.param(("mock-500", "sk-litellm-master-key", 3, "8 of 8 calls failed"), id="500 for ever"),
            pytest.param(("mock", "sk-wrong", 6, "key"), id="wrong key"),
            pytest.param(("no-such-model", "sk-litellm-master-key", 6, "no-such-model"), id="unknown model"),
        ],
    )
    def test_what_fails_ends_in_a_sentence(self, litellm: str, tmp_path: Path, case: tuple[str, str, int, str]) -> None:
        model, key, code, words = case
        done = run(tmp_path, litellm, model=model, env={"FOREIGN_KEY": key}, retry=self.RETRY, count=8)
        assert done.code == code, done.stderr
        assert words in done.stderr

    def test_answers_are_scored(self, litellm: str, tmp_path: Path) -> None:
        done = run(tmp_path, litellm, model="mock", env={"FOREIGN_KEY": "sk-litellm-master-key"}, retry=self.RETRY)
        assert done.code == 0, done.stderr
        assert done.run["cells"][0]["metrics"]["exact"]["mean"] == 1 / ROWS

    def test_a_prompt_too_long_is_an_outcome_of_its_own(self, litellm: str, tmp_path: Path) -> None:
        done = run(
            tmp_path, litellm, model="mock-context", env={"FOREIGN_KEY": "sk-litellm-master-key"}, retry=self.RETRY
        )
        assert done.run["cells"][0]["outcomes"]["too_long"] == ROWS
