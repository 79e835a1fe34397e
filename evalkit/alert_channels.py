"""Telling: each due alert through each channel of the config that wants it, none longer than a deadline."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol

from evalkit.alert import Alert, AlertChannel, AlertKind
from evalkit.alerting import NightFindings, due_alerts
from evalkit.config.schema import AlertSpec
from evalkit.errors import AlertError, ConfigError
from evalkit.past_runs import AlertEntry
from evalkit.registry import Registry

__all__ = ["DEADLINE_S", "BoundChannel", "Delivery", "Ledger", "build_channels", "send_all", "tell"]

DEADLINE_S = 10.0
"""How long a channel may take for one alert."""
_MOST_OF_A_KIND = 3
_ALL = frozenset(AlertKind)


class Ledger(Protocol):
    """Where it is kept what was told; `History` is one."""

    def alert_entries(self, name: str) -> Iterable[AlertEntry]:
        """Return every entry of a config, the closed ones too."""
        ...

    def put_alert(self, entry: AlertEntry) -> None:
        """Keep an entry in place of the one with its name and key."""
        ...


@dataclass(frozen=True, slots=True)
class BoundChannel:
    """A channel of the config with the kinds it wants; `label` is what sentences call it."""

    label: str
    channel: AlertChannel
    kinds: frozenset[AlertKind] = _ALL

    @property
    def takes_each(self) -> bool:
        """Whether it is given each alert on its own."""
        return bool(getattr(self.channel, "takes_each", False))


@dataclass(slots=True)
class Delivery:
    """What became of one channel's alerts: `taken` are their keys."""

    label: str
    wanted: int
    taken: set[str] = field(default_factory=set[str])
    done: str = ""
    problem: str = ""

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        if not self.problem:
            return f"Alerts: {self.label} {self.done}."
        few = f"took {len(self.taken)} of {self.wanted}" if self.taken else f"did not take {self.wanted}"
        return f"Alerts: {self.label} {few} {'alert' if self.wanted == 1 else 'alerts'}: {self.problem}."


def build_channels(specs: Sequence[AlertSpec], base_dir: Path) -> tuple[BoundChannel, ...]:
    """Return the channels of `nightly.alerts`; `base_dir` is the config's folder.

    Raises:
        ConfigError: a plugin is unknown or is no channel, or an option does not fit.
    """
    registry = Registry("evalkit.alerts")
    uses = [spec.use for spec in specs]
    bound: list[BoundChannel] = []
    for index, spec in enumerate(specs):
        takes_folder = any(each.name == "base_dir" for each in fields(registry.plugin(spec.use)))
        channel = registry.build(spec.use, {**spec.options, **({"base_dir": str(base_dir)} if takes_folder else {})})
        if not isinstance(channel, AlertChannel):
            raise ConfigError(f"nightly.alerts.{index}: {spec.use!r} is not a channel")
        label = spec.use if uses.count(spec.use) == 1 else f"{spec.use} (nightly.alerts.{index})"
        bound.append(BoundChannel(label, channel, _ALL if spec.on is None else frozenset(map(AlertKind, spec.on))))
    return tuple(bound)


async def tell(
    findings: NightFindings,
    channels: Sequence[BoundChannel],
    ledger: Ledger,
    *,
    deadline_s: float = DEADLINE_S,
) -> tuple[str, ...]:
    """Tell what is due and keep in the ledger what somebody took; return a sentence for each channel that was used.

    Nothing that a channel does raises: it becomes its sentence. What nobody took who wants it is due again next time.
    """
    due = due_alerts(findings, ledger.alert_entries(findings.name))
    alerts = [each.alert for each in due if each.alert is not None]
    sent = await asyncio.gather(*(send_all(channel, alerts, deadline_s=deadline_s) for channel in channels))
    taken = {key for delivery in sent for key in delivery.taken}
    wanted = {kind for channel in channels for kind in channel.kinds}
    for each in due:
        kept = each.told if each.alert is None or each.alert.key in taken else each.untold
        if kept is None and each.alert is not None and each.alert.kind not in wanted:
            kept = each.told
        if kept is not None:
            ledger.put_alert(kept)
    return tuple(delivery.sentence for delivery in sent if delivery.wanted)


async def send_all(bound: BoundChannel, alerts: Sequence[Alert], *, deadline_s: float = DEADLINE_S) -> Delivery:
    """Send a channel the alerts it wants, one after another; the first that takes too long is the last.

    More than three of one kind arrive as one, unless the channel takes each.
    """
    wanted = [alert for alert in alerts if alert.kind in bound.kinds]
    delivery = Delivery(bound.label, len(wanted))
    for alert, keys in _parcels(wanted, together=not bound.takes_each):
        try:
            async with asyncio.timeout(deadline_s):
                delivery.done = await bound.channel.send(alert)
            delivery.taken |= keys
        except AlertError as error:
            delivery.problem = str(error).rstrip(".")
        except TimeoutError:
            delivery.problem = f"no answer within {deadline_s:g} s"
            break
        except Exception as error:  # noqa: BLE001  a channel of somebody else's; its words may hold a secret
            delivery.problem = f"it raised {type(error).__name__}"
    return delivery


def _parcels(alerts: Sequence[Alert], *, together: bool) -> list[tuple[Alert, set[str]]]:
    """Return the alerts as they are sent, each with the keys it tells of."""
    parcels: list[tuple[Alert, set[str]]] = []
    for kind in dict.fromkeys(alert.kind for alert in alerts):
        of_kind = [alert for alert in alerts if alert.kind is kind]
        if together and len(of_kind) > _MOST_OF_A_KIND:
            parcels.append((_joined(of_kind), {alert.key for alert in of_kind}))
        else:
            parcels += [(alert, {alert.key}) for alert in of_kind]
    return parcels


def _joined(alerts: Sequence[Alert]) -> Alert:
    first = alerts[0]
    noun = {AlertKind.RECOVERY: "recoveries", AlertKind.CATALOG: "changes of the lists of models"}.get(
        first.kind, {AlertKind.MOVED: "moves"}.get(first.kind, "regressions")
    )
    return replace(
        first,
        key=f"{first.kind} *",
        title=f"{first.name}: {len(alerts)} {noun} on the night of {first.night}.",
        lines=tuple(alert.title for alert in alerts),
        severity=max(alert.severity for alert in alerts),
        opened=None,
    )
