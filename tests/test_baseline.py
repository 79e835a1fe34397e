import json
import math
from pathlib import Path

import pytest

from evalkit.baseline import Baseline, baseline_text, make_baseline, read_baseline
from evalkit.baseline_changes import compare_baselines, describe_changes
from evalkit.errors import ConfigError
from evalkit.gate_run import open_gate
from evalkit.results import RunResult
from evalkit.stored_items import MetricItems, read_items
from tests.gating import MEASURE, items
from tests.report.stored_runs import make_run

WHO = {"author": "me", "reason": "a good night", "set_at": "2026-01-02T03:04:05+00:00"}


def run() -> RunResult:
    return RunResult(
        run_id="20260101T000000-0000",
        name="nightly",
        status="complete",
        started_at="2026-01-01T00:00:00+00:00",
        ended_at=None,
        plan_digest="p",
        versions={"evalkit": "0.0.0"},
        datasets={},
        cells=(),
    )


def made(*metrics: MetricItems) -> Baseline:
    return make_baseline(run(), metrics, **WHO)


def stored(folder: Path, baseline: Baseline) -> Path:
    path = folder / "baseline.json"
    path.write_text(baseline_text(baseline), encoding="utf-8")
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    partial = items([0.5, None, 1.0], "b", trials=2, repeats=2, worst=[0.25, 0.0, 1.0], best=[0.75, 0.5, 1.0])
    baseline = made(items([1, 0, None]), partial)
    read = read_baseline(stored(tmp_path, baseline))
    assert read == baseline
    first, second = read.items()
    assert [math.isnan(value) or value for value in first.values] == [1.0, 0.0, True]
    assert (list(first.worst), list(first.best)) == ([1.0, 0.0, 0.0], [1.0, 0.0, 1.0])
    assert (list(second.worst), list(second.best)) == ([0.25, 0.0, 1.0], [0.75, 0.5, 1.0])
    assert (second.trials, second.measure, first.digests) == (2, MEASURE, ("d0", "d1", "d2"))


def test_samples_stand_sorted_one_a_line(tmp_path: Path) -> None:
    turned = items([1, 0, 1], ids=("c", "a", "b"), digests=("dc", "da", "db"))
    lines = stored(tmp_path, made(turned)).read_text().splitlines()
    assert [line.strip().rstrip(",") for line in lines if '"digest": "d' in line] == [
        '"a": {"digest": "da", "scores": [0.0]}',
        '"b": {"digest": "db", "scores": [1.0]}',
        '"c": {"digest": "dc", "scores": [1.0]}',
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", None, "cannot be read"),
        ('"baseline": 1', '"baseline": 2', "a baseline of version 2; this evalkit reads 1"),
        ('"baseline": 1,', "", "not a baseline"),
        ("{", "[", "not a baseline"),
        ('"author": "me"', '"author": "you"', "changed after it was set"),
        ("[1.0]", "[0.0]", "changed after it was set"),
        ("[1.0]", "[7.0]", "has a score outside"),
        ("[1.0]", "[1.0, 1.0]", "has 2 scores, not 1"),
        ('"kind": "binary"', '"kind": "bin"', "evaluations.qa.metrics.0.kind"),
        ('"name": "nightly"', '"name": "nightly", "more": 1', "more: Extra inputs are not permitted"),
        ('"s1": {', '"s0": {', "a key stands twice"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str | None, message: str) -> None:
    path = stored(tmp_path, made(items([1, 0])))
    text = path.read_text()
    assert old in text
    if new is None:
        path.unlink()
    else:
        path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        read_baseline(path)


def test_what_changes_is_told_by_metric() -> None:
    before = [items([1, 0, None, 1]), items([1], "gone")]
    after = [
        items([0, 1, 1, None], measure={**MEASURE, "digest": "m2", "reducer": "majority"}, treatment={"digest": "t"}),
        items([1], "new"),
    ]
    assert describe_changes(compare_baselines(before, after)) == [
        (
            "~ qa.exact of a: 0.6667 to 0.6667 (1 rose; 1 fell; 1 without a score now; 1 scored now; "
            "measured differently: reducer mean → majority; another model, prompt or parameters)"
        ),
        "- qa.exact of gone: 1.0000",
        "+ qa.exact of new: 1.0000",
    ]
    assert describe_changes(compare_baselines(before[:1], before[:1])) == ["  qa.exact of a: 0.6667, unchanged"]


def test_a_plan_measures_as_its_run_will(tmp_path: Path) -> None:
    """What is refused before the first call is what would be refused after the last."""
    from evalkit.cli.run import load_plan

    folder = make_run(tmp_path, rows=[{"id": "a", "input": "q", "target": "x", "topic": "art"}], slices=["topic"])
    (metric, *_) = read_items(folder)
    plan = load_plan(
        tmp_path / "config.yaml", None, ('gate={rules: [{metric: qa.exact, max_drop: 0.1, slice: "topic=*"}]}',)
    )
    gate = open_gate(plan, str(folder.path), reports=tmp_path / "reports", before=None)
    assert gate.held_to is not None
    assert gate.judge(folder, folder.load()).checks[0].slice == "topic=art"
    assert json.dumps(metric.measure, sort_keys=True) == json.dumps(gate.held_to.items[0].measure, sort_keys=True)
