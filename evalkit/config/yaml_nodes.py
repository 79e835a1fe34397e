"""YAML 1.2 text to nodes: positions kept, duplicate keys refused, only JSON values."""

import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from evalkit.config.nodes import Entry, ListNode, MapNode, Node, Place, Scalar
from evalkit.config.problems import ConfigErrors, Problem
from evalkit.records import Json

__all__ = ["decode_yaml", "parse_yaml", "read_scalar"]

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CORE_TAG = "tag:yaml.org,2002:"
_DEEPEST = 60
_MOST_NODES = 1_000_000
_LONGEST_INT = 1000
_HINTS = {
    "\\t": "tabs cannot indent YAML; use spaces",
    "mapping values are not allowed": "a value with ': ' in it needs quotes, or this line is indented too far",
    "but got '{'": "a value that holds { stands inside { } or [ ]; put it in quotes",
    "but got '['": "a value that holds [ stands inside { } or [ ]; put it in quotes",
    "'%' that cannot start": "a value cannot start with '%'; quote it",
    "'@' that cannot start": "a value cannot start with '@'; quote it",
    "'`' that cannot start": "a value cannot start with '`'; quote it",
}


def decode_yaml(data: bytes, source: str, layer: str = "file") -> str:
    """Return the bytes of a YAML file as text, without its byte order mark.

    Raises:
        ConfigErrors: the bytes are not UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _refusal(Place(source, 1, 1, layer), "is UTF-16; save the file as UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        place = Place(source, before.count(b"\n") + 1, column, layer)
        raise _refusal(place, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8") from None


def parse_yaml(text: str, source: str, layer: str = "file") -> Node | None:
    """Return the one document in `text`, None when there is nothing in it.

    Raises:
        ConfigErrors: the text is not YAML, or uses what JSON cannot say; every duplicate key is listed.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    builder = _Builder(source, layer)
    try:
        events = YAML(typ="safe", pure=True).parse(text)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  ruamel is half typed
        node = builder.document(iter(events))  # pyright: ignore[reportUnknownArgumentType]  the same
    except YAMLError as error:
        place, message = _syntax_problem(error, text)
        raise _refusal(replace(place, source=source, layer=layer), message) from None
    if builder.problems:
        raise ConfigErrors(builder.problems)
    return node


