"""A column, an expression or a template over one row; types are kept, what is missing is named."""

import pytest

from evalkit.errors import DatasetError
from evalkit.expressions import compile_condition, compile_pick

ROW = {
    "n": 3,
    "ok": True,
    "text": "a b",
    "items": ["x", "y"],
    "deep": {"answers": ["p", "q"], "none": None},
    "with space": 1.5,
    "brace": "{{ n }}",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n", 3),
        ("items", ["x", "y"]),
        ("with space", 1.5),
        ("{{ n }}", 3),
        ("{{ items }}", ["x", "y"]),
        ("{{- deep.answers -}}", ["p", "q"]),
        ("{{ deep.none }}", None),
        ("{{ row['with space'] }}", 1.5),
        ("{{ index }}", 7),
        ("{{ text.split() }}", ["a", "b"]),
        ("{{ items | map('upper') }}", ["X", "Y"]),
        ("{{ [n, ok] }}", [3, True]),
        ("{{ (n, ok) }}", [3, True]),
        ("{{ n == 3 }}", True),
        ("q-{{ n }}", "q-3"),
        ("{{ n }} {{ ok }}", "3 True"),
        ("{{ n }}\n", 3),
        ("n: {{ n }}\n", "n: 3\n"),
        ("{% if ok %}yes{% else %}no{% endif %}", "yes"),
        ("brace", "{{ n }}"),
        ("{{ brace }}", "{{ n }}"),
        ("{{ 'a }} b' }}", "a }} b"),
    ],
)
def test_a_pick_gives_the_value(text, value):
    picked = compile_pick(text, "fields.x")(ROW, 7)
    assert picked == value
    assert type(picked) is type(value)


def test_a_column_wins_over_the_names_of_ours():
    row = {"row": "mine", "index": "mine too", "range": "own"}
    assert compile_pick("{{ [row, index, range] }}", "x")(row, 0) == ["mine", "mine too", "own"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("txt", "fields.x: there is no column 'txt'; did you mean 'text'?"),
        ("zzz", "fields.x: there is no column 'zzz'; known: brace, deep, items, n, ok, text, with space"),
        ("{{ txt }}", "fields.x: 'txt' is undefined"),
        ("{{ txt }}!", "fields.x: 'txt' is undefined"),
        ("{{ deep.zzz }}", "fields.x: 'dict object' has no attribute 'zzz'"),
        ("{{ n / 0 }}", "fields.x: division by zero"),
        ("{{ n + text }}", "fields.x: unsupported operand type(s) for +: 'int' and 'str'"),
        ("{{ items[9] }}", "fields.x: list object has no element 9"),
        ("{{ range }}", "fields.x: the value of 'range' holds a function, which has no JSON form"),
        ("{{ text.__class__.__mro__ }}", "fields.x: access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ items.append('z') }}", "fields.x: access to attribute 'append' of 'list' object is unsafe."),
    ],
)
def test_what_a_row_cannot_give_is_named(text, message):
    with pytest.raises(DatasetError) as caught:
        compile_pick(text, "fields.x")(ROW, 0)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ n", "fields.x: line 1 of the template: unexpected end of template, expected 'end of print statement'."),
        ("{{ items | random }}", "fields.x: line 1 of the template: No filter named 'random'."),
        ("a\n{% if %}", "fields.x: line 2 of the template: Expected an expression, got 'end of statement block'"),
    ],
)
def test_a_template_that_does_not_parse_is_refused_at_once(text, message):
    with pytest.raises(DatasetError) as caught:
        compile_pick(text, "fields.x")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "kept"),
    [("n == 3", True), ("n > 3 or not ok", False), ("ok", True), ("'x' in items", True), ("zzz is defined", False)],
)
def test_a_condition(text, kept):
    assert compile_condition(text, "where")(ROW, 0) is kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text", "where: 'text' gives 'a b', not true or false; compare it with something"),
        ("n", "where: 'n' gives 3, not true or false; compare it with something"),
        ("zzz == 1", "where: 'zzz' is undefined"),
        ("zzz", "where: 'zzz' is undefined"),
    ],
)
def test_a_condition_must_be_true_or_false(text, message):
    with pytest.raises(DatasetError) as caught:
        compile_condition(text, "where")(ROW, 0)
    assert str(caught.value) == message


def test_a_condition_that_does_not_parse_is_refused_at_once():
    with pytest.raises(DatasetError, match=r"^where: 'n ==' is not an expression: "):
        compile_condition("n ==", "where")
