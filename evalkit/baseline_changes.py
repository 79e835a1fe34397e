"""What changes from one baseline to another: metrics, samples, scores, and how they were measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.compare import pair_samples
from evalkit.measures import differing_parts
from evalkit.stored_items import MetricItems

__all__ = ["MetricChange", "compare_baselines", "describe_changes"]

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """One metric of one model: `state` is same, changed, added or removed.

    `rose` and `fell` count paired samples whose score changed, `lost` and `found` those whose score went missing or
    came; `measure` says what is measured differently.
    """

    name: str
    model: str
    state: str
    before: float | None = None
    after: float | None = None
    paired: int = 0
    added: int = 0
    removed: int = 0
    edited: int = 0
    rose: int = 0
    fell: int = 0
    lost: int = 0
    found: int = 0
    measure: tuple[str, ...] = ()
    is_other_treatment: bool = False


def compare_baselines(before: Sequence[MetricItems], after: Sequence[MetricItems]) -> tuple[MetricChange, ...]:
    """Return what changes from one baseline to another, metric by metric."""
    old, new = _by_key(before), _by_key(after)
    changes: list[MetricChange] = []
    for key in dict.fromkeys([*old, *new]):
        if key not in new:
            changes.append(MetricChange(name=key[0], model=key[1], state="removed", before=old[key].mean))
        elif key not in old:
            changes.append(MetricChange(name=key[0], model=key[1], state="added", after=new[key].mean))
        else:
            changes.append(_change(old[key], new[key]))
    return tuple(changes)


def describe_changes(changes: Sequence[MetricChange]) -> list[str]:
    """Return a line for each metric."""
    return [_line(change) for change in changes]


def _by_key(items: Sequence[MetricItems]) -> Mapping[_Key, MetricItems]:
    return {(each.name, each.model): each for each in items}


def _change(old: MetricItems, new: MetricItems) -> MetricChange:
    pairs = pair_samples(old, new)
    counts = {"rose": 0, "fell": 0, "lost": 0, "found": 0}
    for mine, theirs in zip(pairs.first, pairs.second, strict=True):
        was, now = old.values[mine], new.values[theirs]
        if math.isnan(was) or math.isnan(now):
            counts["lost"] += not math.isnan(was)
            counts["found"] += not math.isnan(now)
        else:
            counts["rose"] += now > was
            counts["fell"] += now < was
    measure = tuple(differing_parts(old.measure, new.measure))
    is_other = old.treatment.get("digest") != new.treatment.get("digest")
    seen = pairs.counts
    has_changed = bool(any(counts.values()) or measure or is_other or seen.added or seen.removed or seen.changed)
    return MetricChange(
        name=old.name,
        model=old.model,
        state="changed" if has_changed else "same",
        before=old.mean,
        after=new.mean,
        paired=seen.paired,
        added=seen.added,
        removed=seen.removed,
        edited=seen.changed,
        measure=measure,
        is_other_treatment=is_other,
        **counts,
    )


def _line(change: MetricChange) -> str:
    head = f"{change.name} of {change.model}"
    if change.state == "added":
        return f"+ {head}: {_mean(change.after)}"
    if change.state == "removed":
        return f"- {head}: {_mean(change.before)}"
    if change.state == "same":
        return f"  {head}: {_mean(change.after)}, unchanged"
    told = {
        "rose": change.rose,
        "fell": change.fell,
        "without a score now": change.lost,
        "scored now": change.found,
        "samples added": change.added,
        "samples removed": change.removed,
        "samples with other content": change.edited,
    }
    parts = [f"{count} {what}" for what, count in told.items() if count]
    parts += [f"measured differently: {part}" for part in change.measure]
    parts += ["another model, prompt or parameters"] if change.is_other_treatment else []
    return f"~ {head}: {_mean(change.before)} to {_mean(change.after)} ({'; '.join(parts)})"


def _mean(value: float | None) -> str:
    return "no score" if value is None else f"{value:.4f}"
