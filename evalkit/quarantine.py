"""The quarantine file: samples that nightly claims leave out for a while, each with its reason, author and last day."""

import fnmatch
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from evalkit.committed_file import read_committed
from evalkit.config.spec import Json, Spec
from evalkit.errors import ConfigError

__all__ = [
    "FORMAT_VERSION",
    "LONGEST",
    "Quarantine",
    "QuarantinedSample",
    "SetAside",
    "check_span",
    "quarantine_text",
    "read_quarantine",
]

FORMAT_VERSION = 1
LONGEST = timedelta(days=90)
"""How long a sample may be set aside; after that it must be set aside anew, with a reason."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_NAMED = 5


class QuarantinedSample(Spec):
    """One entry: a sample, for which metrics (a glob of evaluation.scorer) and models (a glob), and until when."""

    metric: str = Field(min_length=1)
    model: str = Field(default="*", min_length=1)
    sample: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    author: str = Field(min_length=1)
    set_at: str
    until: str

    @field_validator("set_at", "until")
    @classmethod
    def _is_date(cls, value: str) -> str:
        if not _DATE.fullmatch(value):
            raise ValueError("must be a date, as in 2026-12-20")
        date.fromisoformat(value)
        return value

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells one entry from another, and their order in the file."""
        return (self.metric, self.model, self.sample)

    def holds_on(self, night: str) -> bool:
        """Say whether the entry is in force on a night; its last day counts."""
        return night <= self.until

    def covers(self, metric: str, model: str) -> bool:
        """Say whether it is about a metric (its evaluation's name stands for all its scorers) of a model."""
        evaluation, _, _ = metric.rpartition(".")
        return _fits(model, self.model) and any(_fits(name, self.metric) for name in (metric, evaluation))

    def names(self, metric: str) -> bool:
        """Say whether it names this metric, or its evaluation, and not many by a glob."""
        return self.metric in (metric, metric.rpartition(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """What a quarantine leaves out of one metric of one model on one night.

    `ids` are the samples left out of `total`, which all weigh the same; `until` is the first day that an entry ends;
    `unknown` are samples that entries name and the metric does not have, `expired` those whose entries have ended.
    """

    ids: frozenset[str]
    total: int
    until: str | None
    unknown: tuple[str, ...]
    expired: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of the weight that is left out."""
        return len(self.ids) / self.total if self.total else 0.0

    def sentences(self) -> tuple[str, ...]:
        """Say what is left out, and which entries do nothing."""
        said: list[str] = []
        if self.ids:
            is_one = len(self.ids) == 1
            said.append(
                f"{len(self.ids)} of {self.total} samples, {100 * self.share:.1f} % of the weight,"
                f" {'is' if is_one else 'are'} quarantined until {self.until}."
            )
        if self.expired:
            said.append(f"The quarantine of {_named(self.expired)} has expired: counted again.")
        if self.unknown:
            said.append(f"The quarantine names {_named(self.unknown)}, which this metric does not have.")
        return tuple(said)

    def describe(self) -> dict[str, Json]:
        """Return it as plain values."""
        return {
            "samples": sorted(self.ids),
            "total": self.total,
            "share": self.share,
            "until": self.until,
            "unknown": list(self.unknown),
            "expired": list(self.expired),
        }


class Quarantine(Spec):
    """The whole file, its entries sorted."""

    quarantine: Literal[1] = FORMAT_VERSION
    samples: list[QuarantinedSample] = Field(default_factory=list[QuarantinedSample])

    def set_aside(self, night: str, *, metric: str, model: str, ids: Sequence[str]) -> SetAside:
        """Return what is left out of a metric of a model, whose samples are `ids`, as of a night."""
        present = frozenset(ids)
        entries = [entry for entry in self.samples if entry.covers(metric, model)]
        held = [entry for entry in entries if entry.holds_on(night)]
        out = frozenset(entry.sample for entry in held) & present
        ended = {entry.sample for entry in entries} - {entry.sample for entry in held}
        return SetAside(
            ids=out,
            total=len(present),
            until=min((entry.until for entry in held if entry.sample in out), default=None),
            unknown=tuple(sorted({entry.sample for entry in held if entry.names(metric)} - present)),
            expired=tuple(sorted(ended & present)),
        )

    def added(self, entry: QuarantinedSample) -> "Quarantine":
        """Return it with an entry, in the place of one with the same key."""
        return self._with([*(each for each in self.samples if each.key != entry.key), entry])

    def removed(self, entries: Sequence[QuarantinedSample]) -> "Quarantine":
        """Return it without some entries."""
        gone = {each.key for each in entries}
        return self._with([each for each in self.samples if each.key not in gone])

    def _with(self, entries: list[QuarantinedSample]) -> "Quarantine":
        return Quarantine(samples=sorted(entries, key=lambda each: each.key))


def quarantine_text(quarantine: Quarantine) -> str:
    """Return the file's text: one line an entry, sorted, so that a change shows as the samples it sets aside."""
    lines = [f"  {json.dumps(entry.model_dump(), ensure_ascii=False)}" for entry in quarantine.samples]
    listed = ",\n".join(lines)
    body = f"[\n{listed}\n ]" if lines else "[]"
    return f'{{\n "quarantine": {FORMAT_VERSION},\n "samples": {body}\n}}\n'


def read_quarantine(path: Path) -> Quarantine:
    """Read a quarantine file strictly.

    Raises:
        ConfigError: it cannot be read, is of another version, names an entry twice or sets one aside for too long.
    """
    mend = "`evalkit quarantine add` and `remove` make and mend it"
    found, _ = read_committed(path, Quarantine, kind="quarantine", version=FORMAT_VERSION, mend=mend)
    if (problem := _problem(found)) is not None:
        raise ConfigError(f"{path}: {problem}; {mend}")
    return Quarantine(samples=sorted(found.samples, key=lambda each: each.key))


def _problem(quarantine: Quarantine) -> str | None:
    seen: set[tuple[str, str, str]] = set()
    for entry in quarantine.samples:
        if entry.key in seen:
            return f"sample {entry.sample!r} of {entry.metric} stands twice for model {entry.model}"
        seen.add(entry.key)
        if (too_long := check_span(entry)) is not None:
            return too_long
    return None


def check_span(entry: QuarantinedSample) -> str | None:
    """Return what is wrong with an entry's days, None where nothing is."""
    days = date.fromisoformat(entry.until) - date.fromisoformat(entry.set_at)
    if days < timedelta(0):
        return f"sample {entry.sample!r} of {entry.metric}: until {entry.until} is before it was set, {entry.set_at}"
    if days > LONGEST:
        return (
            f"sample {entry.sample!r} of {entry.metric}: {days.days} days, from {entry.set_at} until {entry.until};"
            f" at most {LONGEST.days}"
        )
    return None


def _fits(name: str, pattern: str) -> bool:
    """Say whether a name is meant; one with brackets of its own stands for itself."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def _named(ids: Sequence[str]) -> str:
    shown = ", ".join(repr(each) for each in ids[:_MOST_NAMED])
    return shown if len(ids) <= _MOST_NAMED else f"{shown} and {len(ids) - _MOST_NAMED} more"
