"""What stands on the board is what the engine counted, once, however often it is published."""

import asyncio
import dataclasses
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.errors import PublishError
from evalkit.records import Json, PredictionOutcome, Score, ScoreOutcome, Timing
from evalkit.store import RunFolder
from evalkit.weave_io.client import open_local_client
from tests.weave_io.publishing_in_process import PROJECT, board_values, publish_here, stored_objects
from tests.weave_io.run_folders import (
    STARTED_AT,
    Judgement,
    ModelUnderTest,
    RunSpec,
    answered,
    failed,
    make_run_folder,
)

DIGEST = "Xa4Hu91yTezXXHhuhAZ2g3i6CiQ8XY7hiWdUXgOyGuA"
"""Of the evaluation that a plain run folder makes. Another splits every board there is: change it knowingly, and say so
under "Numbers"."""

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")  # the SDK does, on purpose


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "weave.sqlite"


def three_hundred(model: str, position: int, trial: int) -> Judgement:
    """30 of 300 fail; 195 of the other 270 are right: 0.7222..."""
    if position % 10 == 9:
        return failed(), {"exact": Score(None, outcome=ScoreOutcome.INFRA_ERROR)}
    place = position - position // 10
    return answered(service_s=0.1 + position / 1000), {"exact": Score(float(place < 195))}


def four_rows(model: str, position: int, trial: int) -> Judgement:
    """One right; one right whose second scorer raises; one wrong; one call that fails."""
    right, crashed, lost = Score(1.0), Score(None, outcome=ScoreOutcome.SCORER_ERROR), ScoreOutcome.INFRA_ERROR
    table: list[Judgement] = [
        (answered(), {"exact": right, "second": right}),
        (answered(), {"exact": right, "second": crashed}),
        (answered(), {"exact": Score(0.0), "second": right}),
        (failed(), {"exact": Score(None, outcome=lost), "second": Score(None, outcome=lost)}),
    ]
    return table[position]


def test_the_board_says_what_the_engine_says_to_the_last_digit(tmp_path: Path, store: Path) -> None:
    scorers = {"exact": {"version": 1}, "second": {"version": 1}}
    folder = make_run_folder(tmp_path, RunSpec(judge=four_rows, samples=4, scorers=scorers))
    block = publish_here(folder, store)
    values = board_values(store, block)
    for cell in folder.load().cells:
        model = block["models"][cell.model]
        assert values[model, "exact", "mean"] == [2 / 3] == [cell.metrics["exact"].mean]
        assert values[model, "exact", "failed"] == [1]
        assert values[model, "exact", "lower"] == [cell.metrics["exact"].lower]
        assert values[model, "exact", "upper"] == [cell.metrics["exact"].upper]
        assert values[model, "second", "mean"] == [1.0]
        assert values[model, "second", "failed"] == [2]
        assert values[model, "run", "latency_s.p50"] == [cell.latency_s["p50"]]
    assert (block["verified"], block["error"], block["rows"]) == (True, None, {"qa": 4})


@pytest.mark.slow
def test_failures_leave_the_mean_and_are_counted(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path, RunSpec(judge=three_hundred, samples=300))
    block = publish_here(folder, store)
    values = board_values(store, block)
    assert values[block["models"]["Model A"], "exact", "mean"] == [195 / 270]
    assert values[block["models"]["Model A"], "exact", "failed"] == [30]
    usage, latency = _evaluate_call(store, block["calls"]["qa/Model A"])
    assert usage["served/model"] == {
        "requests": 270,
        "prompt_tokens": 2700,
        "completion_tokens": 1350,
        "total_tokens": 4050,
    }
    assert latency == pytest.approx(sum(0.1 + i / 1000 for i in range(300) if i % 10 != 9) / 270)


def _evaluate_call(store: Path, call_id: str) -> tuple[Json, Json]:
    with open_local_client(store, PROJECT) as client:
        call = client.get_call(call_id)
        return dict(call.summary["usage"]), call.output["model_latency"]["mean"]


@pytest.mark.slow
def test_publishing_twice_changes_nothing(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path)
    first = publish_here(folder, store)
    objects = stored_objects(store)
    second = publish_here(folder, store)
    assert second == {**first, "reused": 2}
    assert stored_objects(store) == objects
    assert all(len(values) == 1 for values in board_values(store, second).values())


@pytest.mark.slow
def test_a_second_night_makes_no_new_versions(tmp_path: Path, store: Path) -> None:
    first = publish_here(make_run_folder(tmp_path), store)
    objects = stored_objects(store)
    second = publish_here(make_run_folder(tmp_path, RunSpec(run_id="20261123T101500-bb02")), store)
    assert {**stored_objects(store), "EvaluationResults": objects["EvaluationResults"]} == objects
    for name in ("evaluations", "models", "leaderboard", "changed"):
        assert second[name] == first[name], name
    assert set(second["calls"].values()).isdisjoint(first["calls"].values())
    assert all(len(values) == 2 for values in board_values(store, second).values())


