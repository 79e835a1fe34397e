"""What a run came to: metrics, cells and the whole, field for field as run.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.records import Json

__all__ = ["CellResult", "MetricResult", "RunResult"]


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A number over many scores, as in run.json; None where nothing was scored.

    `n` counts the samples in the mean, `worst` and `best` set each excluded one to 0 and to 1.
    `rerun_noise` is how far a re-run of the same model may move the mean; None when one trial cannot tell.
    """

    kind: str
    mean: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    n: int
    clusters: int
    worst: float | None
    best: float | None
    outcomes: Mapping[str, int]
    slices: Mapping[str, Json] = field(default_factory=dict[str, Json])
    rerun_noise: float | None = None


@dataclass(frozen=True, slots=True)
class CellResult:
    """One model on one evaluation, as in run.json.

    `latency_s` is the service time of answering attempts alone; `timing_s` tells what comes beside it (queue, backoff)
    and its parts (first_byte, first_token), `attempts` the requests sent, the calls retried, the most for one call, and
    the answers from the shared cache, whose times are those of the call that was made then.
    `cost_usd` is what the answers cost at `price` (input and output, USD per million tokens), None where not all is
    known.
    """

    model: str
    model_id: str
    provider: str
    served_models: tuple[str, ...]
    fingerprints: tuple[str, ...]
    evaluation: str
    samples: int
    trials: int
    outcomes: Mapping[str, int]
    metrics: Mapping[str, MetricResult]
    usage: Mapping[str, int]
    cost_usd: float | None
    price_source: str | None
    output_tokens: Mapping[str, float | None]
    latency_s: Mapping[str, float | None]
    measure: Mapping[str, Json]
    treatment: Mapping[str, Json]
    timing_s: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict[str, Mapping[str, float | None]])
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    price: Mapping[str, float] | None = None

    @property
    def key(self) -> str:
        """The cell's name in the journal and in run.json: evaluation/model."""
        return f"{self.evaluation}/{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One run, field for field as run.json.

    `pairs` and `tie` are the leaderboard's paired differences and its tie, `references` the means of answers that no
    model gave; `stopped` says why the run, or some of its cells, ended early; `judges` tells of each model that judged
    for a scorer: its calls, failures, cost and agreement with its anchors.
    """

    run_id: str
    name: str
    status: str
    started_at: str
    ended_at: str | None
    plan_digest: str
    versions: Mapping[str, str]
    datasets: Mapping[str, Mapping[str, Json]]
    cells: tuple[CellResult, ...]
    schema_version: int = 1
    profile: str | None = None
    parent_run: str | None = None
    primary: str | None = None
    git: Mapping[str, Json] | None = None
    environment: Mapping[str, Json] = field(default_factory=dict[str, Json])
    seed: int = 0
    config: Mapping[str, Json] = field(default_factory=dict[str, Json])
    plan: Mapping[str, Json] = field(default_factory=dict[str, Json])
    stopped: Mapping[str, Json] | None = None
    leaderboard: tuple[Mapping[str, Json], ...] = ()
    pairs: tuple[Mapping[str, Json], ...] = ()
    tie: Mapping[str, Json] | None = None
    references: tuple[Mapping[str, Json], ...] = ()
    judges: tuple[Mapping[str, Json], ...] = ()
    calls: Mapping[str, Json] = field(default_factory=dict[str, Json])
    throttle: Mapping[str, Json] = field(default_factory=dict[str, Json])
    gate: Mapping[str, Json] | None = None
    verdict: str | None = None
    weave: Mapping[str, Json] | None = None
