from pathlib import Path

import pytest

from evalkit.config.not_yet import NOT_YET
from evalkit.config.schema import Config
from evalkit.config.shape import known_keys, shape_at
from tests.config.written import GOOD, errors

SUFFIX = "documented but not yet available; remove it"
TABLE = {
    "weave: {backend: both}": f"config.yaml:5:9: weave.backend: 'both' is {SUFFIX}",
    "report: {redact: [x]}": f"config.yaml:5:10: report.redact: a list is {SUFFIX}",
}


@pytest.mark.parametrize(("extra", "line"), TABLE.items(), ids=TABLE)
def test_a_documented_key_is_refused(tmp_path: Path, extra: str, line: str) -> None:
    assert errors(tmp_path, f"{GOOD}{extra}\n") == [line]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[small]", "[{id: a, role: reference}]", f"config.yaml:2:18: models.0.role: 'reference' is {SUFFIX}"),
        ("{use: exact}", "{use: exact, weight: 2}", f"config.yaml:4:31: scorers.exact.weight: 2 is {SUFFIX}"),
        (
            "{rows: {rows: [{id: a, input: x, target: y}]}}",
            "{rows: {weave: x}}",
            f"config.yaml:3:19: datasets.rows.weave: is {SUFFIX}",
        ),
    ],
    ids=["role", "weight", "weave source"],
)
def test_a_documented_key_inside_a_section_is_refused(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert errors(tmp_path, GOOD.replace(old, new)) == [line]


@pytest.mark.parametrize(
    "extra",
    [
        "gate: {rules: []}",
        "weave: {backend: off}",
        "report: {csv: true, junit: true, redact: []}",
        "run: {max_cost: null}",
    ],
)
def test_what_today_does_anyway_is_accepted(tmp_path: Path, extra: str) -> None:
    assert errors(tmp_path, f"{GOOD}{extra}\n") == []


@pytest.mark.parametrize("path", NOT_YET)
def test_every_entry_of_the_list_is_a_key_of_the_schema(path: str) -> None:
    *parents, key = (0 if part == "*" and parent == "models" else part for part, parent in _steps(path))
    assert key in known_keys(shape_at(Config, parents))


def _steps(path: str) -> list[tuple[str, str]]:
    parts = path.split(".")
    return list(zip(parts, ["", *parts], strict=False))
