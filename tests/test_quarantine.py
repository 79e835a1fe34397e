"""The quarantine file: what it holds, what it leaves out and says, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ConfigError
from evalkit.quarantine import Quarantine, QuarantinedSample, check_span, quarantine_text, read_quarantine

NIGHT = "2026-11-23"
IDS = tuple(f"s{n}" for n in range(200))


def entry(sample: str = "s1", **changes: Any) -> QuarantinedSample:
    fields: dict[str, Any] = {
        "metric": "qa.exact",
        "sample": sample,
        "reason": "flips every night",
        "author": "Ada",
        "set_at": "2026-11-20",
        "until": "2026-12-20",
    }
    return QuarantinedSample(**{**fields, **changes})


def quarantine(*entries: QuarantinedSample) -> Quarantine:
    found = Quarantine()
    for each in entries:
        found = found.added(each)
    return found


def test_what_is_left_out_is_said_with_its_weight_and_its_last_day() -> None:
    held = quarantine(entry("s1"), entry("s2"), entry("s3", until="2026-12-24"))
    aside = held.set_aside(NIGHT, metric="qa.exact", model="Model A", ids=IDS)
    assert aside.ids == {"s1", "s2", "s3"}
    assert aside.share == pytest.approx(0.015)
    assert aside.sentences() == ("3 of 200 samples, 1.5 % of the weight, are quarantined until 2026-12-20.",)
    assert aside.describe() == {
        "samples": ["s1", "s2", "s3"],
        "total": 200,
        "share": 0.015,
        "until": "2026-12-20",
        "unknown": [],
        "expired": [],
    }


def test_one_sample_is_said_in_the_singular() -> None:
    aside = quarantine(entry()).set_aside(NIGHT, metric="qa.exact", model="A", ids=IDS)
    assert aside.sentences() == ("1 of 200 samples, 0.5 % of the weight, is quarantined until 2026-12-20.",)


@pytest.mark.parametrize(
    ("night", "is_held"),
    [
        pytest.param("2026-12-20", True, id="the last day"),
        pytest.param("2026-12-21", False, id="the day after"),
        pytest.param("2026-11-01", True, id="a night before it was set, which pairs with tonight"),
    ],
)
def test_an_entry_ends_by_itself(night: str, is_held: bool) -> None:
    aside = quarantine(entry()).set_aside(night, metric="qa.exact", model="A", ids=IDS)
    assert (aside.ids == {"s1"}) is is_held
    assert aside.expired == (() if is_held else ("s1",))
    if not is_held:
        assert aside.sentences() == ("The quarantine of 's1' has expired: counted again.",)


@pytest.mark.parametrize(
    ("metric", "model", "covers"),
    [
        pytest.param("qa.exact", "*", True, id="a metric"),
        pytest.param("qa", "*", True, id="an evaluation stands for its scorers"),
        pytest.param("qa.*", "Model ?", True, id="globs"),
        pytest.param("*", "Model B", False, id="another model"),
        pytest.param("q", "*", False, id="a part of a name"),
        pytest.param("qa.f1", "*", False, id="another scorer"),
    ],
)
def test_an_entry_is_about_some_metrics_and_models(metric: str, model: str, covers: bool) -> None:
    assert entry(metric=metric, model=model).covers("qa.exact", "Model A") is covers


def test_a_name_with_brackets_is_itself() -> None:
    assert entry(model="m [temperature=0]").covers("qa.exact", "m [temperature=0]")


def test_unknown_samples_are_named_unless_a_glob_is_about_other_metrics_too() -> None:
    held = quarantine(entry("gone"), entry("elsewhere", metric="*"))
    aside = held.set_aside(NIGHT, metric="qa.exact", model="A", ids=IDS)
    assert aside.ids == frozenset()
    assert aside.unknown == ("gone",)
    assert aside.sentences() == ("The quarantine names 'gone', which this metric does not have.",)


def test_an_entry_that_was_set_anew_is_in_force_and_not_expired() -> None:
    held = quarantine(entry(metric="qa", until="2026-11-21"), entry())
    aside = held.set_aside(NIGHT, metric="qa.exact", model="A", ids=IDS)
    assert (aside.ids, aside.expired) == ({"s1"}, ())


def test_the_file_is_one_sorted_line_an_entry(tmp_path: Path) -> None:
    held = quarantine(entry("s2"), entry("s1", metric="qb.f1"), entry("s1"), entry("ü\u2028", reason='a "quote"'))
    text = quarantine_text(held)
    path = tmp_path / "quarantine.json"
    path.write_text(text, encoding="utf-8")
    assert [line[2:13] for line in text.splitlines() if '"metric"' in line] == ['{"metric": '] * 4
    assert read_quarantine(path) == held
    assert [each["sample"] for each in json.loads(text)["samples"]] == ["s1", "s2", "ü\u2028", "s1"]
    assert quarantine_text(read_quarantine(path)) == text
    assert quarantine_text(Quarantine()) == '{\n "quarantine": 1,\n "samples": []\n}\n'


def test_adding_replaces_and_removing_takes_out_one_key() -> None:
    held = quarantine(entry(), entry("s2"), entry(reason="again"))
    assert [each.reason for each in held.samples] == ["again", "flips every night"]
    assert [each.sample for each in held.removed([entry()]).samples] == ["s2"]


def _file(*entries: dict[str, Any], version: Any = 1) -> str:
    return json.dumps({"quarantine": version, "samples": list(entries)})


PLAIN = entry().model_dump()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[", "not a quarantine", id="not JSON"),
        pytest.param("{}", "begins with its format's version", id="another file"),
        pytest.param(_file(version=2), "of version 2; this evalkit reads 1", id="a later version"),
        pytest.param(_file(PLAIN | {"until": "2027-03-01"}), "101 days, from 2026-11-20", id="too long"),
        pytest.param(_file(PLAIN | {"until": "2026-11-19"}), "is before it was set", id="over before it began"),
        pytest.param(_file(PLAIN | {"until": "soon"}), "must be a date", id="no date"),
        pytest.param(_file(PLAIN | {"until": "2026-02-30"}), "samples.0.until", id="no such day"),
        pytest.param(_file({k: v for k, v in PLAIN.items() if k != "until"}), "Field required", id="for ever"),
        pytest.param(_file(PLAIN | {"reason": ""}), "samples.0.reason", id="without a reason"),
        pytest.param(_file(PLAIN | {"why": "x"}), "samples.0.why", id="an unknown key"),
        pytest.param(_file(PLAIN, PLAIN), "stands twice", id="twice"),
    ],
)
def test_a_broken_file_is_refused_with_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "quarantine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quarantine\.json") as raised:
        read_quarantine(path)
    assert said in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read .*`evalkit quarantine add`"):
        read_quarantine(tmp_path / "none.json")


def test_ninety_days_are_the_most() -> None:
    assert check_span(entry(set_at="2026-11-20", until="2027-02-18")) is None
    assert check_span(entry(set_at="2026-11-20", until="2027-02-19")) is not None


@given(st.lists(st.sampled_from(IDS), max_size=30), st.sets(st.sampled_from(IDS[:40]), max_size=30))
def test_what_is_left_out_is_always_some_of_what_is_there(named: list[str], present: set[str]) -> None:
    aside = quarantine(*map(entry, named)).set_aside(NIGHT, metric="qa.exact", model="A", ids=sorted(present))
    assert aside.ids == set(named) & present
    assert set(aside.unknown) == set(named) - present
    assert 0.0 <= aside.share <= 1.0
