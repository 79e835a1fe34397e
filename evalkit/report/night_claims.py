"""What may be said of a night: in one headline, in the sentences under it, and of each metric that moved."""

from collections.abc import Iterator, Sequence
from typing import Literal

from evalkit.night_changes import Against
from evalkit.night_result import MetricNight, NightResult, NightState
from evalkit.report.numbers import NOTHING, decimals, format_points, format_points_range, half_width, plural
from evalkit.report.split_claims import CAUSE_SUBJECTS, split_sentences
from evalkit.report.trend_claims import claim_change
from evalkit.stats.drift import LEARNING_NIGHTS

__all__ = ["Headline", "claim_metric", "claim_night", "say_against"]

Headline = tuple[Literal["FAIL", "PASS", "INCONCLUSIVE", "NONE"], str, str, str]
"""The kind of verdict, its word, its headline, and what bounds it."""


def claim_night(result: NightResult) -> Headline:
    """Return the night's one answer."""
    if result.state is NightState.COULD_NOT_RUN:
        return "INCONCLUSIVE", "Could not run", f"The night of {result.night} could not run.", _capital(result.why)
    if result.state is NightState.INCOMPLETE:
        headline = f"The night of {result.night} ended early; nothing is said of its scores."
        return "INCONCLUSIVE", "Incomplete", headline, _capital(result.why)
    detail = " ".join(_details(result))
    if result.failed_checks:
        return "FAIL", "Regression", _gate_headline(result), detail
    worse = [metric for metric in result.moved if metric.is_worse]
    moved = worse or list(result.moved)
    if moved:
        return "INCONCLUSIVE", "Moved", _moved_headline(moved, len(result.moved)), detail
    quiet = "No metric is shown to have moved"
    if result.run is not None and result.run.verdict == "inconclusive":
        return "INCONCLUSIVE", "Undecided", f"{quiet}; the gate could not decide.", detail
    return ("PASS" if result.checks else "NONE"), "Quiet", f"{quiet}.", detail


def claim_metric(metric: MetricNight) -> tuple[str, ...]:
    """Return the sentences of a metric that moved: that it did, and from what."""
    return tuple(_metric_claims(metric))


def say_against(against: Against | None) -> tuple[str, str]:
    """Return the difference from another night in points, and its interval or why there is none."""
    if against is None:
        return NOTHING, ""
    paired = against.paired
    if paired is None or paired.difference is None:
        return NOTHING, against.refused
    places = max(1, decimals(half_width(paired.lower, paired.upper)))
    bounds = "" if paired.lower is None else format_points_range(paired.lower, paired.upper, places)
    return format_points(paired.difference, places), bounds


def _metric_claims(metric: MetricNight) -> Iterator[str]:
    change = metric.found_tonight
    if change is not None:
        yield f"{metric.title} {claim_change(metric.trend, change)}."
    if metric.split is not None:
        said = split_sentences(metric.split)
        yield f"Against {metric.since}: {said[0]}"
        yield from said[1:]


def _gate_headline(result: NightResult) -> str:
    gate = (None if result.run is None else result.run.gate) or {}
    said = str(gate.get("sentence", "")).partition(": ")[2]
    return _capital(said) if said else f"{plural(len(result.failed_checks), 'rule')} of the gate failed."


def _moved_headline(moved: list[MetricNight], count: int) -> str:
    head = _change_headline(moved[0])
    return f"{head} {plural(count - 1, 'more metric')} moved." if count > 1 else head


def _change_headline(metric: MetricNight) -> str:
    change, split, causes = metric.found_tonight, metric.split, metric.causes
    blamed = f": {list_causes([CAUSE_SUBJECTS[part.cause] for part in causes])}" if causes else ""
    if change is not None:
        return f"{metric.title} {claim_change(metric.trend, change)}{blamed}."
    if split is None or split.total is None:
        return f"{metric.title} changed{blamed}."
    points = format_points(split.total, 1)
    return f"{metric.title} changed by {points} points since {metric.since}{blamed}."


def list_causes(causes: list[str]) -> str:
    """Return causes as a sentence lists them."""
    *others, last = causes
    return f"{', '.join(others)} and {last}" if others else last


def _details(result: NightResult) -> Iterator[str]:
    metrics = result.metrics
    yield from _compared(metrics)
    if result.moved and result.failed_checks:
        yield f"{_capital(plural(len(result.moved), 'metric has', 'metrics have'))} moved."
    if result.unavailable:
        yield f"Not served tonight: {', '.join(result.unavailable)}."
    yield from _judges(result)


def _compared(metrics: Sequence[MetricNight]) -> Iterator[str]:
    """Say what was held against other nights, and what is still being learnt."""
    if not any(metric.against for metric in metrics):
        yield "This is the first night: there is nothing to hold it against yet."
        return
    models = len({metric.tonight.model for metric in metrics})
    held = "was" if len(metrics) == 1 else "were"
    yield f"{plural(len(metrics), 'metric')} of {plural(models, 'model')} {held} held against the nights before."
    learning = sum(metric.is_learning for metric in metrics)
    if learning == len(metrics):
        yield f"What a usual night is must still be learnt: that takes {LEARNING_NIGHTS} nights."
    elif learning:
        yield f"For {learning} of them it must still be learnt what a usual night is."


def _judges(result: NightResult) -> Iterator[str]:
    for judge in () if result.run is None else result.run.judges:
        anchors = judge.get("anchors")
        if anchors and not anchors["holds"]:
            agreed = f"agrees with {anchors['agreement']:.0%} of its {anchors['n']} anchors"
            yield (
                f"The judge {judge['model']} {agreed}, below {anchors['min_agreement']:.0%}: "
                f"rules on {judge['scorer']} decide nothing tonight."
            )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
