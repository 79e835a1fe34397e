"""Judges through the command line: who is asked what, what it costs, what a stop leaves, and what anchors decide."""

import json
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import CommandLine, Ended
from tests.end_to_end.command import write_config, write_rows
from tests.fake_endpoint import FakeEndpoint
from tests.fake_replies import Reply

ROWS = [{"id": f"r{n}", "input": f"Question {n}", "target": f"t{n}"} for n in range(20)]
ANSWERS = {row["input"]: row["target"] if n % 4 else "dunno" for n, row in enumerate(ROWS)}
RIGHT = 15
FENCED = re.compile(r"<(target|answer)-[0-9a-f]+>\n(.*?)\n</", re.DOTALL)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return CommandLine(capsys)


def verdict_on(asked: dict[str, Any]) -> str:
    """Judge as a good judge would: compare what stands in the fences."""
    texts = dict(FENCED.findall(asked["messages"][0]["content"]))
    label = "correct" if texts["target"] == texts["answer"] else "incorrect"
    return json.dumps({"reason": f"{texts['answer']} for {texts['target']}", "verdict": label})


def judge_with(reply: Any = verdict_on) -> Any:
    return lambda asked: reply(asked) if asked["model"] == "judge-1" else None


def configure(endpoint: FakeEndpoint, **sections: Any) -> Path:
    return write_config(
        Path(),
        **{
            "name": "judged",
            "weave": {"backend": "off"},
            "providers": {"fake": {"use": "openai", "base_url": endpoint.url}},
            "models": [
                {"id": "candidate", "provider": "fake"},
                {"id": "judge-1", "label": "J", "provider": "fake", "role": "judge"},
            ],
            "datasets": {"qa": {"rows": ROWS}},
            "scorers": {"right": {"use": "judge", "model": "J"}},
            "retry": {"base": 0.001, "cap": 0.01},
            "report": {"html": False, "markdown": False, "parquet": False},
            **sections,
        },
    )


def run_of(ended: Ended) -> dict[str, Any]:
    return json.loads((Path(ended.out.strip().splitlines()[-1]) / "run.json").read_text(encoding="utf-8"))


def metric_of(run: dict[str, Any]) -> dict[str, Any]:
    return run["cells"][0]["metrics"]["right"]


@pytest.mark.parametrize("most", [1, 8])
def test_judge_and_candidate_share_one_limit(cli: CommandLine, most: int) -> None:
    with FakeEndpoint(answers=ANSWERS, script=judge_with(), max_concurrency=most) as endpoint:
        throttle = {"max_concurrency": most, "adaptive": False}
        ended = cli("run", configure(endpoint, throttle=throttle))
        stats = endpoint.stats()
    assert ended.code == 0, ended.err
    run = run_of(ended)
    assert metric_of(run)["mean"] == RIGHT / len(ROWS)
    assert stats["models"] == {"candidate": 20, "judge-1": 20}
    assert stats["peak"] <= most
    assert "429" not in stats["statuses"]
    (judge,) = run["judges"]
    assert (judge["calls"], judge["judgements"], judge["failed"]) == (20, 20, {"unparseable": 0, "unanswered": 0})
    assert judge["served_models"] == ["judge-1"]
    assert "20 calls over 1 cell, judged by at most 20 calls more" in ended.err
    assert "J judged 20 answers for right in 20 calls." in ended.err


def test_slow_judges_do_not_hold_up_the_candidates(cli: CommandLine) -> None:
    """On an endpoint of its own, the judge waits until every candidate has answered: none of them waits for it."""
    seen: list[str] = []

    def judge_late(asked: dict[str, Any]) -> Any:
        seen.append(asked["model"])
        if asked["model"] != "judge-1":
            return None
        return verdict_on(asked) if seen.count("candidate") == len(ROWS) else Reply(status=503, body={})

    with FakeEndpoint(answers=ANSWERS, script=judge_late) as one, FakeEndpoint(script=judge_late) as other:
        providers = {
            "fake": {"use": "openai", "base_url": one.url},
            "slow": {"use": "openai", "base_url": other.url, "throttle": {"max_concurrency": 2}},
        }
        models = [
            {"id": "candidate", "provider": "fake"},
            {"id": "judge-1", "label": "J", "provider": "slow", "role": "judge"},
        ]
        throttle, retry = {"max_concurrency": 1}, {"base": 0.01, "cap": 0.05, "max_attempts": 500}
        ended = cli("run", configure(one, providers=providers, models=models, throttle=throttle, retry=retry))
    assert ended.code == 0, ended.err
    assert metric_of(run_of(ended))["mean"] == RIGHT / len(ROWS)


