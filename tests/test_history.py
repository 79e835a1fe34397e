"""What history remembers is what the runs said, whoever writes at once and whatever happens to the file."""

import dataclasses
import math
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import StoreError
from evalkit.history import History, history_path
from evalkit.past_runs import AlertEntry, PastEvent, PastMetric
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, read_items
from tests.remembering import on_night, stored
from tests.test_stored_items import CONFIGS

Stored = tuple[RunFolder, RunResult]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return stored(tmp_path_factory.mktemp("run"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "home" / "history.sqlite")


def same_numbers(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one, other, strict=True)
    )


def assert_same(found: Sequence[MetricItems], expected: Sequence[MetricItems]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for field in dataclasses.fields(MetricItems):
            values = getattr(one, field.name), getattr(other, field.name)
            if field.name in {"values", "worst", "best", "rows"}:
                assert same_numbers(*values), field.name
            else:
                assert values[0] == values[1], field.name


@pytest.mark.parametrize("name", CONFIGS)
def test_items_are_what_the_run_s_folder_gives(tmp_path: Path, name: str) -> None:
    folder, result = stored(tmp_path, **{"accuracy": 0.6, **CONFIGS[name]})
    with History(tmp_path / "history.sqlite") as history:
        past = history.register(folder, result)
        expected = read_items(folder, result)
        assert_same(history.items(past.run_id), expected)
        points = history.metrics([past])[past.run_id]
        for point, rows, items in zip(points, history.score_rows(points), expected, strict=True):
            assert (rows.ids, rows.digests) == (items.ids, items.digests)
            assert same_numbers(list(rows.values), items.values)
            assert point.name == items.name


def test_a_metric_is_as_run_json_has_it(history: History, run: Stored) -> None:
    folder, result = run
    past = history.register(folder, result)
    cells = {cell.key: cell for cell in result.cells}
    for point in history.metrics([past])[past.run_id]:
        cell = cells[f"{point.evaluation}/{point.model}"]
        metric = cell.metrics[point.scorer]
        for name in ("kind", "mean", "lower", "upper", "n", "confidence"):
            assert getattr(point, name) == getattr(metric, name)
        assert (point.outcomes, point.predictions) == (metric.outcomes, cell.outcomes)
        assert (point.served_models, point.latency_s) == (tuple(cell.served_models), cell.latency_s)
        assert point.run == past


def test_a_run_registered_twice_is_one_run(history: History, run: Stored) -> None:
    folder, result = run
    first = history.register(folder, result, exit_code=1)
    assert history.register(folder, result) == first
    assert history.runs() == (first,)
    assert len(history.metrics([first])[first.run_id]) == len(result.cells)


def test_a_continued_run_takes_the_place_of_its_beginning(history: History, run: Stored) -> None:
    folder, result = run
    begun = dataclasses.replace(result, cells=(), status="incomplete", ended_at=None)
    assert history.register(folder, begun).status == "incomplete"
    assert history.items(result.run_id) == ()
    assert history.series("nightly") == ()
    history.register(folder, result, exit_code=0)
    assert history.register(folder, begun).status == "complete", "an earlier state takes nothing back"
    assert len(history.series("nightly")) == 2
    assert [each.exit_code for each in history.runs()] == [0]


def test_another_run_of_the_same_id_is_refused(history: History, run: Stored) -> None:
    folder, result = run
    history.register(folder, result)
    with pytest.raises(StoreError, match=r"another run .* is registered \(nightly, started"):
        history.register(folder, dataclasses.replace(result, name="other"))
    assert [each.name for each in history.runs()] == ["nightly"]


def test_a_shard_is_refused(history: History, run: Stored) -> None:
    folder, result = run
    with pytest.raises(StoreError, match="evalkit merge"):
        history.register(folder, dataclasses.replace(result, plan={**result.plan, "shard": [1, 2]}))


def test_a_folder_made_for_a_night_is_of_that_night(tmp_path: Path, history: History) -> None:
    folder, result = stored(tmp_path, rows=2)
    assert history.register(folder, result).kind == "run"
    (folder.path / "night.json").write_text('{"night": "2026-03-04"}', encoding="utf-8")
    history.register(folder, result)
    (past,) = history.runs(kind="nightly")
    assert (past.night, history.night("nightly", "2026-03-04")) == ("2026-03-04", past)
    assert history.night("nightly", "2026-03-05") is None


def test_a_nightly_run_stays_one_whoever_registers_it_again(history: History, run: Stored) -> None:
    folder, result = run
    history.register(folder, result, kind="nightly", night="2026-03-04", exit_code=1)
    for exit_code in (None, 0):
        again = history.register(folder, result, exit_code=exit_code)
        assert (again.kind, again.night, again.exit_code) == ("nightly", "2026-03-04", 1)
    later = dataclasses.replace(result, ended_at="2099-01-01T00:00:00.000+00:00")
    assert history.register(folder, later, exit_code=0).exit_code == 0, "it was continued"


@pytest.mark.parametrize(
    ("asked", "nights"),
    [
        ({"name": "nightly"}, [0, 1, 2, 3]),
        ({"name": "nightly", "since": "2026-01-03"}, [2, 3]),
        ({"name": "nightly", "kind": "nightly"}, [1, 3]),
        ({"name": "another"}, []),
    ],
    ids=str,
)
def test_runs_are_chosen_and_come_oldest_first(
    history: History, run: Stored, asked: dict[str, Any], nights: list[int]
) -> None:
    folder, result = run
    for number in (2, 0, 3, 1):
        history.register(folder, on_night(result, number), kind="nightly" if number % 2 else "run")
    assert [past.night for past in history.runs(**asked)] == [f"2026-01-{1 + number:02}" for number in nights]


def test_a_series_is_a_metric_of_a_model_over_complete_runs(history: History, run: Stored) -> None:
    folder, result = run
    for number in range(4):
        history.register(folder, on_night(result, number, status="incomplete" if number == 1 else "complete"))
    history.register(folder, on_night(result, 4, parent_run="another"))
    for series in history.series("nightly"):
        assert [point.run.night for point in series.points] == ["2026-01-01", "2026-01-03", "2026-01-04"]
        assert len({point.series for point in series.points}) == 1
    assert [(each.metric, each.model) for each in history.series("nightly")] == [("qa.exact", "a"), ("qa.exact", "b")]
    assert [each.model for each in history.series("nightly", metric="qa.*", model="[b-z]")] == ["b"]
    assert history.series("nightly", metric="qa.f1") == ()


def test_of_a_night_s_nightly_runs_the_newest_counts(history: History, run: Stored) -> None:
    folder, result = run
    for number in (0, 1):
        history.register(folder, on_night(result, number), kind="nightly", night="2026-01-01")
    (series, _) = history.series("nightly", kind="nightly")
    assert [point.run.run_id for point in series.points] == ["20260102T030000-0001"]
    found = history.night("nightly", "2026-01-01")
    assert found is not None
    assert found.run_id == "20260102T030000-0001"


NIGHTS: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing": ({}, False),
    "a served model": ({"models": [{"id": "other", "label": "a", "provider": "script"}]}, False),
    "a budget": ({"run": {"max_requests": 99}}, False),
    "the dataset": ({"rows": 11}, True),
    "the scorer": ({"scorers": {"exact": {"use": "exact", "ignore_case": False}}}, True),
    "the prompt": ({"evaluations": [{"name": "qa", "dataset": "qa", "prompt": "Say {{ input }}"}]}, True),
    "the system": ({"models": [{"id": "a", "provider": "script", "system": "Be brief."}]}, True),
    "params": ({"models": [{"id": "a", "provider": "script", "params": {"temperature": 1}}]}, True),
    "trials": ({"evaluations": [{"name": "qa", "dataset": "qa", "trials": 2}]}, True),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_a_series_starts_anew_with_what_it_measures(tmp_path: Path, history: History, run: Stored, name: str) -> None:
    sections, is_new = NIGHTS[name]
    history.register(run[0], on_night(run[1], 0))
    folder, other = stored(tmp_path / "other", **sections)
    history.register(folder, on_night(other, 1))
    first, second = history.series("nightly", model="a")[0].points
    assert (first.series != second.series) == is_new
    assert (first.setting != second.setting) == is_new


def test_nights_of_the_same_samples_share_them(history: History, run: Stored, tmp_path: Path) -> None:
    for number in range(3):
        history.register(run[0], on_night(run[1], number))
    other = stored(tmp_path / "other", rows=5)
    history.register(other[0], on_night(other[1], 3))
    rows = history.score_rows(history.series("nightly", model="a")[0].points)
    assert rows[0].samples is rows[1].samples is rows[2].samples
    assert len(rows[3].ids) == 5
    with sqlite3.connect(history.path) as db:
        assert db.execute("SELECT COUNT(*) FROM sample_sets").fetchone() == (2,)


def test_a_forgotten_point_is_told(history: History, run: Stored) -> None:
    points: tuple[PastMetric, ...] = ()
    for number in range(3):
        points = history.metrics([history.register(run[0], on_night(run[1], number))]).popitem()[1] + points
    history.forget("nightly", 1)
    with pytest.raises(StoreError, match="no longer in the history"):
        history.score_rows(points)
    with pytest.raises(StoreError, match="evalkit history import"):
        history.items("nowhere")


def test_forgetting_keeps_the_newest_and_what_drift_is_measured_from(
    history: History, run: Stored, tmp_path: Path
) -> None:
    older = stored(tmp_path / "older", rows=5)
    for number in (0, 1):
        history.register(older[0], on_night(older[1], number))
    for number in range(2, 8):
        history.register(run[0], on_night(run[1], number))
    assert history.forget("nightly", 3) == 4
    assert [past.night for past in history.runs()] == ["2026-01-03", "2026-01-06", "2026-01-07", "2026-01-08"]
    assert history.forget("nightly", 3) == 0
    assert history.forget("nightly", 99) == 0
    assert len(history.items(history.runs()[0].run_id)) == 2
    with sqlite3.connect(history.path) as db:
        counted = [db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("sample_sets", "scores")]
    assert counted == [1, 8]


def test_runs_of_a_day_never_push_a_night_out(history: History, run: Stored) -> None:
    for number in range(3):
        history.register(run[0], on_night(run[1], number), kind="nightly", night=f"2026-01-0{number + 1}")
    for number in range(3, 8):
        history.register(run[0], on_night(run[1], number))
    history.forget("nightly", 3)
    assert len(history.runs("nightly", kind="nightly")) == 3


def test_events_are_kept_once(history: History) -> None:
    release = PastEvent(
        name="n", at="2026-01-02T00:00:00+00:00", kind="release", text="release v1", about={"tag": "v1"}
    )
    baseline = PastEvent(name="n", at="2026-01-01T00:00:00+00:00", kind="baseline", text="run x")
    for event in (release, baseline, release):
        history.note(event)
    assert history.events("n") == (baseline, release)
    assert history.events("n", kind="release") == (release,)
    assert history.events("m") == ()


def test_a_listing_is_the_last_before_a_night(history: History) -> None:
    for night, ids in (("2026-01-01", ["b", "a"]), ("2026-01-03", ["c"]), ("2026-01-03", ["c", "d"])):
        history.put_listing("https://x", night, ids)
    found = [history.listing("https://x", before) for before in ("2026-01-01", "2026-01-03", "2026-01-04")]
    assert [each and each.ids for each in found] == [None, ("a", "b"), ("c", "d")]
    assert history.listing("https://y", "2027-01-01") is None


def test_the_ledger_holds_one_entry_a_key(history: History) -> None:
    opened = AlertEntry(name="n", key="k", kind="regression", title="t", opened="2026-01-01", seen="2026-01-01")
    other = dataclasses.replace(opened, key="l", told="2026-01-01", severity=0.5)
    for entry in (opened, other):
        history.put_alert(entry)
    assert history.open_alerts("n") == (opened, other)
    closed = dataclasses.replace(opened, seen="2026-01-02", closed="2026-01-03")
    history.put_alert(closed)
    assert history.open_alerts("n") == (other,)
    assert history.alert_entries("n") == (closed, other)


def test_a_block_that_raises_writes_nothing(history: History, run: Stored) -> None:
    def fail() -> None:
        with history.transaction() as db:
            db.execute("DELETE FROM runs")
            raise ValueError("no")

    history.register(*run)
    with pytest.raises(ValueError, match="no"):
        fail()
    assert len(history.runs()) == 1


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, "beside/.evalkit/history.sqlite"), ({"EVALKIT_HOME": "/home/x"}, "/home/x/history.sqlite")],
    ids=["beside", "home"],
)
def test_where_history_is(env: dict[str, str], expected: str) -> None:
    assert history_path(env, Path("beside")) == Path(expected)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _scribble(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be looked at " * 50)


def _scribble_on_scores(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE scores SET item_values = x'02ffff'")
        db.execute("UPDATE sample_sets SET content = x'00'")


def _lose_contents(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM sample_sets")


FAULTS: dict[str, Callable[[Path], None]] = {
    "cut off": _truncate,
    "not a database": _scribble,
    "scores damaged": _scribble_on_scores,
    "samples lost": _lose_contents,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, run: Stored, name: str) -> None:
    path = tmp_path / "history.sqlite"
    with History(path) as history:
        past = history.register(*run)
    FAULTS[name](path)

    def read() -> None:
        with History(path) as history:
            history.items(past.run_id)

    with pytest.raises(StoreError, match=r"history.*evalkit history import") as raised:
        read()
    assert "\n" not in str(raised.value)


def test_a_place_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "folder.sqlite").mkdir()
    for path in (tmp_path / "file" / "history.sqlite", tmp_path / "folder.sqlite"):
        with pytest.raises(StoreError, match="EVALKIT_HOME"):
            History(path)


def test_a_full_disk_is_one_sentence_and_loses_nothing(history: History, run: Stored) -> None:
    history.register(*run)
    with history.transaction() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    with history._told("cannot be written"):  # the limit is the connection's own
        history._db.execute(f"PRAGMA max_page_count={pages}")

    def fill() -> None:
        for number in range(100):
            history.register(run[0], on_night(run[1], number))

    with pytest.raises(StoreError, match="free some space"):
        fill()
    known = history.runs()
    assert run[1].run_id in {past.run_id for past in known}
    assert all(len(history.items(past.run_id)) == 2 for past in known)


def test_a_file_that_may_only_be_read_is_one_sentence(history: History, run: Stored) -> None:
    history.register(*run)
    history._db.execute("PRAGMA query_only=1")  # whoever runs the tests may write every file
    with pytest.raises(StoreError, match=r"cannot be written .*make it writable"):
        history.note(PastEvent(name="n", at="2026-01-01", kind="release", text="v1"))
    assert len(history.runs()) == 1


_WRITER = """
    import sys
    from evalkit.history import History
    from evalkit.past_runs import PastEvent
    from evalkit.store import RunFolder
    from pathlib import Path
    from tests.remembering import on_night
    path, folder, first = Path(sys.argv[1]), RunFolder(Path(sys.argv[2])), int(sys.argv[3])
    run = folder.load()
    with History(path) as history:
        for number in range(first, first + 8):
            history.register(folder, on_night(run, number))
            history.register(folder, on_night(run, 99))
            history.note(PastEvent(name="n", at=str(number), kind="k", text="t"))
"""


@pytest.mark.slow
def test_processes_write_at_once_and_nothing_is_lost(tmp_path: Path, run: Stored) -> None:
    path = tmp_path / "history.sqlite"
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), str(path), str(run[0].path)]
    writers = [
        subprocess.Popen([*command, str(first)], cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True)
        for first in (0, 4, 8)
    ]
    said = [writer.communicate(timeout=110)[1] for writer in writers]
    assert said == ["", "", ""]
    with History(path) as history:
        assert len(history.runs()) == 17
        assert len(history.events("n")) == 16
        for past in history.runs():
            assert_same(history.items(past.run_id), read_items(*run))
