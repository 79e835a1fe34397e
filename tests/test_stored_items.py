import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import StoreError
from evalkit.store import RunFolder
from evalkit.stored_items import SampleNames, read_items
from tests.comparing import store_run

CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "several scorers": {
        "scorers": {"exact": {"use": "exact"}, "f1": {"use": "f1"}, 'odd "name"\\': {"use": "includes"}}
    },
    "trials": {"evaluations": [{"name": "qa", "dataset": "qa", "trials": 3}]},
    "majority": {"evaluations": [{"name": "qa", "dataset": "qa", "trials": 3, "reduce": "majority"}]},
    "pass_at": {"evaluations": [{"name": "qa", "dataset": "qa", "trials": 3, "reduce": {"pass_at": 2}}]},
    "groups and slices": {"fields": {"group": "doc", "slices": ["half"]}, "rows": 60},
    "missing": {
        "run": {"max_error_rate": 0.9},
        "faults": [{"kind": "rejected", "on": ["s2", "s5"]}, {"kind": "refused", "on": ["s3"]}],
    },
    "missing trials": {
        "run": {"max_error_rate": 0.9},
        "faults": [{"kind": "rejected", "rate": 0.4}],
        "evaluations": [{"name": "qa", "dataset": "qa", "trials": 2}],
    },
    "lower is better": {"scorers": {"exact": {"use": "exact", "higher_is_better": False, "negate": True}}},
    "failures excluded": {
        "faults": [{"kind": "refused", "on": ["s3"]}],
        "evaluations": [{"name": "qa", "dataset": "qa", "on_error": {"model": "exclude"}}],
    },
}


@pytest.mark.parametrize("name", CONFIGS)
def test_items_are_what_run_json_was_made_of(tmp_path: Path, name: str) -> None:
    folder = store_run(tmp_path, accuracy=0.6, **CONFIGS[name])
    run = folder.load()
    metrics = {(cell.key, scorer): metric for cell in run.cells for scorer, metric in cell.metrics.items()}
    found = read_items(folder)
    assert [(items.cell, items.scorer) for items in found] == list(metrics)
    for items in found:
        metric = metrics[items.cell, items.scorer]
        assert items.mean == metric.mean
        assert sum(1 for value in items.values if value >= 0) == metric.n
        assert items.excluded == len(items.ids) - metric.n
        assert items.outcomes() == dict(metric.outcomes)
        worst, best = (math.fsum(values) / len(values) for values in (items.worst, items.best))
        assert (worst, best) == (metric.worst, metric.best)
        assert (metric.rerun_noise is None) == (items.within is None)
        sliced = {key: {v: len(places) for v, places in values.items()} for key, values in items.slices.items()}
        assert sliced == {
            key: {v: facts["samples"] for v, facts in values.items()} for key, values in metric.slices.items()
        }
        assert (items.clusters is None) == (metric.clusters == metric.n)


def test_the_samples_are_the_dataset_s(tmp_path: Path) -> None:
    folder = store_run(tmp_path, rows=5)
    with folder.reader() as reader:
        samples = list(reader.samples("qa"))
    for items in read_items(folder):
        assert list(items.ids) == [sample.id for sample in samples]
        assert list(items.digests) == [sample.digest for sample in samples]


def test_predictions_keep_how_each_trial_ended(tmp_path: Path) -> None:
    folder = store_run(
        tmp_path,
        rows=4,
        models=[{"id": "a", "provider": "script"}],
        faults=[{"kind": "refused", "on": ["s2"]}],
        evaluations=[{"name": "qa", "dataset": "qa", "trials": 2}],
    )
    (items,) = read_items(folder)
    ended = [items.prediction(item, trial).value for item in range(4) for trial in range(2)]
    assert sorted(ended) == ["ok"] * 6 + ["refused"] * 2
    with folder.reader() as reader:
        stored = [each.result.prediction.outcome.value for each in reader.results("qa/a")]
    assert ended == stored
    assert items.failures() == {"model": 2, "infra": 0, "scorer": 0}


def test_a_run_without_results_is_told_so(tmp_path: Path) -> None:
    folder = store_run(tmp_path, rows=2)
    folder.save(dataclasses.replace(folder.load(), cells=(), status="incomplete"))
    with pytest.raises(StoreError, match="no results there yet"):
        read_items(folder)


def test_a_measure_names_what_it_is_made_of(tmp_path: Path) -> None:
    one = read_items(store_run(tmp_path / "1"))[0].measure
    same = read_items(store_run(tmp_path / "2", rows=3, accuracy=0.2))[0].measure
    other = read_items(store_run(tmp_path / "3", scorers={"exact": {"use": "exact", "ignore_case": False}}))[0]
    assert one == same
    assert one["digest"] != other.measure["digest"]
    assert {"use", "options", "extract", "reasoning", "reducer", "on_error", "judge"} <= set(one)


def test_a_missing_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        read_items(RunFolder(tmp_path))


def test_runs_of_one_dataset_share_its_samples(tmp_path: Path) -> None:
    known: dict[str, SampleNames] = {}
    one, two = (store_run(tmp_path / name, rows=5) for name in "ab")
    other = store_run(tmp_path / "c", rows=4)
    first, second, third = (read_items(folder, known=known)[0] for folder in (one, two, other))
    assert first.ids is second.ids
    assert first.digests is second.digests
    assert third.ids == first.ids[:4]
    assert len(known) == 2


def test_samples_are_shared_and_their_slices_are_not(tmp_path: Path) -> None:
    known: dict[str, SampleNames] = {}
    plain = read_items(store_run(tmp_path / "a", rows=6), known=known)[0]
    sliced = read_items(store_run(tmp_path / "b", rows=6, fields={"group": "doc", "slices": ["half"]}), known=known)[0]
    assert plain.ids is sliced.ids
    assert not plain.slices
    assert plain.clusters is None
    assert sliced.slices
    assert sliced.clusters is not None
