"""A comparison as blocks: what was done differently, then what came of it, then the samples that show it."""

from collections.abc import Sequence

from evalkit.comparison import Comparison, EvaluationComparison, MetricComparison, SliceComparison
from evalkit.report.blocks import (
    Block,
    Cell,
    Column,
    Details,
    IntervalCell,
    Paragraph,
    Row,
    RunLine,
    Section,
    Strong,
    Table,
    Verdict,
)
from evalkit.report.comparison_claims import (
    claim_change,
    claim_detail,
    claim_missing,
    claim_samples,
    format_adjusted,
    format_fact,
    format_flips,
    format_interval,
    metric_places,
    name_sides,
)
from evalkit.report.exchange import Answer, Exchange
from evalkit.report.flips import FlippedAnswer, FlippedSample
from evalkit.report.numbers import (
    NOTHING,
    format_count,
    format_p,
    format_percent,
    format_points,
    format_points_range,
    plural,
)

__all__ = ["build_comparison"]

_MOST_SLICES = 40
_MARGIN = 1.1


def build_comparison(
    comparisons: Sequence[Comparison], flips: Sequence[Sequence[FlippedSample]] = (), *, slices: bool = True
) -> tuple[Section, ...]:
    """Return the sections of one or more comparisons; `flips` are those to show of each."""
    sections: list[Section] = [_verdict(comparisons)]
    for number, comparison in enumerate(comparisons):
        prefix = f"{_which(comparison)}: " if len(comparisons) > 1 else ""
        suffix = f"-{number}" if number else ""
        shown = flips[number] if flips else ()
        sections += [
            Section(f"{name}{suffix}", nav if not number else "", f"{prefix}{title}", blocks)
            for name, nav, title, blocks in _parts(comparison, shown, slices=slices)
            if blocks
        ]
    return tuple(sections)


def _parts(
    comparison: Comparison, flips: Sequence[FlippedSample], *, slices: bool
) -> list[tuple[str, str, str, tuple[Block, ...]]]:
    return [
        ("treatment", "Treatment", "What was done differently", _treatment(comparison)),
        ("metrics", "Metrics", "Metrics", _metrics(comparison)),
        ("slices", "Slices", "Slices", _slices(comparison) if slices else ()),
        ("outcomes", "Outcomes", "Outcomes, cost and time", _figures(comparison)),
        ("flips", "Flips", "Samples that changed", _flips(comparison, flips)),
    ]


def _verdict(comparisons: Sequence[Comparison]) -> Section:
    models: dict[tuple[str, str], list[str]] = {}
    for side in [side for each in comparisons for side in (each.first, each.second)]:
        models.setdefault((side.name, side.run.run_id), []).append(side.model)
    titles = [
        f"{letter}: {', '.join(dict.fromkeys(labels))}, run {run_id}" for (letter, run_id), labels in models.items()
    ]
    leads = [(each, each.metrics[0]) for each in comparisons if each.metrics]
    headline = claim_change(*leads[0]) if leads else "Nothing could be compared."
    details = [claim_detail(leads[0][1])] if leads else []
    details += [f"{_which(each)}: {claim_change(each, metric)} {claim_detail(metric)}" for each, metric in leads[1:]]
    if len(comparisons) > 1 and leads:
        headline = f"{_which(leads[0][0])}: {headline}"
    blocks: list[Block] = [
        RunLine((comparisons[0].first.run.name,), tuple(titles)),
        Verdict("NONE", "Comparison", headline, " ".join(part for part in details if part)),
    ]
    notes = [f"Not compared: {name}: {why}." for each in comparisons for name, why in each.refused.items()]
    notes += [f"{note[0].upper()}{note[1:]}." for each in comparisons for note in each.notes]
    blocks += [Paragraph((note,), "note") for note in dict.fromkeys(notes)]
    return Section("verdict", "Comparison", "", tuple(blocks))


def _which(comparison: Comparison) -> str:
    first, second = comparison.first, comparison.second
    if first.model == second.model:
        return f"{first.model}, {second.name} against {first.name}"
    return f"{second.model} against {first.model}"


def _treatment(comparison: Comparison) -> tuple[Block, ...]:
    if not comparison.treatment:
        said = "Nothing: same model, prompt and parameters. What changed below is what a re-run changes."
        return (Paragraph((said,), "lead"),)
    rows = tuple(
        Row((Cell(change.what, ", ".join(change.evaluations)), Cell(change.first), Cell(change.second)))
        for change in comparison.treatment
    )
    columns = (Column("What"), Column(comparison.first.name), Column(comparison.second.name))
    lead = "Every difference below is one of what was done, or of chance."
    return (Paragraph((lead,), "lead"), Table(f"What differs, {_which(comparison)}", columns, rows))


def _metrics(comparison: Comparison) -> tuple[Block, ...]:
    metrics = comparison.metrics
    if not metrics:
        return ()
    first, second = comparison.first.name, comparison.second.name
    axis = _axis([(metric.paired.lower, metric.paired.upper) for metric in metrics])
    columns = (
        Column("Metric"),
        Column(first, "number"),
        Column(second, "number"),
        Column("Difference, points", "number", short="change"),
        Column("Interval, points", "number", short="interval"),
        Column("Difference", "drawing", axis, unit=""),
        Column("p", "number"),
        Column("Paired n", "number", short="n"),
        Column("Better, worse", "number", short="flips"),
    )
    lead = [
        Paragraph((f"{each.evaluation}: {claim_samples(each.samples)}.",), "lead") for each in comparison.evaluations
    ]
    notes = [f"{metric.name}: {said}" for metric in metrics if (said := claim_missing(metric))]
    confidence = format_percent(metrics[0].paired.confidence)
    notes.append(
        f"{second} minus {first} on the samples that pair; {confidence} intervals of the paired differences."
        f"{_adjusted(metrics)}"
    )
    table = Table(f"Differences, {_which(comparison)}", columns, tuple(_metric_row(metric) for metric in metrics))
    return (*lead, table, *(Paragraph((note,), "note") for note in notes))