def test_a_refusing_judge_is_asked_again_and_the_numbers_are_the_same(cli: CommandLine) -> None:
    with FakeEndpoint(answers=ANSWERS, script=judge_with(), faults={"429": 0.2, "500": 0.1}, seed=3) as endpoint:
        ended = cli("run", configure(endpoint))
    assert ended.code == 0, ended.err
    assert metric_of(run_of(ended))["mean"] == RIGHT / len(ROWS)


def test_two_trials_with_equal_answers_are_two_judge_calls_and_equal_cells_share_them(cli: CommandLine) -> None:
    evaluations = [{"name": name, "dataset": "qa", "trials": 2} for name in ("one", "two")]
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        ended = cli("run", configure(endpoint, evaluations=evaluations))
        stats = endpoint.stats()
    assert ended.code == 0, ended.err
    assert stats["models"] == {"candidate": 40, "judge-1": 40}
    assert run_of(ended)["judges"][0]["calls"] == 40


def test_a_judge_that_says_nothing_useful_fails_its_samples_alone(cli: CommandLine) -> None:
    def reply(asked: dict[str, Any]) -> str:
        text = asked["messages"][0]["content"]
        return "Well." if "Question 3\n" in text else "It is.\nVerdict: correct"

    with FakeEndpoint(answers=ANSWERS, script=judge_with(reply)) as endpoint:
        ended = cli("run", configure(endpoint))
        stats = endpoint.stats()
    assert ended.code == 0, ended.err
    run = run_of(ended)
    metric, (judge,) = metric_of(run), run["judges"]
    assert (metric["outcomes"]["judge_failed"], metric["n"], metric["mean"]) == (1, 19, 1.0)
    assert (metric["worst"], metric["best"]) == (0.95, 1.0)
    assert (judge["failed"]["unparseable"], judge["reformatted"]) == (1, 1)
    assert stats["models"]["judge-1"] == 21


def test_a_server_without_schemas_is_asked_in_prose(cli: CommandLine) -> None:
    def reply(asked: dict[str, Any]) -> Any:
        if "response_format" in asked:
            return Reply(status=400, body={"error": {"message": "response_format is not supported"}})
        return f"Verdict: {json.loads(verdict_on(asked))['verdict']}"

    with FakeEndpoint(answers=ANSWERS, script=judge_with(reply)) as endpoint:
        ended = cli("run", configure(endpoint, throttle={"max_concurrency": 4}))
        stats = endpoint.stats()
    assert ended.code == 0, ended.err
    assert metric_of(run_of(ended))["mean"] == RIGHT / len(ROWS)
    assert stats["models"]["judge-1"] <= 20 + 8, "after the first refusals nothing asks for a schema"


def test_the_budget_counts_judges_and_a_raised_one_goes_on_without_asking_twice(cli: CommandLine) -> None:
    replied = Counter[str]()

    def reply(asked: dict[str, Any]) -> str:
        replied[asked["messages"][0]["content"]] += 1
        return verdict_on(asked)

    with FakeEndpoint(answers=ANSWERS, script=judge_with(reply)) as endpoint:
        config = configure(endpoint, run={"max_requests": 25})
        first = cli("run", config)
        run = run_of(first)
        assert first.code == 3
        assert run["status"] == "incomplete"
        assert "run.max_requests is 25" in first.err
        assert endpoint.stats()["requests"] == 25
        asked_before = Counter(replied)
        second = cli("run", config, "--set", "run.max_requests=100")
        stats = endpoint.stats()
    assert second.code == 0, second.err
    assert "going on with the unfinished run" in second.err
    assert metric_of(run_of(second))["mean"] == RIGHT / len(ROWS)
    assert set(replied.values()) == {1}, "no reply of a judge is asked for twice"
    assert sum(asked_before.values()) + 0 < len(ROWS)
    assert stats["models"] == {"candidate": 20, "judge-1": 20}
    assert run_of(second)["judges"][0]["calls"] == 20


