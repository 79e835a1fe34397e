"""A night killed at any place and run again: one night in the history, whole, and nothing paid for or told twice."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.receiving import Receiver
from tests.end_to_end.command import ROOT, Done, evalkit, without_what_may_differ, write_config, write_rows
from tests.end_to_end.weave_board import read_whole
from tests.fake_endpoint import FakeEndpoint

pytestmark = pytest.mark.timeout(240)

COUNT = 40
ROWS = [{"id": f"r{n}", "input": f"Question {n}.", "target": f"answer {n}"} for n in range(COUNT)]
IN_FLIGHT = 4
BEFORE, TONIGHT = "2026-10-01", "2026-10-02"

PLACES = (
    "evalkit.night_lock:NightLock.__init__",
    "evalkit.catalog_watch:watch_catalog",
    "evalkit.history:History.put_listing>",
    "evalkit.catalog_watch:watch_catalog>",
    "evalkit.night_folder:start_night",
    "evalkit.night_folder:start_night>",
    "evalkit.run_start:begin_run>",
    "evalkit.publishing:Publisher.start",
    "evalkit.preflight:check_all>",
    "evalkit.journal:Journal.end_attempt",
    "evalkit.journal:Journal.end_attempt#9",
    "evalkit.journal:Journal.end_attempt>#80",
    "evalkit.journal:Journal.put_result>#33",
    "evalkit.finish:finish_run",
    "evalkit.journal:Journal.put_cell>",
    "evalkit.store:RunFolder.save>#2",
    "evalkit.judging:judge_run>",
    "evalkit.publishing:Publisher._moves#2",
    "evalkit.publishing:Publisher.finish>",
    "evalkit.store:RunFolder.replace_weave",
    "evalkit.store:RunFolder.replace_weave>",
    "evalkit.journal:settle_journal",
    "evalkit.history:History.register",
    "evalkit.history_writing:write_run>",
    "evalkit.history:History.register>",
    "evalkit.rejudging:take_answers>",
    "evalkit.journal:Journal.end_attempt#170",
    "evalkit.rejudging:Rejudging.rejudge>#2",
    "evalkit.nightly:conduct_night>",
    "evalkit.cli.run:conclude>",
    "evalkit.cli.night_files:write_night",
    "evalkit.report.night_page:summarize_night",
    "evalkit.cli.night_files:write_night>",
    "evalkit.alert_channels:tell",
    "evalkit.alert_channels:send_all>",
    "evalkit.history:History.put_alert",
    "evalkit.history:History.put_alert>",
    "evalkit.alert_channels:tell>",
    "evalkit.cli.night_files:write_night>#2",
    "evalkit.night_lock:NightLock.release",
)
"""In the order in which a night comes by: from its lock to its lock, through every file and table that it writes."""

IN_CALLS = "evalkit.journal:Journal.end_attempt"
WHILE_TELLING = (
    "evalkit.alert_channels:send_all>",
    "evalkit.history:History.put_alert",
    "evalkit.history:History.put_alert>",
)
"""Between an alert that was taken and the note that it was."""

FEW = ("evalkit.publishing:Publisher._moves#2", "evalkit.alert_channels:send_all>")
"""In the publication and in the telling."""


MEASURED = re.compile(
    r"(?m)^(Alerts: |Against |\| serving |\| model |Told on this night: qa\.exact of m, against ).*\n"
)
"""Lines of the page about who took the alerts this time, and about how long answers took."""


@dataclass(frozen=True)
class World:
    """A config in a folder whose first night went well, the endpoint that it asks, and who is told."""

    folder: Path
    saved: Path
    endpoint: FakeEndpoint
    told: Receiver

    def night(self, night: str, dies: str = "") -> Done:
        """Run a night; it dies at a place."""
        dying = ROOT / "tests/end_to_end/dying"
        env = {
            "PYTHONPATH": f"{dying}{os.pathsep}{ROOT}",
            "EVALKIT_TEST_DIES": dies,
            "EVALKIT_HOME": str(self.folder / "home"),
            "HOOK": f"{self.told.url}/hook-of-the-team",
        }
        return evalkit("nightly", "config.yaml", "--night", night, cwd=self.folder, env=env)

    def renew(self) -> None:
        """Put everything back to the morning after the first night; tonight m is worse and the judge is harsh."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.saved, self.folder, symlinks=True)
        self.endpoint.reset()
        self.endpoint.configure({"accuracy": {"m": 0.3}, "models": ["m", "other", "judge-1", "new-model"]})
        self.told.got.clear()


