"""Past runs as one table, oldest first, with what happened between them; for pages and terminals alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evalkit.past_runs import PastEvent, PastMetric, PastRun
from evalkit.report.blocks import Cell, Column, Inline, PageLink, Row, Table
from evalkit.report.numbers import (
    NOTHING,
    decimals,
    format_bounds,
    format_count,
    format_money,
    format_percent,
    half_width,
)

__all__ = ["MOST_MODELS", "PastRuns", "build_history", "describe_history", "format_age"]

MOST_MODELS = 3
"""How many models have a column of their own when nobody chose among them."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRuns:
    """The runs of one name with their metrics by run id, and what happened between them.

    `models` are shown in this order; `pages` leads from a run's id to its report, where that is still there.
    """

    runs: Sequence[PastRun]
    metrics: Mapping[str, Sequence[PastMetric]]
    events: Sequence[PastEvent] = ()
    models: Sequence[str] = ()
    pages: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def primary(self) -> str | None:
        """The metric that the newest run which names one is sorted by."""
        return next((run.primary for run in reversed(self.runs) if run.primary is not None), None)

    def score(self, run: PastRun, model: str) -> PastMetric | None:
        """Return the primary metric of a model in a run; None where it is not in it."""
        found = (each for each in self.metrics.get(run.run_id, ()) if each.model == model)
        return next((each for each in found if each.name == self.primary), None)


def build_history(past: PastRuns, *, now: datetime | None = None) -> Table:
    """Return the table, newest last; with `now` it says how old each run is."""
    ages = () if now is None else (Column("Age", "number"),)
    columns = (
        Column("Night"),
        Column("Run"),
        Column("Models x evaluations", "number", short="size"),
        *(Column(model, "number") for model in past.models),
        Column("Not scored", "number"),
        Column("Verdict"),
        Column("Cost", "number"),
        *ages,
    )
    return Table(f"Past runs, with {past.primary or 'no metric'}", columns, tuple(_rows(past, now)), head=1)


def describe_history(past: PastRuns) -> dict[str, object]:
    """Return the runs, their metrics and the events as JSON's values."""
    return {
        "runs": [
            {
                **{name: getattr(run, name) for name in PastRun.__slots__},
                "metrics": [_describe(each) for each in past.metrics.get(run.run_id, ())],
            }
            for run in past.runs
        ],
        "events": [{name: getattr(event, name) for name in PastEvent.__slots__} for event in past.events],
    }


def format_age(seconds: float) -> str:
    """Return how long ago something was, in the unit that suits it."""
    if seconds < _HOUR:
        return f"{max(0, int(seconds // _MINUTE))} min"
    return f"{seconds // _HOUR:.0f} h" if seconds < _DAYS * _DAY else f"{seconds // _DAY:.0f} d"


def _rows(past: PastRuns, now: datetime | None) -> Iterator[Row]:
    events = sorted(past.events, key=lambda event: _moment(event.at))
    before: dict[str, PastMetric] = {}
    for run in past.runs:
        while events and _moment(events[0].at) <= _moment(run.started_at):
            yield _event(events.pop(0))
        if changed := _changed(past, run, before):
            yield Row((Cell(f"from here on another {' and '.join(changed)}"),), is_group=True)
        yield _run(past, run, now)
    yield from map(_event, events)


def _run(past: PastRuns, run: PastRun, now: datetime | None) -> Row:
    metrics = past.metrics.get(run.run_id, ())
    primary = [each for each in metrics if each.name == past.primary]
    models, evaluations = ({getattr(each, name) for each in metrics} for name in ("model", "evaluation"))
    failed = sum(count for each in primary for outcome, count in each.outcomes.items() if outcome != "scored")
    name: Inline = PageLink(run.run_id, past.pages[run.run_id]) if run.run_id in past.pages else run.run_id
    size = f"{len(models)} x {len(evaluations)}" if metrics else NOTHING
    ages = () if now is None else (Cell(format_age((now - _moment(run.started_at)).total_seconds())),)
    cells = (
        *(Cell(run.night), Cell(name), Cell(size)),
        *(_score(past.score(run, model)) for model in past.models),
        Cell(format_count(failed) if primary else NOTHING),
        Cell(_verdict(run)),
        Cell(format_money(run.cost_usd)),
        *ages,
    )
    return Row(cells)


def _score(metric: PastMetric | None) -> Cell:
    if metric is None or metric.mean is None:
        return Cell(NOTHING, is_dim=True)
    places = decimals(half_width(metric.lower, metric.upper))
    return Cell(format_percent(metric.mean, places), format_bounds(metric.lower, metric.upper, places))


def _verdict(run: PastRun) -> str:
    if run.status != "complete":
        return run.status
    return run.verdict or ("scored again" if run.parent_run else NOTHING)


def _event(event: PastEvent) -> Row:
    return Row((Cell(f"{_moment(event.at):%Y-%m-%d} {event.kind}: {event.text}"),), is_group=True)


def _changed(past: PastRuns, run: PastRun, before: dict[str, PastMetric]) -> list[str]:
    """Return which parts of the primary metric's setting differ from the run before, whatever the model."""
    if run.parent_run is not None:
        return []
    found: dict[str, None] = {}
    for each in past.metrics.get(run.run_id, ()):
        if each.name != past.primary:
            continue
        known = before.get(each.model)
        if known is not None and known.series != each.series:
            found |= dict.fromkeys(part for part in each.setting if each.setting[part] != known.setting.get(part))
        before[each.model] = each
    return list(found)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _describe(metric: PastMetric) -> dict[str, object]:
    names = [name for name in PastMetric.__slots__ if name not in {"run", "setting"}]
    return {"metric": metric.name, **{name: getattr(metric, name) for name in names}}