def test_judges_that_fail_make_the_run_incomplete_and_are_asked_again(cli: CommandLine) -> None:
    with FakeEndpoint(answers=ANSWERS, script=judge_with(lambda _: Reply(status=500, body={}))) as endpoint:
        config = configure(endpoint, retry={"max_attempts": 1})
        first = cli("run", config)
        assert first.code == 3
        assert "20 of 20 judgements failed (100.0%)" in first.err
        assert metric_of(run_of(first))["outcomes"]["infra_error"] == 20
        assert run_of(first)["judges"][0]["failed"] == {"unparseable": 0, "unanswered": 20}
        endpoint.configure({"script": judge_with()})
        second = cli("run", config)
        stats = endpoint.stats()
    assert second.code == 0, second.err
    assert stats["models"] == {"candidate": 20, "judge-1": 40}
    assert metric_of(run_of(second))["mean"] == RIGHT / len(ROWS)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (401, "Invalid Authentication", 6),
        (404, "The model does not exist", 6),
        (429, "You exceeded your current quota, please check your plan and billing details", 3),
        (400, "This model takes no chat", 3),
    ],
    ids=["access", "unknown model", "quota", "all rejected"],
)
def test_a_judge_that_cannot_be_had(cli: CommandLine, status: int, message: str, code: int) -> None:
    refusal = Reply(
        status=status, body={"error": {"message": message, "code": "model_not_found" if status == 404 else None}}
    )
    with FakeEndpoint(answers=ANSWERS, script=judge_with(lambda _: refusal)) as endpoint:
        config = configure(endpoint, throttle={"max_concurrency": 2})
        first = cli("run", config)
        assert first.code == code, first.err
        assert message in first.err
        endpoint.configure({"script": judge_with()})
        second = cli("run", config)
        stats = endpoint.stats()
    assert second.code == 0, second.err
    assert metric_of(run_of(second))["mean"] == RIGHT / len(ROWS)
    assert stats["models"]["candidate"] == 20, "no candidate is asked twice"


def test_a_judge_that_the_endpoint_does_not_list_is_refused_before_the_first_call(cli: CommandLine) -> None:
    with FakeEndpoint(models=["candidate", "judge-2"]) as endpoint:
        ended = cli("run", configure(endpoint))
        assert endpoint.stats()["requests"] == 0
    assert ended.code == 6
    assert "judge-1" in ended.err
    assert "judge-2" in ended.err


ANCHORS = [
    {"id": f"a{n}", "input": "?", "target": "yes", "answer": "yes" if n < 7 else "no", "label": "correct"}
    for n in range(10)
]
GATE = {"rules": [{"metric": "qa.right", "min": 0.1}]}


def test_anchors_below_their_bound_leave_the_gate_undecided(cli: CommandLine) -> None:
    write_rows(Path(), ANCHORS, "anchors.jsonl")
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        for bound, is_trusted in ((0.7, True), (0.9, False)):
            scorer = {"use": "judge", "model": "J", "anchors": {"path": "anchors.jsonl", "min_agreement": bound}}
            ended = cli("run", configure(endpoint, scorers={"right": scorer}, gate=GATE), "--gate", "--fresh")
            run = run_of(ended)
            anchors = run["judges"][0]["anchors"]
            assert (anchors["n"], anchors["scored"], anchors["agreement"]) == (10, 10, 0.7)
            assert (anchors["holds"], round(anchors["lower"], 3)) == (is_trusted, 0.397)
            assert run["judges"][0]["calls"] == 30
            assert run["verdict"] == ("pass" if is_trusted else "inconclusive")
            words = "agreement 0.70 with 10 anchors is below 0.90"
            assert (words in ended.err) != is_trusted
            again = cli("gate", Path(ended.out.strip().splitlines()[-1]), "--config", "config.yaml")
            assert (words in again.err + again.out) != is_trusted


def test_anchors_that_were_not_asked_are_asked_when_the_run_goes_on(cli: CommandLine) -> None:
    write_rows(Path(), ANCHORS, "anchors.jsonl")
    scorer = {"use": "judge", "model": "J", "anchors": {"path": "anchors.jsonl", "min_agreement": 0.5}}
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        config = configure(
            endpoint, scorers={"right": scorer}, run={"max_requests": 5}, throttle={"max_concurrency": 1}
        )
        first = cli("run", config)
        assert first.code == 3
        assert run_of(first)["judges"][0]["anchors"]["unanswered"] > 0
        second = cli("run", config, "--set", "run.max_requests=100")
        stats = endpoint.stats()
    assert second.code == 0, second.err
    assert run_of(second)["judges"][0]["anchors"]["scored"] == 10
    assert stats["requests"] == 20 + 20 + 10


def test_a_stored_run_is_scored_again_by_a_new_judge_alone(cli: CommandLine) -> None:
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        plain = {"exact": {"use": "exact"}}
        first = cli("run", configure(endpoint, scorers=plain))
        folder = first.out.strip().splitlines()[-1]
        assert endpoint.stats()["models"] == {"candidate": 20}
        second = cli("score", folder, "--scorer", "right=judge,model=J")
        assert second.code == 0, second.err
        assert "asks judge J" in second.err
        assert "judge J: 20 calls; 0 were stored already" in second.err
        assert endpoint.stats()["models"] == {"candidate": 20, "judge-1": 20}
        assert metric_of(run_of(second))["mean"] == RIGHT / len(ROWS)
        third = cli("score", second.out.strip().splitlines()[-1])
        assert "judge J: 0 calls; 20 were stored already" in third.err
        assert endpoint.stats()["requests"] == 40
        refused = cli("compare", second.out.strip().splitlines()[-1], folder, "--rescore")
        assert refused.code == 2
        assert "judge J has not judged 20 of its answers" in refused.err
        assert endpoint.stats()["requests"] == 40


