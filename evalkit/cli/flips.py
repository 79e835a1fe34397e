"""`evalkit flips`: which samples newly fail, flip from night to night, or have recovered."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

import evalkit
from evalkit.cli.history_choice import find_quarantine, missing_pages, open_chosen, which_runs
from evalkit.cli.output_file import write_output
from evalkit.flip_ledger import FlipLedger, SampleState, make_ledger
from evalkit.flip_rule import FAILING, NIGHTS, PASS_AT, FlipRule
from evalkit.history import History
from evalkit.past_runs import Series
from evalkit.quarantine import Quarantine
from evalkit.records import Json
from evalkit.report.comparison_terminal import print_comparison
from evalkit.report.flip_answers import ThenAndNow, read_then_and_now
from evalkit.report.flip_sections import build_ledgers
from evalkit.report.numbers import plural
from evalkit.report.run_pages import RunPages
from evalkit.report.trend_page import render_trends
from evalkit.trend_reading import count_watched, refuse_metric

__all__ = ["command"]

_ANSWERED = (SampleState.NEW_FAILURE, SampleState.FAILING)
_ANSWERS = 5


@click.command("flips", help="Show which samples newly fail, flip from night to night, or have recovered.")
@click.argument("metric", default="*")
@click.option("--nights", type=click.IntRange(min=2), default=NIGHTS, show_default=True, help="How many to look at.")
@click.option(
    "--failing",
    type=click.IntRange(min=1),
    default=FAILING,
    show_default=True,
    help="Fewest nights that make it stable.",
)
@click.option(
    "--pass-at", type=click.FloatRange(0, 1), default=PASS_AT, show_default=True, help="The score that counts as right."
)
@click.option(
    "--answers",
    type=click.IntRange(0, 1000),
    default=_ANSWERS,
    show_default=True,
    help="Show so many newly failing samples of each metric with their answers then and now.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout: every sample.")
@which_runs
def command(  # noqa: PLR0913  one parameter for each option of the command line
    metric: str,
    *,
    nights: int,
    failing: int,
    pass_at: float,
    answers: int,
    html: Path | None,
    as_json: bool,
    name: str | None,
    model: str | None,
    kind: str | None,
    quarantine: Path | None,
    reports: Path,
) -> None:
    """Show the samples of METRIC (a glob; all when left out), new stable failures first."""
    left_out = find_quarantine(quarantine)
    with open_chosen(reports, name, kind) as chosen:
        history = chosen.history
        found = history.series(chosen.name, metric=metric, model=model, kind=chosen.kind)
        if not found:
            raise refuse_metric(metric, history.series(chosen.name, kind=chosen.kind), (), model)
        rule = FlipRule(nights=nights, failing=failing, pass_at=pass_at)
        beside = zip(found, count_watched(history, found), strict=True)
        ledgers = tuple(_ledger(history, each, replace(rule, among=among), left_out) for each, among in beside)
    shown = tuple(read_then_and_now(each, each.of(*_ANSWERED)[:answers]) for each in ledgers)
    if html is not None:
        runs = {(point.run.run_id, point.run.folder) for ledger in ledgers for point in ledger.points}
        sections = build_ledgers(ledgers, shown, pages=RunPages(html.resolve().parent, missing_pages(runs)))
        page = render_trends(
            "Samples over nights",
            sections,
            name=chosen.name,
            leads=_leads(chosen.name, ledgers),
            version=evalkit.__version__,
        )
        write_output(html, page)
        click.echo(f"flips: {html}", err=True)
    if as_json:
        described = [_describe(ledger, pairs) for ledger, pairs in zip(ledgers, shown, strict=True)]
        click.echo(json.dumps({"name": chosen.name, "kind": chosen.kind or "all", "ledgers": described}, indent=1))
    elif html is None:
        print_comparison(build_ledgers(ledgers, shown))


def _ledger(history: History, series: Series, rule: FlipRule, quarantine: Quarantine) -> FlipLedger:
    points = series.points[-rule.nights :]
    scores = history.score_rows(points)
    newest = points[-1]
    aside = quarantine.set_aside(newest.run.night, metric=series.metric, model=series.model, ids=scores[-1].ids)
    return make_ledger(series, scores, rule=rule, left_out=aside.ids, set_aside=" ".join(aside.sentences()))


def _describe(ledger: FlipLedger, shown: Sequence[ThenAndNow]) -> dict[str, Json]:
    answers = [
        {"sample": each.record.sample_id, "then": each.then.describe(), "now": each.now.describe()} for each in shown
    ]
    return {**ledger.describe(), "answers": answers}


def _leads(name: str, ledgers: Sequence[FlipLedger]) -> tuple[str, ...]:
    nights = sorted({point.run.night for ledger in ledgers for point in ledger.points})
    fresh = sum(len(ledger.of(SampleState.NEW_FAILURE)) for ledger in ledgers)
    return (f"{name}, {nights[0]} to {nights[-1]}: {plural(fresh, 'new stable failure')}.",)