@pytest.mark.slow
def test_two_system_prompts_stand_on_one_board(tmp_path: Path, store: Path) -> None:
    models = (ModelUnderTest("bare"), ModelUnderTest("guided", system="Answer with a number."))
    block = publish_here(make_run_folder(tmp_path, RunSpec(models=models)), store)
    assert len(block["evaluations"]) == 1
    assert {model for model, _, _ in board_values(store, block)} == set(block["models"].values())


@pytest.mark.slow
def test_one_model_is_one_row_over_several_evaluations(tmp_path: Path, store: Path) -> None:
    spec = RunSpec(evaluations=("plain", "with-words"), prompts={"with-words": "In words: {{ input }}"})
    block = publish_here(make_run_folder(tmp_path, spec), store)
    assert {model for model, _, _ in board_values(store, block)} == set(block["models"].values())
    assert len(block["models"]) == 2
    assert len(block["calls"]) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"scorers": {"exact": {"version": 1, "options": {"case": True}}}}, ["scorer exact"], id="option"),
        pytest.param({"scorers": {"exact": {"version": 2}}}, ["scorer exact"], id="version"),
        pytest.param({"samples": 7}, ["dataset"], id="a-sample-more"),
        pytest.param({"models": (ModelUnderTest("Model C"),)}, [], id="another-model"),
    ],
)
def test_a_new_version_says_what_changed(tmp_path: Path, store: Path, changes: Json, named: list[str]) -> None:
    publish_here(make_run_folder(tmp_path), store)
    spec = RunSpec(run_id="20261123T101500-bb02").with_(**changes)
    block = publish_here(make_run_folder(tmp_path, spec), store)
    assert block["changed"] == ({"qa": named} if named else {})


@pytest.mark.slow
def test_what_an_interrupted_publication_left_is_replaced(tmp_path: Path, store: Path) -> None:
    """The first publication sees one cell end and the other never; the second finds both in the journal."""
    folder = make_run_folder(tmp_path, complete=False)
    block = _abandon_when_quiet(folder, store)
    assert list(block["calls"]) == ["qa/Model A"]
    assert (block["leaderboard"], block["verified"]) == (None, False)
    shutil.rmtree(folder.path)
    whole = publish_here(make_run_folder(tmp_path), store)
    assert whole["reused"] == 1
    assert whole["calls"]["qa/Model A"] == block["calls"]["qa/Model A"]
    assert all(len(values) == 1 for values in board_values(store, whole).values())


def _abandon_when_quiet(folder: RunFolder, store: Path) -> dict[str, Json]:
    with open_local_client(store, PROJECT) as client:
        from evalkit.weave_io.publish import RunPublisher

        async def publish() -> dict[str, Json]:
            rows = 0

            def count(more: int) -> None:
                nonlocal rows
                rows += more

            publisher = RunPublisher(client, folder, folder.load(), count)
            work = asyncio.create_task(publisher.publish(asyncio.Event()))
            while rows < 12 and not work.done():  # noqa: ASYNC110  progress comes as plain calls
                await asyncio.sleep(0.01)
            block = await publisher.abandon()
            work.cancel()
            return block

        return asyncio.run(publish())


@pytest.mark.slow
def test_another_number_in_run_json_is_found(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path)
    run = folder.load()
    wrong = dataclasses.replace(run.cells[0].metrics["exact"], mean=0.25)
    cells = (dataclasses.replace(run.cells[0], metrics={"exact": wrong}), *run.cells[1:])
    folder.save(dataclasses.replace(run, cells=cells))
    with pytest.raises(PublishError, match=r"qa/Model A: exact\.mean: the board says 0\.5, the run 0\.25"):
        publish_here(folder, store)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("traces", "parent", "children"),
    [("all", None, 12), ("sample", None, 2), ("none", None, 0), ("all", "20261101T000000-cc03", 0)],
    ids=["all", "sample", "none", "re-scored"],
)
def test_traces_decide_about_child_calls_only(
    tmp_path: Path, store: Path, traces: str, parent: str | None, children: int
) -> None:
    folder = make_run_folder(tmp_path, RunSpec(weave={"traces": traces}, parent_run=parent))
    publish_here(folder, store)
    assert _count(store, "openai.chat.completions.create") == children
    assert _count(store, "Evaluation.predict_and_score") == 12


