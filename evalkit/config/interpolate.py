"""Environment variables in scalars: ${NAME} and ${NAME:-default}; $${NAME} stays ${NAME}."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evalkit.config.nodes import Entry, KeyPath, ListNode, MapNode, Node, Scalar
from evalkit.config.problems import Problem
from evalkit.config.shape import Shape, child_shape, takes_text
from evalkit.config.yaml_nodes import read_scalar

__all__ = ["Interpolated", "interpolate"]

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")
_SECRET_NAME = re.compile(r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:_|$)", re.IGNORECASE)


@dataclass(slots=True)
class Interpolated:
    """The tree with its variables filled in, and what was wrong with them."""

    node: Node
    problems: list[Problem] = field(default_factory=list[Problem])


def interpolate(node: Node, env: Mapping[str, str], shape: Shape | None = None) -> Interpolated:
    """Return `node` with every variable replaced; keys are left alone.

    Where the schema says what `shape` a value has, the text that comes of it is read as that: a number, a word or
    text. Elsewhere it is read again as YAML, unless it is in quotes. A variable that is unset and has no default is a
    problem, and so is one whose name says that it holds a secret: a config is stored with its run. Their scalars are
    marked as unknown.
    """
    done = Interpolated(node)
    done.node = _walk(node, shape, (), _Filler(env, done.problems))
    return done


@dataclass(frozen=True, slots=True)
class _Filler:
    env: Mapping[str, str]
    problems: list[Problem]

    def fill(self, node: Scalar, shape: Shape | None, path: KeyPath) -> Scalar:
        """Return the scalar with its variables replaced."""
        if not (isinstance(node.value, str) and "${" in node.value):
            return node
        wrong = [message for match in _REFERENCE.finditer(node.value) if (message := _refusal(match, self.env))]
        if wrong:
            self.problems.extend(Problem(node.place, path, message) for message in wrong)
            return replace(node, is_unknown=True)
        text = _REFERENCE.sub(lambda match: _value(match, self.env), node.value)
        is_free = shape is None or shape is Any
        is_text = not node.is_plain if is_free else takes_text(shape)
        return replace(node, value=text if is_text or not text else read_scalar(text))


def _walk(node: Node, shape: Shape | None, path: KeyPath, filler: _Filler) -> Node:
    if isinstance(node, ListNode):
        inner = None if shape is None else child_shape(shape, 0)
        items = tuple(_walk(item, inner, (*path, index), filler) for index, item in enumerate(node.items))
        return ListNode(items, node.place)
    if isinstance(node, MapNode):
        entries = {
            key: Entry(
                entry.key_place,
                _walk(entry.node, None if shape is None else child_shape(shape, key), (*path, key), filler),
            )
            for key, entry in node.entries.items()
        }
        return MapNode(entries, node.place)
    return filler.fill(node, shape, path)


def _refusal(match: re.Match[str], env: Mapping[str, str]) -> str | None:
    name, default = match["name"], match["default"]
    if match[0] == "$${":
        return None
    if name is None:
        return "'${' must be followed by NAME} or NAME:-default}; write $${ for a plain ${"
    if _SECRET_NAME.search(name):
        return f"environment variable {name} holds a secret, which never enters a config; api_key_env names a key"
    if name not in env and default is None:
        return f"environment variable {name} is not set; set it, or write ${{{name}:-default}}"
    return None


def _value(match: re.Match[str], env: Mapping[str, str]) -> str:
    if match[0] == "$${":
        return "${"
    return env.get(match["name"], "") or match["default"] or ""
