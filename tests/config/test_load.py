import os
from pathlib import Path

import pytest

from evalkit.config.load import load_config
from evalkit.config.problems import ConfigErrors
from evalkit.config.schema import PromptSpec
from evalkit.errors import ConfigError, ExitCode
from tests.config.written import GOOD, errors, load, write

PROFILES = """\
profiles:
  x-shared: {anything: goes}
  smoke: {datasets: {rows: {limit: 1}}}
  ci:
    throttle: {max_concurrency: 3}
    models: [tiny]
"""


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "config.yaml:1:1: is empty; `evalkit init` writes a config to start from"),
        (b"# nothing\n", "config.yaml:1:1: is empty; `evalkit init` writes a config to start from"),
        (
            b"- a\n- b\n",
            "config.yaml:1:1: is not a mapping of keys, but a list; `evalkit init` writes a config to start from",
        ),
        (
            b"\n  text\n",
            "config.yaml:2:3: is not a mapping of keys, but 'text'; `evalkit init` writes a config to start from",
        ),
        (b"name: \xff", "config.yaml:1:7: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"name: a\nname: b\n", "config.yaml:2:1: 'name' is written twice, first at line 1; keep one"),
    ],
    ids=["empty", "comments", "list", "text", "latin-1", "duplicate"],
)
def test_a_file_that_is_no_config(tmp_path: Path, data: bytes, line: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigErrors) as raised:
        load_config(path, env={})
    assert str(raised.value).replace(f"{tmp_path}/", "") == line
    assert raised.value.exit_code is ExitCode.USAGE
    assert isinstance(raised.value, ConfigError)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"gone\.yaml: cannot be read \(No such file or directory\); check the path"):
        load_config(tmp_path / "gone.yaml")


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_config(path, env={}).config.name == "qa"


