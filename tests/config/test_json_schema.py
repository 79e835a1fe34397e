from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from evalkit.config.json_schema import config_schema
from evalkit.config.nodes import plain
from evalkit.config.yaml_nodes import parse_yaml
from tests.config import test_load, test_loaded, test_references
from tests.config.written import GOOD, errors

VALIDATOR = Draft202012Validator(config_schema())
ROOT = Path(__file__).parents[2]

ACCEPTED = {
    "smallest": GOOD,
    "matrix, prompts, evaluations": test_loaded.TEXT,
    "names": test_references.BASE,
    "profiles": GOOD + test_load.PROFILES,
    "include without the rest": "include: [base.yaml]\n",
    "x- keys": GOOD + "x-a: 1\nrun: {x-b: 2}\n",
    "x- among names": GOOD.replace("{exact:", "{x-old: 3, exact:"),
    "durations": f"""\
{GOOD}
retry: {{base: 250ms, cap: 30, max_elapsed: 1.5m}}
providers: {{p: {{use: openai, timeout: 2h}}}}
""",
    "variables": GOOD
    + """\
run: {seed: '${N:-3}', order: '${ORDER:-interleave}'}
report: {html: '${HTML:-true}'}
retry:
  base: ${BASE:-2s}
""",
    "unions": f"""\
{GOOD}
evaluations:
  - {{name: e, dataset: rows, trials: 2, reduce: {{pass_at: 2}}, prompt: [{{role: user, content: x}}]}}
""",
    "options of plugins": GOOD.replace("{use: exact}", "{use: exact, ignore_case: false}"),
}


def schema_errors(text: str) -> list[str]:
    node = parse_yaml(text, "c.yaml")
    assert node is not None
    return [error.message for error in VALIDATOR.iter_errors(plain(node))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(config_schema())


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_an_editor_accepts_what_load_accepts(tmp_path: Path, text: str) -> None:
    (tmp_path / "base.yaml").write_text(GOOD)
    assert errors(tmp_path, text) == []
    assert schema_errors(text) == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_an_editor_accepts_the_configs_of_this_project(path: Path) -> None:
    assert schema_errors(path.read_text(encoding="utf-8")) == []


REFUSED = {
    "unknown key": GOOD + "throtle: {}\n",
    "unknown key inside": GOOD + "run: {sed: 1}\n",
    "wrong type": GOOD + "run: {seed: x}\n",
    "wrong word": GOOD + "run: {order: random}\n",
    "wrong duration": GOOD + "retry: {base: 5x}\n",
    "no name": GOOD.replace("name: qa", ""),
    "a model that is a number": GOOD.replace("[small]", "[3]"),
    "too small": GOOD + "retry: {max_attempts: 0}\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_an_editor_refuses_what_load_refuses(tmp_path: Path, text: str) -> None:
    assert errors(tmp_path, text) != []
    assert schema_errors(text) != []


def test_the_schema_describes_every_key_and_says_what_is_not_yet_there() -> None:
    schema = config_schema()
    for name, definition in {"Config": schema, **schema["$defs"]}.items():
        for key, value in definition["properties"].items():
            assert value.get("description"), f"{name}.{key}"
    board = schema["$defs"]["ScorerSpec"]["properties"]["weight"]["description"]
    assert "not yet available" in board
    assert "not yet available beyond []" in schema["$defs"]["ReportSpec"]["properties"]["redact"]["description"]
