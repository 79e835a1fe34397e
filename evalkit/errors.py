"""Every exception evalkit raises, as one tree; each class knows its exit code.

EvalkitError                70  a bug, unless a subclass says otherwise
├── ConfigError              2  the config, or what it names, is wrong; nothing was spent
│   └── DatasetError         2  rows cannot be read or are not usable
├── IncompleteError          3  quota, budget or outage: the run can be continued
├── PublishError             4  results are saved, publishing or its verification failed
├── AccessError              6  key, team/project, personal account, region, unknown model
├── ProviderError            3  a provider could not be started or reached
├── AlertError               3  an alert could not be delivered; a night goes on without it
└── StoreError               2  a run folder is missing, locked, of another version or broken
    └── LockedError          3  another process does this work now

A message says what was wrong, where, and what to do, in that order.
"""

from enum import IntEnum
from typing import ClassVar

__all__ = [
    "AccessError",
    "AlertError",
    "ConfigError",
    "DatasetError",
    "EvalkitError",
    "ExitCode",
    "IncompleteError",
    "LockedError",
    "ProviderError",
    "PublishError",
    "StoreError",
    "most_pressing",
]


class ExitCode(IntEnum):
    """What the process tells its caller."""

    DONE = 0
    GATE_FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    PUBLISH_FAILED = 4
    INCONCLUSIVE = 5
    ACCESS = 6
    BUG = 70
    INTERRUPTED = 130


_MOST_PRESSING_FIRST = (
    ExitCode.BUG,
    ExitCode.USAGE,
    ExitCode.ACCESS,
    ExitCode.INTERRUPTED,
    ExitCode.GATE_FAILED,
    ExitCode.INCOMPLETE,
    ExitCode.INCONCLUSIVE,
    ExitCode.PUBLISH_FAILED,
    ExitCode.DONE,
)


def most_pressing(*codes: ExitCode) -> ExitCode:
    """Return the code to end with when several apply."""
    return min(codes, key=_MOST_PRESSING_FIRST.index)


class EvalkitError(Exception):
    """The root of everything evalkit raises on purpose."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG


class ConfigError(EvalkitError):
    """The config, or something it names, is wrong; nothing was spent."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class DatasetError(ConfigError):
    """Rows cannot be read, or cannot be used as samples."""


class IncompleteError(EvalkitError):
    """The run stopped before its end and can be continued."""

    exit_code: ClassVar[ExitCode] = ExitCode.INCOMPLETE


class PublishError(EvalkitError):
    """Results are saved; publishing them or verifying it failed."""

    exit_code: ClassVar[ExitCode] = ExitCode.PUBLISH_FAILED


class AccessError(EvalkitError):
    """The endpoint refuses this key, team/project, account, region or model."""

    exit_code: ClassVar[ExitCode] = ExitCode.ACCESS


class ProviderError(EvalkitError):
    """A provider could not be started or reached."""

    exit_code: ClassVar[ExitCode] = ExitCode.INCOMPLETE


class AlertError(EvalkitError):
    """An alert could not be delivered; a night says so in a sentence and goes on."""

    exit_code: ClassVar[ExitCode] = ExitCode.INCOMPLETE


class StoreError(EvalkitError):
    """A run folder is missing, locked, broken, or of another version."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class LockedError(StoreError):
    """Another process does this work now; the message says which and since when."""

    exit_code: ClassVar[ExitCode] = ExitCode.INCOMPLETE