def test_the_smallest_config(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    (model,), (evaluation,) = loaded.config.models, loaded.config.evaluations
    assert (model.id, model.label, model.provider) == ("small", "small", "wandb")
    assert (evaluation.name, evaluation.dataset, evaluation.scorers) == ("rows", "rows", ["exact"])
    assert evaluation.prompt == "{{ input }}"
    assert loaded.warnings == ()
    assert loaded.path == tmp_path / "config.yaml"


def test_a_prompt_by_name_is_put_in(tmp_path: Path) -> None:
    text = f"""\
{GOOD}
prompts: {{short: {{template: "{{{{ input }}}}!", system: s}}}}
evaluations: [{{name: e, dataset: rows, prompt: short}}]
"""
    prompt = load(tmp_path, text).config.evaluations[0].prompt
    assert prompt == PromptSpec(template="{{ input }}!", system="s")


def test_values_keep_their_yaml_1_2_meaning(tmp_path: Path) -> None:
    text = GOOD.replace("{id: a, input: x, target: y}", "{id: a, input: no, target: 2024-01-02, n: 1e-3, on: on}")
    rows = load(tmp_path, text).config.datasets["rows"].rows
    assert rows == [{"id": "a", "input": "no", "target": "2024-01-02", "n": 0.001, "on": "on"}]


def test_keys_that_start_with_x_are_ignored_where_the_schema_names_keys(tmp_path: Path) -> None:
    text = """\
x-note: {any: thing}
name: qa
models: [{id: small, x-why: cheap, params: {x-kept: 1}}]
datasets:
  x-common: &common {limit: 5}
  rows: {<<: *common, x-from: me, rows: [{id: a, input: x, target: y, x-kept: 2}]}
scorers: {x-old: {use: nothing}, exact: {use: exact, x-why: simple}}
run: {x-todo: later}
"""
    config = load(tmp_path, text).config
    assert config.models[0].params == {"x-kept": 1}
    assert list(config.datasets) == ["rows"]
    assert config.datasets["rows"].limit == 5
    assert config.datasets["rows"].rows == [{"id": "a", "input": "x", "target": "y", "x-kept": 2}]
    assert list(config.scorers) == ["exact"]


def test_headers_of_a_provider_are_free_form(tmp_path: Path) -> None:
    text = f"{GOOD}providers: {{p: {{use: openai, headers: {{x-region: eu}}}}}}\n"
    assert load(tmp_path, text).config.providers["p"].options == {"headers": {"x-region": "eu"}}


def test_precedence(tmp_path: Path) -> None:
    write(
        tmp_path,
        "throttle: {max_concurrency: 1, start_concurrency: 1}\nrun: {seed: 1}\nretry: {base: 9}\n",
        "base.yaml",
    )
    text = f"{GOOD}include: [base.yaml]\nthrottle: {{max_concurrency: 2}}\nrun: {{seed: 2}}\n{PROFILES}"
    loaded = load(tmp_path, text, profile="ci", overrides=["run.seed=4", "run.seed=5", "models.0.params.top_p=0.5"])
    config = loaded.config
    assert config.throttle.max_concurrency == 3
    assert config.throttle.start_concurrency == 1
    assert config.retry.base == 9
    assert config.retry.cap == 60
    assert config.run.seed == 5
    assert (config.models[0].id, config.models[0].params) == ("tiny", {"top_p": 0.5})
    assert len(config.models) == 1
    origins = {key: origin.replace(f"{tmp_path}/", "") for key, origin in loaded.origins.items()}
    assert origins["throttle.max_concurrency"] == "config.yaml:12:33, profile ci"
    assert origins["throttle.start_concurrency"] == "base.yaml:1:51"
    assert origins["retry.base"] == "base.yaml:3:15"
    assert origins["retry.cap"] == "default"
    assert origins["run.seed"] == "--set run.seed"
    assert origins["models.0.id"] == "config.yaml:13:14, profile ci"
    assert origins["name"] == "config.yaml:1:7"


def test_an_unset_variable_matters_only_where_its_value_is_used(tmp_path: Path) -> None:
    text = GOOD + "run: {seed: '${GONE}'}\nprofiles: {a: {description: '${ALSO_GONE}'}, b: {run: {seed: 3}}}\n"
    message = "environment variable GONE is not set; set it, or write ${GONE:-default}"
    assert errors(tmp_path, text) == [f"config.yaml:5:13: run.seed: {message}"]
    assert errors(tmp_path, text, profile="b") == []
    assert errors(tmp_path, text, overrides=["run.seed=1"]) == []
    assert errors(tmp_path, text, profile="a", overrides=["run.seed=1"]) == [
        (
            "config.yaml:6:29: profiles.a.description: environment variable ALSO_GONE is not set; set it, or write"
            " ${ALSO_GONE:-default}"
        )
    ]


def test_the_environment_is_read_unless_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED_OF_A_TEST", "7")
    path = write(tmp_path, f"{GOOD}run: {{seed: '${{SEED_OF_A_TEST}}x'}}\ndescription: ${{SEED_OF_A_TEST:-8}} seeds\n")
    text = path.read_text().replace("'${SEED_OF_A_TEST}x'", "3")
    path.write_text(text)
    assert os.environ["SEED_OF_A_TEST"] == "7"
    assert load_config(path).config.description == "7 seeds"
    assert load_config(path, env={}).config.description == "8 seeds"


def test_a_profile_that_nobody_chose_is_still_held_to_the_schema(tmp_path: Path) -> None:
    text = GOOD + "profiles:\n  ci: {throtle: {}, run: {seed: x}}\n  night: 3\n  odd: {include: [a], profiles: {}}\n"
    assert errors(tmp_path, text) == [
        "config.yaml:6:8: profiles.ci.throtle: unknown key; did you mean 'throttle'?",
        "config.yaml:6:33: profiles.ci.run.seed: must be a whole number, not 'x'",
        "config.yaml:7:10: profiles.night: must be a mapping, not 3",
        "config.yaml:8:9: profiles.odd.include: cannot stand in a profile; write it outside",
        "config.yaml:8:23: profiles.odd.profiles: cannot stand in a profile; write it outside",
    ]


@pytest.mark.parametrize(
    ("profile", "line"),
    [
        ("smok", "config.yaml:5:1: profiles: no profile is called 'smok'; did you mean 'smoke'?"),
        ("zzz", "config.yaml:5:1: profiles: no profile is called 'zzz'; known: ci, smoke"),
        ("x-shared", "config.yaml:5:1: profiles: no profile is called 'x-shared'; known: ci, smoke"),
    ],
)
def test_a_profile_that_is_not_there(tmp_path: Path, profile: str, line: str) -> None:
    assert errors(tmp_path, GOOD + PROFILES, profile=profile) == [line]


def test_a_profile_where_there_is_none(tmp_path: Path) -> None:
    assert errors(tmp_path, GOOD, profile="ci") == ["config.yaml:1:1: profiles: no profile is called 'ci'"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("throtle.max=1", "--set throtle.max: throtle: unknown key; did you mean 'throttle'?"),
        ("stats.z=1", "--set stats.z: stats.z: unknown key; known: confidence, group_by"),
        ("run.seed=x", "--set run.seed: run.seed: must be a whole number, not 'x'"),
        ("run.seed='3'", "--set run.seed: run.seed: must be a whole number, not '3'; take off the quotes"),
        (
            "models.3.id=x",
            "--set models.3.id: models.3.id: models is a list and has no entry '3'; use an index from 0 to 0",
        ),
        (
            "scorers.exact.use=exat",
            "--set scorers.exact.use: scorers.exact.use: no scorer is called 'exat'; did you mean 'exact'?",
        ),
        (
            "weave.backend=both",
            "--set weave.backend: weave.backend: 'both' is documented but not yet available; remove it",
        ),
        ("run.seed", "--set run.seed: is not KEY=VALUE; write it as in throttle.max_concurrency=4"),
    ],
)
def test_a_set_that_is_wrong(tmp_path: Path, override: str, line: str) -> None:
    assert errors(tmp_path, GOOD, overrides=[override]) == [line]


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
name: Bad Name
weave: {backend: both}
models:
  - {id: a, provider: wanb}
  - {id: a, parms: {}}
