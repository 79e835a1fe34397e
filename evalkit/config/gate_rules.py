"""The gate's rules as they are written: each must make exactly one claim, and one that can be held, or broken."""

import fnmatch

from evalkit.config.gates import FACTS
from evalkit.config.nodes import KeyPath, MapNode, Scalar, below, find, text_at
from evalkit.config.problems import Problems, describe

__all__ = ["find_gate_doubts", "find_gate_problems"]

_CLAIMS = ("max_drop", "min", "max")
_FOR_SCORES = ("max_drop", "min", "slice", "strict_point")
_SHARES = ("error_rate", "truncation_rate")


def find_gate_problems(tree: MapNode, problems: Problems) -> None:
    """Note every rule that says nothing, too much, or what no run could show."""
    names: set[str] = set()
    for path, node in below(tree, "gate", "rules"):
        if not isinstance(node, MapNode):
            continue
        _check_claims(tree, path, problems)
        _check_limits(tree, path, problems)
        _check_slice(tree, path, problems)
        name = text_at(tree, *path, "name")
        if name is not None and name in names:
            problems.at(tree, (*path, "name"), f"a rule above is called {name!r} already")
        names.add(name or "")


def find_gate_doubts(tree: MapNode, problems: Problems) -> None:
    """Note every rule on a mean score that can never PASS, or never FAIL, whatever the scores are."""
    for path, _ in below(tree, "gate", "rules"):
        if text_at(tree, *path, "metric") in FACTS:
            continue
        least, most = _number(tree, path, "min"), _number(tree, path, "max")
        for key, limit, best in (("min", least, 1), ("max", most, 0)):
            if limit == 1 - best:
                problems.at(tree, (*path, key), "holds for every score: this rule can never FAIL")
            elif limit == best and not _is_true(tree, path, "strict_point"):
                told = f"no number of samples proves a mean of {best}: this rule can never PASS; leave it room, or"
                problems.at(tree, (*path, key), f"{told} say strict_point: true, which holds the bare number to it")


def _check_claims(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    made = [claim for claim in _CLAIMS if _written(tree, *path, claim)]
    if len(made) != 1:
        found = f"has {' and '.join(made)}; make a rule of each" if made else "has none"
        problems.at(tree, path, f"needs exactly one of {', '.join(_CLAIMS)}, and {found}")
    metric = text_at(tree, *path, "metric")
    if metric in FACTS:
        for key in _FOR_SCORES:
            if _written(tree, *path, key):
                problems.at_key(tree, (*path, key), f"is for scores; {metric} can only be held to max")
    if _written(tree, *path, "detect") and made != ["max_drop"]:
        problems.at_key(tree, (*path, "detect"), "goes with max_drop only; it is the drop that must be noticed")
    if _is_true(tree, path, "strict_point") and _written(tree, *path, "detect"):
        problems.at_key(tree, (*path, "detect"), "cannot be had with strict_point, which has no error control")


def _check_limits(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    margin, detect, most = (_number(tree, path, key) for key in ("max_drop", "detect", "max"))
    if margin is not None and detect is not None and detect <= margin:
        problems.at(tree, (*path, "detect"), f"must be more than max_drop ({margin:g}), which is tolerated")
    metric = text_at(tree, *path, "metric")
    is_share = metric is not None and (metric not in FACTS or metric in _SHARES)
    if is_share and most is not None and most > 1:
        problems.at(tree, (*path, "max"), f"must be at most 1, not {describe(find(tree, (*path, 'max')))}")


def _check_slice(tree: MapNode, path: KeyPath, problems: Problems) -> None:
    written = text_at(tree, *path, "slice")
    if written is not None and not fnmatch.fnmatchcase(written, "?*=?*"):
        problems.at(tree, (*path, "slice"), f"must be key=value, such as topic=law, not {written!r}")


def _written(tree: MapNode, *path: str | int) -> bool:
    node = find(tree, path)
    return node is not None and not (isinstance(node, Scalar) and node.value is None)


def _is_true(tree: MapNode, path: KeyPath, key: str) -> bool:
    node = find(tree, (*path, key))
    return isinstance(node, Scalar) and node.value is True


def _number(tree: MapNode, path: KeyPath, key: str) -> float | None:
    node = find(tree, (*path, key))
    if not isinstance(node, Scalar) or isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        return None
    return float(node.value)
