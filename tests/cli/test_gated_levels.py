"""A rule on a level, held by `run --gate`, by `gate` and foreseen by `plan`: where it holds it passes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import CommandLine
from tests.plans import write_plan

GROUPED = [
    {"id": f"s{n}", "input": f"question {n}", "target": str(n), "doc": f"d{n // 4}", "half": f"h{n % 2}"}
    for n in range(80)
]


RULES = ({"metric": "qa.exact", "min": 0.3, "name": "least"}, {"metric": "qa.exact", "max": 0.9, "name": "most"})


@pytest.mark.parametrize(
    ("trials", "fields"),
    [(2, {"slices": ["half"]}), (1, {"group": "doc"}), (2, {"group": "doc"})],
    ids=["trials", "groups", "trials and groups"],
)
def test_levels_that_hold_pass(cli: CommandLine, tmp_path: Path, trials: int, fields: dict[str, Any]) -> None:
    config = write_plan(
        tmp_path,
        providers={"script": {"use": "scripted", "accuracy": 0.6}},
        datasets={"qa": {"rows": GROUPED, "fields": fields}},
        evaluations=[{"name": "qa", "dataset": "qa", "trials": trials}],
        gate={"rules": RULES},
        report={"html": False, "markdown": True, "parquet": False},
    )
    reports = tmp_path / "reports"
    done = cli("run", config, "--gate", "--reports", reports)
    assert done.code == 0, done.err
    folder = Path(done.out.strip().splitlines()[-1])
    checks = json.loads((folder / "run.json").read_text(encoding="utf-8"))["gate"]["checks"]
    assert [each["verdict"] for each in checks] == ["pass", "pass"]
    assert all(0 < each["mde"] < 0.3 for each in checks)
    assert "PASS" in done.err
    assert (folder / "summary.md").is_file()
    again = cli("gate", folder, "--reports", reports)
    assert again.code == 0, again.err
    assert all(f"{each['mde']:.3f}" in again.err for each in checks)
    plan = json.loads(cli("plan", config, "--json", "--reports", reports).out)
    assert [rule["mde"] for rule in plan["gate"]] == pytest.approx([each["mde"] for each in checks])


def test_a_config_s_trials_are_bounded(cli: CommandLine, tmp_path: Path) -> None:
    config = write_plan(tmp_path, rows=1, evaluations=[{"name": "qa", "dataset": "qa", "trials": 10_000_000}])
    done = cli("plan", config)
    assert done.code == 2
    assert "evaluations.0.trials: must be at most 1000, not 10000000" in done.err
