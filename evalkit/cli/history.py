"""`evalkit history`: past runs as a table, with what happened between them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

import click

import evalkit
from evalkit.cli.history_choice import open_known
from evalkit.cli.output_file import write_output
from evalkit.errors import ConfigError
from evalkit.history import History
from evalkit.history_series import matches
from evalkit.past_runs import PastMetric, PastRun
from evalkit.registry import nearest
from evalkit.report.history_page import history_lines, render_history
from evalkit.report.history_table import MOST_MODELS, PastRuns, build_history, describe_history, format_age
from evalkit.report.numbers import plural
from evalkit.report.terminal import clean_text

__all__ = ["command"]

_NEWEST = 30
_MORE = "`evalkit history import DIR...` adds run folders, `evalkit history forget --keep N` forgets old runs."


@click.command(
    "history", help="Show past runs: scores, failures, verdict, cost, and what happened between.", epilog=_MORE
)
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), help=f"Only the newest so many; {_NEWEST} of them in a terminal.")
@click.option("--since", metavar="DATE", help="Only nights from this date on, such as 2026-11-23.")
@click.option("--model", "models", multiple=True, metavar="LABEL", help="Show these models (labels or globs).")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the table as a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(
    name: str | None,
    *,
    limit: int | None,
    since: str | None,
    models: tuple[str, ...],
    html: Path | None,
    as_json: bool,
    reports: Path,
) -> None:
    """Show the runs of a name, newest last; without a name, all names where there are several."""
    night = _date(since)
    with open_known(reports) as history:
        everything = history.runs()
        names = list(dict.fromkeys(run.name for run in everything))
        if name is not None and name not in names:
            raise ConfigError(f"no run of {name!r} is registered in {history.path}{nearest(name, names)}")
        if not names:
            raise ConfigError(f"{history.path}: no runs there yet; `evalkit history import` adds those of run folders")
        if name is None and len(names) > 1 and not as_json and html is None:
            _list_names(everything, names)
            return
        chosen = names if name is None else [name]
        if html is not None and len(chosen) > 1:
            raise ConfigError(f"--html shows one name; give one of: {', '.join(chosen)}")
        most = _NEWEST if limit is None and not as_json and html is None else limit
        pasts = [_read(history, each, since=night, limit=most, models=models, html=html) for each in chosen]
    if html is not None:
        _write_page(html, render_history(chosen[0], build_history(pasts[0]), version=evalkit.__version__))
    if as_json:
        click.echo(
            json.dumps([{"name": n, **describe_history(p)} for n, p in zip(chosen, pasts, strict=True)], indent=1)
        )
    elif html is None:
        _show(chosen[0], pasts[0], known=sum(run.name == chosen[0] for run in everything))


def _read(
    history: History, name: str, *, since: str | None, limit: int | None, models: Sequence[str], html: Path | None
) -> PastRuns:
    runs = history.runs(name, since=since)[-(limit or 0) :]
    metrics = history.metrics(runs)
    shown = history.events(name)
    if since or limit:
        shown = tuple(event for event in shown if runs and event.at >= runs[0].night)
    pages: Mapping[str, str] = {} if html is None else _pages(runs, html.resolve().parent)
    found = PastRuns(runs=runs, metrics=metrics, events=shown, pages=pages)
    return replace(found, models=_models(found, models))


def _models(past: PastRuns, wanted: Sequence[str]) -> list[str]:
    """Return the models to show: those chosen, else the best of the newest run, best first."""
    known: dict[str, PastMetric] = {}
    for run in past.runs:
        for each in past.metrics[run.run_id]:
            if each.name == past.primary and run.parent_run is None:
                known[each.model] = each
    if wanted:
        return [model for model in known if any(matches(model, pattern) for pattern in wanted)]
    order = sorted(known.values(), key=lambda each: (each.run.night, *_level(each)), reverse=True)
    return [each.model for each in order[:MOST_MODELS]]


def _level(metric: PastMetric) -> tuple[bool, float]:
    level = metric.mean or 0.0
    return metric.mean is not None, level if metric.higher_is_better else -level


def _pages(runs: Sequence[PastRun], beside: Path) -> Mapping[str, str]:
    """Return the relative address of each report that is still there."""
    found = {run.run_id: Path(run.folder) / "report.html" for run in runs}
    return {key: f"./{quote(os.path.relpath(path, beside))}" for key, path in found.items() if path.is_file()}


def _write_page(path: Path, page: str) -> None:
    write_output(path, page)
    click.echo(f"past runs: {path}", err=True)


def _show(name: str, past: PastRuns, *, known: int) -> None:
    if len(past.runs) < known:
        click.echo(
            f"{name}: the newest {len(past.runs)} of {plural(known, 'run')}; --limit and --since choose", err=True
        )
    hidden = {each.model for row in past.metrics.values() for each in row} - set(past.models)
    if hidden:
        click.echo(f"{plural(len(hidden), 'model')} not shown; --model chooses among them", err=True)
    click.echo(f"scores are {clean_text(past.primary or 'unknown')}", err=True)
    for line in history_lines(build_history(past, now=datetime.now(UTC))):
        click.echo(line)


def _list_names(runs: Sequence[PastRun], names: Sequence[str]) -> None:
    width = max(map(len, names))
    for name in names:
        of_name = [run for run in runs if run.name == name]
        age = (datetime.now(UTC) - datetime.fromisoformat(of_name[-1].started_at)).total_seconds()
        click.echo(
            f"{name:<{width}}  {plural(len(of_name), 'run')}, newest {of_name[-1].night} ({format_age(age)} ago)"
        )
    click.echo("`evalkit history NAME` shows those of one name", err=True)


def _date(text: str | None) -> str | None:
    try:
        return None if text is None else date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigError(f"--since {text!r} is no date; write it as in 2026-11-23") from None
