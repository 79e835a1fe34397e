"""`evalkit cache`: what would be found, why the rest would not, what is kept, and how to forget it."""

import asyncio
import copy
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.cache import SharedCache, cache_path
from evalkit.cli.run import load_plan
from evalkit.records import Prediction, PredictionOutcome, Timing
from tests.cli.commands import CommandLine

OLD, NEW = 1_750_000_000.0, 1_780_000_000.0
CONFIG: dict[str, Any] = {
    "name": "qa",
    "providers": {"fake": {"use": "openai", "base_url": "http://127.0.0.1:1/v1", "api_key_env": "NOT_SET_ANYWHERE"}},
    "models": [{"id": "org/a", "label": "A", "provider": "fake", "system": "Be brief.", "params": {"temperature": 0}}],
    "datasets": {"rows": {"rows": [{"id": f"r{n}", "input": f"Question {n}", "target": "x"} for n in range(4)]}},
    "scorers": {"exact": {"use": "exact"}},
    "evaluations": [{"name": "qa", "dataset": "rows", "scorers": ["exact"], "trials": 2}],
    "run": {"cache": "shared"},
    "weave": {"backend": "off"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return tmp_path


def write(**changes: Any) -> Path:
    path = Path("config.yaml")
    path.write_text(json.dumps(CONFIG | changes), encoding="utf-8")
    return path


def fill(path: Path, *, answered_at: float = NEW, skip: Sequence[str] = ()) -> Path:
    """Keep an answer to every call of a config, as its run would."""
    plan = load_plan(path, None, ())
    cache = cache_path({}, Path.cwd())
    with SharedCache(cache, run_id="20260101") as kept:
        for cell in plan.cells:
            for sample in cell.dataset.samples:
                for trial in range(cell.evaluation.trials):
                    request = cell.request(cell.present(sample), trial)
                    answer = Prediction(PredictionOutcome.OK, "x", timing=Timing(answered_at, answered_at + 1, 1.0))
                    if sample.id not in skip:
                        kept.put(request, cell.url, answer)
    assert kept.problem is None
    return cache


def changed(section: str, change: Callable[[Any], object]) -> dict[str, Any]:
    value = copy.deepcopy(CONFIG[section])
    change(value)
    return {section: value}


WHY: dict[str, tuple[dict[str, Any], str, str]] = {
    "param": (
        changed("models", lambda models: models[0]["params"].update(temperature=0.2)),
        "8  params.temperature 0 -> 0.2",
        "params.temperature 0 -> 0.2",
    ),
    "two params": (
        changed("models", lambda models: models[0].update(params={"temperature": 0.2, "max_tokens": 9})),
        "8  params.max_tokens 9 added; params.temperature 0 -> 0.2",
        "params",
    ),
    "url": (
        changed("providers", lambda providers: providers["fake"].update(base_url="http://127.0.0.1:2/v1")),
        "8  url http://127.0.0.1:1/v1 -> http://127.0.0.1:2/v1",
        "url",
    ),
    "system": (
        changed("models", lambda models: models[0].update(system="Be quick.")),
        "8  the system text differs",
        'the system text differs (at character 4: "Be brief." -> "Be quick.")',
    ),
    "model": (
        changed("models", lambda models: models[0].update(id="org/b")),
        "8  nothing is cached for the model org/b",
        "nothing",
    ),
    "new sample": (
        changed("datasets", lambda sets: sets["rows"]["rows"].append({"id": "r9", "input": "New", "target": "x"})),
        "2  new sample: nothing is cached for it and this model",
        "qa/A, sample r9, trial 1: miss: new sample",
    ),
    "sample id": (
        changed("datasets", lambda sets: sets["rows"]["rows"][3].update(id="other")),
        "2  the same messages are cached under another sample id",
        "(cached as 'r3', asked as 'other')",
    ),
    "trial": (
        changed("evaluations", lambda evaluations: evaluations[0].update(trials=3)),
        "4  another trial of this call is cached",
        "(trial 3 asked, 1, 2 cached)",
    ),
}


@pytest.mark.parametrize(("changes", "summary", "example"), WHY.values(), ids=WHY)
def test_explain_names_what_differs(cli: CommandLine, changes: dict[str, Any], summary: str, example: str) -> None:
    fill(write())
    ended = cli("cache", "explain", write(**changes))
    assert ended.code == 0
    assert [line.strip() for line in ended.out.splitlines()[1:2]] == [summary]
    assert example in ended.out.partition("for example:\n")[2]
    found = json.loads(cli("cache", "explain", "config.yaml", "--json").out)
    assert found["misses"] == sum(reason["calls"] for reason in found["reasons"]) == int(summary.split(maxsplit=1)[0])
    assert found["hits"] + found["misses"] == len(found["calls"])


def test_explain_finds_every_call_of_an_unchanged_config_without_a_key(cli: CommandLine) -> None:
    fill(write(), answered_at=OLD)
    ended = cli("cache", "explain", "config.yaml")
    assert ended.out == "8 calls: 8 hits, the oldest of 2025-06-15 15:06 UTC; 0 misses\n"


def test_explain_tells_of_the_chosen_calls_one_by_one(cli: CommandLine) -> None:
    fill(write(), skip=["r1"])
    only = ("--model", "A", "--evaluation", "qa", "--sample", "r0", "--sample", "r1", "--trial", "2")
    ended = cli("cache", "explain", "config.yaml", *only)
    assert ended.out.splitlines() == [
        "2 calls: 1 hit, the oldest of 2026-05-28 20:26 UTC; 1 miss",
        "      1  new sample: nothing is cached for it and this model",
        "  qa/A, sample r0, trial 2: hit, answered 2026-05-28 20:26 UTC in run 20260101",
        "  qa/A, sample r1, trial 2: miss: new sample: nothing is cached for it and this model",
    ]


def test_explain_takes_the_nearest_answer(cli: CommandLine) -> None:
    """Of two answers that differ, the one that differs in less says what was changed."""
    fill(write(**changed("models", lambda models: models[0].update(params={"temperature": 1, "seed": 7}))))
    fill(write(), answered_at=OLD)
    write(**changed("models", lambda models: models[0].update(params={"temperature": 0.2})))
    assert "8  params.temperature 0 -> 0.2\n" in cli("cache", "explain", "config.yaml").out


def test_explain_says_that_two_evaluations_share_a_call_once(cli: CommandLine) -> None:
    twice = [dict(CONFIG["evaluations"][0], name=name) for name in ("qa", "again")]
    fill(write(evaluations=twice))
    assert cli("cache", "explain", "config.yaml").out.startswith("8 calls: 8 hits")


@pytest.mark.parametrize("mode", ["run", "refresh"])
def test_explain_says_when_a_config_takes_no_cached_answer(cli: CommandLine, mode: str) -> None:
    ended = cli("cache", "explain", write(run={"cache": mode}))
    assert f"run.cache is {mode}: this config's runs take no cached answer" in ended.out
    assert "there is no cache yet" in ended.out
    assert not Path(".evalkit").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "B"), "--model 'B' is not in this config"),
        (("--evaluation", "qb"), "--evaluation 'qb' is not in this config"),
        (("--sample", "r7"), "--sample 'r7' is not in this config"),
        (("--trial", "3"), "--trial 3 is not in this config; it has 2 trials"),
    ],
    ids=["model", "evaluation", "sample", "trial"],
)
def test_explain_refuses_what_is_not_there(cli: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    ended = cli("cache", "explain", write(), *arguments)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize("arguments", [("explain", "config.yaml"), ("info",), ("clear", "--model", "x", "--yes")])
def test_a_broken_cache_is_named(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    write()
    path = cache_path({}, Path.cwd())
    path.parent.mkdir()
    path.write_text("no database " * 100)
    ended = cli("cache", *arguments)
    assert ended.code == 2
    assert str(path) in ended.err
    cleared = cli("cache", "clear", "--yes")
    assert (cleared.code, cleared.err) == (0, f"removed {path}; stored runs keep their answers\n")
    assert not path.exists()


def test_an_answer_that_cannot_be_read_is_a_miss(cli: CommandLine) -> None:
    path = fill(write())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE answers SET prediction = '{' WHERE sample_id = 'r0'")
    db.close()
    assert "2  the cached answer cannot be read" in cli("cache", "explain", "config.yaml").out


def test_info(cli: CommandLine) -> None:
    path = cache_path({}, Path.cwd())
    assert cli("cache", "info").out == f"{path}: no cached answer; a run with run.cache: shared keeps its own there\n"
    fill(write(), answered_at=OLD)
    first, second = cli("cache", "info").out.splitlines()
    assert first.startswith(f"{path}: 8 answers, ")
    assert (
        second
        == "  org/a at http://127.0.0.1:1/v1: 8 answers to 4 samples, 2025-06-15 15:06 UTC to 2025-06-15 15:06 UTC"
    )
    found = json.loads(cli("cache", "info", "--json").out)
    assert (found["answers"], found["models"][0]["samples"]) == (8, 4)
    assert found["bytes"] > 0


CLEARED = {
    "all": ((), 16),
    "a model": (("--model", "org/*"), 16),
    "another model": (("--model", "vendor/*"), 0),
    "old ones": (("--older-than", "1000w"), 0),
    "older than a minute": (("--older-than", "1m", "--model", "org/a"), 8),
}


@pytest.mark.parametrize(("arguments", "count"), CLEARED.values(), ids=CLEARED)
def test_clear(cli: CommandLine, arguments: tuple[str, ...], count: int) -> None:
    fill(write(), answered_at=OLD)
    path = fill(write(**changed("models", lambda models: models[0].update(id="org/b"))), answered_at=OLD)
    ended = cli("cache", "clear", "--yes", *arguments)
    assert ended.code == 0
    assert ended.err.endswith(
        f"forgot {count} answers of {path}; stored runs keep their answers\n"
        if count
        else f"nothing to forget in {path}\n"
    )
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM answers").fetchone() == (16 - count,)
        assert db.execute("SELECT count(*) FROM questions").fetchone() == (4 if count < 16 else 0,)
    db.close()


def test_clear_asks_first(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(write())
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    ended = cli("cache", "clear")
    assert ended.code == 2
    assert "nothing was forgotten" in ended.err
    assert cli("cache", "explain", "config.yaml").out.startswith("8 calls: 8 hits")


@pytest.mark.parametrize("span", ["30", "d", "-1d", "1y", "1 d", ""])
def test_clear_refuses_what_is_no_span(cli: CommandLine, span: str) -> None:
    ended = cli("cache", "clear", "--yes", f"--older-than={span}")
    assert ended.code == 2
    assert "is no span of time" in ended.err


def test_clear_works_beside_a_run_that_is_writing(cli: CommandLine) -> None:
    path = fill(write())
    with SharedCache(path) as other:
        plan = load_plan(Path("config.yaml"), None, ())
        [cell] = plan.cells
        request = cell.request(cell.dataset.samples[0], 0)
        assert other.find(request.key) is not None
        assert cli("cache", "clear", "--yes").code == 0
        assert other.find(request.key) is None
        asyncio.run(_put(other, request, cell.url))
    assert other.problem is None
    assert cli("cache", "explain", "config.yaml").out.startswith("8 calls: 1 hit")


async def _put(cache: SharedCache, request: Any, url: str) -> None:
    cache.put(request, url, Prediction(PredictionOutcome.OK, "x", timing=Timing(NEW)))
