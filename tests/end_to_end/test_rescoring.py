"""Answers that others published, scored here: the verdicts are theirs, sample by sample."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.command import ROOT, evalkit, write_config

DATA = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the published answers are not beside the checkout"),
]

SYSTEMS = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]
TASKS = {
    "boolean_expressions": 0.884,
    "date_understanding": 0.636,
    "object_counting": 0.452,
    "sports_understanding": 0.728,
}


@pytest.mark.timeout(300)
def test_gsm8k_agrees_with_every_published_verdict(tmp_path: Path) -> None:
    path = DATA / "gsm8k" / "example_model_solutions.jsonl"
    published = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    write_config(
        tmp_path,
        name="gsm8k",
        weave={"backend": "off"},
        report={"html": False, "markdown": False},
        providers={
            "published": {
                "use": "recorded",
                "path": str(path),
                "fields": {"input": "question", "text": "{{ row[model].solution }}"},
            }
        },
        models=[{"id": system, "provider": "published"} for system in SYSTEMS],
        datasets={"gsm8k": {"path": str(path), "fields": {"input": "question", "target": "ground_truth"}}},
        scorers={"numeric": {"use": "numeric"}},
        evaluations=[{"name": "gsm8k", "dataset": "gsm8k"}],
    )
    done = evalkit("run", "config.yaml", cwd=tmp_path, timeout=280)
    assert done.code == 0, done.stderr
    import pyarrow.parquet as pq

    rows = pq.read_table(
        done.folder / "samples.parquet", columns=["model", "input", "value", "score_outcome"]
    ).to_pylist()
    assert {row["score_outcome"] for row in rows} <= {"scored", "no_answer"}
    scores = {(row["model"], row["input"]): row["value"] or 0.0 for row in rows}
    means = {cell["model"]: cell["metrics"]["numeric"]["mean"] for cell in done.run["cells"]}
    for system in SYSTEMS:
        agreed = sum(scores[system, row["question"]] == float(row[system]["is_correct"]) for row in published)
        assert agreed == len(published) == 1319
        assert means[system] == sum(row[system]["is_correct"] for row in published) / 1319


@pytest.mark.timeout(200)
def test_bbh_gives_the_published_accuracies(tmp_path: Path) -> None:
    outputs = DATA / "bbh" / "code-davinci-002-direct"
    write_config(
        tmp_path,
        name="bbh",
        weave={"backend": "off"},
        report={"html": False, "markdown": False},
        providers={
            name: {
                "use": "recorded",
                "path": str(outputs / f"{name}.json"),
                "fields": {"text": "prediction"},
                "order": True,
            }
            for name in TASKS
        },
        models=[{"id": "code-davinci-002", "label": name, "provider": name} for name in TASKS],
        datasets={
            name: {"path": str(DATA / "bbh" / f"{name}.json"), "fields": {"id": "row-{{ index }}"}} for name in TASKS
        },
        scorers={"exact": {"use": "exact"}},
        evaluations=[{"name": name, "dataset": name, "models": [name]} for name in TASKS],
    )
    done = evalkit("run", "config.yaml", cwd=tmp_path, timeout=180)
    assert done.code == 0, done.stderr
    means = {cell["evaluation"]: cell["metrics"]["exact"]["mean"] for cell in done.run["cells"]}
    assert means == TASKS
