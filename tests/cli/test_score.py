"""`evalkit score`: stored answers scored again, digit for digit as if they had been scored so in the first place."""

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.score import parse_scorer
from evalkit.errors import ConfigError
from evalkit.store import RunFolder
from tests.cli.commands import CommandLine
from tests.comparing import store_run, write_sections
from tests.end_to_end.command import without_what_may_differ

LOOSE = {"exact": {"use": "exact"}, "loose": {"use": "includes"}}
PARENT: dict[str, Any] = {
    "rows": 30,
    "fields": {"slices": ["half"], "group": "doc"},
    "faults": [{"kind": "refused", "on": ["s3"]}, {"kind": "truncated", "on": ["s4"]}],
    "evaluations": [{"name": "qa", "dataset": "qa", "trials": 2}],
    "models": [
        {"id": "a", "provider": "script", "price": {"input": 1, "output": 2}},
        {"id": "b", "provider": "script", "system": "Be brief.", "params": {"temperature": 1}},
    ],
}


def comparable(run: dict[str, Any]) -> dict[str, Any]:
    kept = without_what_may_differ(run)
    kept["plan"] = {name: value for name, value in kept["plan"].items() if name != "weave"}
    return {name: value for name, value in kept.items() if name not in {"parent_run", "git"}}


def rescored(done_out: str) -> RunFolder:
    return RunFolder(Path(done_out.splitlines()[-1]))


def load(folder: RunFolder) -> dict[str, Any]:
    return json.loads(folder.run_json.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return store_run(tmp_path_factory.mktemp("parent"), **PARENT)


def test_an_added_scorer_gives_what_a_run_with_it_gave(
    cli: CommandLine, parent: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = store_run(tmp_path / "whole", scorers=LOOSE, **PARENT)
    before = {path: path.read_bytes() for path in parent.path.iterdir()}
    monkeypatch.chdir(tmp_path)
    done = cli("score", parent.path, "--scorer", "loose=includes")
    assert done.code == 0
    again = rescored(done.out)
    assert again.path.parent == Path("reports/nightly")
    assert load(again)["parent_run"] == parent.load().run_id
    mine, theirs = comparable(load(again)), comparable(load(whole))
    assert mine["cells"] == theirs["cells"]
    assert mine == theirs
    assert {path: path.read_bytes() for path in parent.path.iterdir()} == before
    with again.reader() as new, whole.reader() as old:
        for cell in mine["plan"]["cells"]:
            assert [(s.result.sample_id, s.result.trial, s.result.scores) for s in new.results(cell["key"])] == [
                (s.result.sample_id, s.result.trial, s.result.scores) for s in old.results(cell["key"])
            ]


def test_a_config_replaces_scorers_reducer_and_rules(
    cli: CommandLine, parent: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {
        **PARENT,
        "scorers": {"exact": {"use": "exact", "ignore_case": False}},
        "evaluations": [
            {"name": "qa", "dataset": "qa", "trials": 2, "reduce": "all", "on_error": {"truncated": "zero"}}
        ],
    }
    whole = store_run(tmp_path / "whole", **changed)
    monkeypatch.chdir(tmp_path)
    done = cli("score", parent.path, "--config", tmp_path / "whole" / "config.yaml")
    assert done.code == 0
    assert comparable(load(rescored(done.out))) == comparable(load(whole))


def test_the_same_scorers_give_the_same_run(
    cli: CommandLine, parent: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("score", parent.path, "--no-publish")
    assert comparable(load(rescored(done.out))) == comparable(load(parent))


def test_missing_answers_stay_missing(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {"faults": [{"kind": "rejected", "on": ["s3", "s5"]}], "run": {"max_error_rate": 0}}
    parent = store_run(tmp_path / "parent", **{**PARENT, **faults})
    assert parent.load().status == "incomplete"
    monkeypatch.chdir(tmp_path)
    done = cli("score", parent.path)
    assert done.code == 3
    assert f"evalkit run CONFIG --resume {parent.path}" in done.err
    again = rescored(done.out).load()
    assert [cell.outcomes for cell in again.cells] == [cell.outcomes for cell in parent.load().cells]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"rows": 29}, "dataset qa has other samples now", id="samples"),
        pytest.param({"models": [{"id": "z", "provider": "script"}]}, "no such cell", id="model"),
        pytest.param(
            {"models": [{"id": "a", "provider": "script", "params": {"seed": 1}}]}, "qa/a: params", id="params"
        ),
        pytest.param(
            {"evaluations": [{"name": "qa", "dataset": "qa", "prompt": "Hm? {{ input }}", "trials": 2}]},
            "qa/a: prompt",
            id="prompt",
        ),
        pytest.param({"evaluations": [{"name": "qa", "dataset": "qa", "trials": 3}]}, "3 trials", id="trials"),
    ],
)
def test_other_questions_are_refused(
    cli: CommandLine, parent: RunFolder, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    config = write_sections(tmp_path / "other", **{**PARENT, **changes})
    done = cli("score", parent.path, "--config", config, "--reports", tmp_path / "reports")
    assert done.code == 2
    assert "its answers do not fit" in done.err
    assert said in done.err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("text", "name", "use", "options"),
    [
        ("loose=exact", "loose", "exact", {}),
        ("loose=exact,ignore_case=false", "loose", "exact", {"ignore_case": False}),
        ("p=python,function=my:share,range=[0, 5]", "p", "python", {"function": "my:share"}),
        ('t=exact,extract=["lower",{"regex":"a,b"}]', "t", "exact", {}),
    ],
)
def test_a_scorer_on_the_command_line(text: str, name: str, use: str, options: dict[str, Any]) -> None:
    found, spec = parse_scorer(text)
    assert (found, spec.use, spec.options) == (name, use, options)


@pytest.mark.parametrize("text", ["exact", "=exact", "a=", "a=exact,ignore_case", "a=exact,negate=maybe"])
def test_a_scorer_that_is_not_written_so(text: str) -> None:
    with pytest.raises(ConfigError, match="--scorer"):
        parse_scorer(text)


@pytest.mark.parametrize("arguments", [["--set", "a=b"], ["--profile", "ci"], ["--config", "c", "--scorer", "a=exact"]])
def test_options_that_do_not_belong_together(cli: CommandLine, tmp_path: Path, arguments: list[str]) -> None:
    assert cli("score", tmp_path, *arguments).code == 2
