"""A plan to a run folder, in process: who is asked, how often, in which order, and what is written down."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evalkit.config.load import load_config
from evalkit.dataset import load_dataset
from evalkit.errors import ExitCode, StoreError
from evalkit.folders import lock_folder
from evalkit.halts import ALIKE
from evalkit.plan import Plan, make_plan
from evalkit.runner import RunEnd, WeaveTarget, run_plan
from evalkit.store import RunFolder

OFF = WeaveTarget("off", "local/qa")
ROWS = [{"id": f"r{n}", "input": f"question {n}", "target": f"answer {n}"} for n in range(6)]
BARE: dict[str, Any] = {
    "name": "qa",
    "weave": {"backend": "off"},
    "providers": {"scripted": {"use": "scripted"}},
    "models": [{"id": "m", "provider": "scripted"}],
    "datasets": {"rows": {"rows": ROWS}},
    "scorers": {"exact": {"use": "exact"}},
    "report": {"html": False, "markdown": False, "parquet": False},
}


def plan_of(folder: Path, **changes: Any) -> Plan:
    path = folder / "config.yaml"
    path.write_text(json.dumps(BARE | changes), encoding="utf-8")
    loaded = load_config(path, env={})
    datasets = {name: load_dataset(name, spec, base_dir=folder) for name, spec in loaded.config.datasets.items()}
    return make_plan(loaded.config, datasets, base_dir=folder)


async def run(plan: Plan, folder: Path, **options: Any) -> RunEnd:
    folder.mkdir(exist_ok=True)
    return await run_plan(plan, RunFolder(folder), weave=OFF, **options)


def asked(end: RunEnd, columns: str = "sample_id") -> list[Any]:
    """Return the requests sent, in order."""
    with sqlite3.connect(end.folder.journal) as db:
        rows = db.execute(f"SELECT {columns} FROM attempts ORDER BY id").fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


async def test_every_sample_is_asked_once_and_scored(tmp_path: Path) -> None:
    end = await run(plan_of(tmp_path), tmp_path / "run")
    assert (end.exit_code, end.run.status) == (ExitCode.DONE, "complete")
    assert sorted(asked(end)) == sorted(row["id"] for row in ROWS)
    (cell,) = end.run.cells
    assert cell.metrics["exact"].mean == 1.0
    assert end.run.calls["attempts"] == end.run.calls["requests"] == 6
    assert end.folder.load() == end.run
    assert sorted(path.name for path in end.folder.path.iterdir()) == [".lock", "calls.sqlite", "run.json"]


async def test_two_evaluations_with_one_prompt_pay_once(tmp_path: Path) -> None:
    evaluations = [{"name": name, "dataset": "rows"} for name in ("first", "second")]
    end = await run(plan_of(tmp_path, evaluations=evaluations), tmp_path / "run")
    assert len(asked(end)) == 6
    assert [cell.usage["requests"] for cell in end.run.cells] == [6, 0], "what is shared is counted once"
    assert (end.run.calls["from_journal"], end.run.calls["shared"]) == (0, 6)
    assert [cell.metrics["exact"].mean for cell in end.run.cells] == [1.0, 1.0]


async def test_equal_texts_of_different_samples_are_different_calls(tmp_path: Path) -> None:
    rows = [{"id": name, "input": "the same", "target": "x"} for name in "abc"]
    end = await run(plan_of(tmp_path, datasets={"rows": {"rows": rows}}), tmp_path / "run")
    assert sorted(asked(end)) == ["a", "b", "c"]


async def test_trials_are_calls_of_their_own_and_one_score_a_sample(tmp_path: Path) -> None:
    end = await run(plan_of(tmp_path, evaluations=[{"name": "e", "dataset": "rows", "trials": 3}]), tmp_path / "run")
    assert len(asked(end)) == 18
    (cell,) = end.run.cells
    assert (cell.metrics["exact"].n, sum(cell.outcomes.values())) == (6, 18)


@pytest.mark.parametrize(
    ("order", "first_four"),
    [("interleave", ["r0", "r0", "r1", "r1"]), ("by_model", ["r0", "r1", "r2", "r3"])],
)
async def test_the_order_of_calls(tmp_path: Path, order: str, first_four: list[str]) -> None:
    models = [{"id": name, "provider": "scripted"} for name in ("a", "b")]
    throttle = {"max_concurrency": 1}
    plan = plan_of(tmp_path, models=models, throttle=throttle, run={"order": order})
    end = await run(plan, tmp_path / "run")
    assert asked(end)[:4] == first_four


async def test_a_second_try_asks_only_what_is_missing(tmp_path: Path) -> None:
    faults = [{"kind": "500", "on": ["r2", "r4"], "attempts": 1}]
    changes = {"providers": {"scripted": {"use": "scripted", "faults": faults}}, "retry": {"max_attempts": 1}}
    plan = plan_of(tmp_path, **changes)
    first = await run(plan, tmp_path / "run")
    assert (first.exit_code, first.run.status) == (ExitCode.INCOMPLETE, "incomplete")
    assert first.run.cells[0].outcomes["infra_error"] == 2
    again = await run(plan, tmp_path / "run")
    assert asked(again)[6:] == ["r2", "r4"]
    assert again.run.calls["from_journal"] == 4
    assert again.run.started_at == first.run.started_at


async def test_a_refused_key_stops_the_run(tmp_path: Path) -> None:
    faults = [{"kind": "401"}]
    throttle = {"max_concurrency": 1}
    plan = plan_of(tmp_path, providers={"scripted": {"use": "scripted", "faults": faults}}, throttle=throttle)
    end = await run(plan, tmp_path / "run")
    assert end.exit_code is ExitCode.ACCESS
    assert len(asked(end)) == 1
    assert end.run.cells[0].outcomes["not_run"] == 5
    assert "Authentication" in end.messages[0]


async def test_offline_answers_from_the_journal_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    await run(plan.shard(0, 2), tmp_path / "run")
    end = await run(plan, tmp_path / "run", offline=True)
    answered = end.run.cells[0].outcomes["ok"]
    assert 0 < answered < 6
    assert end.run.cells[0].outcomes["not_run"] == 6 - answered
    assert end.exit_code is ExitCode.INCOMPLETE


async def test_shards_are_disjoint_and_whole(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    shares = [set(plan.shard(i, 3).positions(plan.cells[0])) for i in range(3)]
    assert set.union(*shares) == set(range(6))
    assert sum(map(len, shares)) == 6
    assert {plan.shard(i, 3).digest for i in range(3)} == {plan.digest}


async def test_rejected_calls_are_asked_again(tmp_path: Path) -> None:
    faults = [{"kind": "rejected", "on": ["r1"], "attempts": 1}]
    plan = plan_of(tmp_path, providers={"scripted": {"use": "scripted", "faults": faults}})
    first = await run(plan, tmp_path / "run")
    assert first.exit_code is ExitCode.INCOMPLETE
    assert "run.max_error_rate" in first.messages[0]
    again = await run(plan, tmp_path / "run")
    assert asked(again)[6:] == ["r1"]
    assert again.exit_code is ExitCode.INCOMPLETE, "a script counts attempts anew in every try"


async def test_two_processes_never_write_one_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with lock_folder(RunFolder(tmp_path / "run")), pytest.raises(StoreError, match="another process"):
        await run(plan_of(tmp_path), tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"throttle": {"max_concurrency": 3}}, True),
        ({"retry": {"max_attempts": 2}}, True),
        ({"run": {"max_error_rate": 0.5}}, True),
        ({"stats": {"confidence": 0.9}}, True),
        ({"models": [{"id": "other", "provider": "scripted"}]}, False),
        ({"models": [{"id": "m", "provider": "scripted", "system": "Be brief."}]}, False),
        ({"models": [{"id": "m", "provider": "scripted", "params": {"temperature": 1}}]}, False),
        ({"datasets": {"rows": {"rows": ROWS[:5]}}}, False),
        ({"scorers": {"exact": {"use": "exact", "ignore_case": False}}}, False),
        ({"evaluations": [{"name": "rows", "dataset": "rows", "prompt": "Q: {{ input }}"}]}, False),
        ({"evaluations": [{"name": "rows", "dataset": "rows", "trials": 2}]}, False),
        ({"models": [{"id": "m", "provider": "scripted", "reasoning": {"strip": "never"}}]}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_plan_digest_covers_cells_and_nothing_else(tmp_path: Path, changes: dict[str, Any], is_same: bool) -> None:
    assert (plan_of(tmp_path, **changes).digest == plan_of(tmp_path).digest) is is_same


async def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalkit import journal

    class Full(journal._Transaction):
        def __enter__(self) -> None:
            if self._db.execute("SELECT count(*) FROM attempts").fetchone()[0] >= 3:
                raise sqlite3.OperationalError("database or disk is full")
            super().__enter__()

    monkeypatch.setattr(journal, "_Transaction", Full)
    throttle = {"max_concurrency": 1}
    with pytest.raises(StoreError, match="disk is full"):
        await asyncio.wait_for(run(plan_of(tmp_path, throttle=throttle), tmp_path / "run"), 20)


async def test_rejections_alike_give_up_one_cell_and_the_others_go_on(tmp_path: Path) -> None:
    rows = [{"id": f"r{n}", "input": f"question {n}", "target": f"answer {n}"} for n in range(60)]
    plan = plan_of(
        tmp_path,
        datasets={"rows": {"rows": rows}},
        providers={"bad": {"use": "scripted", "faults": [{"kind": "rejected"}]}, "good": {"use": "scripted"}},
        models=[{"id": "a", "provider": "bad"}, {"id": "b", "provider": "good"}],
        throttle={"max_concurrency": 2},
    )
    end = await run(plan, tmp_path / "run")
    bad, good = end.run.cells
    assert (end.exit_code, end.run.status) == (ExitCode.INCOMPLETE, "incomplete")
    assert good.metrics["exact"].mean == 1.0
    assert ALIKE <= bad.outcomes["rejected"] <= ALIKE + 4
    assert bad.outcomes["rejected"] + bad.outcomes["not_run"] == 60
    assert end.run.stopped is not None
    assert end.run.stopped["cells"].keys() == {"rows/a"}
    assert "the script rejects this request" in end.messages[0]


async def test_an_unknown_model_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        providers={"bad": {"use": "scripted", "faults": [{"kind": "404"}]}, "good": {"use": "scripted"}},
        models=[{"id": "a", "provider": "bad"}, {"id": "b", "provider": "good"}],
        throttle={"max_concurrency": 1},
    )
    end = await run(plan, tmp_path / "run")
    assert end.exit_code is ExitCode.ACCESS
    bad, good = end.run.cells
    assert good.outcomes["ok"] == 6
    assert bad.outcomes["ok"] == 0
    assert len(asked(end)) == 7, "the unknown model is asked once, though a call was already in the queue"


async def test_a_model_with_a_throttle_of_its_own_does_not_hold_up_the_others(tmp_path: Path) -> None:
    rows = [{"id": f"r{n}", "input": f"question {n}", "target": f"answer {n}"} for n in range(20)]
    plan = plan_of(
        tmp_path,
        datasets={"rows": {"rows": rows}},
        providers={"scripted": {"use": "scripted", "latency": 0.01}},
        models=[
            {"id": "slow", "provider": "scripted", "throttle": {"max_concurrency": 1}},
            {"id": "fast", "provider": "scripted"},
        ],
        throttle={"max_concurrency": 8, "adaptive": False},
    )
    end = await run(plan, tmp_path / "run")
    order = [request for (request,) in models_asked(end)]
    assert end.run.calls["peak_in_flight"] <= 8
    assert order.index("fast") < 4
    assert len(order) == 40
    assert max(i for i, name in enumerate(order) if name == "fast") < max(
        i for i, name in enumerate(order) if name == "slow"
    )


def models_asked(end: RunEnd) -> list[tuple[str]]:
    """Return the model of each request sent, in order."""
    with sqlite3.connect(end.folder.journal) as db:
        return db.execute(
            "SELECT c.model FROM attempts a JOIN calls c USING (request, sample_id, trial, slot) ORDER BY a.id"
        ).fetchall()
