"""What history keeps beside runs: events, the models an endpoint listed, and who was told of what."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from evalkit.past_runs import AlertEntry, Listing, PastEvent

__all__ = ["put_alert", "put_event", "put_listing", "read_alerts", "read_events", "read_listing"]

_ALERT_COLUMNS: Final = "name, alert_key, kind, title, opened, seen, told, severity, closed"


def put_event(db: sqlite3.Connection, event: PastEvent) -> None:
    """Keep an event; the same one twice is one."""
    about = json.dumps(dict(event.about), sort_keys=True)
    db.execute(
        "INSERT INTO events (name, at, kind, text, about) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (name, at, kind, text) DO UPDATE SET about = excluded.about",
        (event.name, event.at, event.kind, event.text, about),
    )


def read_events(db: sqlite3.Connection, name: str, kind: str | None) -> tuple[PastEvent, ...]:
    """Return the events of a name, oldest first."""
    rows = db.execute("SELECT at, kind, text, about FROM events WHERE name = ? ORDER BY at, kind, text", (name,))
    return tuple(
        PastEvent(name=name, at=at, kind=found, text=text, about=json.loads(about))
        for at, found, text, about in rows
        if kind is None or found == kind
    )


def put_listing(db: sqlite3.Connection, endpoint: str, night: str, ids: Sequence[str]) -> None:
    """Keep what an endpoint listed on a night, in place of what it listed earlier that night."""
    db.execute(
        "INSERT INTO listings (endpoint, night, ids) VALUES (?, ?, ?) "
        "ON CONFLICT (endpoint, night) DO UPDATE SET ids = excluded.ids",
        (endpoint, night, json.dumps(sorted(set(ids)))),
    )


def read_listing(db: sqlite3.Connection, endpoint: str, before: str) -> Listing | None:
    """Return the last listing of an endpoint before a night; None where there is none."""
    row = db.execute(
        "SELECT night, ids FROM listings WHERE endpoint = ? AND night < ? ORDER BY night DESC LIMIT 1",
        (endpoint, before),
    ).fetchone()
    return None if row is None else Listing(endpoint=endpoint, night=row[0], ids=tuple(json.loads(row[1])))


def put_alert(db: sqlite3.Connection, entry: AlertEntry) -> None:
    """Keep an alert in place of what the ledger knew of its key."""
    changed = ", ".join(f"{column} = excluded.{column}" for column in _ALERT_COLUMNS.split(", ")[2:])
    db.execute(
        f"INSERT INTO alerts ({_ALERT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  our own column names
        f"ON CONFLICT (name, alert_key) DO UPDATE SET {changed}",
        (
            *(entry.name, entry.key, entry.kind, entry.title, entry.opened, entry.seen),
            *(entry.told, entry.severity, entry.closed),
        ),
    )


def read_alerts(db: sqlite3.Connection, name: str) -> tuple[AlertEntry, ...]:
    """Return all that the ledger knows of a name, in the order the alerts were opened."""
    rows = db.execute(f"SELECT {_ALERT_COLUMNS} FROM alerts WHERE name = ? ORDER BY opened, alert_key", (name,))  # noqa: S608  our own column names
    return tuple(
        AlertEntry(
            name=row[0],
            key=row[1],
            kind=row[2],
            title=row[3],
            opened=row[4],
            seen=row[5],
            told=row[6],
            severity=row[7],
            closed=row[8],
        )
        for row in rows
    )