def read_scalar(text: str) -> Json:
    """Return what an unquoted scalar means in YAML 1.2: null, true, false, a number, or the text itself.

    `.inf` and `.nan` come back as floats that are not finite; JSON has no such number.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) <= _LONGEST_INT:
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return math.nan
    return text


class _Builder:
    """Turns the parser's events into nodes, and keeps what can be said without giving up."""

    def __init__(self, source: str, layer: str) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._layer = layer
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._count = 0

    def document(self, events: Iterator[Any]) -> Node | None:
        """Read the only document of a stream."""
        node = None
        for event in events:
            if type(event).__name__ == "DocumentStartEvent":
                if node is not None:
                    raise _refusal(self._place(event), "a second document starts here; a config is one document")
                node = self._node(events, next(events), depth=0)
        is_empty = isinstance(node, Scalar) and node.value is None and node.is_plain
        return None if is_empty else node

    def _node(self, events: Iterator[Any], event: Any, *, depth: int) -> Node:
        before = self._count
        self._count += 1
        if depth > _DEEPEST:
            raise _refusal(self._place(event), f"is nested more than {_DEEPEST} levels deep")
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        if event.anchor:
            self._anchors[event.anchor] = None
        if kind == "ScalarEvent":
            node: Node = self._scalar(event)
        elif kind == "SequenceStartEvent":
            node = self._list(events, event, depth=depth)
        else:
            node = self._map(events, event, depth=depth)
        if event.anchor:
            self._anchors[event.anchor] = (node, self._count - before)
        return node

    def _alias(self, event: Any) -> Node:
        place = self._place(event)
        if event.anchor not in self._anchors:
            raise _refusal(place, f"no anchor &{event.anchor} stands before *{event.anchor}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _refusal(place, f"*{event.anchor} stands inside &{event.anchor}, which has no end")
        node, size = anchored
        self._count += size
        if self._count > _MOST_NODES:
            raise _refusal(place, f"aliases make more than {_MOST_NODES:,} values of this file")
        return node

    def _scalar(self, event: Any) -> Scalar:
        place, text = self._place(event), self._text(event)
        is_plain = event.style is None and event.tag is None
        value = read_scalar(text) if is_plain else self._tagged(event, text)
        if isinstance(value, float) and not math.isfinite(value):
            self._note(place, f"{text} is not a finite number; JSON and the endpoints have none")
        return Scalar(value, place, is_plain)

    def _text(self, event: Any) -> str:
        """Return a scalar's text; JSON escapes some characters in two halves, which are joined."""
        text = str(event.value)
        if _SURROGATE.search(text) is None:
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._note(self._place(event), "holds half of a character; write the whole")
            return ""

    def _tagged(self, event: Any, text: str) -> Json:
        tag = str(event.tag or "!")
        if tag in {"!", _CORE_TAG + "str"}:
            return text
        if tag.removeprefix(_CORE_TAG) in {"int", "float", "bool", "null"}:
            return read_scalar(text)
        self._refuse_tag(event)
        return text

    def _list(self, events: Iterator[Any], event: Any, *, depth: int) -> ListNode:
        if event.tag not in {None, "!", _CORE_TAG + "seq"}:
            self._refuse_tag(event)
        items: list[Node] = []
        for inner in events:
            if type(inner).__name__ == "SequenceEndEvent":
                break
            items.append(self._node(events, inner, depth=depth + 1))
        return ListNode(tuple(items), self._place(event))

    def _map(self, events: Iterator[Any], event: Any, *, depth: int) -> MapNode:
        if event.tag not in {None, "!", _CORE_TAG + "map"}:
            self._refuse_tag(event)
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for inner in events:
            if type(inner).__name__ == "MappingEndEvent":
                break
            key_place, key = self._place(inner), self._key(events, inner, depth=depth)
            is_merge = key == "<<" and getattr(inner, "style", "") is None
            node = self._node(events, next(events), depth=depth + 1)
            if isinstance(node, Scalar) and node.value is None and node.place.line > key_place.line:
                node = replace(node, place=key_place)
            if is_merge:
                merged = {**self._merged(key_place, node), **merged}
            elif key in entries:
                self._note(
                    key_place, f"{key!r} is written twice, first at line {entries[key].key_place.line}; keep one"
                )
            else:
                entries[key] = Entry(key_place, node)
        return MapNode({**merged, **entries}, self._place(event))

    def _key(self, events: Iterator[Any], event: Any, *, depth: int) -> str:
        node = self._node(events, event, depth=depth + 1)
        if isinstance(node, Scalar) and type(event).__name__ == "ScalarEvent" and (event.value or event.style):
            return self._text(event)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        raise _refusal(self._place(event), 'a key must be one word; a template such as "{{ input }}" needs quotes')

    def _merged(self, place: Place, node: Node) -> dict[str, Entry]:
        maps = node.items if isinstance(node, ListNode) else (node,)
        entries: dict[str, Entry] = {}
        for each in maps:
            if isinstance(each, MapNode):
                entries = {**each.entries, **entries}
            else:
                self._note(place, "<< takes a mapping, or a list of mappings")
        return entries

    def _refuse_tag(self, event: Any) -> None:
        self._note(self._place(event), f"tag {event.tag} is not supported; write a plain value")

    def _note(self, place: Place, message: str) -> None:
        self.problems.append(Problem(place, (), message))

    def _place(self, event: Any) -> Place:
        return Place(self._source, event.start_mark.line + 1, event.start_mark.column + 1, self._layer)


def _refusal(place: Place, message: str) -> ConfigErrors:
    return ConfigErrors([Problem(place, (), message)])


def _syntax_problem(error: Any, text: str) -> tuple[Place, str]:
    mark, position = getattr(error, "problem_mark", None), getattr(error, "position", None)
    if mark is not None:
        return Place("", mark.line + 1, mark.column + 1), _syntax(error)
    if position is not None:
        lines = text[:position].split("\n")
        message = f"character U+{ord(text[position]):04X} is not allowed in YAML"
        return Place("", len(lines), len(lines[-1]) + 1), message
    return Place("", 1, 1), f"is not YAML: {error}"


def _syntax(error: Any) -> str:
    problem = str(error.problem)
    for words, hint in _HINTS.items():
        if words in problem:
            return hint
    return f"is not YAML: {error.context}, {problem}" if error.context else f"is not YAML: {problem}"