def test_what_a_plan_says_is_what_a_run_asks(cli: CommandLine) -> None:
    write_rows(Path(), ANCHORS, "anchors.jsonl")
    scorer = {"use": "judge", "model": "J", "votes": 3, "anchors": {"path": "anchors.jsonl", "min_agreement": 0.5}}
    models = [
        {"id": "candidate", "provider": "fake", "price": {"input": 1, "output": 1}},
        {"id": "judge-1", "label": "J", "provider": "fake", "role": "judge", "price": {"input": 10, "output": 10}},
    ]
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        config = configure(endpoint, scorers={"right": scorer}, models=models)
        planned = json.loads(cli("plan", config, "--json").out)
        (judge,) = planned["judges"]
        assert (judge["calls"], planned["calls"]) == (90, 110)
        assert judge["cost_usd"] == pytest.approx(10e-6 * (judge["prompt_tokens"] + judge["completion_tokens"]))
        run = run_of(cli("run", config))
        assert endpoint.stats()["models"] == {"candidate": 20, "judge-1": 90}
    done = run["judges"][0]
    assert done["calls"] == 90
    assert done["vote_agreement"] == 1.0
    assert done["cost_usd"] == pytest.approx(10e-6 * done["usage"]["total_tokens"])
    assert run["calls"]["cost_usd"] == pytest.approx(done["cost_usd"] + run["cells"][0]["cost_usd"])
    assert done["cost_usd"] < judge["cost_usd"], "a forecast is a little high"


def test_a_budget_in_usd_needs_the_price_of_the_judge(cli: CommandLine) -> None:
    models = [
        {"id": "candidate", "provider": "fake", "price": {"input": 1, "output": 1}},
        {"id": "judge-1", "label": "J", "provider": "fake", "role": "judge"},
    ]
    with FakeEndpoint() as endpoint:
        ended = cli("run", configure(endpoint, models=models, run={"max_cost": 1}))
        assert endpoint.stats()["requests"] == 0
    assert ended.code == 2
    assert "the price of model J is not known" in ended.err


def test_the_models_option_keeps_judges(cli: CommandLine) -> None:
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        assert cli("run", configure(endpoint), "--models", "candidate").code == 0
        assert endpoint.stats()["models"] == {"candidate": 20, "judge-1": 20}
        assert cli("run", configure(endpoint), "--models", "J").code == 2


def test_another_judge_is_another_measure(cli: CommandLine) -> None:
    runs = []
    with FakeEndpoint(
        answers=ANSWERS, script=lambda asked: verdict_on(asked) if "judge" in asked["model"] else None
    ) as endpoint:
        for judge in ({"id": "judge-1"}, {"id": "judge-2"}, {"id": "judge-1", "params": {"temperature": 0}}):
            models = [
                {"id": "candidate", "provider": "fake"},
                {"label": "J", "provider": "fake", "role": "judge", **judge},
            ]
            scorers = {"right": {"use": "judge", "model": "J"}, "exact": {"use": "exact"}}
            ended = cli("run", configure(endpoint, models=models, scorers=scorers))
            runs.append((ended.out.strip().splitlines()[-1], run_of(ended)))
        compared = cli("compare", runs[0][0], runs[1][0])
    measures = [run["cells"][0]["measure"]["judge"] for _, run in runs]
    assert len(set(measures)) == len({run["plan_digest"] for _, run in runs}) == 3
    text = compared.out + compared.err
    assert "judge.model judge-1 → judge-2" in text
    assert "qa.exact" in text, "what no judge scored is compared"


def test_every_reply_of_a_judge_is_in_the_journal_under_its_slot(cli: CommandLine) -> None:
    with FakeEndpoint(answers=ANSWERS, script=judge_with()) as endpoint:
        ended = cli("run", configure(endpoint, scorers={"right": {"use": "judge", "model": "J", "votes": 2}}))
    with sqlite3.connect(Path(ended.out.strip().splitlines()[-1]) / "calls.sqlite") as db:
        slots = Counter(slot for (slot,) in db.execute("SELECT slot FROM calls"))
    assert slots == {"": 20, "judge:right:0": 20, "judge:right:1": 20}
