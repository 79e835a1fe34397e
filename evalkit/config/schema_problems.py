"""What pydantic finds wrong with a tree, said in the config's own words at the value's place."""

import typing
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from evalkit.config.nodes import KeyPath, ListNode, MapNode, Node, Scalar, find, plain
from evalkit.config.problems import Problems, describe
from evalkit.config.schema import Config
from evalkit.config.shape import Shape, child_shape, known_keys, members, shape_at, spec_of, words
from evalkit.config.yaml_nodes import read_scalar
from evalkit.registry import nearest

__all__ = ["find_schema_problems"]

_BOUNDS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_pattern_mismatch": "must be lower-case letters, digits, '.', '_' or '-', and begin with a letter or digit",
}
_TYPES: dict[object, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def find_schema_problems(tree: MapNode, problems: Problems) -> None:
    """Note every unknown key, wrong type and missing key of a merged tree."""
    try:
        Config.model_validate(plain(tree))
    except ValidationError as error:
        found = [_Finding(tree, each) for each in error.errors(include_url=False, include_input=False)]
        said = {path for finding in found if finding.fits for path in finding.unions}
        for finding in found:
            if finding.fits:
                _note(finding, problems)
            elif finding.unions[-1] not in said:
                problems.at(tree, finding.unions[-1], _wrong_type(tree, finding.unions[-1]))


class _Finding:
    """One of pydantic's errors, with the config's path in place of pydantic's.

    Pydantic reports every member of a union; `fits` is false for the members that are another kind of value than what
    is written. `unions` are the paths of the unions on the way.
    """

    def __init__(self, tree: MapNode, error: Any) -> None:
        self.tree = tree
        self.kind = str(error["type"])
        self.context: dict[str, Any] = error.get("ctx", {})
        self.message = str(error["msg"]).removeprefix("Value error, ")
        self.unions: list[KeyPath] = []
        self.fits = True
        self.path = self._walk(error["loc"])

    def _walk(self, loc: Sequence[str | int]) -> KeyPath:
        path: KeyPath = ()
        shape: Shape | None = Config
        for part in loc:
            if shape is not None and len(members(shape)) > 1 and path not in self.unions:
                self.unions.append(path)
                self.fits = self.fits and _tag_fits(str(part), find(self.tree, path))
            elif part == "[key]":
                self.kind = "extra_forbidden"
            else:
                path = (*path, part)
                shape = None if shape is None else child_shape(shape, part)
        return path


def _note(finding: _Finding, problems: Problems) -> None:
    tree, path = finding.tree, finding.path
    if finding.kind == "missing":
        problems.at(tree, path, "is required")
    elif finding.kind == "extra_forbidden":
        problems.at_key(tree, path, f"unknown key{nearest(str(path[-1]), known_keys(shape_at(Config, path[:-1])))}")
    elif finding.kind == "literal_error" or finding.kind.endswith("_type") or finding.kind == "int_from_float":
        problems.at(tree, path, _wrong_type(tree, path))
    elif finding.kind in _BOUNDS:
        is_empty = finding.context.get("min_length") == 1
        must = "must not be empty" if is_empty else _BOUNDS[finding.kind].format(**finding.context)
        problems.at(tree, path, must if is_empty else f"{must}, not {_written(find(tree, path))}")
    else:
        problems.at(tree, path, f"{finding.message}; not {describe(find(tree, path))}")


def _wrong_type(tree: MapNode, path: KeyPath) -> str:
    shape, node = shape_at(Config, path), find(tree, path)
    choices = [str(word) for member in members(shape) for word in words(member)]
    expected = " or ".join(dict.fromkeys(_name(member) for member in members(shape)))
    message = f"must be {expected}, not {describe(node)}"
    if not isinstance(node, Scalar):
        return message
    if choices and isinstance(node.value, str):
        close = nearest(node.value, choices)
        return message + (close if "did you mean" in close else "")
    if not isinstance(node.value, str):
        return message + ("; write it in quotes" if str in members(shape) and node.value is not None else "")
    is_quoted_value = not node.is_plain and not isinstance(read_scalar(node.value), str)
    return message + ("; take off the quotes" if is_quoted_value else "")


def _name(member: Shape) -> str:
    if choices := words(member):
        listed = ", ".join(str(choice) for choice in choices)
        return listed if len(choices) == 1 else f"one of {listed}"
    if spec_of(member) is not None or typing.get_origin(member) is dict:
        return "a mapping"
    if typing.get_origin(member) is list:
        return "a list"
    return _TYPES.get(member, "another type")


def _tag_fits(tag: str, node: Node | None) -> bool:
    if tag.startswith("list["):
        return isinstance(node, ListNode)
    if tag.startswith("dict[") or tag[:1].isupper():
        return isinstance(node, MapNode)
    return isinstance(node, Scalar)


def _written(node: Node | None) -> str:
    return str(len(node.items)) if isinstance(node, ListNode) else describe(node)
