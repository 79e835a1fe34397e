"""The leaderboard as a terminal shows it."""

import re
import sys
from typing import TYPE_CHECKING

from evalkit.records import CellResult, Json, RunResult
from evalkit.report.numbers import (
    decimals,
    format_bounds,
    format_duration,
    format_money,
    format_of,
    format_percent,
    format_tokens,
    half_width,
)

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["clean_text", "print_leaderboard"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_WIDTH_OF_A_PIPE = 140


def clean_text(text: str) -> str:
    """Return a model's text without the characters that could move a terminal's cursor or reverse its reading."""
    return _CONTROL.sub("\ufffd", text)


def print_leaderboard(run: RunResult) -> None:
    """Print the board to stderr, best first, and the sentence that says what it does not decide."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDTH_OF_A_PIPE)
    console.print(_board(run))
    if (sentence := _tie_sentence(run)) is not None:
        console.print(sentence, markup=False)


def _board(run: RunResult) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("rank", "model", run.primary or "score", "95%", "n", "not scored", "p50 / p95", "tokens", "cost"):
        table.add_column(title, justify="left" if title == "model" else "right", no_wrap=True)
    for row in run.leaderboard:
        table.add_row(*_row(run, row))
    return table


def _row(run: RunResult, row: Json) -> list[str]:
    cells = [cell for cell in run.cells if cell.model == row["model"]]
    evaluation, _, scorer = (run.primary or "").rpartition(".")
    first = next((cell for cell in cells if cell.evaluation == evaluation), None)
    rank = "–" if row["rank"] is None else "–".join(str(end) for end in dict.fromkeys(row["rank"]))
    return [rank, clean_text(row["model"]), *_score(first, scorer), *_usage(cells)]


def _score(cell: CellResult | None, scorer: str) -> list[str]:
    if cell is None:
        return ["–", "–", "–", "–"]
    metric = cell.metrics[scorer]
    places = decimals(half_width(metric.lower, metric.upper))
    samples = cell.samples * cell.trials
    return [
        format_percent(metric.mean, places),
        format_bounds(metric.lower, metric.upper, places),
        format_of(metric.n, cell.samples),
        str(samples - metric.outcomes["scored"]),
    ]


def _usage(cells: list[CellResult]) -> list[str]:
    tokens = sum(cell.usage["total_tokens"] for cell in cells)
    costs = [cell.cost_usd for cell in cells]
    known = [cost for cost in costs if cost is not None]
    latency = cells[0].latency_s if len(cells) == 1 else {}
    times = f"{format_duration(latency.get('p50'))} / {format_duration(latency.get('p95'))}"
    return [times, format_tokens(tokens), format_money(sum(known) if len(known) == len(costs) else None)]


def _tie_sentence(run: RunResult) -> str | None:
    models = [] if run.tie is None else [clean_text(model) for model in run.tie["models"]]
    if len(models) < 2:  # noqa: PLR2004  one model ties with nobody
        return None
    named = f"{', '.join(models[:-1])} and {models[-1]}" if len(models) <= 4 else f"{len(models)} models"  # noqa: PLR2004
    return f"{named} are not distinguishable from the best at n = {run.tie['n'] if run.tie else 0}."