@pytest.mark.slow
def test_a_child_call_tells_the_times_that_its_start_and_end_do_not(tmp_path: Path, store: Path) -> None:
    timing = Timing(STARTED_AT, STARTED_AT + 1.5, 1.5, 3.0, 0.25, first_byte_s=0.4)
    prediction = dataclasses.replace(answered(), timing=timing, attempts=4, fingerprint="fp", logprobs={"content": []})
    spec = RunSpec(judge=lambda *_: (prediction, {"exact": Score(1.0)}), samples=1)
    block = publish_here(make_run_folder(tmp_path, spec), store)
    with open_local_client(store, PROJECT) as client:
        filter_ = {"op_names": [f"weave:///{client.project_id}/op/openai.chat.completions.create:*"]}
        child, _ = client.server.calls_query_stream({"project_id": client.project_id, "filter": filter_})
    assert child.attributes["timing"] == {"queue_s": 3.0, "backoff_s": 0.25, "first_byte_s": 0.4, "attempts": 4}
    assert (child.ended_at - child.started_at).total_seconds() == 1.5
    assert child.output["system_fingerprint"] == "fp"
    assert child.output["choices"][0]["logprobs"] == {"content": []}
    assert block["verified"]


@pytest.mark.slow
def test_an_answer_that_two_evaluations_share_is_traced_once(tmp_path: Path, store: Path) -> None:
    publish_here(make_run_folder(tmp_path, RunSpec(evaluations=("one", "two"))), store)
    assert _count(store, "Evaluation.predict_and_score") == 24
    assert _count(store, "openai.chat.completions.create") == 12


def _count(store: Path, op: str) -> int:
    with open_local_client(store, PROJECT) as client:
        filter_ = {"op_names": [f"weave:///{client.project_id}/op/{op}:*"]}
        return client.server.calls_query_stats({"project_id": client.project_id, "filter": filter_}).count


@pytest.mark.slow
def test_a_large_run_publishes_a_fixed_choice_of_rows_and_the_whole_aggregate(tmp_path: Path, store: Path) -> None:
    spec = RunSpec(samples=30, trials=2)
    folder = make_run_folder(tmp_path, spec)
    block = publish_here(folder, store, row_limit=40)
    assert (block["rows"], block["subset"], block["verified"]) == ({"qa": 20}, ["qa"], True)
    assert _count(store, "Evaluation.predict_and_score") == 40
    again = publish_here(make_run_folder(tmp_path, spec.with_(run_id="20261123T101500-bb02")), store, row_limit=40)
    assert again["evaluations"] == block["evaluations"]


@pytest.mark.slow
def test_a_row_that_the_journal_does_not_hold_withdraws_the_evaluation(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path)
    import sqlite3

    with sqlite3.connect(folder.journal) as db:
        db.execute("DELETE FROM results WHERE cell = 'qa/Model A' AND position = 2")
    db.close()
    with pytest.raises(PublishError, match="the journal holds no result for 1 of its rows"):
        publish_here(folder, store)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING], ids=logging.getLevelName)
def test_the_digest_of_an_evaluation_is_held(
    tmp_path: Path, store: Path, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level, logger="weave")
    block = publish_here(make_run_folder(tmp_path), store)
    digest = block["evaluations"]["qa"].rpartition(":")[2]
    assert digest == DIGEST


READ_IN_A_THREAD_OF_THE_SDK = """
import linecache, sys, threading
from pathlib import Path
from tests.weave_io.publishing_in_process import publish_here
from tests.weave_io.run_folders import make_run_folder

read = linecache.updatecache

def lose_the_race(path, module_globals=None):
    if threading.current_thread() is not threading.main_thread():
        raise KeyError(path)
    return read(path, module_globals)

linecache.updatecache = lose_the_race
folder = Path(sys.argv[1])
print(publish_here(make_run_folder(folder), folder / "weave.sqlite")["evaluations"]["qa"])
"""


@pytest.mark.slow
def test_the_digest_is_held_however_the_threads_of_the_sdk_read_sources(tmp_path: Path) -> None:
    """They read them into one cache without a lock: who comes second may lose the source, and it enters the digest."""
    command = [sys.executable, "-c", READ_IN_A_THREAD_OF_THE_SDK, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert told.stdout.strip().endswith(f":{DIGEST}")


@pytest.mark.slow
def test_outcomes_arrive_as_values(tmp_path: Path, store: Path) -> None:
    scorers = {"exact": {"version": 1}, "second": {"version": 1}}
    folder = make_run_folder(tmp_path, RunSpec(judge=four_rows, samples=4, scorers=scorers))
    publish_here(folder, store)
    with open_local_client(store, PROJECT) as client:
        op = f"weave:///{client.project_id}/op/Evaluation.predict_and_score:*"
        query = {"project_id": client.project_id, "filter": {"op_names": [op]}}
        rows = [row.output for row in client.server.calls_query_stream(query)]
    lost = [row for row in rows if row["output"]["outcome"] == PredictionOutcome.INFRA_ERROR]
    assert len(lost) == 2
    for row in lost:
        assert row["output"] == {
            "text": "",
            "failure": "reset by peer",
            "outcome": "infra_error",
            "latency_s": None,
            "attempts": 6,
        }
        assert row["scores"]["exact"] == {"value": 0.0, "scored": False, "outcome": "infra_error"}
        assert row["model_latency"] is None
    assert {type(row["scores"]["exact"]["value"]) for row in rows} <= {float, int}
