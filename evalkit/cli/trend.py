"""`evalkit trend`: a metric over nights, with intervals, moves, new settings and releases."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

import evalkit
from evalkit.cli.history_choice import FOLDER_GONE, find_quarantine, missing_pages, open_chosen, which_runs
from evalkit.cli.output_file import write_output
from evalkit.errors import ConfigError
from evalkit.report.run_pages import RunPages
from evalkit.report.trend_claims import claim_alarm
from evalkit.report.trend_page import render_trends
from evalkit.report.trend_sections import build_trends
from evalkit.report.trend_terminal import print_trends
from evalkit.trend import Trend
from evalkit.trend_reading import read_trends

__all__ = ["command"]

_LAST = 60


@click.command("trend", help="Show a metric over nights: levels with intervals, moves, new settings, releases.")
@click.argument("metric")
@click.option("--since", metavar="DATE", help="Only nights from this one on.")
@click.option("--last", type=click.IntRange(min=1), help=f"Only the newest so many nights; {_LAST} when left out.")
@click.option("--all", "show_all", is_flag=True, help="Every night.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout: every night with its run and folder.")
@which_runs
def command(  # noqa: PLR0913  one parameter for each option of the command line
    metric: str,
    *,
    since: str | None,
    last: int | None,
    show_all: bool,
    html: Path | None,
    as_json: bool,
    name: str | None,
    model: str | None,
    kind: str | None,
    quarantine: Path | None,
    reports: Path,
) -> None:
    """Show METRIC: evaluation.scorer (globs allowed), or a figure such as error_rate or cost_usd."""
    if since is not None:
        _check_date(since)
    left_out = find_quarantine(quarantine)
    with open_chosen(reports, name, kind) as chosen:
        history = chosen.history
        found = read_trends(history, chosen.name, metric, model=model, kind=chosen.kind, quarantine=left_out)
    most = None if show_all else last or (None if since or as_json else _LAST)
    trends = [trend.window(since=since, last=most) for trend in found]
    shown = dict.fromkeys((point.run_id, point.folder) for trend in trends for point in trend.visible)
    missing = missing_pages(shown)
    leads = _leads(chosen.name, chosen.kind, trends)
    if html is not None:
        sections = build_trends(trends, RunPages(html.resolve().parent, missing))
        page = render_trends(
            f"{metric} over nights", sections, name=chosen.name, leads=leads, version=evalkit.__version__
        )
        write_output(html, page)
        click.echo(f"trend: {html}", err=True)
    if as_json:
        described = {
            "name": chosen.name,
            "kind": chosen.kind or "all",
            "trends": [trend.describe() for trend in trends],
        }
        click.echo(json.dumps(described, indent=1))
    elif html is None:
        click.echo("\n".join([*leads, ""]))
        gone = {run_id: why for run_id, why in missing.items() if why == FOLDER_GONE}
        print_trends(trends, RunPages(missing=gone))


def _leads(name: str, kind: str | None, trends: Sequence[Trend]) -> tuple[str, ...]:
    runs = {"nightly": "nightly runs", "run": "runs by hand", None: "all complete runs"}[kind]
    nights = sorted({point.night for trend in trends for point in trend.visible})
    span = f", {nights[0]} to {nights[-1]}" if nights else ""
    watched = max((trend.watched for trend in trends), default=1)
    return (f"{name}: {runs}{span}.", *([claim_alarm(watched)] if watched > 1 else []))


def _check_date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since {text}: not a date; write it as in 2026-11-23") from None
