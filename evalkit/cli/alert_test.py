"""`evalkit alert test`: one marked alert through every channel of a config, and what became of each."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from evalkit.alert import Alert, AlertKind
from evalkit.alert_channels import BoundChannel, Delivery, build_channels, send_all
from evalkit.alert_texts import clean_line
from evalkit.config.load import load_config
from evalkit.errors import ConfigError, ExitCode

__all__ = ["command"]


@click.command("test")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--json", "as_json", is_flag=True, help="Print what happened as JSON.")
def command(config: Path, profile: str | None, overrides: tuple[str, ...], *, as_json: bool) -> int:
    """Send a test alert through each channel of CONFIG's nightly.alerts, whatever its `on` says.

    The alert says that it is a test. Code 0 when every channel took it, 3 when one did not.
    """
    loaded = load_config(config, profile=profile, overrides=overrides)
    channels = build_channels(loaded.config.nightly.alerts, loaded.path.parent)
    if not channels:
        raise ConfigError(f"{config}: nightly.alerts: names nobody to tell; add one such as {{use: slack}}")
    sent = asyncio.run(_send(channels, loaded.config.name))
    if as_json:
        click.echo(json.dumps([_as_json(delivery) for delivery in sent], indent=2, ensure_ascii=False))
    else:
        for delivery in sent:
            click.echo(clean_line(f"{delivery.label}: {delivery.problem or delivery.done}"), err=True)
    return ExitCode.INCOMPLETE if any(delivery.problem for delivery in sent) else ExitCode.DONE


async def _send(channels: Sequence[BoundChannel], name: str) -> list[Delivery]:
    alert = Alert(
        kind=AlertKind.REGRESSION,
        key="test",
        name=name,
        night=datetime.now(UTC).date().isoformat(),
        title="This is a test: nothing happened.",
        lines=("It was sent by `evalkit alert test`. Alerts of nights arrive like this one.",),
        is_test=True,
    )
    everything = [replace(channel, kinds=frozenset(AlertKind)) for channel in channels]
    return await asyncio.gather(*(send_all(channel, [alert]) for channel in everything))


def _as_json(delivery: Delivery) -> dict[str, object]:
    problem = clean_line(delivery.problem) or None
    return {"channel": delivery.label, "sent": problem is None, "done": delivery.done or None, "problem": problem}
