"""The self-test finds what would make a score wrong, and passes what is right, on real targets."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from evalkit.records import Prediction, Sample, Score
from evalkit.selftest import run_self_test, self_test
from tests.scorers.scoring_by import DATA, bind

HERE = "tests.test_selftest"


@dataclass(frozen=True)
class Generous:
    """Full marks for anything."""

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        return Score(1.0)


@dataclass(frozen=True)
class Harsh:
    """No marks for anything."""

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        return Score(0.0, "never")


def samples(*targets, choices=None):
    return [Sample(f"q{n}", "?", target=target, choices=choices) for n, target in enumerate(targets)]


ABC = ("red", "green", "blue")


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        pytest.param({"use": "numeric"}, samples(18, "18", "... #### 1,234", "A: $5", [1, 2], -3, 0.5), id="numeric"),
        pytest.param({"use": "numeric", "extract": ["boxed"]}, samples(18, "3/4"), id="numeric-boxed"),
        pytest.param({"use": "choice"}, samples("B", "(c)", 0, "red", ["A", "C"], choices=ABC), id="choice"),
        pytest.param({"use": "choice"}, samples("(B)", "D"), id="choice-letters-alone"),
        pytest.param({"use": "choice", "extract": ["choice_letter"]}, samples("B", choices=ABC), id="choice-letter"),
        pytest.param({"use": "includes"}, samples("Paris", ["a", "b"], "+", 7), id="includes"),
        pytest.param({"use": "includes", "match": "all"}, samples(["Rome", "Paris"]), id="includes-all"),
        pytest.param({"use": "json_match"}, samples({"a": [1, "x"]}, '{"b": null}', [1]), id="json"),
        pytest.param(
            {"use": "json_match", "fields": ["a"], "partial": True}, samples({"a": 1, "b": 2}), id="json-part"
        ),
        pytest.param({"use": "pattern", "pattern": r"\b([A-D])\b", "group": 1}, samples("B"), id="pattern"),
        pytest.param({"use": "exact", "extract": [{"regex": r"#### (-?[\d.,]+)"}, "lower"]}, samples(18), id="regex"),
        pytest.param(
            {"use": "exact", "extract": [{"regex": r"(?i)^(?:final )?answer\s*[:=]+\s*(?P<a>.+?)\.?$"}]},
            samples("Paris"),
            id="regex-rich",
        ),
        pytest.param({"use": "exact", "extract": [{"json_path": "$.a[1]['b c']"}]}, samples("x"), id="json-path"),
        pytest.param({"use": "exact", "extract": [{"after": "A:"}, "boxed"]}, samples("x"), id="chain"),
        pytest.param({"use": "exact", "negate": True}, samples("x"), id="negated"),
        pytest.param({"use": "f1"}, samples("the big apple", ["x", "y z"]), id="f1"),
        pytest.param({"use": "exact"}, samples("Paris", ["b", "c"], True, "!"), id="exact"),
    ],
)
def test_a_fitting_scorer_passes(spec, asked):
    report = self_test(bind(**spec), asked)
    assert report.failures == ()
    assert report.passed
    assert report.samples == len(asked)


@pytest.mark.parametrize(
    ("spec", "asked", "told"),
    [
        pytest.param({"use": "exact"}, samples(None), "'q0'.*target cannot be used", id="no-target"),
        pytest.param({"use": "numeric"}, samples("5", "many"), "'q1'", id="no-number"),
        pytest.param({"use": "choice"}, samples("Z", choices=ABC), "'q0'.*target", id="no-choice"),
        pytest.param({"use": "json_match"}, samples("no json"), "'q0'.*not JSON", id="no-json"),
        pytest.param({"use": "exact", "extract": ["number"]}, samples("Paris"), "gold", id="extraction-misses-gold"),
        pytest.param(
            {"use": "exact", "extract": [{"regex": "^([a-z]+)$"}]}, samples("Paris"), "gold", id="regex-misses"
        ),
        pytest.param(
            {"use": "exact", "extract": [{"regex": r"\A(\w+)\Z"}]}, samples("Paris"), "reasoning", id="anchored"
        ),
        pytest.param({"use": "exact", "extract": [{"number": "first"}]}, samples("1 or 2"), "gold", id="first-number"),
        pytest.param({"use": "numeric", "rel_tolerance": 9.0}, samples(5), "corrupted", id="too-wide-a-tolerance"),
        pytest.param({"use": f"{HERE}:Generous"}, samples("x"), "corrupted", id="generous"),
        pytest.param({"use": f"{HERE}:Harsh"}, samples("x"), r"gives 0 \(never\)", id="harsh"),
    ],
)
def test_an_unfit_scorer_fails_and_names_the_sample(spec, asked, told):
    report = self_test(bind(**spec), asked)
    assert not report.passed
    assert any("sample 'q" in line for line in report.failures)
    assert re.search(told, " ".join(report.failures))


@pytest.mark.parametrize(
    ("spec", "asked", "told"),
    [
        pytest.param({"use": "exact"}, samples("x", "y", "z"), "bare answer scores.*(and 2 more samples)", id="bare"),
        pytest.param({"use": "f1"}, samples("x", "y"), "bare answer scores.*(and 1 more sample)", id="f1"),
        pytest.param({"use": "exact", "extract": [{"after": "A:"}]}, samples("x"), "answer last", id="after"),
        pytest.param({"use": "pattern", "pattern": "x"}, samples(None), "no gold answer", id="no-gold"),
        pytest.param({"use": "choice"}, samples(1, choices=("1", "2", "3")), "misread", id="doubt"),
    ],
)
def test_what_a_prompt_must_heed_is_a_note(spec, asked, told):
    report = self_test(bind(**spec), asked)
    assert report.passed
    assert any("sample 'q0'" in line for line in report.notes)
    assert re.search(told, " ".join(report.notes))


def test_a_python_scorer_is_run_and_only_its_faults_fail(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "def brevity(sample, text): return 1 / (1 + len(text))\n"
        "def equal(sample, text): return text == sample['target']\n"
        "def fault(sample, text): raise KeyError('x')\n"
        "def always(sample, text): return True\n"
    )
    reports = {
        name: self_test(bind(tmp_path, use="python", function=f"mine:{name}"), samples("gold"))
        for name in ("brevity", "equal", "fault", "always")
    }
    assert {name: report.passed for name, report in reports.items()} == {
        "brevity": True,
        "equal": True,
        "fault": False,
        "always": True,
    }
    assert "gold" in reports["brevity"].notes[0]
    assert "corrupted" in reports["always"].notes[0]
    assert "KeyError" in reports["fault"].failures[0]


async def test_it_runs_inside_an_event_loop_too():
    assert (await run_self_test(bind(use="exact"), samples("x"))).passed


def test_real_targets_pass():
    gsm8k = DATA / "gsm8k" / "test.jsonl"
    if not gsm8k.is_file():
        pytest.skip("the shared data are not beside this checkout")
    rows = [json.loads(line) for line in gsm8k.read_text().splitlines()]
    report = self_test(
        bind(use="numeric"), [Sample(str(n), r["question"], target=r["answer"]) for n, r in enumerate(rows)]
    )
    assert (report.samples, report.failures, report.notes) == (1319, (), ())
    dates = json.loads((DATA / "bbh" / "date_understanding.json").read_text())["examples"]
    asked = [Sample(str(n), row["input"], target=row["target"]) for n, row in enumerate(dates)]
    assert self_test(bind(use="choice"), asked).notes == ()
    assert self_test(bind(use="choice"), asked).passed
    assert self_test(bind(use="exact"), asked).passed
