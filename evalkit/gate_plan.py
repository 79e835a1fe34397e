"""Rules to checks: which model, metric, samples and baseline each is about; what cannot be held is refused at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evalkit.compare import MIN_OVERLAP, SamplePairs, pair_samples
from evalkit.config.expand import is_match
from evalkit.config.gates import FACTS, GateRule, GateSpec, claims_of
from evalkit.errors import ConfigError
from evalkit.measures import differing_parts
from evalkit.registry import nearest
from evalkit.stored_items import MetricItems

__all__ = ["PlannedCheck", "plan_checks"]


@dataclass(frozen=True, eq=False)
class PlannedCheck:
    """One rule held by one model. Without `items` it is about a figure of the model's calls.

    `pairs` are the places of the samples to hold against `baseline`; `places` those of the slice, all when None.
    """

    rule: GateRule
    model: str
    items: MetricItems | None = field(default=None, repr=False)
    baseline: MetricItems | None = field(default=None, repr=False)
    pairs: SamplePairs | None = field(default=None, repr=False)
    slice: str | None = None
    places: Sequence[int] | None = field(default=None, repr=False)

    @property
    def claim(self) -> str:
        """The rule's claim: max_drop, min or max."""
        return claims_of(self.rule)[0]

    @property
    def limit(self) -> float:
        """The claim's value."""
        limit: float = getattr(self.rule, self.claim)
        return limit

    @property
    def name(self) -> str:
        """The rule's name, or what it is about."""
        return self.rule.name or self.rule.metric


def plan_checks(
    gate: GateSpec, candidate: Sequence[MetricItems], baseline: Sequence[MetricItems] | None
) -> tuple[PlannedCheck, ...]:
    """Return the checks of a gate, in the order of its rules; needs no score, so it is done before anything is spent.

    Raises:
        ConfigError: a line for each rule that cannot be held: nothing fits it, the baseline lacks it or measures
            otherwise, or too few samples pair.
    """
    if not gate.rules:
        raise ConfigError(
            "the gate has no rules; write gate.rules, such as {metric: EVALUATION.SCORER, max_drop: 0.02}"
        )
    planner = _Planner(candidate, baseline)
    checks = [check for rule in gate.rules for check in planner.checks(rule)]
    if planner.problems:
        raise ConfigError("\n".join(dict.fromkeys(planner.problems)))
    return tuple(checks)


class _Planner:
    """The checks of one rule after the other, and what is wrong with them."""

    def __init__(self, candidate: Sequence[MetricItems], baseline: Sequence[MetricItems] | None) -> None:
        self.problems: list[str] = []
        self._candidate = candidate
        self._baseline = None if baseline is None else {(each.name, each.model): each for each in baseline}
        self._models = list(dict.fromkeys(each.model for each in candidate))
        self._old_models = list(dict.fromkeys(each.model for each in baseline or ()))
        self._pairs: dict[tuple[int, int], SamplePairs] = {}

    def checks(self, rule: GateRule) -> Iterator[PlannedCheck]:
        models = [model for model in self._models if is_match(model, rule.model)]
        if not models:
            self._refuse(rule, f"no model of the run matches {rule.model!r}{nearest(rule.model, self._models)}")
        if rule.metric in FACTS:
            yield from (PlannedCheck(rule, model) for model in models)
            return
        chosen = [items for items in self._candidate if items.name == rule.metric and items.model in models]
        if models and not chosen:
            names = list(dict.fromkeys(items.name for items in self._candidate))
            self._refuse(
                rule, f"the run has no metric of that name{nearest(rule.metric, names)}; it has {', '.join(names)}"
            )
        for items in chosen:
            yield from self._checks_of(rule, items)

    def _checks_of(self, rule: GateRule, items: MetricItems) -> Iterator[PlannedCheck]:
        baseline = pairs = None
        if rule.max_drop is not None:
            baseline = self._held_to(rule, items)
            pairs = None if baseline is None else self._paired(rule, items, baseline)
            if pairs is None:
                return
        if rule.slice is None:
            yield PlannedCheck(rule, items.model, items, baseline, pairs)
            return
        key, _, pattern = rule.slice.partition("=")
        values = {value: places for value, places in items.slices.get(key, {}).items() if is_match(value, pattern)}
        if not values:
            known = ", ".join(f"{name}={value}" for name, all_ in items.slices.items() for value in all_)
            self._refuse(
                rule, f"no sample of {items.evaluation} is in slice {rule.slice!r}; it has {known or 'no slices'}"
            )
        for value, places in values.items():
            yield PlannedCheck(rule, items.model, items, baseline, pairs, f"{key}={value}", places)

    def _held_to(self, rule: GateRule, items: MetricItems) -> MetricItems | None:
        if self._baseline is None:
            self._refuse(rule, "max_drop needs a baseline; name one with --baseline or gate.baseline")
            return None
        model = items.model
        if len(self._models) == len(self._old_models) == 1:
            model = self._old_models[0]
        found = self._baseline.get((items.name, model))
        if found is None:
            has = ", ".join(f"{name} of {label}" for name, label in self._baseline) or "nothing"
            self._refuse(rule, f"the baseline has no {items.name} of {model}; it has {has}")
            return None
        if parts := differing_parts(found.measure, items.measure):
            self._refuse(
                rule, f"the baseline measured {items.name} differently: {'; '.join(parts)}; set a new baseline"
            )
            return None
        return found

    def _paired(self, rule: GateRule, items: MetricItems, baseline: MetricItems) -> SamplePairs | None:
        key = (id(items.ids), id(baseline.ids))
        if key not in self._pairs:
            self._pairs[key] = pair_samples(items, baseline)
        pairs = self._pairs[key]
        counts = pairs.counts
        if counts.paired and counts.share >= MIN_OVERLAP:
            return pairs
        self._refuse(
            rule,
            f"only {counts.paired} of {counts.union} samples of {items.evaluation} pair with the baseline's "
            f"({counts.share:.0%}; {MIN_OVERLAP:.0%} are needed): {counts.changed} changed, {counts.removed} added, "
            f"{counts.added} removed; set a new baseline",
        )
        return None

    def _refuse(self, rule: GateRule, why: str) -> None:
        self.problems.append(f"gate rule {rule.name or rule.metric}: {why}")
