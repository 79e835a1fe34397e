"""An endpoint that fails in every way: nothing lost, nothing asked twice, nothing hangs, every failure has a name."""

from pathlib import Path
from typing import Any

import pytest

from evalkit.records import Prediction, PredictionOutcome
from evalkit.store import RunFolder
from tests.end_to_end.command import Done, evalkit, write_config
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROWS = 300
FIRST_ATTEMPTS = {"429": 0.3, "500": 0.1, "malformed": 0.1, "reset": 0.1}
HANG = 77


def run(folder: Path, url: str, rows: int = ROWS, **sections: Any) -> Done:
    write_config(
        folder,
        name="faults",
        weave={"backend": "off"},
        providers={"fake": {"use": "openai", "base_url": url, "timeout": sections.pop("timeout", "2s")}},
        models=[{"id": "fake-model", "provider": "fake"}],
        datasets={"rows": {"rows": [{"id": f"r{n}", "input": f"question {n}", "target": "x"} for n in range(rows)]}},
        scorers={"exact": {"use": "exact"}},
        report={"html": False, "markdown": False, "parquet": False},
        **sections,
    )
    return evalkit("run", "config.yaml", cwd=folder, timeout=200)


@pytest.mark.parametrize("adaptive", [False, True], ids=["fixed limit", "adaptive limit"])
def test_faults_on_first_attempts_lose_and_double_nothing(tmp_path: Path, adaptive: bool) -> None:
    with FakeEndpoint(
        latency_s=0.02, faults=FIRST_ATTEMPTS, fault_attempts=1, fault_at={HANG: "hang"}, retry_after="1"
    ) as endpoint:
        done = run(
            tmp_path,
            endpoint.url,
            throttle={"max_concurrency": 32, "adaptive": adaptive},
            retry={"base": 0.05},
        )
        seen = endpoint.stats()
    assert done.code == 0, done.stderr
    cell = done.run["cells"][0]
    assert cell["outcomes"]["ok"] == ROWS
    assert cell["metrics"]["exact"]["n"] == ROWS
    assert seen["peak"] <= 32
    assert len(seen["answered"]) == ROWS
    assert set(seen["answered"].values()) == {1}, "an answer that arrived is never asked for again"
    for fault in FIRST_ATTEMPTS:
        assert seen["faults"][fault] > 0
    assert seen["faults"]["hang"] == 1
    assert done.run["calls"]["attempts"] == seen["requests"]


STICKY = {
    "question 0": ({"status": 500, "body": {"error": {"message": "always broken"}}}, "infra_error", "always broken"),
    "question 1": ({"status": 200, "body": b"not json"}, "infra_error", "JSON"),
    "question 2": ({"status": 200, "body": b""}, "infra_error", "empty"),
    "question 3": ({"status": 501, "body": {"error": {"message": "no such thing"}}}, "rejected", "no such thing"),
    "question 4": ({"status": 400, "body": {"error": {"message": "bad row"}}}, "rejected", "bad row"),
    "question 5": (
        {"status": 429, "body": {"error": {"message": "Concurrency limit reached for requests"}}},
        "infra_error",
        "Concurrency limit",
    ),
    "question 6": ({"status": 503, "body": b"<html><title>Down</title></html>"}, "infra_error", "Down"),
    "question 7": ({"status": 200, "body": {"choices": [], "usage": None}}, "infra_error", "choices"),
}


def test_what_never_heals_ends_in_a_named_failure(tmp_path: Path) -> None:
    rows = 30
    replies = {prompt: [reply] for prompt, (reply, _, _) in STICKY.items()}
    with FakeEndpoint(replies=replies) as endpoint:
        done = run(
            tmp_path,
            endpoint.url,
            rows=rows,
            retry={"max_attempts": 2, "base": 0.01, "max_elapsed": "2s"},
            run={"max_error_rate": 1.0},
        )
    assert done.code == 0, done.stderr
    predictions = read_predictions(done)
    assert len(predictions) == rows
    for prompt, (_, outcome, words) in STICKY.items():
        prediction = predictions.pop(f"r{prompt.rpartition(' ')[2]}")
        assert prediction.failure is not None
        said = prediction.failure.message
        assert (prediction.outcome, words.lower() in said.lower()) == (outcome, True), said
    assert {prediction.outcome for prediction in predictions.values()} == {PredictionOutcome.OK}


def test_nothing_hangs_past_its_deadline(tmp_path: Path) -> None:
    with FakeEndpoint(faults={"hang": 0.3}) as endpoint:
        done = run(
            tmp_path,
            endpoint.url,
            rows=60,
            timeout="300ms",
            retry={"max_attempts": 2, "base": 0.01},
            run={"max_error_rate": 1.0},
        )
        hung = endpoint.stats()["faults"]["hang"]
    assert done.code == 0, done.stderr
    predictions = read_predictions(done)
    failures = [prediction.failure for prediction in predictions.values() if prediction.failure is not None]
    assert hung > len(failures) > 0
    assert {failure.message for failure in failures} == {"no complete reply within 0.3 s"}


def read_predictions(done: Done) -> dict[str, Prediction]:
    with RunFolder(done.folder).reader() as reader:
        return {stored.result.sample_id: stored.result.prediction for stored in reader.results("rows/fake-model")}
