"""Environment variables in scalars: ${NAME} and ${NAME:-default}; $${NAME} stays ${NAME}."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evalkit.config.nodes import Entry, KeyPath, ListNode, MapNode, Node
from evalkit.config.problems import Problem
from evalkit.config.yaml_nodes import read_scalar

__all__ = ["Interpolated", "interpolate"]

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")
_SECRET_NAME = re.compile(r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:_|$)", re.IGNORECASE)


@dataclass(slots=True)
class Interpolated:
    """The tree with its variables filled in, and what was wrong with them."""

    node: Node
    problems: list[Problem] = field(default_factory=list[Problem])


def interpolate(node: Node, env: Mapping[str, str]) -> Interpolated:
    """Return `node` with every variable replaced; keys are left alone.

    An unquoted scalar is read again after the replacement, so `limit: ${N:-8}` is a number. A variable that is unset
    and has no default is a problem, and so is one whose name says that it holds a secret: a config is stored with its
    run. Their scalars are marked as unknown.
    """
    done = Interpolated(node)
    done.node = _walk(node, (), env, done.problems)
    return done


def _walk(node: Node, path: KeyPath, env: Mapping[str, str], problems: list[Problem]) -> Node:
    if isinstance(node, ListNode):
        items = tuple(_walk(item, (*path, index), env, problems) for index, item in enumerate(node.items))
        return ListNode(items, node.place)
    if isinstance(node, MapNode):
        entries = {
            key: Entry(entry.key_place, _walk(entry.node, (*path, key), env, problems))
            for key, entry in node.entries.items()
        }
        return MapNode(entries, node.place)
    if not (isinstance(node.value, str) and "${" in node.value):
        return node
    references = list(_REFERENCE.finditer(node.value))
    wrong = [message for match in references if (message := _refusal(match, env))]
    if wrong:
        problems.extend(Problem(node.place, path, message) for message in wrong)
        return replace(node, is_unknown=True)
    text = _REFERENCE.sub(lambda match: _value(match, env), node.value)
    return replace(node, value=read_scalar(text) if node.is_plain and text else text)


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
