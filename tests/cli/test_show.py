"""`evalkit show`: a run's board, and one sample with everything that was asked, answered and judged."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.records import (
    Failure,
    FailureKind,
    Prediction,
    PredictionOutcome,
    Score,
    ScoreOutcome,
    Timing,
    Usage,
)
from evalkit.store import RunFolder
from tests.cli.commands import CommandLine
from tests.weave_io.run_folders import ModelUnderTest, RunSpec, answered, make_run_folder

HOSTILE = "\x1b[31mred\x1b[0m \u202eltr [/bold][link=x]\nsecond line \ud83d\x00"


def _judge(model: str, position: int, trial: int) -> tuple[Prediction, dict[str, Score]]:
    if model == "Silent" and position == 2:
        failure = Failure(FailureKind.TRANSIENT, "upstream reset", 502)
        prediction = Prediction(PredictionOutcome.INFRA_ERROR, failure=failure, attempts=6)
        return prediction, {"exact": Score(None, outcome=ScoreOutcome.INFRA_ERROR)}
    if model == "Hostile [/]" and position == 1:
        prediction = Prediction(PredictionOutcome.OK, HOSTILE, usage=Usage(7, 3, 10), reasoning="because\x07")
        return prediction, {"exact": Score(0.0, f"saw {HOSTILE}", answer=HOSTILE)}
    return answered(f"answer {position}"), {"exact": Score(1.0, "equal", answer=str(position))}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    models = [ModelUnderTest("Hostile [/]", system="Be brief."), ModelUnderTest("Silent", "org/silent")]
    spec = RunSpec(judge=_judge, models=models, samples=4, trials=2, evaluations=("qa", "again"))
    return make_run_folder(tmp_path, spec)


def test_a_sample_is_shown_with_every_answer(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", folder.path, "s00002", "--evaluation", "qa")
    assert ended.code == 0
    text = ended.out
    assert text.startswith("s00002, evaluation qa\n")
    assert "input:\n  What is 2 + 2?\n" in text
    assert "target:\n  4\n" in text
    assert "== Hostile [/] (org/model-a), trial 2" in text
    assert "prompt, system:\n  Be brief.\n" in text
    assert "answer:\n  answer 2\n" in text
    assert "score exact: 1, read as '2'\n  equal\n" in text
    assert "outcome: ok, ended by stop, served by served/model, 1 attempt\n" in text
    assert "failure (transient, HTTP 502):\n  upstream reset\n" in text
    assert "score exact: infra_error\n" in text
    assert "6 attempts" in text
    assert "evaluation again" not in text


def test_everything_sent_and_come_back_is_shown(tmp_path: Path, cli: CommandLine) -> None:
    def judge(_model: str, _position: int, _trial: int) -> tuple[Prediction, dict[str, Score]]:
        timing = Timing(0.0, 2.0, 1.5, 3.0, 0.25, first_token_s=0.5, first_byte_s=0.4)
        call = {"id": "c", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
        sent = {"fingerprint": "fp_1", "tool_calls": [call], "logprobs": {"content": []}}
        return replace(answered(""), timing=timing, attempts=3, **sent), {"exact": Score(1.0)}

    models = [ModelUnderTest("m", params={"seed": 7, "tools": [{"type": "function"}]})]
    folder = make_run_folder(tmp_path, RunSpec(judge=judge, models=models, samples=1))
    text = cli("show", folder.path, "s00000").out
    assert 'parameters:\n  {\n   "seed": 7,\n   "tools": [' in text
    assert 'tool calls:\n  [\n   {\n    "id": "c",\n' in text
    assert "outcome: ok, ended by stop, served by served/model (fp_1), 3 attempts\n" in text
    assert (
        "time: 1.50\u00a0s (first byte after 400\u00a0ms, first token after 500\u00a0ms); 3.00\u00a0s queued, 250"
        in text
    )
    assert "logprobs: --json prints them\n" in text


def test_a_sample_of_two_evaluations_is_shown_in_both(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", folder.path, "s00000", "--model", "Silent")
    assert ended.out.count("s00000, evaluation ") == 2
    assert "Hostile" not in ended.out


def test_no_control_character_reaches_the_terminal(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", folder.path, "s00001", "--evaluation", "qa")
    assert not set("\x1b\x07\x00\u202e\ud83d") & set(ended.out)
    assert "  second line" in ended.out
    assert "reasoning:\n  because" in ended.out


def test_json_keeps_every_character(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", folder.path, "s00001", "--evaluation", "qa", "--model", "Hostile [/]", "--json")
    (asked,) = json.loads(ended.out)
    assert asked["sample"]["target"] == "2"
    first, second = asked["results"]
    assert [first["trial"], second["trial"]] == [0, 1]
    assert first["prediction"]["text"] == HOSTILE
    assert first["prediction"]["usage"]["prompt_tokens"] == 7
    assert first["scores"]["exact"]["answer"] == HOSTILE
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 1 + 1?"},
    ]


def test_a_run_is_shown_on_stderr_and_its_path_on_stdout(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", folder.path)
    assert ended.code == 0
    assert ended.out == f"{folder.path}\n"
    assert ended.err.startswith("arithmetic, run 20261122T101500-aa01: complete, started 2026-11-22")


def test_a_run_as_json(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", folder.path, "--json")
    shown = json.loads(ended.out)
    assert shown["path"] == str(folder.path)
    assert shown["status"] == "complete"
    assert [cell["model"] for cell in shown["cells"]] == ["Hostile [/]", "Silent"] * 2
    assert shown["cells"][0]["metrics"]["exact"]["n"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["s0002"], "no sample of", id="unknown sample"),
        pytest.param(["s0002"], "did you mean 's00002'?", id="nearest sample"),
        pytest.param(["s00002", "--model", "silent"], "did you mean 'Silent'?", id="nearest model"),
        pytest.param(["s00002", "--evaluation", "qx"], "--evaluation 'qx' is not in this run", id="evaluation"),
    ],
)
def test_a_wrong_name_is_refused(folder: RunFolder, cli: CommandLine, arguments: list[str], message: str) -> None:
    ended = cli("show", folder.path, *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_the_newest_run_of_a_name_is_found(folder: RunFolder, cli: CommandLine) -> None:
    ended = cli("show", "arithmetic", "--reports", folder.path.parent.parent)
    assert ended.out == f"{folder.path}\n"