@dataclass(frozen=True)
class Morning:
    """What a night has left."""

    done: Done
    page: dict[str, Any]
    markdown: str
    run: dict[str, Any]
    rows: list[tuple[str, ...]]
    ledger: list[tuple[str, ...]]
    board: dict[str, Any]
    judged_again: int
    calls: int
    told: Counter[str]

    @classmethod
    def of(cls, world: World, done: Done) -> "Morning":
        """Read what is there, whatever run it was."""
        nightly = world.folder / "reports/watch/nightly"
        page = json.loads((nightly / f"{TONIGHT}.json").read_text(encoding="utf-8"))
        judged_again = page["rejudged"].pop("calls")
        run = json.loads((world.folder / page["folder"] / "run.json").read_text(encoding="utf-8"))
        assert (nightly / f"{TONIGHT}.html").is_file()
        text = (nightly / f"{TONIGHT}.md").read_text(encoding="utf-8")
        assert f"again took {judged_again} calls." in text
        text = text.replace(f"again took {judged_again} calls.", "again took calls.")
        store = world.folder / "home/weave.sqlite"
        rows, ledger = _remembered(world.folder / "home/history.sqlite", page["run_id"])
        return cls(
            done,
            _plain(_without_serving(page), page["run_id"]),
            _plain(MEASURED.sub("", text).rstrip(), page["run_id"]),
            _plain(_without_latency(run), page["run_id"]),
            rows,
            ledger,
            _without_times(read_whole(world.folder, run, store)),
            judged_again,
            world.endpoint.stats()["requests"],
            Counter(got.headers["Idempotency-Key"] for got in world.told.got),
        )


def _plain(value: Any, run_id: str) -> Any:
    """Return it without tonight's own id."""
    return json.loads(json.dumps(value).replace(run_id, "TONIGHT"))


def _without_serving(page: dict[str, Any]) -> dict[str, Any]:
    """Return a night without what depends on how long answers took: whether the serving or the model is blamed."""
    for metric in page["metrics"]:
        for key in ("named", "parts", "serving"):
            del metric["split"][key]
    return page


def _without_latency(run: dict[str, Any]) -> dict[str, Any]:
    plain = without_what_may_differ(run)
    return {**plain, "judges": [{**each, "latency_s": None, "from_journal": None} for each in plain["judges"]]}


def _without_times(board: dict[str, Any]) -> dict[str, Any]:
    summaries = {
        cell: {scorer: summary[scorer] for scorer in ("exact", "quality")}
        for cell, summary in board["summaries"].items()
    }
    return {**board, "summaries": summaries, "cells": [cell for cell in board["cells"] if cell[1] != "run"]}


