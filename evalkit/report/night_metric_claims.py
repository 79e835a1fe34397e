"""What may be said of one metric of a night: that it moved and why, that it is still worse, how it differs."""

from collections.abc import Iterator

from evalkit.night_changes import Against
from evalkit.night_result import MetricNight
from evalkit.report.numbers import (
    NOTHING,
    decimals,
    format_percent,
    format_points,
    format_points_range,
    half_width,
)
from evalkit.report.split_claims import CAUSE_SUBJECTS, split_sentences
from evalkit.report.trend_claims import claim_change
from evalkit.trend import ChangePoint

__all__ = ["claim_metric", "claim_move", "claim_standing", "say_against", "worse_way"]


def claim_metric(metric: MetricNight) -> tuple[str, ...]:
    """Return the sentences of a metric that moved: that it did, and from what."""
    return tuple(_metric_claims(metric))


def claim_move(metric: MetricNight) -> str:
    """Return the one sentence of a metric that moved: which, of which model, from where to where, and why."""
    change, split, causes = metric.found_tonight, metric.split, metric.causes
    blamed = f": {_list_causes([CAUSE_SUBJECTS[part.cause] for part in causes])}" if causes else ""
    if change is not None:
        return f"{metric.title} {_moved(metric, change)}{blamed}."
    if split is None or split.total is None:
        return f"{metric.title} changed{blamed}."
    before, after = (format_percent(mean, 1) for mean in (split.before, split.after))
    points = format_points(split.total, 1)
    return f"{metric.title} went from {before} on {metric.since} to {after} ({points} points){blamed}."


def claim_standing(metric: MetricNight) -> str:
    """Return since when a metric is worse, at what level, and the level before; nothing where it is not."""
    standing = metric.standing
    if standing is None:
        return ""
    places = max(1, decimals(half_width(standing.change.lower, standing.change.upper)))
    before, now = (format_percent(level, 1) for level in (standing.before, standing.now))
    average = " on average" if standing.nights > 1 else ""
    change = format_points(standing.change.difference, places)
    lower, upper = standing.change.lower, standing.change.upper
    is_bounded = lower is not None and upper is not None and not lower <= 0.0 <= upper
    bounds = f", {format_points_range(lower, upper, places)}" if is_bounded else " points"
    since = f"{metric.title} is {worse_way(metric)} since {standing.since}"
    lasting = ", and the drift rule has learnt this as the usual level" if standing.is_settled else ""
    return f"{since}: {now}{average}, before {before} ({change}{bounds}){lasting}."


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
        yield f"{metric.title} {_moved(metric, change)}."
    if metric.split is not None:
        said = split_sentences(metric.split)
        yield f"{_compared(metric, metric.split.nights)}: {said[0]}"
        yield from said[1:]
        if metric.split.nights > 1:
            yield "These nights were chosen because they differ, which flatters every figure here."


def _compared(metric: MetricNight, nights: int) -> str:
    return (
        f"Against {metric.since}" if nights == 1 else f"The last {nights} nights against the {nights} to {metric.since}"
    )


def _moved(metric: MetricNight, change: ChangePoint) -> str:
    return claim_change(metric.trend, change, tonight=metric.tonight.run.night)


def _list_causes(causes: list[str]) -> str:
    *others, last = causes
    return f"{', '.join(others)} and {last}" if others else last


def worse_way(metric: MetricNight) -> str:
    """Return which way is worse for a metric: down, or up where lower is better."""
    return "down" if metric.tonight.higher_is_better else "up"
