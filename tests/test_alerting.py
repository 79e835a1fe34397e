"""What is told on which night: tables of nights, and any sequence of nights."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.alert import Alert, AlertKind
from evalkit.alerting import COULD_NOT_RUN, NightFindings, due_alerts, open_for
from evalkit.past_runs import AlertEntry

START = date(2026, 11, 1)
KEY = "regression qa.exact GPT"


def on(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def alert(key: str = KEY, *, kind: AlertKind = AlertKind.REGRESSION, severity: float = 4.0) -> Alert:
    return Alert(kind=kind, key=key, name="qa", night="2026-11-01", title=f"{key} fell.", severity=severity)


BROKEN = alert(COULD_NOT_RUN, kind=AlertKind.COULD_NOT_RUN, severity=0.0)


@dataclass
class Nights:
    """A ledger and what was told of each night; `takes` says whether anybody listens."""

    entries: dict[str, AlertEntry] = field(default_factory=dict)
    told: list[tuple[int, Alert]] = field(default_factory=list)

    def run(self, number: int, *alerts: Alert, checked: tuple[str, ...] = (KEY,), takes: bool = True) -> list[str]:
        findings = NightFindings(
            name="qa", night=on(number), alerts=alerts, checked=frozenset(checked), report="report.html"
        )
        told: list[str] = []
        for due in due_alerts(findings, self.entries.values()):
            if due.alert is not None and takes:
                told.append(f"{due.alert.kind} {due.alert.key}")
                self.told.append((number, due.alert))
            kept = due.told if due.alert is None or takes else due.untold
            if kept is not None:
                self.entries[kept.key] = kept
        return told

    @property
    def last(self) -> Alert:
        return self.told[-1][1]


OPENED, CLOSED = [f"regression {KEY}"], [f"recovery {KEY}"]


def test_new_then_quiet_then_over():
    nights = Nights()
    assert nights.run(0) == []
    assert nights.run(1, alert()) == OPENED
    assert nights.last.opened == on(1)
    assert nights.last.report == "report.html"
    assert nights.run(1, alert()) == []
    assert nights.run(2, alert()) == []
    assert nights.run(3, alert()) == []
    assert nights.run(4) == CLOSED
    assert nights.last.is_closed
    assert nights.last.opened == on(1)
    assert nights.last.title == "qa.exact GPT has recovered, after 3 nights."
    assert nights.last.lines == (f"It was open on {on(1)} to {on(3)}, told as: {KEY} fell.",)
    assert nights.run(4) == []
    assert nights.run(5) == []
    assert nights.run(6, alert()) == OPENED
    assert nights.last.opened == on(6)


def test_what_goes_on_is_told_after_seven_nights():
    nights = Nights()
    told = [night for night in range(1, 30) if nights.run(night, alert())]
    assert told == [1, 8, 15, 22, 29]
    assert nights.last.lines == (f"It has held since {on(1)}, for 29 nights.",)
    assert nights.last.opened == on(1)


def test_what_gets_half_as_bad_again_is_told():
    nights = Nights()
    assert nights.run(1, alert(severity=4.0)) == OPENED
    assert nights.run(2, alert(severity=6.0)) == []
    assert nights.run(3, alert(severity=6.1)) == OPENED
    assert nights.last.lines[0].endswith(f"for 3 nights, and is worse than on {on(1)}, when it was last told.")
    assert nights.run(4, alert(severity=8.0)) == []
    assert nights.run(4, alert(severity=80.0)) == OPENED
    assert nights.run(4, alert(severity=800.0)) == []


def test_a_night_that_could_not_run_ends_nothing():
    nights = Nights()
    nights.run(1, alert())
    assert nights.run(2, BROKEN) == ["could_not_run could_not_run"]
    assert nights.run(3, BROKEN) == []
    assert nights.entries[KEY].closed is None
    assert nights.run(4) == [*CLOSED, "recovery could_not_run"]
    assert nights.last.title == "qa ran again, after 2 nights that could not."


def test_a_night_that_runs_at_the_second_try_says_so():
    nights = Nights()
    assert nights.run(1, BROKEN) == ["could_not_run could_not_run"]
    assert nights.run(1) == ["recovery could_not_run"]
    assert nights.run(1, BROKEN) == []
    assert nights.run(2, BROKEN) == ["could_not_run could_not_run"]


def test_what_a_night_did_not_look_at_stays_open():
    nights = Nights()
    nights.run(1, alert())
    assert nights.run(2, checked=()) == []
    assert nights.entries[KEY].closed is None
    assert nights.run(3) == CLOSED


@pytest.mark.parametrize("kind", [AlertKind.MOVED, AlertKind.CATALOG])
def test_news_of_one_night_end_in_silence(kind):
    nights, key = Nights(), f"{kind} judge"
    assert nights.run(1, alert(key, kind=kind), checked=(key,)) == [f"{kind} {key}"]
    assert nights.run(2, checked=(key,)) == []
    assert nights.entries[key].closed == on(2)


def test_what_nobody_took_is_due_again():
    nights = Nights()
    nights.run(1, alert(), takes=False)
    assert nights.entries[KEY].told is None
    assert nights.run(2, alert()) == OPENED
    assert nights.last.opened == on(1)
    assert nights.last.lines == (f"It has held since {on(1)}, for 2 nights.",)
    nights.run(3, takes=False)
    assert nights.entries[KEY].closed is None
    assert nights.run(4) == CLOSED
    assert nights.last.title == "qa.exact GPT has recovered, after 2 nights."


def test_the_end_of_what_nobody_heard_of_is_not_told():
    nights = Nights()
    nights.run(1, alert(), takes=False)
    assert nights.run(2) == []
    assert nights.entries[KEY].closed == on(2)


def test_a_night_made_up_for_later_changes_nothing():
    nights = Nights()
    nights.run(5, alert())
    assert nights.run(3, alert(severity=99.0)) == []
    assert nights.run(4) == []
    nights.run(6)
    assert nights.run(2, alert()) == []
    assert nights.entries[KEY].closed == on(6)


def test_what_was_not_seen_for_a_month_begins_anew():
    nights = Nights()
    nights.run(1, alert())
    assert nights.run(31, alert()) == OPENED
    assert nights.last.opened == on(1)
    nights.run(32, checked=())
    assert nights.run(80, alert()) == OPENED
    assert nights.last.opened == on(80)
    assert nights.run(120) == []
    assert nights.entries[KEY].closed == on(120)


def test_the_same_key_twice_in_one_night_is_one_alert():
    first, second = alert(severity=1.0), alert(severity=9.0)
    assert Nights().run(1, first, alert("regression other"), second) == [*OPENED, "regression regression other"]


def test_another_configs_ledger_does_not_count():
    nights = Nights()
    nights.run(1, alert())
    findings = NightFindings(name="other", night=on(2), alerts=(alert(),), checked=frozenset({KEY}))
    [due] = due_alerts(findings, nights.entries.values())
    assert due.told.name == "other"


def test_how_long():
    entry = AlertEntry(name="qa", key=KEY, kind="regression", title="t", opened=on(1), seen=on(1))
    assert open_for(entry) == 1


KEYS = ("regression a", "regression b", "moved c")
NIGHT = st.fixed_dictionaries(
    {
        "step": st.sampled_from([0, 1, 1, 1, 2, 9]),
        "held": st.sets(st.sampled_from(KEYS)),
        "checked": st.sets(st.sampled_from(KEYS)),
        "severity": st.sampled_from([1.0, 1.2, 2.0, 5.0]),
        "is_broken": st.booleans(),
        "takes": st.booleans(),
    }
)


@given(st.lists(NIGHT, max_size=14))
def test_any_sequence_of_nights(sequence):
    nights, number = Nights(), 0
    for night in sequence:
        number += night["step"]
        before = dict(nights.entries)
        held = [] if night["is_broken"] else sorted(night["held"])
        found = [BROKEN] if night["is_broken"] else [_found(key, night["severity"]) for key in held]
        checked = () if night["is_broken"] else tuple(night["checked"])
        nights.run(number, *found, checked=checked, takes=night["takes"])
        for key in KEYS:
            _check(key, before.get(key), nights.entries.get(key), broken=night["is_broken"], checked=key in checked)
        if night["takes"]:
            assert nights.run(number, *found, checked=checked) == []
    _check_told(nights)


def _found(key: str, severity: float) -> Alert:
    return alert(key, kind=AlertKind.MOVED if key.startswith("moved") else AlertKind.REGRESSION, severity=severity)


def _check(key: str, before: AlertEntry | None, after: AlertEntry | None, *, broken: bool, checked: bool) -> None:
    """A night that could not run, and one that did not look, close nothing; the ledger's nights only grow."""
    if before is None:
        assert after is None or after.closed is None
        return
    assert after is not None
    assert after.seen >= before.seen
    assert after.opened <= after.seen
    if broken:
        assert after == before
    if before.closed is None and after.closed is not None:
        assert checked


def _check_told(nights: Nights) -> None:
    """Each alert at most once a night; what is over was told before, and is told over once."""
    said = [(number, each.kind, each.key) for number, each in nights.told]
    assert len(said) == len(set(said))
    is_open: set[str] = set()
    for _, each in nights.told:
        if each.kind is AlertKind.RECOVERY:
            assert each.key in is_open
            is_open.remove(each.key)
        else:
            is_open.add(each.key)
