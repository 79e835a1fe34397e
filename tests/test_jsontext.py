"""JSON inside other text, and paths into it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.jsontext import follow_path, last_json, parse_path, whole_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON) | st.lists(JSON), st.text(alphabet="ab .:\n"), st.text(alphabet="ab .:\n"))
def test_a_value_is_found_in_the_midst_of_words(value, before, after):
    assert last_json(f"{before}{json.dumps(value)}{after}") == value


@pytest.mark.parametrize(
    ("text", "opening", "value"),
    [
        ('{"a": 1} and {"a": 2}', "{[", {"a": 2}),
        ('{"a": [1]} [2]', "{", {"a": [1]}),
        ('[2] {"a": [1]}', "[", [1]),
        ("{not json} {}", "{", {}),
    ],
)
def test_the_last_outermost_value(text, opening, value):
    assert last_json(text, opening) == value


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": 1', "[1, ", '{"a": NaN}', "[" * 100_000, '{"a": 1} {"b": "x', '[{"a": 1}, ']
)
def test_what_is_not_closed_is_no_value(text):
    with pytest.raises(LookupError):
        last_json(text)


@pytest.mark.parametrize("text", ["", "NaN", "[" * 100_000, "1 2"])
def test_no_whole_value(text):
    with pytest.raises(ValueError, match=r"."):
        whole_json(text)


@pytest.mark.parametrize(
    ("path", "steps"),
    [("$", ()), ("$.a", ("a",)), ("$.a.b[0][-1]", ("a", "b", 0, -1)), ("$['a b'][\"c\"]", ("a b", "c"))],
)
def test_paths(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize("path", ["", "a", "$a", "$.", "$[", "$[x]", "$..a", "$.a "])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="not a path"):
        parse_path(path)


@pytest.mark.parametrize("steps", [("b",), (0,), ("a", 5), ("a", "x"), ("a", 0, "z")])
def test_nothing_there(steps):
    with pytest.raises(LookupError):
        follow_path({"a": [1]}, steps)
