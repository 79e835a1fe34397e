"""What the schema says of a place in a config: which keys it takes, and what stands below a key."""

import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from evalkit.config.nodes import Entry, ListNode, MapNode, Node, Scalar

__all__ = [
    "Shape",
    "child_shape",
    "drop_ignored_keys",
    "is_free_form",
    "known_keys",
    "members",
    "shape_at",
    "spec_of",
    "takes_text",
    "words",
]

Shape = Any
"""An annotation of the schema: a section (a pydantic model), a list, a mapping, a scalar type or a union of them."""


def members(shape: Shape) -> tuple[Shape, ...]:
    """Return the alternatives of a union without None; any other shape is its own only member."""
    origin = typing.get_origin(shape)
    if origin is Annotated:
        return members(typing.get_args(shape)[0])
    if origin in {typing.Union, types.UnionType}:
        return tuple(m for each in typing.get_args(shape) if each is not type(None) for m in members(each))
    return (shape,)


def spec_of(shape: Shape) -> type[BaseModel] | None:
    """Return the section among the members of a shape, if there is one."""
    return next((m for m in members(shape) if isinstance(m, type) and issubclass(m, BaseModel)), None)


def known_keys(shape: Shape) -> tuple[str, ...]:
    """Return the keys a section takes, as YAML writes them."""
    spec = spec_of(shape)
    if spec is not None:
        return tuple(info.alias or name for name, info in spec.model_fields.items())
    for member in members(shape):
        arguments = typing.get_args(member)
        if typing.get_origin(member) is dict and typing.get_origin(arguments[0]) is Literal:
            return typing.get_args(arguments[0])
    return ()


def child_shape(shape: Shape, part: str | int) -> Shape | None:
    """Return the shape below a key or an index; None below free-form values."""
    for member in members(shape):
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if isinstance(part, int):
            if origin is list:
                return arguments[0]
        elif isinstance(member, type) and issubclass(member, BaseModel):
            for name, info in member.model_fields.items():
                if part == (info.alias or name):
                    return info.annotation
        elif origin is dict:
            return arguments[1]
    return None


def shape_at(shape: Shape, path: Iterable[str | int]) -> Shape | None:
    """Return the shape at the end of a path."""
    for part in path:
        if shape is None:
            return None
        shape = child_shape(shape, part)
    return shape


def takes_text(shape: Shape) -> bool:
    """Tell whether text is among what may stand at a shape: any text, or one of several words."""
    return any(member is str or any(isinstance(word, str) for word in words(member)) for member in members(shape))


def words(member: Shape) -> tuple[Any, ...]:
    """Return the values that a shape enumerates, if it does."""
    return typing.get_args(member) if typing.get_origin(member) is Literal else ()


def is_free_form(shape: Shape | None) -> bool:
    """Tell whether the schema says nothing about the keys of a mapping at this shape."""
    if shape is None:
        return True
    if spec_of(shape) is not None:
        return False
    maps = [m for m in members(shape) if typing.get_origin(m) is dict]
    return not any(spec_of(typing.get_args(m)[1]) is not None for m in maps)


def drop_ignored_keys(node: Node, shape: Shape | None) -> Node:
    """Return the tree without the keys that start with `x-`, wherever the schema names the keys or the sections."""
    if isinstance(node, Scalar) or shape is None:
        return node
    if isinstance(node, ListNode):
        inner = child_shape(shape, 0)
        return ListNode(tuple(drop_ignored_keys(item, inner) for item in node.items), node.place)
    ignores = not is_free_form(shape)
    entries = {
        key: Entry(entry.key_place, drop_ignored_keys(entry.node, child_shape(shape, key)))
        for key, entry in node.entries.items()
        if not (ignores and key.startswith("x-"))
    }
    return MapNode(entries, node.place)
