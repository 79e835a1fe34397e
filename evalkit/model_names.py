"""When two ids name one model: as an endpoint's list holds it, as an answer says it, or as it was mistyped."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

__all__ = ["is_same_model", "matches_entry", "nearest_models"]

_MOST_NAMED = 3
_CLOSE = 0.62
_PARTS = re.compile(r"[-_./:@ ]+")
_VENDOR_DOT = re.compile(r"(?:^|(?<=/))(?:[a-z]{2,}\.)+(?=[a-z])")
_VERSION = re.compile(
    r"[-_@:](?:latest|free|nitro|floor|v\d+:\d+"
    r"|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{2}-\d{2}"  # 2024-08-06, 09-2025, 05-20
    r"|\d{8}|\d{6}|\d{4}|0\d{2})$"  # 20241022, 241022, 0613 or 2507, 002
)


def is_same_model(asked: str, served: str) -> bool:
    """Tell whether a model served under another name is the one that was asked for.

    Case, a vendor or path in front, and a version or date behind may be there on one side only; two different
    versions, and two different vendors, are two models.
    """
    one, other = _read_name(asked), _read_name(served)
    (path, version), (other_path, other_version) = one, other
    shorter, longer = sorted((path, other_path), key=len)
    if longer[len(longer) - len(shorter) :] != shorter:
        return False
    return version == other_version or not version or not other_version or "latest" in {version, other_version}


def matches_entry(entry: str, model: str) -> bool:
    """Tell whether an entry of an endpoint's list stands for `model`: the id itself, `openai/*`, or its `:latest`."""
    if entry in {model, f"{model}:latest"}:
        return True
    if "*" not in entry:
        return False
    return re.fullmatch(".*".join(map(re.escape, entry.split("*"))), model) is not None


def nearest_models(model: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that `model` may be meant for, at most three, best first, whatever its case and vendor."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(_bare(model))
    scored = ((_likeness(model, name, matcher), name) for name in dict.fromkeys(ids) if name != model)
    found = sorted((-score, name) for score, name in scored if score >= _CLOSE)
    return tuple(name for _, name in found[:_MOST_NAMED])


def _likeness(asked: str, name: str, matcher: "SequenceMatcher[str]") -> float:
    """Return how like two names are: 4 but for case, 3 but for the vendor, 2 and more when one begins the other."""
    if asked.lower() == name.lower():
        return 4.0
    bare = _bare(name)
    if _bare(asked) == bare:
        return 3.0
    matcher.set_seq1(bare)
    if _begins(_bare(asked), bare) or _begins(bare, _bare(asked)):
        return 2.0 + matcher.ratio()
    if matcher.real_quick_ratio() < _CLOSE or matcher.quick_ratio() < _CLOSE:
        return 0.0
    return matcher.ratio()


def _begins(short: str, long: str) -> bool:
    parts, whole = _PARTS.split(short), _PARTS.split(long)
    return bool(short) and len(parts) < len(whole) and whole[: len(parts)] == parts


def _bare(name: str) -> str:
    return name.rsplit("/", 1)[-1].lower()


def _read_name(name: str) -> tuple[list[str], str]:
    """Return a name's path, lower case and without its version, and that version."""
    plain = name.strip().lower().removesuffix(".gguf").replace("\\", "/")
    plain = _VENDOR_DOT.sub(lambda found: found.group().replace(".", "/"), plain)
    versions: list[str] = []
    while (found := _VERSION.search(plain)) and found.start() > 0:
        plain = plain[: found.start()]
        versions.insert(0, re.sub(r"\D", "", found.group()) or found.group()[1:])
    return [part for part in plain.split("/") if part], "-".join(versions)