def _remembered(path: Path, run_id: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        runs = db.execute("SELECT run_id, name, night, kind, status, exit_code FROM runs ORDER BY night, run_id")
        rows = [tuple(str(value).replace(run_id, "TONIGHT") for value in row) for row in runs]
        ledger = db.execute("SELECT alert_key, opened, seen, told, closed FROM alerts ORDER BY alert_key")
        return rows, [tuple(map(str, row)) for row in ledger]


def judge(asked: dict[str, Any], *, harsh: bool) -> str | None:
    """Answer for the judge; a harsh one refuses a third of what a fair one takes."""
    if asked["model"] != "judge-1":
        return None
    number = re.search(r"Question (\d+)\.", json.dumps(asked["messages"]))
    assert number is not None
    return "Verdict: incorrect" if harsh and int(number[1]) % 3 == 0 else "Verdict: correct"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the morning after the first night."""
    base = tmp_path_factory.mktemp("killed")
    folder, saved = base / "work", base / "saved"
    folder.mkdir()
    answers = {row["input"]: row["target"] for row in ROWS}
    is_harsh = False
    with (
        FakeEndpoint(
            answers=answers, models=["m", "other", "judge-1"], script=lambda asked: judge(asked, harsh=is_harsh)
        ) as endpoint,
        Receiver() as told,
    ):
        made = World(folder, saved, endpoint, told)
        write_rows(folder, ROWS)
        sections: dict[str, Any] = {
            "name": "watch",
            "weave": {"backend": "local"},
            "providers": {"fake": {"use": "openai", "base_url": endpoint.url}},
            "models": [
                {"id": "m", "provider": "fake"},
                {"id": "other", "provider": "fake"},
                {"id": "judge-1", "label": "j", "provider": "fake", "role": "judge"},
            ],
            "datasets": {"qa": {"path": "rows.jsonl"}},
            "scorers": {
                "exact": {"use": "exact"},
                "quality": {"use": "judge", "model": "j", "structured": False},
            },
            "evaluations": [{"name": "qa", "dataset": "qa", "prompt": "{{ input }}"}],
            "throttle": {"max_concurrency": IN_FLIGHT},
            "report": {"html": False, "parquet": False},
            "nightly": {"alerts": [{"use": "webhook", "url_env": "HOOK"}]},
        }
        write_config(folder, **sections)
        first = made.night(BEFORE)
        assert first.code == 0, first.stderr
        is_harsh = True
        rule = {"metric": "qa.exact", "max_drop": 0.02}
        write_config(folder, **sections, gate={"baseline": "previous", "rules": [rule]})
        folder.rename(saved)
        yield made


@pytest.fixture(scope="module")
def undisturbed(world: World) -> Morning:
    """Give what the second night leaves when nothing disturbs it."""
    world.renew()
    done = world.night(TONIGHT)
    morning = Morning.of(world, done)
    assert done.code == 1, done.stderr
    assert morning.page["state"] == "ran"
    assert sorted(json.loads(got.body)["kind"] for got in world.told.got) == ["catalog", "moved", "regression"]
    assert len(morning.rows) == 2
    return morning


def check(world: World, undisturbed: Morning, dies: str) -> None:
    """Kill a night at a place, run it again, and hold what is there to a night that nothing disturbed."""
    world.renew()
    killed = world.night(TONIGHT, dies)
    assert killed.code == -signal.SIGKILL, f"it never came to {dies}: {killed.stderr}"
    done = world.night(TONIGHT)
    assert done.code == undisturbed.done.code, done.stderr
    assert "taken over from the night of 2026-10-02, process" in done.stderr
    morning = Morning.of(world, done)
    assert morning.page == undisturbed.page
    assert morning.markdown == undisturbed.markdown
    assert morning.run == undisturbed.run
    assert morning.rows == undisturbed.rows
    assert morning.ledger == undisturbed.ledger
    assert morning.board == undisturbed.board
    lost = IN_FLIGHT if dies.startswith(IN_CALLS) else 0
    paid = world.endpoint.stats()["requests"]
    assert undisturbed.calls <= paid <= undisturbed.calls + lost
    assert undisturbed.judged_again <= morning.judged_again <= undisturbed.judged_again + lost
    told = Counter(got.headers["Idempotency-Key"] for got in world.told.got)
    assert told.keys() == undisturbed.told.keys()
    assert max(told.values()) <= (2 if dies in WHILE_TELLING else 1)


@pytest.mark.slow
@pytest.mark.parametrize("dies", FEW)
def test_killed_and_run_again(world: World, undisturbed: Morning, dies: str) -> None:
    check(world, undisturbed, dies)


@pytest.mark.nightly
@pytest.mark.parametrize("dies", [place for place in PLACES if place not in FEW])
def test_killed_anywhere_and_run_again(world: World, undisturbed: Morning, dies: str) -> None:
    check(world, undisturbed, dies)
