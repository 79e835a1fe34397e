"""Models ranked on one primary metric by paired tests: rank intervals and bands instead of a false winner."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.records import Json
from evalkit.results import CellResult, MetricResult
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.paired import PairedDifference, paired_difference
from evalkit.stats.pairing import ItemScores, pair_items
from evalkit.stats.ranks import PairTest, Ranking, pairs_to_test, rank_intervals

__all__ = ["Leaderboard", "PairResult", "TieFacts", "build_leaderboard", "primary_metric"]

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
    """A model with a score on the primary metric."""

    model: str
    mean: float
    scores: ItemScores


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
) -> Leaderboard:
    """Rank every model of `cells` on the primary metric.

    `scores` holds each cell's item scores by cell key, then scorer. A model without a score on the primary metric
    has no rank and stands last. `higher_is_better` is that of the primary metric.
    """
    primary = primary_metric(cells, primary)
    contenders = _contenders(cells, scores, primary, higher_is_better=higher_is_better)
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
            "n": next((metric.n for cell, name, metric in _metrics(cells, model) if _name(cell, name) == primary), 0),
            "versus_best": versus.get(model),
        }
        for model in [*ranks, *unranked]
    ]
    return Leaderboard(primary, tuple(rows), pairs, _tie_facts(contenders, ranking, pairs, confidence))


def _contenders(
    cells: Sequence[CellResult],
    scores: Mapping[str, Mapping[str, ItemScores]],
    primary: str | None,
    *,
    higher_is_better: bool,
) -> list[_Contender]:
    """Return the models with a mean on the primary metric, best first, by label where equal."""
    found: list[_Contender] = []
    for cell in cells:
        for name, metric in cell.metrics.items():
            if _name(cell, name) == primary and metric.mean is not None:
                side = scores[cell.key][name]
                if found and list(side.ids) == list(found[0].scores.ids):
                    side = replace(side, ids=found[0].scores.ids)
                found.append(_Contender(cell.model, metric.mean, side))
    sign = -1.0 if higher_is_better else 1.0
    return sorted(found, key=lambda contender: (sign * contender.mean, contender.model))


def _compare(
    contenders: Sequence[_Contender], sign: float, confidence: float
) -> tuple[tuple[PairResult, ...], Ranking]:
    tests: list[PairTest] = []
    found: list[tuple[str, str, PairedDifference]] = []
    for first, second in pairs_to_test([sign * contender.mean for contender in contenders]):
        left, right = contenders[first], contenders[second]
        paired = paired_difference(pair_items(left.scores, right.scores), confidence=confidence)
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
    n = min((pair.n for pair in tied), default=_scored(contenders[0].scores) if contenders else 0)
    return TieFacts(models, n, _GAP, needed, len(pairs))


def _scored(scores: ItemScores) -> int:
    return sum(1 for value in scores.values if not math.isnan(value))


def _name(cell: CellResult, scorer: str) -> str:
    return f"{cell.evaluation}.{scorer}"


def _metrics(cells: Sequence[CellResult], model: str) -> list[tuple[CellResult, str, MetricResult]]:
    return [(cell, name, metric) for cell in cells if cell.model == model for name, metric in cell.metrics.items()]
