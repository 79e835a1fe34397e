"""Models ranked on a metric or a macro average by paired tests: rank intervals and bands, no false winner."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from evalkit.macro_scores import GroupScores, gather_members
from evalkit.records import Json
from evalkit.results import CellResult, MetricResult
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.macro_paired import macro_difference
from evalkit.stats.paired import PairedDifference
from evalkit.stats.pairing import ItemScores
from evalkit.stats.ranks import PairTest, Ranking, pairs_to_test, rank_intervals

__all__ = ["Leaderboard", "PairResult", "TieFacts", "build_leaderboard", "primary_metric"]

_NO_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_NO_SETS: Mapping[str, Hashable] = MappingProxyType({})
_GAP = 0.02
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class PairResult:
    """Two models on their common samples: first minus second, and the p-value after Holm over the family."""

    first: str
    second: str
    paired: PairedDifference
    p_adjusted: float

    def describe(self) -> dict[str, Json]:
        """Return the pair as plain values; bounds of a difference of scores end at -1 and 1."""
        paired = self.paired
        return {
            "first": self.first,
            "second": self.second,
            "difference": paired.difference,
            "lower": None if paired.lower is None else max(-1.0, paired.lower),
            "upper": None if paired.upper is None else min(1.0, paired.upper),
            "confidence": paired.confidence,
            "method": paired.method,
            "p": paired.p,
            "p_adjusted": self.p_adjusted,
            "p_method": paired.p_method,
            "n": paired.n,
            "clusters": paired.clusters,
            "wins": paired.wins,
            "losses": paired.losses,
        }


@dataclass(frozen=True, slots=True)
class TieFacts:
    """Who cannot be told apart from the best, on how many samples, and how many would separate `gap`.

    `samples_needed` is for power 0.8 under Holm's strictest level; None when nothing paired.
    """

    models: tuple[str, ...]
    n: int
    gap: float
    samples_needed: int | None
    family: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Rows as in run.json, best first; every tested pair; and the facts of the sentence above the table."""

    primary: str | None
    rows: tuple[Mapping[str, Json], ...]
    pairs: tuple[PairResult, ...]
    tie: TieFacts


@dataclass(frozen=True, slots=True)
class _Contender:
    """A model with a score on the primary metric: its item scores on each metric that this stands for."""

    model: str
    mean: float
    n: int
    scores: tuple[ItemScores, ...]
    items: tuple[Hashable, ...]


def primary_metric(cells: Sequence[CellResult], declared: str | None = None) -> str | None:
    """Return the metric that sorts the board: the declared one, else the first evaluation's first scorer."""
    if declared is not None:
        return declared
    return next((f"{cell.evaluation}.{name}" for cell in cells for name in cell.metrics), None)


def build_leaderboard(
    cells: Sequence[CellResult],
    scores: Mapping[str, Mapping[str, ItemScores]],
    *,
    primary: str | None = None,
    confidence: float = 0.95,
    higher_is_better: bool = True,
    groups: Mapping[str, tuple[str, ...]] = _NO_GROUPS,
    sample_sets: Mapping[str, Hashable] = _NO_SETS,
) -> Leaderboard:
    """Rank every model of `cells` on the primary metric, or on the macro average of the group that it names.

    `scores` holds each cell's item scores by cell key, then scorer; `groups` the metrics of each group. Cells with the
    same name in `sample_sets` are on the same samples. A model without a score on the primary metric, or on any metric
    of the primary group, has no rank and stands last. `higher_is_better` is that of the primary metric.
    """
    primary = primary_metric(cells, primary)
    averaged = {
        name: gather_members(cells, scores, metrics, sample_sets=sample_sets) for name, metrics in groups.items()
    }
    by_model = averaged.get(primary or "") or gather_members(cells, scores, (primary or "",), sample_sets=sample_sets)
    contenders = _contenders(by_model, confidence, higher_is_better=higher_is_better)
    sign = 1.0 if higher_is_better else -1.0
    pairs, ranking = _compare(contenders, sign, confidence)
    ranks = {contender.model: place for place, contender in enumerate(contenders)}
    unranked = [model for model in dict.fromkeys(cell.model for cell in cells) if model not in ranks]
    versus = _versus_best(pairs, contenders)
    rows = [
        {
            "model": model,
            "rank": list(ranking.intervals[ranks[model]]) if model in ranks else None,
            "metrics": {_name(cell, name): metric.mean for cell, name, metric in _metrics(cells, model)},
            "primary": primary,
            "band": ranking.bands[ranks[model]] if model in ranks else None,
            "n": sum(member.result.n for member in by_model[model].members),
            "versus_best": versus.get(model),
            **_averages(averaged, model, confidence),
        }
        for model in [*ranks, *unranked]
    ]
    return Leaderboard(primary, tuple(rows), pairs, _tie_facts(contenders, ranking, pairs, confidence))


