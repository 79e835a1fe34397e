"""What somebody is told after a night, and the seam through which it leaves the house."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

__all__ = ["Alert", "AlertChannel", "AlertKind"]


class AlertKind(StrEnum):
    """What an alert is about; `nightly.alerts.*.on` chooses among them."""

    REGRESSION = "regression"
    RECOVERY = "recovery"
    COULD_NOT_RUN = "could_not_run"
    MOVED = "moved"
    CATALOG = "catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that holds on a night, or has ceased to.

    `key` is what makes two alerts of a config the same, as in "regression qa.exact GPT"; `name` is the config's.
    `title` is one sentence, `lines` are further ones. `report` is the path or address of the night's report, `run` the
    run folder, `weave` an address. `severity` grows with how bad it is, in any unit that one key keeps. `opened` is
    the first night it held; `is_closed` says that it no longer does; `is_test` that nothing happened at all.
    """

    kind: AlertKind
    key: str
    name: str
    night: str
    title: str
    lines: tuple[str, ...] = ()
    report: str | None = None
    run: str | None = None
    weave: str | None = None
    severity: float = 0.0
    opened: str | None = None
    is_closed: bool = False
    is_test: bool = False


@runtime_checkable
class AlertChannel(Protocol):
    """One way to tell somebody. Its dataclass fields are its YAML options; secrets are named by their variables.

    A class may say `takes_each: ClassVar[bool] = True` to be given each alert of a night on its own, however many.
    """

    @property
    def variables(self) -> tuple[str, ...]:
        """Name the environment variables it reads when it sends."""
        ...

    async def send(self, alert: Alert) -> str:
        """Deliver the alert and return in a few words what was done: "posted to the address in SLACK_WEBHOOK_URL".

        Raises:
            AlertError: it was not delivered; the message holds no secret.
        """
        ...
