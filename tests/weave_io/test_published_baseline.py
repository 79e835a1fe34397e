"""A published run read back as a baseline says of every sample what the run's own folder says."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from evalkit.baseline import Baseline
from evalkit.errors import ConfigError
from evalkit.records import Score, ScoreOutcome
from evalkit.stored_items import MetricItems, read_items
from evalkit.weave_io.baseline_reference import WeaveReference, parse_reference
from evalkit.weave_io.client import open_local_client
from tests.weave_io.publishing_in_process import PROJECT, publish_here
from tests.weave_io.run_folders import Judgement, RunSpec, answered, failed, make_run_folder

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")  # the SDK does, on purpose
LATEST = parse_reference("weave:latest")
NEXT_RUN = "20261123T101500-bb02"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "weave.sqlite"


def read(store: Path, reference: WeaveReference = LATEST, **options: Any) -> Baseline:
    with open_local_client(store, PROJECT) as client:
        from evalkit.weave_io.published_baseline import read_published

        return read_published(client, reference, **{"name": "arithmetic", **options})


def facts(items: MetricItems) -> dict[str, Any]:
    """Return what a comparison needs, by sample: NaN as its text, so that it equals itself."""
    columns = zip(items.ids, items.digests, items.values, items.worst, items.best, strict=True)
    scores = {name: (digest, str(value), worst, best) for name, digest, value, worst, best in columns}
    kept = (
        "name",
        "model",
        "kind",
        "higher_is_better",
        "confidence",
        "trials",
        "repeats",
        "within",
        "measure",
        "treatment",
    )
    return {"scores": scores, **{name: getattr(items, name) for name in kept}}


def by_cell(items: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each.cell, each.scorer): facts(each) for each in items}


def patchy(model: str, position: int, trial: int) -> Judgement:
    """Right, wrong, lost, failed by one scorer: each somewhere, and not the same in both trials."""
    kind = (position + trial) % 4
    if kind == 3:
        return failed(), {}
    crashed = Score(None, outcome=ScoreOutcome.SCORER_ERROR)
    return answered(), {"exact": Score(float(kind == 0)), "odd-name": crashed if kind == 1 else Score(1.0)}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(RunSpec(), id="plain"),
        pytest.param(
            RunSpec(judge=patchy, samples=9, trials=2, scorers={"exact": {"version": 1}, "odd-name": {"version": 2}}),
            id="gaps, trials, scorers",
            marks=pytest.mark.slow,
        ),
        pytest.param(RunSpec(evaluations=("one", "two/three")), id="evaluations", marks=pytest.mark.slow),
    ],
)
def test_read_back_as_the_folder_has_it(tmp_path: Path, store: Path, spec: RunSpec) -> None:
    folder = make_run_folder(tmp_path, spec)
    publish_here(folder, store)
    found = read(store)
    assert by_cell(found.items()) == by_cell(read_items(folder))
    run = folder.load()
    assert (found.run_id, found.name, found.started_at, found.plan_digest) == (
        run.run_id,
        run.name,
        run.started_at,
        run.plan_digest,
    )


@pytest.mark.slow
def test_which_run_is_meant(tmp_path: Path, store: Path) -> None:
    old = publish_here(make_run_folder(tmp_path), store)
    newer = RunSpec(run_id=NEXT_RUN, judge=lambda *_: (answered(), {"exact": Score(1.0)}))
    folder = make_run_folder(tmp_path, newer)
    run = folder.load()
    import dataclasses

    folder.save(dataclasses.replace(run, started_at="2026-11-23T10:15:00.000+00:00"))
    new = publish_here(folder, store)
    publish_here(folder, store)
    assert old["leaderboard"] == new["leaderboard"]
    assert read(store).run_id == NEXT_RUN
    assert read(store, before="2026-11-23T10:15:00.000+00:00").run_id == "20261122T101500-aa01"
    assert read(store, parse_reference(new["leaderboard"])).run_id == NEXT_RUN
    call = parse_reference(f"weave:///{PROJECT}/call/{old['calls']['qa/Model B']}")
    found = read(store, call, name="another name")
    assert [(each.model, each.name) for each in found.items()] == [("Model B", "qa.exact")]
    assert found.run_id == "20261122T101500-aa01"
    for reference, options, why in (
        (LATEST, {"name": "nobody"}, "no complete run of 'nobody' is published in local/tests"),
        (LATEST, {"before": "2026-11-22T10:15:00.000+00:00"}, "no complete run of 'arithmetic' that is older"),
        (
            parse_reference(f"weave:///{PROJECT}/object/other:v0"),
            {},
            "no complete run is published on that board in local/tests",
        ),
        (parse_reference(f"weave:///{PROJECT}/call/unknown"), {}, "has no evaluate call unknown of evalkit's"),
    ):
        with pytest.raises(ConfigError, match=why):
            read(store, reference, **options)


@pytest.mark.slow
def test_the_record_stands_once_and_only_of_whole_runs(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path)
    block = publish_here(folder, store)
    publish_here(folder, store)
    assert len(records(store)) == 1
    with open_local_client(store, PROJECT) as client:
        client.delete_calls([call_id for call_id, _ in records(store)])
    unfinished = parse_reference(f"weave:///{PROJECT}/call/{block['calls']['qa/Model A']}")
    with pytest.raises(ConfigError, match="not published to its end; publish its run again: evalkit publish RUN"):
        read(store, unfinished)
    publish_here(folder, store)
    assert read(store, unfinished).run_id == folder.path.name


def records(store: Path) -> list[Any]:
    with open_local_client(store, PROJECT) as client:
        from evalkit.weave_io.run_record import find_records

        return list(find_records(client, name="arithmetic"))


@pytest.mark.slow
def test_a_row_that_is_gone_is_told(tmp_path: Path, store: Path) -> None:
    block = publish_here(make_run_folder(tmp_path), store)
    with open_local_client(store, PROJECT) as client:
        filter_ = {
            "parent_ids": [block["calls"]["qa/Model A"]],
            "op_names": [f"weave:///{PROJECT}/op/Evaluation.predict_and_score:*"],
        }
        rows = list(client.server.calls_query_stream({"project_id": PROJECT, "filter": filter_}))
        client.delete_calls([rows[0].id])
    with pytest.raises(ConfigError, match="qa/Model A: 5 rows of 5 samples are there, not 6 of 1 trials each"):
        read(store)


@pytest.mark.slow
def test_of_a_large_run_the_published_choice_is_read(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path, RunSpec(samples=30))
    publish_here(folder, store, row_limit=56)
    mine, theirs = by_cell(read(store).items()), by_cell(read_items(folder))
    for cell, found in mine.items():
        assert len(found["scores"]) == 28
        assert found["scores"].items() <= theirs[cell]["scores"].items()


@pytest.mark.slow
def test_too_small_a_choice_is_no_baseline(tmp_path: Path, store: Path) -> None:
    publish_here(make_run_folder(tmp_path, RunSpec(samples=30)), store, row_limit=40)
    with pytest.raises(ConfigError, match="qa/Model A: 20 of its 30 samples are published, too few to hold a run to"):
        read(store)


@pytest.mark.slow
def test_rows_that_do_not_say_their_sample_are_published_again(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier version published is no baseline, and the next publication mends that."""
    folder = make_run_folder(tmp_path)
    with monkeypatch.context() as earlier:
        earlier.setattr("evalkit.weave_io.current.row_sample", lambda *_: {})
        earlier.setattr("evalkit.weave_io.cell_publisher.ROWS_FORMAT", 1)
        publish_here(folder, store)
    with pytest.raises(ConfigError, match="a row does not say which sample it is about; publish its run again"):
        read(store)
    block = publish_here(folder, store)
    assert block["reused"] == 0
    assert by_cell(read(store).items()) == by_cell(read_items(folder))
    shutil.rmtree(folder.path)


@pytest.mark.parametrize(
    "text",
    [
        "weave:newest",
        "weave:///team/project",
        "weave:///team/project/object/board",
        "weave:///team/project/call/1:2",
        "weave:///team/project/op/evaluate:*",
        "weave:///project/call/1",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ConfigError, match="write weave:latest, a leaderboard weave:///ENTITY"):
        parse_reference(text)
