"""Judges in a config: which labels a scorer may name, and what is worth a warning."""

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.check import check_bindings, check_scorers
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.config.problems import ConfigErrors
from evalkit.dataset import load_dataset
from evalkit.errors import ConfigError
from evalkit.plan import Plan, make_plan

BARE: dict[str, Any] = {
    "name": "judged",
    "providers": {"script": {"use": "scripted"}},
    "models": [{"id": "m", "provider": "script"}, {"id": "j", "label": "J", "provider": "script", "role": "judge"}],
    "datasets": {"qa": {"rows": [{"id": "a", "input": "?", "target": "t", "topic": "x"}]}},
    "scorers": {"right": {"use": "judge", "model": "J"}},
}


def load(folder: Path, **changes: Any) -> LoadedConfig:
    path = folder / "config.yaml"
    path.write_text(json.dumps(BARE | changes), encoding="utf-8")
    return load_config(path, env={})


def plan_of(folder: Path, **changes: Any) -> Plan:
    loaded = load(folder, **changes)
    datasets = {name: load_dataset(name, spec, base_dir=folder) for name, spec in loaded.config.datasets.items()}
    return make_plan(loaded.config, datasets, base_dir=folder)


def warnings_of(folder: Path, **changes: Any) -> list[str]:
    loaded = load(folder, **changes)
    datasets = {name: load_dataset(name, spec, base_dir=folder) for name, spec in loaded.config.datasets.items()}
    return [str(each) for each in (*loaded.warnings, *check_bindings(loaded, datasets))]


def test_a_judge_is_no_candidate(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert [cell.key for cell in plan.cells] == ["qa/m"]
    (judge,) = plan.judges
    assert (judge.key, judge.model.label, judge.votes, judge.anchors) == ("judge:right", "J", 1, None)
    plan = plan_of(tmp_path, evaluations=[{"name": "qa", "dataset": "qa", "models": ["*"]}])
    assert [cell.key for cell in plan.cells] == ["qa/m"]


def test_what_run_json_lists_of_a_judge_and_of_a_scorer_that_has_one(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, models=[BARE["models"][0], {**BARE["models"][1], "system": "Be fair.", "params": {"seed": 1}}]
    )
    described = plan.describe()
    (judge,) = described["judges"]
    assert (judge["scorer"], judge["model_id"], judge["system"], judge["params"]) == (
        "right",
        "j",
        "Be fair.",
        {"seed": 1},
    )
    identity = described["scorers"]["right"]["identity"]
    assert (identity["judge"]["model"], identity["judge"]["params"]) == ("j", {"seed": 1})
    assert "model" not in identity["options"], "a label is no measure"


def test_a_renamed_judge_measures_the_same(tmp_path: Path) -> None:
    first = plan_of(tmp_path)
    models = [BARE["models"][0], {**BARE["models"][1], "label": "Judge Judy"}]
    second = plan_of(tmp_path, models=models, scorers={"right": {"use": "judge", "model": "Judge Judy"}})
    assert first.digest == second.digest
    third = plan_of(tmp_path, models=[BARE["models"][0], {**BARE["models"][1], "system": "Be strict."}])
    assert third.digest != first.digest


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"scorers": {"right": {"use": "judge", "model": "K"}}},
            "scorers.right.model: no model with role: judge has the label 'K'",
        ),
        (
            {"scorers": {"right": {"use": "judge", "model": "m"}}},
            "'m' is a candidate; give a judge an entry of its own",
        ),
        ({"scorers": {"right": {"use": "judge"}}}, "required"),
        ({"scorers": {"right": {"use": "judge", "model": "J", "vots": 3}}}, "did you mean 'votes'"),
        ({"evaluations": [{"name": "qa", "dataset": "qa", "models": ["J"]}]}, "'J' is a judge"),
        ({"scorers": {"right": {"use": "judge", "model": "J", "range": [1, 5]}}}, "leave it out"),
    ],
    ids=["unknown", "candidate", "none", "misspelled", "asked", "range"],
)
def test_what_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigErrors, match=words):
        load(tmp_path, **changes)


def test_nothing_is_doubtful_about_a_judge_of_its_own(tmp_path: Path) -> None:
    assert warnings_of(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scorers": {"exact": {"use": "exact"}}}, "the judge 'J' is defined and no scorer names it"),
        ({"models": [BARE["models"][0], {**BARE["models"][1], "id": "m"}]}, "'J' judges its own answers, those of m"),
        (
            {
                "models": [BARE["models"][0], {**BARE["models"][1], "params": {"temperature": 0}}],
                "scorers": {"right": {"use": "judge", "model": "J", "votes": 3}},
            },
            "3 votes of 'J' at temperature 0 repeat one verdict",
        ),
    ],
    ids=["unused", "its own", "votes at temperature 0"],
)
def test_what_is_doubtful(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    (warning,) = warnings_of(tmp_path, **changes)
    assert words in warning


@pytest.mark.parametrize(
    ("rubric", "failures"),
    [("Is it about {{ topic }}?", 0), ("Is it about {{ topik }}?", 1), ("Is it {{ target }}? {{ choices }}", 1)],
    ids=["a column", "no column", "no choices"],
)
def test_what_a_judge_would_be_asked_is_made_for_every_sample_and_nobody_is_asked(
    tmp_path: Path, rubric: str, failures: int
) -> None:
    loaded = load(tmp_path, scorers={"right": {"use": "judge", "model": "J", "rubric": rubric}})
    datasets = {"qa": load_dataset("qa", loaded.config.datasets["qa"], base_dir=tmp_path)}
    report = check_scorers(loaded.config, datasets, tmp_path)["right"]
    assert (report.samples, len(report.failures)) == (1, failures)
    assert "anchors" in report.notes[0]


def test_anchors_that_are_not_there_are_found_with_the_plan(tmp_path: Path) -> None:
    scorers = {"right": {"use": "judge", "model": "J", "anchors": {"path": "nothing.jsonl"}}}
    with pytest.raises(ConfigError, match=r"scorers\.right: anchors: .*nothing\.jsonl"):
        plan_of(tmp_path, scorers=scorers)
