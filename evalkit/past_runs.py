"""The nouns of history: runs as they are remembered, and one metric of one model over them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.records import Json

__all__ = ["AlertEntry", "Listing", "PastEvent", "PastMetric", "PastRun", "Series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEntry:
    """What the ledger knows of one alert: `key` is what makes two alerts of a config the same. Nights are dates.

    It was `opened` on the first night it held and `seen` on the last one; `told` is the night somebody was last told,
    and `severity` how bad it was then. `closed` is None while it is open.
    """

    name: str
    key: str
    kind: str
    title: str
    opened: str
    seen: str
    told: str | None = None
    severity: float = 0.0
    closed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run as history remembers it; its folder may be gone.

    `night` is a date, as in 2026-11-23: the UTC date of the run's start, or the night that `evalkit nightly` ran it
    for; `kind` is "run" or "nightly". Times are in ISO 8601, `verdict` is the gate's, `primary` the metric that sorts
    its board. `parent_run` is the run whose answers it scored again: such a run is part of no series.
    """

    run_id: str
    name: str
    night: str
    kind: str
    started_at: str
    ended_at: str | None
    status: str
    folder: str
    plan_digest: str
    profile: str | None = None
    commit: str | None = None
    verdict: str | None = None
    exit_code: int | None = None
    cost_usd: float | None = None
    weave: str | None = None
    primary: str | None = None
    parent_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMetric:
    """One metric of one model in one run, as run.json had it.

    `series` is equal for two nights that measure the same thing: its changes start a new series. `setting` is what it
    names, part by part (dataset, scorer, judge, prompt, params, ...), so that a change can be explained.
    """

    run: PastRun
    evaluation: str
    scorer: str
    model: str
    kind: str
    higher_is_better: bool
    confidence: float
    mean: float | None
    lower: float | None
    upper: float | None
    n: int
    samples: int
    trials: int
    outcomes: Mapping[str, int]
    predictions: Mapping[str, int]
    series: str
    setting: Mapping[str, Json]
    served_models: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    latency_s: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    output_tokens: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    cost_usd: float | None = None

    @property
    def name(self) -> str:
        """The metric's name: evaluation.scorer."""
        return f"{self.evaluation}.{self.scorer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric of one model over runs, oldest first; `points` may belong to several series one after another."""

    name: str
    metric: str
    model: str
    points: tuple[PastMetric, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """Something that happened between runs: a baseline was set, a release was made; `about` holds the particulars."""

    name: str
    at: str
    kind: str
    text: str
    about: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The ids of the models that an endpoint listed on a night, sorted."""

    endpoint: str
    night: str
    ids: tuple[str, ...]
