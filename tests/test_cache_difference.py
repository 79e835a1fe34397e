"""What differs is named: the parameter by its path, the text by its first difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cache_difference import compare_messages, compare_params
from evalkit.records import Json, Message


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param({"t": 0}, {"t": 0}, [], id="the same"),
        pytest.param({"t": 0}, {"t": 0.2}, ["params.t 0 -> 0.2"], id="changed"),
        pytest.param({"t": 1}, {"t": 1.0}, ["params.t 1 -> 1.0"], id="sent in other words"),
        pytest.param({"t": True}, {"t": 1}, ["params.t true -> 1"], id="a boolean is no number"),
        pytest.param({}, {"max_tokens": 64}, ["params.max_tokens 64 added"], id="added"),
        pytest.param({"stop": ["a"]}, {}, ['params.stop ["a"] removed'], id="removed"),
        pytest.param({"x": None}, {}, ["params.x null removed"], id="null is a value"),
        pytest.param(
            {"extra_body": {"a": {"b": 1}, "c": 2}},
            {"extra_body": {"a": {"b": 3}, "c": 2}},
            ["params.extra_body.a.b 1 -> 3"],
            id="nested",
        ),
        pytest.param({"b": 1, "a": 1}, {"a": 2, "b": 2}, ["params.a 1 -> 2", "params.b 1 -> 2"], id="several, by name"),
    ],
)
def test_params(before: dict[str, Json], after: dict[str, Json], said: list[str]) -> None:
    assert list(compare_params(before, after)) == said


def chat(*texts: Json, roles: str = "su") -> list[Message]:
    names = {"s": "system", "u": "user", "a": "assistant"}
    return [Message(names[role], text) for role, text in zip(roles, texts, strict=True)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(
            chat("Be brief.", "q"),
            chat("Be quick.", "q"),
            ("the system text differs", 'at character 4: "Be brief." -> "Be quick."'),
            id="system",
        ),
        pytest.param(
            chat("s", "x" * 100 + "old"),
            chat("s", "x" * 100 + "new"),
            ("the user text differs", f'at character 101: "…{"x" * 24}old" -> "…{"x" * 24}new"'),
            id="with context before",
        ),
        pytest.param(
            chat("a" + "b" * 99, roles="u"),
            chat("", roles="u"),
            ("the user text differs", f'at character 1: "a{"b" * 35}…" -> ""'),
            id="with context after",
        ),
        pytest.param(
            chat("q", roles="u"),
            chat("Be brief.", "q"),
            ("other messages are sent", "user -> system, user"),
            id="a system text that was not there",
        ),
        pytest.param(
            chat("1", "x", "2", roles="uau"),
            chat("1", "x", "3", roles="uau"),
            ("message 3 (user) differs", 'at character 1: "2" -> "3"'),
            id="one of several of a role",
        ),
        pytest.param(
            chat([{"type": "text", "text": "a"}], roles="u"),
            chat([{"type": "text", "text": "b"}], roles="u"),
            (
                "the user text differs",
                'at character 11: "[{"text":"a","type":"text"}]" -> "[{"text":"b","type":"text"}]"',
            ),
            id="parts",
        ),
    ],
)
def test_messages(before: list[Message], after: list[Message], said: tuple[str, str]) -> None:
    assert compare_messages(before, after) == said


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_are_told_apart_on_one_line(before: str, after: str) -> None:
    text, detail = compare_messages(chat(before, roles="u"), chat(after, roles="u"))
    assert (text == "the user text differs") == (before != after)
    assert "\n" not in detail
