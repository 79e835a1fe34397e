"""Strict JSON: what Python's own writer writes comes back, what JSON cannot say is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.strictjson import JsonTextError, parse_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_json_writes_comes_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('{"a":\n}', "not JSON: Expecting value (column 1)", 2),
        ("[NaN]", "not JSON: NaN is not a JSON number", None),
        ('{"a": 1, "b": 2, "b": 3}', "the key 'b' stands twice in one object", None),
        ("-1e400", "the number -1e400 is too large", None),
        ("", "not JSON: Expecting value (column 1)", 1),
    ],
)
def test_anything_else_is_refused(text, message, line):
    with pytest.raises(JsonTextError) as caught:
        parse_json(text)
    assert (str(caught.value), caught.value.line) == (message, line)
