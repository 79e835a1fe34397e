import pytest

from evalkit.config.interpolate import interpolate
from evalkit.config.nodes import plain
from evalkit.config.schema import Config
from evalkit.config.yaml_nodes import parse_yaml

ENV = {"WHO": "me", "N": "8", "EMPTY": "", "FLAG": "true", "ODD": "no", "NESTED": "${WHO}", "MAX_TOKENS": "256"}


def fill(text: str) -> tuple[object, list[str]]:
    node = parse_yaml(text, "c.yaml")
    assert node is not None
    done = interpolate(node, ENV)
    return plain(done.node), [str(problem) for problem in done.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${WHO}", "me"),
        ("a ${WHO} and ${WHO}", "a me and me"),
        ("${N}", 8),
        ("'${N}'", "8"),
        ("${N}0", 80),
        ("${FLAG}", True),
        ("${ODD}", "no"),
        ("${GONE:-x}", "x"),
        ("${GONE:-8}", 8),
        ("'${GONE:-8}'", "8"),
        ("${GONE:-}", ""),
        ("${GONE:-a b}/c", "a b/c"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${NESTED}", "${WHO}"),
        ("${MAX_TOKENS}", 256),
        ("$${WHO}", "${WHO}"),
        ("$${WHO} ${WHO}", "${WHO} me"),
        ("$WHO", "$WHO"),
        ("5 $", "5 $"),
        ("|\n  ${WHO}\n", "me\n"),
    ],
)
def test_a_value_is_filled_in(written: str, value: object) -> None:
    assert fill(f"a: {written}") == ({"a": value}, [])


def test_keys_are_left_alone_and_lists_are_reached() -> None:
    assert fill("${WHO}: [x, {y: '${WHO}'}]") == ({"${WHO}": ["x", {"y": "me"}]}, [])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("${GONE}", "environment variable GONE is not set; set it, or write ${GONE:-default}"),
        ("${}", "'${' must be followed by NAME} or NAME:-default}; write $${ for a plain ${"),
        ("${1X}", "'${' must be followed by NAME} or NAME:-default}; write $${ for a plain ${"),
        ("${WHO", "'${' must be followed by NAME} or NAME:-default}; write $${ for a plain ${"),
        ("${WHO-x}", "'${' must be followed by NAME} or NAME:-default}; write $${ for a plain ${"),
    ],
)
def test_what_cannot_be_filled_in(written: str, message: str) -> None:
    assert fill(f"a:\n  - {written}") == ({"a": [written]}, [f"c.yaml:2:5: a.0: {message}"])


@pytest.mark.parametrize(
    "name", ["WANDB_API_KEY", "HF_TOKEN", "my_secret", "DB_PASSWORD", "KEY", "AWS_SECRET_ACCESS_KEY", "APIKEY"]
)
def test_a_secret_never_enters_a_config(name: str) -> None:
    node = parse_yaml(f"a: ${{{name}:-x}}", "c.yaml")
    assert node is not None
    done = interpolate(node, {name: "hunter2"})
    assert "hunter2" not in str(done)
    assert [problem.message for problem in done.problems] == [
        f"environment variable {name} holds a secret, which never enters a config; api_key_env names a key"
    ]


@pytest.mark.parametrize("name", ["MAX_TOKENS", "TOKENIZER", "KEYBOARD", "MONKEY", "HOCKEY_TEAM"])
def test_a_word_that_only_sounds_like_a_secret_is_none(name: str) -> None:
    node = parse_yaml(f"a: ${{{name}}}", "c.yaml")
    assert node is not None
    assert plain(interpolate(node, {name: "v"}).node) == {"a": "v"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("run: {seed: '${N}'}", {"run": {"seed": 8}}),
        ("run: {order: '${N}'}", {"run": {"order": "8"}}),
        ("description: ${N}", {"description": "8"}),
        ("description: ${FLAG}", {"description": "true"}),
        ("report: {html: '${FLAG}'}", {"report": {"html": True}}),
        ("version: '${GONE:-1}'", {"version": 1}),
        ("models: [{id: '${N}', params: {a: '${N}'}}]", {"models": [{"id": "8", "params": {"a": "8"}}]}),
        (
            "scorers: {s: {use: x, weight: '${N}', own: '${N}'}}",
            {"scorers": {"s": {"use": "x", "weight": 8, "own": "8"}}},
        ),
        ("datasets: {d: {sample: '${N}', path: '${N}'}}", {"datasets": {"d": {"sample": 8, "path": "8"}}}),
        ("retry: {base: '${N}s'}", {"retry": {"base": "8s"}}),
    ],
)
def test_the_schema_says_what_a_value_is_read_as(text: str, value: dict) -> None:
    node = parse_yaml(text, "c.yaml")
    assert node is not None
    assert plain(interpolate(node, ENV, Config).node) == value
