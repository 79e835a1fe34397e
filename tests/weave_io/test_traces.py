"""Which results get a child call, and what it says."""

from dataclasses import replace

import pytest

from evalkit.journal_reader import StoredResult
from evalkit.records import CallKey, Failure, FailureKind, Prediction, PredictionOutcome, SampleResult, Usage
from evalkit.weave_io.traces import is_traced
from tests.weave_io.run_folders import answered, failed

FILTERED = Prediction(PredictionOutcome.FILTERED, failure=Failure(FailureKind.FILTERED, "no"), usage=Usage(3, 0, 3))


def stored(prediction: Prediction, sample_id: str = "s1") -> StoredResult:
    return StoredResult(SampleResult("qa/m", sample_id, 0, prediction, {}, CallKey("r", sample_id)), (), {})


@pytest.mark.parametrize(
    ("traces", "prediction", "expected"),
    [
        pytest.param("all", answered(), True, id="answered"),
        pytest.param("all", failed(), False, id="no-answer"),
        pytest.param("all", FILTERED, True, id="paid-for"),
        pytest.param("none", answered(), False, id="none"),
        pytest.param("all", replace(answered(), from_cache=True), False, id="an-earlier-run's"),
    ],
)
def test_what_was_answered_is_traced(traces: str, prediction: Prediction, expected: bool) -> None:
    assert is_traced(traces, stored(prediction)) is expected


def test_a_sample_is_a_fixed_tenth() -> None:
    traced = [i for i in range(2000) if is_traced("sample", stored(answered(), f"s{i}"))]
    assert traced == [i for i in range(2000) if is_traced("sample", stored(answered(), f"s{i}"))]
    assert 140 < len(traced) < 260
