"""Past metrics, series and scores by hand: one metric of one model, a night after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from evalkit.history_scores import SampleSet
from evalkit.past_runs import PastMetric, PastRun, Series

FIRST = date(2026, 9, 1)
SETTING: Mapping[str, Any] = {"dataset": "d" * 32, "prompt": "p" * 32, "system": None, "params": {"temperature": 0}}


@dataclass(frozen=True)
class Scores:
    """One night's scores, as history gives them."""

    ids: tuple[str, ...]
    values: np.ndarray[tuple[int], np.dtype[np.float64]]


def night(place: int) -> str:
    return (FIRST + timedelta(days=place)).isoformat()


def past_run(place: int, **changes: Any) -> PastRun:
    fields: dict[str, Any] = {
        "run_id": f"run-{place:04d}",
        "name": "nightly",
        "night": night(place),
        "kind": "nightly",
        "started_at": f"{night(place)}T01:00:00+00:00",
        "ended_at": f"{night(place)}T01:10:00+00:00",
        "status": "complete",
        "folder": f"/reports/nightly/run-{place:04d}",
        "plan_digest": "plan",
    }
    return PastRun(**{**fields, **changes})


def past_metric(place: int, mean: float | None = 0.8, **changes: Any) -> PastMetric:
    fields: dict[str, Any] = {
        "run": past_run(place),
        "evaluation": "qa",
        "scorer": "exact",
        "model": "Model A",
        "kind": "binary",
        "higher_is_better": True,
        "confidence": 0.95,
        "mean": mean,
        "lower": None if mean is None else max(0.0, mean - 0.05),
        "upper": None if mean is None else min(1.0, mean + 0.05),
        "n": 200,
        "samples": 200,
        "trials": 1,
        "outcomes": {"scored": 200},
        "predictions": {"ok": 200},
        "series": "one",
        "setting": SETTING,
    }
    return PastMetric(**{**fields, **changes})


def past_series(points: Sequence[PastMetric], metric: str = "qa.exact", model: str = "Model A") -> Series:
    return Series(name="nightly", metric=metric, model=model, points=tuple(points))


def score_rows(nights: Sequence[Sequence[float | None]], ids: Sequence[str] | None = None) -> list[Scores]:
    """Return scores night by night; None is a missing one."""
    names = tuple(ids) if ids is not None else tuple(f"s{place}" for place in range(len(nights[0])))
    return [Scores(names, np.array([np.nan if v is None else v for v in row], dtype=np.float64)) for row in nights]


def by_sample(outcomes: Mapping[str, str]) -> list[Scores]:
    """Return scores from each sample's nights, oldest first: 1 right, 0 wrong, a dot for none."""
    rows = [
        [None if text[at] == "." else float(text[at]) for text in outcomes.values()] for at in range(_nights(outcomes))
    ]
    return score_rows(rows, tuple(outcomes))


def _nights(outcomes: Mapping[str, str]) -> int:
    lengths = {len(text) for text in outcomes.values()}
    assert len(lengths) == 1, "every sample has as many nights"
    return lengths.pop()


@dataclass(frozen=True)
class SampledScores:
    """One night's scores with the contents of their samples, as the drift rule takes them."""

    samples: SampleSet
    values: np.ndarray[tuple[int], np.dtype[np.float64]]

    @property
    def ids(self) -> tuple[str, ...]:
        return self.samples.ids


def sampled(rights: Sequence[int], samples: int = 100) -> list[SampledScores]:
    """Return nights on which the first so many samples are right, the others wrong."""
    ids = tuple(f"s{place}" for place in range(samples))
    known = SampleSet("set", ids, ids, None, {})
    return [SampledScores(known, (np.arange(samples) < right).astype(np.float64)) for right in rights]