def _adjusted(metrics: Sequence[MetricComparison]) -> str:
    how = format_adjusted(metrics)
    said = f" p {how}." if how else ""
    if any(not metric.is_primary for metric in metrics):
        said += " Metrics that are not the primary one are exploratory."
    return said


def _metric_row(metric: MetricComparison) -> Row:
    paired, places = metric.paired, metric_places(metric)
    said = [] if metric.higher_is_better else ["lower is better"]
    said += [] if metric.is_primary else ["exploratory"]
    span = IntervalCell(paired.difference, paired.lower, paired.upper, metric.lowest, metric.highest)
    return Row(
        (
            Cell(metric.name, ", ".join(said)),
            Cell(format_percent(metric.first, places)),
            Cell(format_percent(metric.second, places)),
            Cell(Strong(format_points(paired.difference, places)), metric.verdict),
            Cell(format_interval(metric)),
            span,
            Cell(format_p(metric.p_adjusted).removeprefix("p ")),
            Cell(format_count(paired.n)),
            Cell(format_flips(metric)),
        )
    )


def _axis(spans: Sequence[tuple[float | None, float | None]]) -> tuple[float, float]:
    """Return one axis about zero that holds every span."""
    ends = [abs(end) for span in spans for end in span if end is not None]
    reach = min(1.0, _MARGIN * max(ends, default=0.1)) or 0.1
    return -reach, reach


def _slices(comparison: Comparison) -> tuple[Block, ...]:
    tables: list[Block] = []
    for metric in comparison.metrics:
        if not metric.slices:
            continue
        clearest = sorted(
            metric.slices,
            key=lambda each: (1.0 if each.p_adjusted is None else each.p_adjusted, -abs(each.paired.difference or 0.0)),
        )
        rows = tuple(_slice_row(each) for each in clearest[:_MOST_SLICES])
        columns = (
            Column("Slice"),
            Column("Difference, points", "number", short="change"),
            Column("Interval, points", "number", short="interval"),
            Column("p", "number"),
            Column("Paired n", "number", short="n"),
        )
        table = Table(f"Slices of {metric.name}, {_which(comparison)}", columns, rows)
        tables.append(Details(f"{metric.name}: {plural(len(metric.slices), 'slice')}", (table,)))
    if not tables:
        return ()
    note = "Slices are exploratory: p after Benjamini-Hochberg over a metric's slices with 30 paired samples or more."
    return (*tables, Paragraph((note,), "note"))


def _slice_row(each: SliceComparison) -> Row:
    return Row(
        (
            Cell(f"{each.key}: {each.value}"),
            Cell(format_points(each.paired.difference)),
            Cell(format_points_range(each.paired.lower, each.paired.upper)),
            Cell(NOTHING if each.p_adjusted is None else format_p(each.p_adjusted).removeprefix("p ")),
            Cell(format_count(each.paired.n)),
        )
    )


def _figures(comparison: Comparison) -> tuple[Block, ...]:
    blocks: list[Block] = []
    columns = (
        Column("Figure"),
        Column(comparison.first.name, "number"),
        Column(comparison.second.name, "number"),
        Column("Change", "number"),
    )
    for each in comparison.evaluations:
        rows = tuple(
            Row((Cell(fact.name.replace("_", " ")), *(Cell(text) for text in format_fact(fact))))
            for fact in each.facts
            if fact.first is not None or fact.second is not None
        )
        if rows:
            blocks.append(Table(f"{each.evaluation}: {_which(comparison)}", columns, rows, is_caption_shown=True))
        if each.outcomes:
            blocks.append(Paragraph((_outcomes(each),)))
    note = "These figures are facts of the two runs, without an interval."
    return (*blocks, Paragraph((note,), "note")) if blocks else ()


def _outcomes(each: EvaluationComparison) -> str:
    changed = [
        f"{format_count(number)} from {before.replace('_', ' ')} to {after.replace('_', ' ')}"
        for (before, after), number in each.outcomes.items()
    ]
    return f"{each.evaluation}: predictions that ended differently: {', '.join(changed)}."


def _flips(comparison: Comparison, flips: Sequence[FlippedSample]) -> tuple[Block, ...]:
    if not flips:
        return ()
    names = name_sides(comparison)
    return tuple(
        Exchange(
            title=each.flip.sample_id,
            change=f"{each.metric}, {'better' if each.is_better else 'worse'}",
            question=each.input,
            target=each.target,
            answers=(_answer(names[0], each.first), _answer(names[1], each.second)),
        )
        for each in flips
    )


def _answer(name: str, answer: FlippedAnswer) -> Answer:
    score, outcome = answer.score, answer.outcome
    mark = outcome.replace("_", " ") if score is None else f"{score:g}"
    notes = [] if answer.read_as is None else [f"read as {answer.read_as!r}"]
    notes += [outcome.replace("_", " ")] if outcome != "ok" and score is not None else []
    notes += [answer.reason] if answer.reason else []
    style = "bad" if score is None else "ok" if score == 1.0 else "zero" if score == 0.0 else "part"
    return Answer(name, mark, style, answer.text or "no answer text", ", ".join(notes))
