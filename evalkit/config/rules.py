"""Rules that hold between the keys of one section, which a schema of single keys cannot say."""

import re
from collections.abc import Callable

from evalkit.config.nodes import KeyPath, ListNode, MapNode, Node, Scalar, below, find, text_at
from evalkit.config.problems import Problems, describe

__all__ = ["find_broken_rules"]

_SOURCES = ("path", "hf", "weave", "rows", "python")
_HUB_KEYS = ("config", "split", "revision", "streaming")
_SET_BY_EVALKIT = {
    "model": "the id says it",
    "messages": "the prompt says it",
    "stream_options": "with stream: true, tokens are asked for anyway",
}
_PARAM_RULES: dict[str, tuple[Callable[[Node], bool], str]] = {
    "stream": (lambda node: isinstance(node, Scalar) and isinstance(node.value, bool), "must be true or false"),
    "n": (
        lambda node: isinstance(node, Scalar) and type(node.value) is int and node.value == 1,
        "must be 1 (use trials for several answers)",
    ),
    "extra_body": (lambda node: isinstance(node, MapNode), "must be a mapping of further fields of the request's body"),
}
"""Parameters that only some values fit: what fits beside null, and what is said of the rest."""
_PROJECT = re.compile(r"[^/\s]+/[^/\s]+")
_ADDRESS = re.compile(r"[\w.]+:\w+")


def find_broken_rules(tree: MapNode, problems: Problems) -> None:
    """Note everything that each key alone allows and the section forbids."""
    _check_weave(tree, problems)
    for path, _ in below(tree, "datasets"):
        _check_source(tree, path, problems)
        _check_subset(tree, path, problems)
    for path, _ in below(tree, "models"):
        _check_params(tree, (*path, "params"), problems)
        _check_params(tree, (*path, "matrix"), problems)
        _check_matrix(tree, path, problems)
    for path, _ in below(tree, "evaluations"):
        _check_params(tree, (*path, "params"), problems)
        _check_prompt(tree, (*path, "prompt"), problems)
        _check_reduce(tree, path, problems)
    for path, _ in below(tree, "prompts"):
        _check_prompt(tree, path, problems)
    for path in (("throttle",), *((*path, "throttle") for path, _ in below(tree, "providers"))):
        _check_throttle(tree, path, problems)


def _check_weave(tree: MapNode, problems: Problems) -> None:
    project = text_at(tree, "weave", "project")
    if project is not None and not _PROJECT.fullmatch(project):
        written = describe(find(tree, ("weave", "project")))
        problems.at(tree, ("weave", "project"), f"must be entity/project, not {written}")
    if project is None and text_at(tree, "weave", "backend") == "wandb" and not _written(tree, "weave", "project"):
        problems.at(tree, ("weave", "backend"), "wandb needs weave.project, as entity/project")


def _check_source(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    if not isinstance(find(tree, path), MapNode):
        return
    used = [key for key in _SOURCES if _written(tree, *path, key)]
    if len(used) != 1:
        found = f"has {' and '.join(used)}" if used else "has none"
        problems.at_key(tree, path, f"needs exactly one of {', '.join(_SOURCES)}, and {found}")
    if used == ["hf"] and not _written(tree, *path, "split"):
        problems.at(tree, (*path, "hf"), "needs split beside it, such as split: test")
    for key in _HUB_KEYS:
        if used and "hf" not in used and _written(tree, *path, key):
            problems.at_key(tree, (*path, key), "goes with hf only; remove it")
    address = text_at(tree, *path, "python")
    if address is not None and not _ADDRESS.fullmatch(address):
        problems.at(tree, (*path, "python"), f"must be module:function, not {describe(find(tree, (*path, 'python')))}")


def _check_subset(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    method, by = text_at(tree, *path, "sample", "method"), _written(tree, *path, "sample", "by")
    if method == "stratified" and not by:
        problems.at(tree, (*path, "sample", "method"), "stratified needs by, the column that strata are made of")
    if by and method != "stratified":
        problems.at_key(tree, (*path, "sample", "by"), "goes with method: stratified only")
    sample = find(tree, (*path, "sample"))
    if isinstance(sample, Scalar) and type(sample.value) is int and sample.value < 1:
        problems.at(tree, (*path, "sample"), f"must be at least 1, not {sample.value}")


def _check_params(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    """Check the parameters of a call: `extra_body` is merged into the same body, so the same names are reserved."""
    for each, node in (*below(tree, *path), *below(tree, *path, "extra_body")):
        name = str(each[-1])
        reason = _SET_BY_EVALKIT.get(name)
        if reason is not None:
            problems.at_key(tree, each, f"cannot be a parameter: {reason}")
        elif name in _PARAM_RULES:
            for where, value in below(tree, *each) if path[-1] == "matrix" else ((each, node),):
                _check_param(where, value, name, problems, tree=tree)


def _check_param(path: KeyPath, node: Node, name: str, problems: Problems, *, tree: MapNode) -> None:
    fits, message = _PARAM_RULES[name]
    is_open = isinstance(node, Scalar) and (node.value is None or node.is_unknown)
    if not is_open and not fits(node):
        problems.at(tree, path, f"{message}, not {describe(node)}")


def _check_matrix(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    for each, node in below(tree, *path, "matrix"):
        if isinstance(node, ListNode) and not node.items:
            problems.at(tree, each, "has no values, which would leave no model; give it at least one")


def _check_prompt(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    if _written(tree, *path, "template") and _written(tree, *path, "messages"):
        problems.at_key(tree, (*path, "messages"), "stands in place of template; keep one of them")
    for where in (path, (*path, "messages")):
        node = find(tree, where)
        if isinstance(node, ListNode) and not node.items:
            problems.at(tree, where, "has no messages; write at least one")


def _check_reduce(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    reduce, trials = find(tree, (*path, "reduce")), _whole_number(find(tree, (*path, "trials")), 1)
    if not isinstance(reduce, MapNode):
        return
    if len(reduce.entries) != 1:
        problems.at(tree, (*path, "reduce"), "must be exactly one of pass_at: k and pass_hat: k")
    for each, node in below(reduce):
        k = _whole_number(node, 1)
        if each[0] in {"pass_at", "pass_hat"} and not 1 <= k <= trials:
            problems.at(tree, (*path, "reduce", *each), f"must be from 1 to trials, which is {trials}, not {k}")


def _check_throttle(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    most = _whole_number(find(tree, (*path, "max_concurrency")), 0)
    start = _whole_number(find(tree, (*path, "start_concurrency")), 0)
    if 0 < most < start:
        problems.at(tree, (*path, "start_concurrency"), f"must be at most max_concurrency ({most}), not {start}")


def _written(tree: Node, *path: str | int) -> bool:
    node = find(tree, path)
    return node is not None and not (isinstance(node, Scalar) and node.value is None)


def _whole_number(node: Node | None, default: int) -> int:
    return node.value if isinstance(node, Scalar) and type(node.value) is int else default
