"""A cell's results, in whatever order they finish, to its CellResult: no number depends on that order."""

import math
from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from evalkit.call_columns import CallColumns
from evalkit.config.schema import OnErrorSpec, PriceSpec
from evalkit.errors import ConfigError
from evalkit.listed_models import TokenPrice
from evalkit.records import Json, Sample, SampleResult, ScoreOutcome
from evalkit.results import CellResult, MetricResult
from evalkit.score_columns import ScoreColumn, ScoreRules
from evalkit.stats.intervals import Interval
from evalkit.stats.pairing import ItemScores
from evalkit.stats.reducers import check_reducer

__all__ = ["CellTally", "TallySpec", "aggregate_cell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TallySpec:
    """What a cell is and how its scores count. `kinds` maps its scorers, in order, to binary or graded.

    `price_source` says where the price comes from: the config, unless told otherwise. Trials below `shared_trials` are
    the calls of an earlier cell with the same prompts: they are scored here and paid for there.
    """

    model: str
    model_id: str
    provider: str
    evaluation: str
    kinds: Mapping[str, str]
    trials: int = 1
    reduce: str | Mapping[str, int] = "mean"
    on_error: OnErrorSpec = field(default_factory=OnErrorSpec)
    confidence: float = 0.95
    price: PriceSpec | TokenPrice | None = None
    price_source: str | None = None
    shared_trials: int = 0
    measure: Mapping[str, Json] = field(default_factory=dict[str, Json])
    treatment: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def rules(self) -> ScoreRules:
        """How trial scores become item scores."""
        return ScoreRules(self.trials, self.reduce, self.on_error)


class CellTally:
    """Gathers one cell. It holds a few dozen bytes a sample and trial, never an answer.

    `samples` are the dataset's, in order; `positions` those of them that this worker answers, all when left out.
    """

    def __init__(self, spec: TallySpec, samples: Sequence[Sample], *, positions: Iterable[int] | None = None) -> None:
        """Make room for every sample and trial; what is never added counts as not run.

        Raises:
            ConfigError: the reducer cannot work with these trials or scorers.
        """
        try:
            check_reducer(spec.reduce, trials=spec.trials, kinds=spec.kinds)
        except ValueError as error:
            raise ConfigError(f"evaluations.{spec.evaluation}: {error}") from None
        self.spec = spec
        self._slots = None if positions is None else {position: slot for slot, position in enumerate(sorted(positions))}
        self._samples = samples if self._slots is None else [samples[position] for position in self._slots]
        self._calls = CallColumns(len(self._samples) * spec.trials)
        self._first_errors: dict[str, str] = {}
        rules = spec.rules
        self._scores = {name: ScoreColumn(kind, rules, len(self._samples)) for name, kind in spec.kinds.items()}

    def add(self, position: int, result: SampleResult) -> None:
        """Take the result of the sample at `position` of its dataset; it replaces an earlier one of the same trial.

        Raises:
            ValueError: no such sample or trial belongs to this cell, or a scorer's score is missing.
        """
        slot = position if self._slots is None else self._slots.get(position, -1)
        trials, trial = self.spec.trials, result.trial
        if not (0 <= slot < len(self._samples) and 0 <= trial < trials and self._samples[slot].id == result.sample_id):
            raise ValueError(f"sample {result.sample_id!r} (place {position}), trial {trial} is not of this cell")
        row, prediction, scores = slot * trials + trial, result.prediction, result.scores
        for name, column in self._scores.items():
            score = scores.get(name)
            column.put(row, prediction, score)
            if score is not None and score.outcome is ScoreOutcome.SCORER_ERROR:
                self._first_errors.setdefault(name, score.reason)
        self._calls.put(row, prediction, is_shared=trial < self.spec.shared_trials)

    def finish(self) -> CellResult:
        """Return the aggregate of what was added so far."""
        spec, calls = self.spec, self._calls
        has_price = spec.price is not None
        return CellResult(
            model=spec.model,
            model_id=spec.model_id,
            provider=spec.provider,
            served_models=calls.served_models(),
            fingerprints=calls.fingerprints(),
            evaluation=spec.evaluation,
            samples=len(self._samples),
            trials=spec.trials,
            outcomes=calls.outcomes(),
            metrics={name: self._metric(column) for name, column in self._scores.items()},
            usage=calls.usage(),
            cost_usd=calls.cost_usd(spec.price),
            price_source=(spec.price_source or "config") if has_price else None,
            output_tokens=calls.output_tokens(confidence=spec.confidence),
            latency_s=calls.latency_s(confidence=spec.confidence, is_nested=spec.trials > 1),
            timing_s=calls.timing_s(confidence=spec.confidence),
            attempts=calls.attempts(),
            measure=spec.measure,
            treatment=spec.treatment,
            price=None if spec.price is None else {"input": spec.price.input, "output": spec.price.output},
        )

    @property
    def first_errors(self) -> Mapping[str, str]:
        """How each scorer that has failed did so first."""
        return self._first_errors

    def item_scores(self) -> dict[str, ItemScores]:
        """Return each scorer's reduced score by sample, NaN where excluded: what pairs are made of."""
        ids = [sample.id for sample in self._samples]
        trials = self.spec.trials if self.spec.rules.rows_are_trials else 1
        return {
            name: ItemScores(ids, column.reduce().values, column.kind == "binary", trials, self._clusters)
            for name, column in self._scores.items()
        }

    def _metric(self, column: ScoreColumn) -> MetricResult:
        reduced, confidence = column.reduce(), self.spec.confidence
        everything = range(len(self._samples))
        interval = self._interval(column, reduced.values, everything)
        return MetricResult(
            kind=column.kind,
            mean=interval.mean,
            lower=interval.lower,
            upper=interval.upper,
            confidence=confidence,
            method=interval.method,
            n=interval.n,
            clusters=interval.clusters,
            worst=_mean(reduced.worst),
            best=_mean(reduced.best),
            outcomes=column.outcomes(),
            slices={
                key: {value: self._slice(column, reduced.values, members) for value, members in by_value.items()}
                for key, by_value in self._slices.items()
            },
            rerun_noise=column.rerun_noise(confidence=confidence),
        )

    def _slice(self, column: ScoreColumn, values: Sequence[float], members: Sequence[int]) -> dict[str, Json]:
        interval = self._interval(column, values, members)
        return {
            "n": interval.n,
            "samples": len(members),
            "mean": interval.mean,
            "lower": interval.lower,
            "upper": interval.upper,
            "method": interval.method,
        }

    def _interval(self, column: ScoreColumn, values: Sequence[float], positions: Sequence[int]) -> Interval:
        clusters, confidence = self._clusters, self.spec.confidence
        return column.interval(values, positions=positions, clusters=clusters, confidence=confidence)

    @cached_property
    def _clusters(self) -> list[Hashable] | None:
        """Each sample's group, itself where it has none; None when no sample has one."""
        if all(sample.group is None for sample in self._samples):
            return None
        return [place if sample.group is None else sample.group for place, sample in enumerate(self._samples)]

    @cached_property
    def _slices(self) -> dict[str, dict[str, "array[int]"]]:
        """The places of the samples in each slice, by key and value, both sorted."""
        found: dict[str, dict[str, array[int]]] = {}
        for place, sample in enumerate(self._samples):
            for key, value in sample.slices.items():
                found.setdefault(key, {}).setdefault(value, array("q")).append(place)
        return {key: dict(sorted(found[key].items())) for key in sorted(found)}


def aggregate_cell(spec: TallySpec, samples: Sequence[Sample], results: Iterable[SampleResult]) -> CellResult:
    """Return the CellResult of stored results, in any order; the last of a sample and trial counts.

    Raises:
        ConfigError: the reducer cannot work with these trials or scorers.
        ValueError: a result is not of this cell.
    """
    tally = CellTally(spec, samples)
    places = {sample.id: place for place, sample in enumerate(samples)}
    for result in results:
        tally.add(places.get(result.sample_id, -1), result)
    return tally.finish()


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
