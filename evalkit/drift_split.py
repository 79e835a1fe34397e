"""The change of a metric from one night to the next, split exactly into samples, judge, errors and the rest.

With m the mean over the samples that a night has scored, P the samples equal on both nights, and C those of P that
everything compared has scored; a is after, b before, r the night before judged again (b where it was not):

- total = m(a) - m(b)
- samples = total - [m(a on P) - m(b on P)]: what added, removed and changed samples bring
- judge = mean over C of r - b
- errors = mean over C of a - r on trials that ended otherwise, and what leaving the rest of P out does:
  [m(a on P) - m(b on P)] - mean over C of (a - b); blamed only where trials came to end otherwise one way
- the rest = mean over C of a - r on trials that ended alike
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalkit.compare import pair_samples
from evalkit.drift_columns import Columns, align_nights
from evalkit.drift_outcomes import count_outcomes
from evalkit.drift_parts import Cause, ChangePart, ChangeSplit
from evalkit.measures import differing_parts
from evalkit.serving import ServingFacts, ServingSign, compare_serving, watched_serving
from evalkit.stats.composition import composition_change, composition_estimate
from evalkit.stats.exact import mcnemar
from evalkit.stats.multiple import holm
from evalkit.stats.paired import displayed_estimate, paired_difference
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import smallest_detectable
from evalkit.stored_items import MetricItems

__all__ = ["split_change"]

_POWER = 0.8
_UNKNOWN = ServingFacts()
_ASKED = ("system", "prompt", "params")


def split_change(
    before: MetricItems,
    after: MetricItems,
    *,
    before_serving: ServingFacts = _UNKNOWN,
    after_serving: ServingFacts = _UNKNOWN,
    rejudged: MetricItems | None = None,
) -> ChangeSplit:
    """Split the change of one metric of one model, after minus before, into parts that add up to it.

    `rejudged` is the night before scored again by tonight's judge or scorer: the same answers. Latency and length are
    those of all calls of a night: they tell of the serving only where both nights asked the same samples.

    Raises:
        ValueError: the metrics are of two names or models, or an id stands twice on one side.
    """
    if (before.name, before.model) != (after.name, after.model):
        raise ValueError(f"{before.name} of {before.model} and {after.name} of {after.model} are two series")
    pairs = pair_samples(before, after)
    places = list(zip(pairs.first, pairs.second, strict=True))
    columns = align_nights(before, after, places, rejudged)
    if pairs.counts.union > pairs.counts.paired:
        before_serving, after_serving = before_serving.names, after_serving.names
    signs = (*_moved_house(before, after), *compare_serving(before_serving, after_serving))
    measured = differing_parts((rejudged if columns.is_rejudged and rejudged else before).measure, after.measure)
    asked = _asked(before, after)
    is_judged, first, second = after.measure.get("judge") is not None, before.mean, after.mean
    rest = _rest(signs, asked, measured, is_open=is_judged and not columns.is_rejudged)
    outcomes = count_outcomes(before, after, places)
    parts = _parts(columns, rest, after, has_ended_otherwise=_has_shifted(outcomes, 1 - after.confidence))
    return ChangeSplit(
        metric=after.name,
        model=after.model,
        higher_is_better=after.higher_is_better,
        before=first,
        after=second,
        parts=_adjusted(parts),
        samples=pairs.counts,
        scored=len(columns.common),
        missing=columns.missing,
        is_judged=is_judged,
        is_rejudged=columns.is_rejudged,
        outcomes=outcomes,
        signs=signs,
        watched=watched_serving(before_serving, after_serving),
        changes=(*measured, *asked),
    )


def _asked(before: MetricItems, after: MetricItems) -> list[str]:
    """Return what the nights asked otherwise, in words."""
    asked = [name for name in _ASKED if before.treatment.get(name) != after.treatment.get(name)]
    return asked if before.repeats == after.repeats else [*asked, f"trials {before.repeats} → {after.repeats}"]


def _rest(signs: Sequence[ServingSign], asked: list[str], measured: list[str], *, is_open: bool) -> Cause:
    """Return what is left after samples, judge and errors; `is_open` where the judge may be part of it."""
    if measured or asked:
        return Cause.SCORING if measured else Cause.SETTING
    if is_open:
        return Cause.JUDGE_OR_MODEL
    if any(sign.is_name for sign in signs):
        return Cause.SERVING
    return Cause.SERVING_OR_MODEL if signs else Cause.MODEL


def _moved_house(before: MetricItems, after: MetricItems) -> tuple[ServingSign, ...]:
    """Return it as a sign that another model id or another address was asked: that is what is watched."""
    first, second = (items.treatment.get("model") for items in (before, after))
    return () if first == second else (ServingSign("model asked", (str(first),), (str(second),)),)


def _has_shifted(outcomes: Mapping[tuple[str, str], int], level: float) -> bool:
    """Say whether trials came to end otherwise one way more often than the other: McNemar's exact test, by ending.

    Endings that only come and go are those of a usual night: what changes on such trials may be anybody's doing.
    """
    endings = {name for ways in outcomes for name in ways}
    moves = [
        [sum(count for way, count in outcomes.items() if way[side] == name) for side in (0, 1)] for name in endings
    ]
    return any(mcnemar(lost, won).exact < level / len(moves) for lost, won in moves)


def _parts(columns: Columns, rest: Cause, after: MetricItems, *, has_ended_otherwise: bool) -> list[ChangePart]:
    """Return the parts that can be told, unadjusted; none where a night has no score.

    Without `has_ended_otherwise` nothing tests whether endings are to blame, so they never are.
    """
    samples = _samples_part(columns, after)
    if samples is None or not all(side.kept for side in columns.sides):
        return [] if samples is None else [samples]
    found, scored = [samples], len(columns.common)
    if columns.is_rejudged:
        found.append(_paired_part(Cause.JUDGE, columns.judged(), scored, after))
    errors = sum(columns.differs[place] for place in columns.common) + columns.missing
    part = _paired_part(Cause.ERRORS, columns.errors(), errors, after)
    found.append(part if has_ended_otherwise else replace(part, p=None, standard_error=None))
    return [*found, _paired_part(rest, columns.rest(), scored, after)]


def _paired_part(cause: Cause, pairing: Pairing, n: int, after: MetricItems) -> ChangePart:
    """Return a part with the interval to display and the p-value of that interval: what names a cause is one thing."""
    paired, estimate = paired_difference(pairing, confidence=after.confidence), displayed_estimate(pairing)
    part = ChangePart(
        cause=cause,
        estimate=paired.difference or 0.0,
        confidence=after.confidence,
        n=n,
        higher_is_better=after.higher_is_better,
    )
    if not n or estimate is None:
        return part
    return replace(
        part,
        lower=paired.lower,
        upper=paired.upper,
        method=paired.method,
        p=estimate.p_two_sided(),
        standard_error=estimate.standard_error,
    )


def _samples_part(columns: Columns, after: MetricItems) -> ChangePart | None:
    change, estimate = composition_change(*columns.sides), composition_estimate(*columns.sides)
    if change is None:
        return None
    part = ChangePart(
        cause=Cause.SAMPLES,
        estimate=change,
        confidence=after.confidence,
        n=sum(len(side.others) for side in columns.sides),
        higher_is_better=after.higher_is_better,
    )
    if estimate is None:
        return part
    lower, upper = estimate.bounds((1 - after.confidence) / 2)
    return replace(
        part,
        lower=lower,
        upper=upper,
        method="linearised_t",
        p=estimate.p_two_sided(),
        standard_error=estimate.standard_error,
    )


def _adjusted(parts: list[ChangePart]) -> tuple[ChangePart, ...]:
    """Return the parts with Holm's p over those that have one, and what each could have shown in that family."""
    family = [part for part in parts if part.p is not None]
    adjusted = dict(zip(map(id, family), holm([part.p or 0.0 for part in family]), strict=True))
    return tuple(
        replace(part, p_adjusted=adjusted.get(id(part)), detectable=_reach(part, len(family))) for part in parts
    )


def _reach(part: ChangePart, family: int) -> float | None:
    if part.standard_error is None:
        return None
    return smallest_detectable(part.standard_error, alpha=(1 - part.confidence) / 2 / family, power=_POWER)
