"""The leaderboard as a terminal shows it."""

import re
import sys
from typing import TYPE_CHECKING

from evalkit.report.claims import (
    claim_cached,
    claim_cheapest,
    claim_noise,
    claim_ranking,
    claim_references,
    claim_served,
    list_names,
)
from evalkit.report.escape import shorten
from evalkit.report.judge_claims import claim_judges
from evalkit.report.numbers import (
    AT_LEAST,
    NOTHING,
    decimals,
    format_bounds,
    format_count,
    format_duration,
    format_money,
    format_of,
    format_percent,
    format_tokens,
    half_width,
)
from evalkit.report.scores import format_score, read_scores
from evalkit.report.sections.leaderboard import format_rank
from evalkit.report.standings import Spending, Standing, count_failed, primary_metrics, read_standings
from evalkit.results import RunResult

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["clean_text", "print_leaderboard"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_WIDTH_OF_A_PIPE = 140
_LABEL_LENGTH = 48
_GAP = 2


def clean_text(text: str) -> str:
    """Return a model's text without the characters that could move a terminal's cursor or reverse its reading."""
    return _CONTROL.sub("\ufffd", text)


def print_leaderboard(run: RunResult) -> None:
    """Print the board to stderr, best first, and the sentence that says what it does not decide."""
    from rich.console import Console

    console = Console(
        stderr=True, highlight=False, markup=False, width=None if sys.stderr.isatty() else _WIDTH_OF_A_PIPE
    )
    console.print(_board(run))
    if (table := _scores(run, console.width)) is not None:
        console.print()
        console.print(table)
    if (sentence := _tie_sentence(run)) is not None:
        console.print(" ".join((sentence, *map(clean_text, claim_cheapest(run)))))
    ranking = () if len(primary_metrics(run)) == 1 else (claim_ranking(run),)
    for sentence in (*ranking, *claim_references(run), *claim_noise(run), *claim_cached(run), *claim_judges(run)):
        console.print(clean_text(sentence))
    for sentence in claim_served(run):
        console.print(clean_text(sentence), style="yellow")


def _board(run: RunResult) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (
        "rank",
        "model",
        run.primary or "score",
        "interval",
        "n",
        "not scored",
        "p50 / p95",
        "tokens",
        "cost",
    ):
        table.add_column(title, justify="left" if title == "model" else "right", no_wrap=True)
    for standing in read_standings(run):
        table.add_row(*_row(standing))
    return table


def _scores(run: RunResult, width: int) -> "Table | None":
    """Return every model's score on what the board shows beside the rank's, as far as it fits; None where that is all.

    What has no room is counted under it.
    """
    from rich.table import Table

    scores = read_scores(run)
    names = scores.beside
    if not names:
        return None
    labels = [_label(model) for model in scores.by_model]
    room, shown = width - max(map(len, (*labels, "model"))) - _GAP, list[tuple[str, list[str]]]()
    for name in names:
        cells = [" ".join(format_score(own.get(name))).strip() or NOTHING for own in scores.by_model.values()]
        title = _label(name)
        room -= max(map(len, (title, *cells))) + _GAP
        if room < 0 and shown:
            break
        shown.append((title, cells))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("model", no_wrap=True)
    for title, _ in shown:
        table.add_column(title, justify="right", no_wrap=True)
    for place, label in enumerate(labels):
        table.add_row(label, *(cells[place] for _, cells in shown))
    if len(shown) < len(names):
        table.caption = f"and {len(names) - len(shown)} more, in the report"
    return table


def _row(standing: Standing) -> list[str]:
    spending, latency = standing.spending, standing.latency_s
    return [
        format_rank(standing.rank),
        _label(standing.model),
        *_score(standing),
        f"{format_duration(latency.get('p50'))} / {format_duration(latency.get('p95'))}",
        _tokens(spending),
        "unknown" if spending.without_usage else format_money(spending.cost_usd),
    ]


def _tokens(spending: Spending) -> str:
    counted = spending.input_tokens + spending.output_tokens
    if spending.untold:
        return f"{AT_LEAST}{format_tokens(counted)}" if counted else "unknown"
    return format_tokens(counted)


def _score(standing: Standing) -> list[str]:
    metric = standing.metric
    if metric is None:
        return [NOTHING, NOTHING, NOTHING, NOTHING]
    places = decimals(half_width(metric.lower, metric.upper))
    bounds = format_bounds(metric.lower, metric.upper, places)
    return [
        format_percent(metric.mean, places),
        f"no score on {_label(list_names(standing.missing, 1))}" if standing.missing else bounds,
        format_of(metric.n, standing.samples),
        format_count(sum(count_failed(metric.outcomes))),
    ]


def _label(model: str) -> str:
    return shorten(" ".join(clean_text(model).split()), _LABEL_LENGTH)


def _tie_sentence(run: RunResult) -> str | None:
    models = [] if run.tie is None else [_label(model) for model in run.tie["models"]]
    if len(models) < 2:  # noqa: PLR2004  one model ties with nobody
        return None
    named = f"{', '.join(models[:-1])} and {models[-1]}" if len(models) <= 4 else f"{len(models)} models"  # noqa: PLR2004
    return f"{named} are not distinguishable from the best at n = {run.tie['n'] if run.tie else 0}."
