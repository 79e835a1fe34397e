"""`evalkit chat` against a real endpoint: blocks, JSON, failures beside answers, prompts from everywhere."""

import io
import json
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.fake_endpoint import FakeEndpoint

KEY = "sk-canary-5f1c9e7a2b"


def asked(cli: CommandLine, endpoint: FakeEndpoint, *arguments: object, models: str = "one two"):
    named = [part for model in models.split() for part in ("-m", model)]
    return cli("chat", "--base-url", endpoint.url, *named, "--no-trace", *arguments)


def test_several_models_are_blocks_on_stdout(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.configure({"answers": {"hello": "Hi \x1b[31mthere"}})
    ended = asked(cli, fake_endpoint, "hello")
    assert ended.code == 0, ended.err
    first, second = ended.out.split("\n\n")
    assert first.splitlines()[:2] == ["== one ==", "Hi \ufffd[31mthere"]
    assert "2 in, 4 out" in first.splitlines()[2]
    assert "cost unknown" in second
    assert "\x1b" not in ended.out + ended.err


def test_one_model_is_the_bare_answer_on_stdout(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.configure({"answers": {"hello": "Hi"}})
    ended = asked(cli, fake_endpoint, "hello", models="one")
    assert ended.out == "Hi\n"
    assert "first token" in ended.err


def test_the_answers_are_streamed_with_the_settings(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    given = ("--temperature", 0.5, "--max-tokens", 9, "--top-p", 0.9, "--seed", 4, "--stop", "A", "--stop", "B")
    assert asked(cli, fake_endpoint, "hello", *given, "--param", "top_k=3", "--system", "Be brief.").code == 0
    for body in fake_endpoint.book.bodies:
        wanted = {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "seed": 4, "stop": ["A", "B"], "top_k": 3}
        assert {name: body[name] for name in wanted} == wanted
        assert body["stream"] is True
        assert body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ]
    assert sorted(body["model"] for body in fake_endpoint.book.bodies) == ["one", "two"]


def test_json_holds_everything_about_each_model(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.configure({"answers": {"hello": "<think>hm</think>Hi"}})
    ended = asked(cli, fake_endpoint, "hello", "--json")
    shown = json.loads(ended.out)
    assert shown["prompt"] == "hello"
    assert shown["trace"] is None
    assert [model["label"] for model in shown["models"]] == ["one", "two"]
    for model in shown["models"]:
        assert (model["text"], model["reasoning"]) == ("Hi", "hm")
        assert model["outcome"] == "ok"
        assert model["failure"] is None
        assert model["cost_usd"] is None
        assert model["served_model"] == model["model"]
        assert model["usage"]["completion_tokens"] == 5
        assert 0 < model["timing"]["first_token_s"] <= model["timing"]["total_s"]


@pytest.mark.parametrize("shape", [(), ("--json",)], ids=["blocks", "json"])
def test_one_failure_leaves_the_other_answer(cli: CommandLine, shape: tuple[str, ...], tmp_path: Path) -> None:
    with FakeEndpoint(answers={"hello": "Hi"}) as good, FakeEndpoint(api_key="another") as bad:
        sections = {
            "name": "talk",
            "providers": {
                "good": {"use": "openai", "base_url": good.url},
                "bad": {"use": "openai", "base_url": bad.url, "api_key_env": "MY_KEY"},
            },
            "models": [{"id": "one", "provider": "good"}, {"id": "two", "provider": "bad"}],
            "datasets": {"rows": {"rows": [{"input": "a", "target": "b"}]}},
            "scorers": {"exact": {"use": "exact"}},
        }
        (tmp_path / "config.yaml").write_text(json.dumps(sections))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MY_KEY", KEY)
            ended = cli("chat", "hello", "--config", tmp_path / "config.yaml", "--no-trace", *shape)
    assert ended.code == 6
    assert "Hi" in ended.out
    assert "Invalid Authentication" in ended.out
    assert KEY not in ended.out + ended.err


def test_a_provider_that_cannot_be_opened_fails_its_own_models_only(cli: CommandLine, tmp_path: Path) -> None:
    with FakeEndpoint(answers={"hello": "Hi"}) as good:
        sections = {
            "name": "talk",
            "providers": {"good": {"use": "openai", "base_url": good.url}},
            "models": [{"id": "one", "provider": "good"}, "two"],
            "datasets": {"rows": {"rows": [{"input": "a", "target": "b"}]}},
            "scorers": {"exact": {"use": "exact"}},
        }
        (tmp_path / "config.yaml").write_text(json.dumps(sections))
        ended = cli("chat", "hello", "--config", tmp_path / "config.yaml", "--no-trace")
    assert ended.code == 6
    assert "Hi" in ended.out
    assert "failed: no key for https://api.inference.wandb.ai/v1: the variable WANDB_API_KEY is not set" in ended.out
    assert "not asked" in ended.out


def test_without_any_provider_nothing_is_asked(cli: CommandLine) -> None:
    ended = cli("chat", "hello", "-m", "one", "--no-trace")
    assert ended.code == 6
    assert "WANDB_API_KEY" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("fault", "code"),
    [("401", 6), ("403", 6), ("404", 6), ("quota", 3), ("400", 2)],
)
def test_exit_codes(cli: CommandLine, fake_endpoint: FakeEndpoint, fault: str, code: int) -> None:
    fake_endpoint.configure({"faults": {fault: 1.0}})
    assert asked(cli, fake_endpoint, "hello").code == code


def test_a_transient_failure_is_tried_again(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.configure({"fault_at": {1: "truncated"}, "answers": {"hello": "a whole answer"}})
    ended = asked(cli, fake_endpoint, "hello", models="one")
    assert (ended.code, ended.out) == (0, "a whole answer\n")
    assert "2 attempts" in ended.err


def test_the_prompt_may_be_a_file_or_piped(
    cli: CommandLine, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompt.txt").write_text("from a file\n")
    assert asked(cli, fake_endpoint, "--file", tmp_path / "prompt.txt", models="one").code == 0
    for argument in ((), ("-",)):
        monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
        assert asked(cli, fake_endpoint, *argument, models="one").code == 0
    assert fake_endpoint.stats()["prompts"] == {"from a file": 1, "from a pipe": 2}


def test_prompts_that_are_none(
    cli: CommandLine, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
    assert "the prompt is empty" in asked(cli, fake_endpoint).err
    assert "given twice" in asked(cli, fake_endpoint, "hello", "--file", tmp_path / "x").err
    assert "cannot be read" in asked(cli, fake_endpoint, "--file", tmp_path / "x").err
    assert fake_endpoint.stats()["connections"] == 0


class Terminal(io.StringIO):
    """A person's stdin."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets what a person types, line by line, before Ctrl-D; "^C" is Ctrl-C."""

    def set_lines(*lines: str) -> None:
        waiting = iter(lines)

        def read(_prompt: str) -> str:
            line = next(waiting, None)
            if line is None:
                raise EOFError
            if line == "^C":
                raise KeyboardInterrupt
            return line

        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", read)

    return set_lines


def test_a_conversation_is_remembered_until_it_is_cleared(cli: CommandLine, fake_endpoint: FakeEndpoint, typed) -> None:
    typed("hello", "", "again", "/clear", "/system Be brief.", "anew", "/system", "/quit", "never")
    ended = asked(cli, fake_endpoint, models="one")
    assert ended.code == 0, ended.err
    roles = [[message["role"] for message in body["messages"]] for body in fake_endpoint.book.bodies]
    assert roles == [["user"], ["user", "assistant", "user"], ["system", "user"]]
    assert "one: Be brief." in ended.err


def test_a_conversation_is_saved(cli: CommandLine, fake_endpoint: FakeEndpoint, typed, tmp_path: Path) -> None:
    typed("hello", f"/save {tmp_path}/chat.json", f"/save {tmp_path}/no/where.json", "/save", "/nothing", "/help")
    ended = asked(cli, fake_endpoint)
    assert ended.code == 0
    (turn,) = json.loads((tmp_path / "chat.json").read_text())["turns"]
    assert turn["prompt"] == "hello"
    assert len(turn["models"]) == 2
    for words in ("saved 1 turn", "cannot be written", "name a file", "no command is called /nothing", "/system TEXT"):
        assert words in ended.err


def test_ctrl_c_while_typing_leaves(cli: CommandLine, fake_endpoint: FakeEndpoint, typed) -> None:
    typed("hello", "^C")
    ended = asked(cli, fake_endpoint)
    assert ended.code == 130
    assert "== two ==" in ended.out


def test_json_wants_a_prompt(cli: CommandLine, fake_endpoint: FakeEndpoint, typed) -> None:
    typed("hello")
    assert asked(cli, fake_endpoint, "--json").code == 2
