import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.nodes import MapNode, Node, place_of, plain
from evalkit.config.problems import ConfigErrors
from evalkit.config.yaml_nodes import decode_yaml, parse_yaml, read_scalar


def parse(text: str) -> Node:
    node = parse_yaml(text, "c.yaml")
    assert node is not None
    return node


def refusal(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        parse_yaml(text, "c.yaml")
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("no", "No", "off", "on", "yes", "y", "n", "NO", "nUll", "tRue")),
        *(
            (word, word)
            for word in ("2024-01-02", "2024-01-02T03:04:05Z", "12:30", "12:30:45", "1_000", "0b11", "1e", ".")
        ),
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e+2", -150.0),
        ("9" * 5000, float("inf")),
    ],
)
def test_plain_scalars_are_read_as_yaml_1_2(text: str, value: object) -> None:
    assert read_scalar(text) == value
    assert type(read_scalar(text)) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN", "1e400", "-1e400"])
def test_numbers_that_json_has_not_are_refused(text: str) -> None:
    value = read_scalar(text)
    assert isinstance(value, float)
    assert not math.isfinite(value)
    assert refusal(f"a: {text}") == [f"c.yaml:1:4: {text} is not a finite number; JSON and the endpoints have none"]


def test_quoted_and_tagged_scalars() -> None:
    text = "a: '1'\nb: \"no\"\nc: !!str 5\nd: !!int '5'\ne: !!bool 'true'\nf: |\n  1\n  2\ng: >-\n  x\n  y\nh: ! 3\n"
    assert plain(parse(text)) == {"a": "1", "b": "no", "c": "5", "d": 5, "e": True, "f": "1\n2\n", "g": "x y", "h": "3"}


def test_keys_are_text_as_written() -> None:
    assert plain(parse("no: 1\n1: 2\n1.50: 3\ntrue: 4\n'': 5\n2024-01-02: 6")) == {
        "no": 1,
        "1": 2,
        "1.50": 3,
        "true": 4,
        "": 5,
        "2024-01-02": 6,
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~", "null", "---\n...\n"])
def test_nothing_in_it_is_none(text: str) -> None:
    assert parse_yaml(text, "c.yaml") is None


def test_places_count_from_one_in_characters() -> None:
    node = parse("é: ünï\nlist:\n  - a\n  - {k: v}\n")
    assert str(place_of(node, ("é",))) == "c.yaml:1:4"
    assert str(place_of(node, ("list", 1, "k"))) == "c.yaml:4:9"
    assert str(place_of(node, ("list", 1, "k"), of_key=True)) == "c.yaml:4:6"
    assert str(place_of(node, ("list", 1, "gone", "deeper"))) == "c.yaml:4:5"


def test_anchors_and_merge_keys() -> None:
    text = """\
base: &base {a: 1, b: {c: 2}}
other: &other {a: 9, z: 9}
one: {<<: *base, a: 3}
two: {<<: [*base, *other], b: 4}
later: {a: 5, <<: *base}
quoted: {"<<": 1}
again: *base
"""
    value = plain(parse(text))
    assert value["one"] == {"a": 3, "b": {"c": 2}}
    assert value["two"] == {"a": 1, "b": 4, "z": 9}
    assert value["later"] == {"a": 5, "b": {"c": 2}}
    assert value["quoted"] == {"<<": 1}
    assert value["again"] == {"a": 1, "b": {"c": 2}}


def test_a_merged_key_keeps_the_place_of_its_anchor() -> None:
    node = parse("base: &b\n  a: 1\none:\n  <<: *b\n")
    assert str(place_of(node, ("one", "a"))) == "c.yaml:2:6"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:\n\t- b", "c.yaml:2:1: tabs cannot indent YAML; use spaces"),
        ("a: b: c", "c.yaml:1:5: a value with ': ' in it needs quotes, or this line is indented too far"),
        ("a: @x", "c.yaml:1:4: a value cannot start with '@'; quote it"),
        ("a: `x`", "c.yaml:1:4: a value cannot start with '`'; quote it"),
        ("a: %x", "c.yaml:1:4: a value cannot start with '%'; quote it"),
        ("a: {b: ${X}}", "c.yaml:1:9: a value that holds { stands inside { } or [ ]; put it in quotes"),
        ("p: {{ input }}", 'c.yaml:1:5: a key must be one word; a template such as "{{ input }}" needs quotes'),
        ("? [a]\n: b", 'c.yaml:1:3: a key must be one word; a template such as "{{ input }}" needs quotes'),
        (
            "a: {b: 1",
            "c.yaml:1:9: is not YAML: while parsing a flow mapping, expected ',' or '}', but got '<stream end>'",
        ),
        ("a: 'x", "c.yaml:1:6: is not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        ("a: \x01", "c.yaml:1:4: character U+0001 is not allowed in YAML"),
        ("a: 1\n---\nb: 2", "c.yaml:2:1: a second document starts here; a config is one document"),
        ("a: *b", "c.yaml:1:4: no anchor &b stands before *b"),
        ("a: &b [*b]", "c.yaml:1:8: *b stands inside &b, which has no end"),
        ('a: "\\ud83d"', "c.yaml:1:4: holds half of a character; write the whole"),
        ("a: !env X", "c.yaml:1:4: tag !env is not supported; write a plain value"),
        ("a: !!set {x}", "c.yaml:1:4: tag tag:yaml.org,2002:set is not supported; write a plain value"),
        ("a: !!omap [x]", "c.yaml:1:4: tag tag:yaml.org,2002:omap is not supported; write a plain value"),
        ("<<: 3", "c.yaml:1:1: << takes a mapping, or a list of mappings"),
        ("[" * 80 + "]" * 80, "c.yaml:1:62: is nested more than 60 levels deep"),
    ],
    ids=lambda value: value[:24] if value.startswith("c.yaml") is False else "",
)
def test_what_is_refused_and_where(text: str, line: str) -> None:
    assert refusal(text) == [line]


def test_every_duplicate_key_is_told() -> None:
    assert refusal("a: 1\nb: {c: 1, c: 2}\na: 2\n") == [
        "c.yaml:2:11: 'c' is written twice, first at line 2; keep one",
        "c.yaml:3:1: 'a' is written twice, first at line 1; keep one",
    ]


def test_aliases_cannot_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases make more than 1,000,000 values" in refusal("\n".join(lines))[0]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xff\xfea\x00", "c.yaml:1:1: is UTF-16; save the file as UTF-8"),
        (b"a: 1\nb: \xc3\xa9\xff", "c.yaml:2:5: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"\xef\xbb\xbfa: \xff", "c.yaml:1:4: byte 0xff is not UTF-8; save the file as UTF-8"),
    ],
    ids=["utf-16", "latin-1", "after a byte order mark"],
)
def test_bytes_that_are_not_utf_8(data: bytes, line: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        decode_yaml(data, "c.yaml")
    assert str(raised.value) == line


def test_a_byte_order_mark_is_left_out() -> None:
    assert decode_yaml(b"\xef\xbb\xbfa: 1", "c.yaml") == "a: 1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=40), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_yaml_holds_json(value: object) -> None:
    text = json.dumps({"top": value})
    node = parse(text)
    assert isinstance(node, MapNode)
    assert plain(node) == {"top": value}
