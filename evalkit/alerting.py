"""Which alerts are due: tonight's findings against the ledger of alerts. Pure; quiet is the aim.

An alert is told when it is new, when it has become half as bad again, and when it has held for another seven nights
since somebody was last told; never twice in one night. What a night did not look at stays as it is: a night that could
not run closes nothing. A regression, and a night that could not run, are told once more when they are over; the other
kinds end in silence.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from evalkit.alert import Alert, AlertKind
from evalkit.past_runs import AlertEntry

__all__ = ["COULD_NOT_RUN", "Due", "NightFindings", "due_alerts", "open_for"]

COULD_NOT_RUN = "could_not_run"
"""The key of the alert that a night could not run."""

_REMIND_NIGHTS = 7
_FORGET_NIGHTS = 30
_WORSE = 1.5
_RECOVERS = frozenset({AlertKind.REGRESSION, AlertKind.COULD_NOT_RUN})


@dataclass(frozen=True, slots=True, kw_only=True)
class NightFindings:
    """What one night of a config found.

    `alerts` hold tonight. `checked` are the keys that tonight could have raised and of which it therefore says, by
    silence, that they do not hold: an open alert of any other key stays open. A night that could not run checks
    nothing.
    `report`, `run` and `weave` go into the alerts of what is over.
    """

    name: str
    night: str
    alerts: tuple[Alert, ...] = ()
    checked: frozenset[str] = frozenset()
    report: str | None = None
    run: str | None = None
    weave: str | None = None

    @property
    def could_not_run(self) -> bool:
        """Whether there was no night."""
        return any(alert.kind is AlertKind.COULD_NOT_RUN for alert in self.alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One change of the ledger: what to tell, None for nothing, and what to keep afterwards.

    `told` is kept when somebody took the alert, or there is none; `untold` when nobody did. None keeps what the ledger
    has: the end of an alert is due again until somebody takes it.
    """

    alert: Alert | None
    told: AlertEntry
    untold: AlertEntry | None


def due_alerts(findings: NightFindings, ledger: Iterable[AlertEntry]) -> tuple[Due, ...]:
    """Return what changes tonight, alerts first in the order in which they were found, then what is over.

    `ledger` are the entries of this config, the closed ones too. Nights before the last one that an entry has seen
    change nothing of it, so that a night that is made up for later tells nobody what is long known.
    """
    known = {entry.key: entry for entry in ledger if entry.name == findings.name}
    found: dict[str, Alert] = {}
    for alert in findings.alerts:
        found.setdefault(alert.key, alert)
    holds = [due for alert in found.values() if (due := _held(alert, known.get(alert.key), findings))]
    return (*holds, *_over(findings, known, found))


def open_for(entry: AlertEntry) -> int:
    """Return for how many nights an alert held, as far as nights looked: from the first to the last, both counted."""
    return _nights(entry.opened, entry.seen) + 1


def _held(alert: Alert, entry: AlertEntry | None, findings: NightFindings) -> Due | None:
    night = findings.night
    if entry is None or _nights(entry.seen, night) > _FORGET_NIGHTS:
        return _opened(alert, findings)
    if entry.closed is not None:
        return _opened(alert, findings) if night > entry.closed and entry.told != night else None
    if night < entry.seen:
        return None
    seen = replace(entry, seen=night, title=alert.title)
    if not _tells_again(alert, entry, night):
        return Due(alert=None, told=seen, untold=seen) if seen != entry else None
    told = replace(seen, told=night, severity=alert.severity)
    again = replace(alert, opened=entry.opened, lines=(*_since(alert, entry, seen), *alert.lines))
    return Due(alert=_placed(again, findings), told=told, untold=seen)


def _opened(alert: Alert, findings: NightFindings) -> Due:
    entry = AlertEntry(
        name=findings.name,
        key=alert.key,
        kind=alert.kind.value,
        title=alert.title,
        opened=findings.night,
        seen=findings.night,
    )
    told = replace(entry, told=findings.night, severity=alert.severity)
    return Due(alert=_placed(replace(alert, opened=findings.night), findings), told=told, untold=entry)


def _tells_again(alert: Alert, entry: AlertEntry, night: str) -> bool:
    if entry.told is None:
        return True
    return night > entry.told and (_is_worse(alert, entry) or _nights(entry.told, night) >= _REMIND_NIGHTS)


def _is_worse(alert: Alert, entry: AlertEntry) -> bool:
    return alert.severity > max(entry.severity, entry.severity * _WORSE)


def _since(alert: Alert, entry: AlertEntry, seen: AlertEntry) -> Iterator[str]:
    if entry.opened == seen.seen:
        return
    worse = entry.told is not None and _is_worse(alert, entry)
    more = f", and is worse than on {entry.told}, when it was last told" if worse else ""
    yield f"It has held since {entry.opened}, for {_count(open_for(seen), 'night')}{more}."


def _over(findings: NightFindings, known: Mapping[str, AlertEntry], found: Collection[str]) -> Iterator[Due]:
    """Yield every open entry that tonight looked at and did not find."""
    if findings.could_not_run:
        return
    checked = findings.checked | {COULD_NOT_RUN}
    for key, entry in known.items():
        if entry.closed is None and key in checked and key not in found and findings.night >= entry.seen:
            yield _closed(entry, findings)


def _closed(entry: AlertEntry, findings: NightFindings) -> Due:
    closed = replace(entry, closed=findings.night)
    if entry.kind not in _RECOVERS or entry.told is None or _nights(entry.seen, findings.night) > _FORGET_NIGHTS:
        return Due(alert=None, told=closed, untold=closed)
    told = replace(closed, told=findings.night)
    return Due(alert=_placed(_recovery(entry, findings), findings), told=told, untold=None)


def _recovery(entry: AlertEntry, findings: NightFindings) -> Alert:
    held = open_for(entry)
    if entry.key == COULD_NOT_RUN:
        title = f"{entry.name} ran again, after {_count(held, 'night')} that could not."
    else:
        title = f"{entry.key.removeprefix(f'{entry.kind} ')} has recovered, after {_count(held, 'night')}."
    span = entry.opened if entry.opened == entry.seen else f"{entry.opened} to {entry.seen}"
    return Alert(
        kind=AlertKind.RECOVERY,
        key=entry.key,
        name=entry.name,
        night=findings.night,
        title=title,
        lines=(f"It was open on {span}, told as: {entry.title}",),
        opened=entry.opened,
        is_closed=True,
    )


def _placed(alert: Alert, findings: NightFindings) -> Alert:
    """Return an alert that says where to read on."""
    return replace(
        alert,
        report=alert.report or findings.report,
        run=alert.run or findings.run,
        weave=alert.weave or findings.weave,
    )


def _nights(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
