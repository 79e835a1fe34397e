"""What a comparison may say in words: one claim a sentence, never more than its intervals support."""

from collections.abc import Sequence

from evalkit.comparison import Comparison, Fact, MetricComparison, SampleCounts
from evalkit.report.escape import shorten_label
from evalkit.report.numbers import (
    NOTHING,
    decimals,
    format_count,
    format_duration,
    format_money,
    format_p,
    format_percent,
    format_points,
    format_points_range,
    format_tokens,
    half_width,
    plural,
)

__all__ = [
    "claim_change",
    "claim_detail",
    "claim_missing",
    "claim_power",
    "claim_samples",
    "format_adjusted",
    "format_fact",
    "format_flips",
    "format_interval",
    "metric_places",
    "name_sides",
]

_ADJUSTED = {"holm": "after Holm", "bh": "after Benjamini-Hochberg"}


def name_sides(comparison: Comparison) -> tuple[str, str]:
    """Return what the two sides are called in a sentence: their models, or their letters where those are alike."""
    first, second = comparison.first, comparison.second
    if first.model != second.model:
        return shorten_label(first.model), shorten_label(second.model)
    return first.name, second.name


def metric_places(metric: MetricComparison) -> int:
    """Return how many decimals the metric's interval supports, one at least."""
    return max(1, decimals(half_width(metric.paired.lower, metric.paired.upper)))


def format_interval(metric: MetricComparison) -> str:
    """Return the difference's interval in points; differences of scores end at 100 either way."""
    lower, upper = metric.paired.lower, metric.paired.upper
    if lower is None or upper is None:
        return NOTHING
    return format_points_range(max(-1.0, lower), min(1.0, upper), metric_places(metric))


def claim_change(comparison: Comparison, metric: MetricComparison) -> str:
    """Return the one claim of a metric, fit for a headline."""
    first, second = name_sides(comparison)
    if metric.paired.difference is None:
        return f"No sample of {metric.name} was scored on both sides."
    if metric.paired.lower is None:
        return f"{plural(metric.paired.n, 'paired sample')} of {metric.name} cannot show a difference."
    if metric.verdict == "unclear":
        return f"No difference between {first} and {second} is shown on {metric.name}."
    points = format_points(abs(metric.paired.difference), metric_places(metric)).lstrip("+")
    return f"{second} is {metric.verdict} than {first} on {metric.name}, by {points} points."


def claim_detail(metric: MetricComparison) -> str:
    """Return the sentences that bound the claim."""
    paired, places = metric.paired, metric_places(metric)
    if paired.difference is None or paired.lower is None:
        return claim_missing(metric)
    p = f"; {format_p(metric.p_adjusted)}" if metric.p_adjusted is not None else ""
    said = (
        f"The difference is {format_points(paired.difference, places)} points, from {format_interval(metric)} "
        f"({format_percent(paired.confidence)} interval, {plural(paired.n, 'paired sample')}{p})."
    )
    return " ".join(part for part in (said, claim_power(metric), claim_missing(metric)) if part)


def claim_power(metric: MetricComparison) -> str:
    """Return how small a difference these samples would show, where none is shown."""
    if metric.detectable is None or metric.verdict != "unclear":
        return ""
    return f"These samples would show a difference of {format_percent(metric.detectable, 1).rstrip('%')} points."


def claim_missing(metric: MetricComparison) -> str:
    """Return what the samples that only one side scored could change."""
    first, second, both = metric.unscored
    if not any(metric.unscored):
        return ""
    parts = [
        text
        for number, text in ((first, "the first side"), (second, "the second side"), (both, "both sides"))
        if number
        for text in (f"{format_count(number)} on {text}",)
    ]
    said = f"Not scored: {', '.join(parts)}."
    if metric.lowest is None or not first + second:
        return said
    return f"{said} With them the difference could be {format_points_range(metric.lowest, metric.highest)}."


def claim_samples(counts: SampleCounts) -> str:
    """Return how the samples meet."""
    said = [f"{plural(counts.paired, 'sample')} {'pairs' if counts.paired == 1 else 'pair'}"]
    said += [
        f"{format_count(number)} {what}"
        for number, what in ((counts.changed, "changed"), (counts.added, "added"), (counts.removed, "removed"))
        if number
    ]
    return ", ".join(said)


def format_flips(metric: MetricComparison) -> str:
    """Return how many samples got better and worse."""
    return f"▲{format_count(len(metric.better))} ▼{format_count(len(metric.worse))}"


def format_adjusted(metrics: Sequence[MetricComparison]) -> str:
    """Return what the p-values of a table are adjusted for, in a sentence; nothing for a single test."""
    told = {metric.family for metric in metrics if metric.p_adjusted not in (None, metric.paired.p)}
    return ", ".join(_ADJUSTED[family] for family in sorted(told, reverse=True))


def format_fact(fact: Fact) -> tuple[str, str, str]:
    """Return both figures of a fact and their change."""
    if fact.unit == "share":
        return format_percent(fact.first, 1), format_percent(fact.second, 1), f"{format_points(fact.change)} points"
    write = {"usd": format_money, "s": format_duration, "tokens": format_tokens}[fact.unit]
    if fact.change is None:
        return write(fact.first), write(fact.second), NOTHING
    sign = "+" if fact.change > 0 else "\u2212" if fact.change < 0 else ""
    return write(fact.first), write(fact.second), f"{sign}{write(abs(fact.change))}{_relative(fact)}"


def _relative(fact: Fact) -> str:
    if not fact.first or fact.change is None:
        return ""
    share = fact.change / fact.first
    return f" ({'+' if share > 0 else ''}{format_percent(share)})"