datasets:
  qa: {}
scorers:
  exact: {use: exat}
evaluations:
  - {name: e, dataset: q, prompt: nope, scorers: [exct], trials: 0}
leaderboard: {primary: e.exact}
profiles:
  ci: {run: {sed: 1}}
"""
    lines = errors(tmp_path, text, overrides=["x"])
    assert [line.split(": ")[:2] for line in lines] == [
        ["--set x", "is not KEY=VALUE; write it as in throttle.max_concurrency=4"],
        ["config.yaml:1:7", "name"],
        ["config.yaml:2:9", "weave.backend"],
        ["config.yaml:4:23", "models.0.provider"],
        ["config.yaml:5:5", "models.1"],
        ["config.yaml:5:13", "models.1.parms"],
        ["config.yaml:7:3", "datasets.qa"],
        ["config.yaml:9:16", "scorers.exact.use"],
        ["config.yaml:11:24", "evaluations.0.dataset"],
        ["config.yaml:11:35", "evaluations.0.prompt"],
        ["config.yaml:11:51", "evaluations.0.scorers.0"],
        ["config.yaml:11:66", "evaluations.0.trials"],
        ["config.yaml:12:24", "leaderboard.primary"],
        ["config.yaml:14:14", "profiles.ci.run.sed"],
    ]


def test_a_long_value_is_cut_in_a_message(tmp_path: Path) -> None:
    (line,) = errors(tmp_path, GOOD.replace("small", f"{{id: small, provider: {'p' * 10_000}}}"))
    assert len(line) < 200


def test_no_value_of_the_environment_but_the_named_one_is_shown(tmp_path: Path) -> None:
    lines = errors(tmp_path, f"{GOOD}description: ${{MY_TOKEN}}\n", env={"MY_TOKEN": "hunter2", "OTHER": "private"})
    assert "hunter2" not in str(lines)
    assert "private" not in str(lines)
    assert len(lines) == 1
