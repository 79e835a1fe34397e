"""Answers that no model gave, scored by the plan's own scorers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.run import load_plan
from evalkit.plan import Plan
from evalkit.reference_rows import score_references


def plan_of(tmp_path: Path, rows: list[dict[str, Any]], scorers: dict[str, Any], **more: Any) -> Plan:
    fields = {name: name for name in rows[0] if name in {"id", "input", "target", "choices"}}
    config = {
        "name": "scale",
        "weave": {"backend": "off"},
        "providers": {"script": {"use": "scripted"}},
        "models": [{"id": "a", "provider": "script"}, {"id": "b", "provider": "script"}],
        "datasets": {"qa": {"path": "rows.jsonl", "fields": fields}},
        "scorers": scorers,
        **more,
    }
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return load_plan(path, None, ())


def means(plan: Plan) -> dict[tuple[str, str], tuple[float, int, int]]:
    found = asyncio.run(score_references(plan))
    return {(each["reference"], each["metric"]): (each["mean"], each["n"], each["samples"]) for each in found}


def rows_of(*targets: str) -> list[dict[str, Any]]:
    return [{"id": f"s{place}", "input": "?", "target": target} for place, target in enumerate(targets)]


def test_free_text(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows_of("yes", "no", "yes", "perhaps"), {"exact": {"use": "exact"}})
    assert means(plan) == {
        ("oracle", "qa.exact"): (1.0, 4, 4),
        ("majority", "qa.exact"): (0.5, 4, 4),
        ("empty", "qa.exact"): (0.0, 4, 4),
    }


def test_chance_is_the_mean_of_one_over_the_choices(tmp_path: Path) -> None:
    rows = [
        {"id": "x", "input": "?", "target": "B", "choices": ["p", "q"]},
        {"id": "y", "input": "?", "target": "B", "choices": ["p", "q", "r", "s"]},
        {"id": "z", "input": "?", "target": "A", "choices": ["p", "q", "r", "s"]},
    ]
    found = means(plan_of(tmp_path, rows, {"choice": {"use": "choice"}}))
    assert found["chance", "qa.choice"] == (pytest.approx((1 / 2 + 1 / 4 + 1 / 4) / 3), 3, 3)
    assert found["oracle", "qa.choice"][0] == 1.0
    assert found["majority", "qa.choice"][0] == pytest.approx(2 / 3)
    assert found["empty", "qa.choice"][0] == 0.0


def test_majority_follows_choices_that_are_shuffled(tmp_path: Path) -> None:
    rows = [{"id": f"s{n}", "input": "?", "target": "A", "choices": ["p", "q", "r", "s"]} for n in range(40)]
    shuffled = [{"name": "qa", "dataset": "qa", "prompt": {"template": "{{ input }}", "shuffle_choices": True}}]
    plan = plan_of(tmp_path, rows, {"choice": {"use": "choice"}})
    assert means(plan)["majority", "qa.choice"][0] == 1.0
    plan = plan_of(tmp_path, rows, {"choice": {"use": "choice"}}, evaluations=shuffled)
    assert means(plan)["majority", "qa.choice"][0] < 0.6


def test_extraction_is_the_plans_own(tmp_path: Path) -> None:
    scorers = {"exact": {"use": "exact", "extract": [{"after": "Answer:"}]}}
    assert means(plan_of(tmp_path, rows_of("yes", "no"), scorers))["oracle", "qa.exact"] == (1.0, 2, 2)


def test_what_leaves_the_mean_of_a_model_leaves_it_here(tmp_path: Path) -> None:
    evaluations = [{"name": "qa", "dataset": "qa", "on_error": {"model": "exclude"}}]
    plan = plan_of(tmp_path, rows_of("yes", "no"), {"exact": {"use": "exact"}}, evaluations=evaluations)
    assert ("empty", "qa.exact") not in means(plan)


def test_a_scorer_with_a_process_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text("def judge(sample, text):\n    raise SystemExit(3)\n", encoding="utf-8")
    scorers = {"exact": {"use": "exact"}, "own": {"use": "python", "function": "judge:judge"}}
    plan = plan_of(tmp_path, rows_of("yes", "no"), scorers)
    assert {metric for _, metric in means(plan)} == {"qa.exact"}


def test_a_large_dataset_is_read_at_a_thousand_even_places(tmp_path: Path) -> None:
    rows = rows_of(*(["yes"] * 1500 + ["no"] * 500))
    found = means(plan_of(tmp_path, rows, {"exact": {"use": "exact"}}))
    assert found["majority", "qa.exact"] == (0.75, 1000, 2000)