def _averages(
    averaged: Mapping[str, Mapping[str, GroupScores]], model: str, confidence: float
) -> dict[str, Mapping[str, Json]]:
    described = {name: by_model[model].describe(confidence) for name, by_model in averaged.items()}
    return {"groups": described} if described else {}


def _contenders(by_model: Mapping[str, GroupScores], confidence: float, *, higher_is_better: bool) -> list[_Contender]:
    """Return the models with a mean on the primary metric, best first, by label where equal."""
    found: list[_Contender] = []
    for model, group in by_model.items():
        average = group.average(confidence)
        if average.mean is None:
            continue
        sides = [member.scores for member in group.members]
        if found:
            sides = [_with_shared_ids(side, first) for side, first in zip(sides, found[0].scores, strict=True)]
        items = tuple(member.items for member in group.members)
        found.append(_Contender(model, average.mean, average.n, tuple(sides), items))
    sign = -1.0 if higher_is_better else 1.0
    return sorted(found, key=lambda contender: (sign * contender.mean, contender.model))


def _with_shared_ids(side: ItemScores, first: ItemScores) -> ItemScores:
    """Return a side with the very ids of another where they are equal: pairs of it are made without a look at them."""
    return replace(side, ids=first.ids) if list(side.ids) == list(first.ids) else side


def _compare(
    contenders: Sequence[_Contender], sign: float, confidence: float
) -> tuple[tuple[PairResult, ...], Ranking]:
    tests: list[PairTest] = []
    found: list[tuple[str, str, PairedDifference]] = []
    for first, second in pairs_to_test([sign * contender.mean for contender in contenders]):
        left, right = contenders[first], contenders[second]
        paired = macro_difference(left.scores, right.scores, items=left.items, confidence=confidence)
        advantage = None if paired.difference is None else sign * paired.difference
        tests.append(PairTest(first, second, advantage, paired.p))
        found.append((left.model, right.model, paired))
    ranking = rank_intervals(len(contenders), tests, alpha=1 - confidence)
    pairs = tuple(PairResult(*pair, p) for pair, p in zip(found, ranking.adjusted, strict=True))
    return pairs, ranking


def _versus_best(pairs: Sequence[PairResult], contenders: Sequence[_Contender]) -> dict[str, dict[str, Json]]:
    """Return each other model's pair with the one at the top, which stands first in every pair it is in."""
    best = contenders[0].model if contenders else None
    return {pair.second: pair.describe() for pair in pairs if pair.first == best}


def _tie_facts(
    contenders: Sequence[_Contender], ranking: Ranking, pairs: Sequence[PairResult], confidence: float
) -> TieFacts:
    models = tuple(c.model for c, band in zip(contenders, ranking.bands, strict=True) if band == 1)
    tied = [pair.paired for pair in pairs if pair.first in models and pair.second in models]
    spreads = [pair.standard_error * math.sqrt(pair.n) for pair in tied if pair.standard_error is not None]
    needed = None
    if spreads:
        tail = (1 - confidence) / 2 / len(pairs)
        z = normal_quantile(1 - tail) + normal_quantile(_POWER)
        needed = math.ceil((z * max(spreads) / _GAP) ** 2)
    n = min((pair.n for pair in tied), default=contenders[0].n if contenders else 0)
    return TieFacts(models, n, _GAP, needed, len(pairs))


def _name(cell: CellResult, scorer: str) -> str:
    return f"{cell.evaluation}.{scorer}"


def _metrics(cells: Sequence[CellResult], model: str) -> list[tuple[CellResult, str, MetricResult]]:
    return [(cell, name, metric) for cell in cells if cell.model == model for name, metric in cell.metrics.items()]
