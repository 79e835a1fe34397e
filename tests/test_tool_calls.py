"""Tool calls as the text that scorers read."""

from typing import Any

import pytest

from evalkit.tool_calls import calls_text


def function(name: str, arguments: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param(None, "", id="none"),
        pytest.param([], "", id="empty"),
        pytest.param(
            [function("f", '{"a": 1, "b": [true]}')], '[{"name":"f","arguments":{"a":1,"b":[true]}}]', id="one"
        ),
        pytest.param(
            [function("f", "{}"), function("g", {"c": "é"})],
            '[{"name":"f","arguments":{}},{"name":"g","arguments":{"c":"é"}}]',
            id="two, one decoded",
        ),
        pytest.param([function("f", "")], '[{"name":"f","arguments":{}}]', id="no arguments"),
        pytest.param([function("f", None)], '[{"name":"f","arguments":{}}]', id="null arguments"),
        pytest.param([function("f", "{a: 1")], '[{"name":"f","arguments":"{a: 1"}]', id="arguments that are no JSON"),
        pytest.param([function("f", "[" * 100_000)], None, id="arguments nested too deeply"),
        pytest.param([function("f", '{"x": NaN}')], '[{"name":"f","arguments":{"x":null}}]', id="not a number"),
        pytest.param(
            [{"type": "custom", "custom": {"name": "sql", "input": "select 1"}}],
            '[{"name":"sql","input":"select 1"}]',
            id="custom",
        ),
        pytest.param(["odd", {"x": 1}], '["odd",{"x":1}]', id="of no known shape"),
        pytest.param(function("f", "{}"), '[{"name":"f","arguments":{}}]', id="not in a list"),
    ],
)
def test_calls_as_text(calls: Any, expected: str | None) -> None:
    found = calls_text(calls)
    assert found == expected if expected is not None else found.startswith('[{"name":"f","arguments":"[[')
