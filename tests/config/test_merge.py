import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config.merge import merge_maps, parse_override, set_value, spell_out_models
from evalkit.config.nodes import MapNode, find, plain
from evalkit.config.problems import ConfigErrors
from evalkit.config.yaml_nodes import parse_yaml

keys = st.sampled_from("abc")
values = st.recursive(
    st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
maps = st.dictionaries(keys, values, max_size=3)


def tree(value: object) -> MapNode:
    node = parse_yaml(json.dumps(value), "c.yaml")
    assert isinstance(node, MapNode)
    return node


@settings(max_examples=40)
@given(maps, maps)
def test_what_lies_over_wins_and_nothing_else_is_lost(under: dict, over: dict) -> None:
    merged = plain(merge_maps(tree(under), tree(over)))
    for key in {*under, *over}:
        if key in over and not (isinstance(over[key], dict) and isinstance(under.get(key), dict)):
            assert merged[key] == over[key]
        elif key not in over:
            assert merged[key] == under[key]


@settings(max_examples=40)
@given(maps)
def test_merging_with_nothing_or_itself_changes_nothing(value: dict) -> None:
    assert plain(merge_maps(tree(value), tree({}))) == value
    assert plain(merge_maps(tree({}), tree(value))) == value
    assert plain(merge_maps(tree(value), tree(value))) == value


@settings(max_examples=40)
@given(maps, st.lists(keys, min_size=1, max_size=3), st.integers())
def test_set_is_found_where_it_was_put_and_changes_nothing_beside_it(value: dict, path: list[str], number: int) -> None:
    override = parse_override(f"{'.'.join(path)}={number}")
    before = tree(value)
    try:
        after = set_value(before, override)
    except ConfigErrors:
        return
    found = find(after, tuple(path))
    assert found is not None
    assert plain(found) == number
    for key in set(value) - {path[0]}:
        assert plain(after)[key] == value[key]
    assert plain(before) == value


@pytest.mark.parametrize(
    ("override", "result"),
    [
        ("a.b=2", {"a": {"b": 2, "l": [1, {"x": 1}]}}),
        ("a.new.deep=x", {"a": {"b": 1, "l": [1, {"x": 1}], "new": {"deep": "x"}}}),
        ("a.l.0=9", {"a": {"b": 1, "l": [9, {"x": 1}]}}),
        ("a.l.1.x=[1, 2]", {"a": {"b": 1, "l": [1, {"x": [1, 2]}]}}),
        ("a={b: {c: 1}}", {"a": {"b": {"c": 1}}}),
        ("a=", {"a": None}),
        ("a=x=y", {"a": "x=y"}),
        ("a=no", {"a": "no"}),
        ("a='1'", {"a": "1"}),
        ("a=1e-3", {"a": 0.001}),
        (" z =1", {"a": {"b": 1, "l": [1, {"x": 1}]}, "z": 1}),
    ],
)
def test_set_puts_a_yaml_value_at_a_path(override: str, result: dict) -> None:
    before = tree({"a": {"b": 1, "l": [1, {"x": 1}]}})
    assert plain(set_value(before, parse_override(override))) == result


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("a", "--set a: is not KEY=VALUE; write it as in throttle.max_concurrency=4"),
        ("=1", "--set : is not KEY=VALUE; write it as in throttle.max_concurrency=4"),
        ("a..b=1", "--set a..b: is not KEY=VALUE; write it as in throttle.max_concurrency=4"),
        ("profiles.ci.a=1", "--set profiles.ci.a: comes too late for profiles; set the key itself, or use --profile"),
        ("include=[x]", "--set include: comes too late for include; set the key itself, or use --profile"),
        ("s.x=1", "--set s.x: s.x: s is not a mapping, so there is no 'x' in it"),
        ("l.5=1", "--set l.5: l.5: l is a list and has no entry '5'; use an index from 0 to 1"),
        ("l.x=1", "--set l.x: l.x: l is a list and has no entry 'x'; use an index from 0 to 1"),
        ("e.0=1", "--set e.0: e.0: e is a list and has no entry '0'; it is empty"),
        ("a={b", "--set a: a: is not YAML: while parsing a flow mapping, expected ',' or '}', but got '<stream end>'"),
    ],
)
def test_a_set_that_cannot_be_done(override: str, line: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        set_value(tree({"s": "text", "l": [1, 2], "e": []}), parse_override(override))
    assert str(raised.value) == line


def test_models_are_spelled_out() -> None:
    spelled = spell_out_models(tree({"models": ["a", {"id": "b"}, 3], "z": 1}))
    assert plain(spelled) == {"models": [{"id": "a"}, {"id": "b"}, 3], "z": 1}
    assert plain(spell_out_models(tree({"models": "a"}))) == {"models": "a"}
