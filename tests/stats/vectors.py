"""The table of checked numbers, and the one way to compare with it."""

import json
import math
from functools import cache
from pathlib import Path

import pytest

_PATH = Path(__file__).resolve().parents[1] / "vectors" / "statistics.json"


@cache
def _cases() -> tuple[dict, ...]:
    return tuple(json.loads(_PATH.read_text(encoding="utf-8"))["cases"])


def functions() -> set[str]:
    return {case["function"] for case in _cases()}


def cases(function: str) -> list:
    found = [pytest.param(case, id=case["id"]) for case in _cases() if case["function"] == function]
    assert found, f"no vector is for {function}"
    return found


def agrees(case: dict, got: object, expected: object) -> bool:
    """|got - expected| <= atol + rtol |expected|; null means not available."""
    if isinstance(expected, list):
        return len(got) == len(expected) and all(agrees(case, g, e) for g, e in zip(got, expected, strict=True))
    if expected is None or got is None:
        return expected is None and got is None
    return math.isfinite(got) and abs(got - expected) <= case["atol"] + case["rtol"] * abs(expected)
