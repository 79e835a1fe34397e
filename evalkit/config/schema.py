"""The YAML's shape: every key of the config file, frozen, unknown keys refused."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = [
    "Config",
    "DatasetSpec",
    "Duration",
    "EvaluationSpec",
    "ExpectSpec",
    "FewShotSpec",
    "FieldsSpec",
    "GateRule",
    "GateSpec",
    "HistorySpec",
    "LeaderboardSpec",
    "MessageSpec",
    "ModelSpec",
    "OnErrorSpec",
    "PriceSpec",
    "PromptSpec",
    "ProviderSpec",
    "ReasoningSpec",
    "ReportSpec",
    "RetrySpec",
    "RunSpec",
    "SampleSpec",
    "ScorerSpec",
    "StatsSpec",
    "ThrottleSpec",
    "WeaveSpec",
]

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
Json = Any


def _seconds(value: object) -> object:
    """Read `90`, `1.5s`, `250ms`, `5m` or `2h` as seconds."""
    if not isinstance(value, str):
        return value
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    for unit in ("ms", "s", "m", "h"):
        number = value.removesuffix(unit)
        if number != value:
            try:
                return float(number) * units[unit]
            except ValueError:
                break
    raise ValueError("a duration is a number of seconds, or a number with ms, s, m or h (90, 1.5s, 5m)")


Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
"""Seconds; YAML also takes 250ms, 30s, 5m, 2h."""


class Spec(BaseModel):
    """The common rules of every section: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class OpenSpec(Spec):
    """A section whose further keys are the options of the plugin it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Json]:
        """The keys that belong to the plugin."""
        return dict(self.model_extra or {})


class WeaveSpec(Spec):
    """Where evaluations and leaderboards are published."""

    project: str | None = Field(
        default=None, description="entity/project; also sent as OpenAI-Project to W&B Inference"
    )
    backend: Literal["auto", "local", "wandb", "both", "off"] = Field(
        default="auto", description="auto: wandb when WANDB_API_KEY and project are both set, else local"
    )
    traces: Literal["all", "sample", "none"] = Field(
        default="all", description="child calls to record; rows are always complete"
    )
    verify: bool = Field(default=True, description="read the published numbers back and compare")


class ThrottleSpec(Spec):
    """One limit, shared by all models and judges of one provider and project."""

    max_concurrency: int | None = Field(
        default=None, ge=1, description="most calls in flight; 32, or what the provider says"
    )
    start_concurrency: int | None = Field(default=None, ge=1, description="calls in flight at the start; 8, or less")
    adaptive: bool = Field(default=True, description="learn the server's limit between 1 and max_concurrency")
    requests_per_second: float | None = Field(default=None, gt=0, description="most calls started per second")
    tokens_per_minute: int | None = Field(default=None, gt=0, description="most tokens per minute")


class RetrySpec(Spec):
    """How transient failures are tried again: full jitter, Retry-After honoured."""

    max_attempts: int = Field(default=6, ge=1, description="requests sent for one call at most")
    max_elapsed: Duration = Field(default=300.0, description="give up this long after the first attempt")
    base: Duration = Field(default=1.0, description="first back-off ceiling")
    cap: Duration = Field(default=60.0, description="largest back-off ceiling")


class ProviderSpec(OpenSpec):
    """Who serves models; further keys are the options of the provider named by `use`."""

    use: str = Field(description="the provider plugin")
    throttle: ThrottleSpec | None = Field(default=None, description="overrides the top-level throttle")
    retry: RetrySpec | None = Field(default=None, description="overrides the top-level retry")
    timeout: Duration | None = Field(default=None, description="deadline of one attempt")


class PriceSpec(Spec):
    """USD per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ReasoningSpec(Spec):
    """How blocks of reasoning are taken off an answer before it is scored."""

    strip: Literal["auto", "never"] = Field(default="auto", description="auto: remove them; unterminated: no answer")
    tags: list[str] = Field(
        default=["think", "thinking", "reasoning"], description="names of the tags around reasoning"
    )


class ModelSpec(Spec):
    """One model under test."""

    id: str = Field(min_length=1, description="the id the provider knows")
    provider: str = Field(default="wandb", description="a key of providers, or a built-in one")
    label: str = Field(default="", description="unique name on the leaderboard; the id when left out")
    role: Literal["candidate", "judge", "reference"] = "candidate"
    system: str | None = Field(default=None, description="system prompt of this model")
    params: dict[str, Json] = Field(default_factory=dict, description="temperature, max_tokens, seed, stop, ...")
    price: PriceSpec | None = None
    vision: bool | None = None
    reasoning: ReasoningSpec = Field(default_factory=ReasoningSpec)
    throttle: ThrottleSpec | None = None
    matrix: dict[str, list[Json]] | None = Field(
        default=None, description="param -> values; expands into one model each"
    )


class FieldsSpec(Spec):
    """Which column, or template over the row, gives each part of a sample."""

    id: str | None = None
    input: str | None = None
    target: str | None = None
    choices: str | None = None
    images: str | None = None
    messages: str | None = None
    group: str | None = None
    slices: list[str] | dict[str, str] | None = None


class SampleSpec(Spec):
    """A seeded subset of the rows."""

    n: int = Field(ge=1)
    method: Literal["random", "head", "stratified"] = "random"
    by: str | None = Field(default=None, description="column that strata are made of")


class ExpectSpec(Spec):
    """What the dataset must be, else the run is refused."""

    rows: int | None = Field(default=None, ge=0)
    digest: str | None = None


class DatasetSpec(Spec):
    """One source of rows, and how rows become samples. Exactly one of the source keys."""

    path: str | list[str] | None = Field(
        default=None, description="jsonl, csv, tsv, json, parquet; glob and .gz allowed"
    )
    hf: str | None = Field(default=None, description="a Hugging Face dataset, or a local folder in its layout")
    weave: str | None = Field(default=None, description="a Weave dataset ref")
    rows: list[dict[str, Json]] | None = Field(default=None, description="inline rows")
    python: str | None = Field(default=None, description="module:function that returns rows")
    config: str | None = Field(default=None, description="hf: configuration name")
    split: str | None = Field(default=None, description="hf: split, required")
    revision: str | None = Field(default=None, description="hf: pinned revision")
    streaming: bool = Field(default=False, description="hf: stream instead of download")
    fields: FieldsSpec = Field(default_factory=FieldsSpec)
    where: str | None = Field(
        default=None, description="an expression over the row; rows where it is false are left out"
    )
    limit: int | None = Field(default=None, ge=1)
    shuffle: bool = False
    seed: int = 0
    sample: int | SampleSpec | None = None
    expect: ExpectSpec | None = None


class MessageSpec(Spec):
    """One message of a prompt; `content` is a template."""

    role: Literal["system", "user", "assistant", "developer"]
    content: str


class FewShotSpec(Spec):
    """Worked examples put before the question; never a test sample."""

    dataset: str
    n: int = Field(ge=1)
    select: Literal["first", "random", "fixed"] = "first"
    seed: int = 0


class PromptSpec(Spec):
    """What is sent for one sample."""

    template: str | None = Field(default=None, description="the user message, a Jinja2 template")
    messages: list[MessageSpec] | None = Field(default=None, description="in place of template")
    system: str | None = None
    few_shot: FewShotSpec | None = None
    choices_format: str | None = Field(default=None, description="template of one choice, over letter and choice")
    shuffle_choices: bool = False


class OnErrorSpec(Spec):
    """What each kind of missing score counts as in a mean."""

    truncated: Literal["score", "zero", "exclude"] = "score"
    model: Literal["zero", "exclude"] = "zero"
    infra: Literal["exclude", "zero"] = "exclude"
    scorer: Literal["exclude", "zero"] = "exclude"


class ScorerSpec(OpenSpec):
    """One scorer; further keys are the options of the plugin named by `use`."""

    use: str = Field(description="the scorer plugin, or package.module:Class")
    extract: list[Json] | None = Field(default=None, description="steps from raw text to the answer")
    lenient_extract: list[Json] | None = Field(default=None, description="a second chain; disagreements are listed")
    negate: bool = False
    weight: float = Field(default=1.0, ge=0)
    higher_is_better: bool = True
    range: list[float] | None = Field(default=None, min_length=2, max_length=2, description="[a, b] rescaled to [0, 1]")


class EvaluationSpec(Spec):
    """Dataset + prompt + scorers."""

    name: Slug
    dataset: str
    prompt: str | list[MessageSpec] | PromptSpec = "{{ input }}"
    scorers: list[str] = Field(default_factory=list, description="names of scorers; all when left out")
    models: list[str] | None = Field(default=None, description="labels or globs; all candidates when left out")
    params: dict[str, Json] = Field(default_factory=dict)
    trials: int = Field(default=1, ge=1)
    reduce: Literal["mean", "median", "majority", "any", "all"] | dict[Literal["pass_at", "pass_hat"], int] = "mean"
    on_error: OnErrorSpec = Field(default_factory=OnErrorSpec)


class RunSpec(Spec):
    """How a run spends and stops."""

    cache: Literal["run", "shared", "refresh"] = "run"
    max_cost: float | None = Field(default=None, gt=0)
    max_requests: int | None = Field(default=None, gt=0)
    max_tokens: int | None = Field(default=None, gt=0)
    max_time: Duration | None = None
    max_error_rate: float = Field(default=0.05, ge=0, le=1)
    order: Literal["interleave", "by_model", "by_evaluation"] = "interleave"
    seed: int = 0


class StatsSpec(Spec):
    """Level of the intervals, and what samples are clustered by."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    group_by: str | None = Field(default=None, description="a column; samples that share it form one cluster")


class GateRule(Spec):
    """One rule of the gate."""

    metric: str
    max_drop: float | None = None
    detect: float | None = None
    min: float | None = None
    max: float | None = None


class GateSpec(Spec):
    """The rules a run is held to."""

    baseline: str | None = None
    rules: list[GateRule] = Field(default_factory=list[GateRule])
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, gt=0, lt=1)
    on_inconclusive: Literal["warn", "fail", "pass"] = "warn"
    max_missing: float = Field(default=0.02, ge=0, le=1)


class LeaderboardSpec(Spec):
    """The board that is published."""

    name: str | None = None
    description: str | None = None
    primary: str | None = Field(default=None, description="evaluation.scorer that sorts the board")
    columns: list[str] | None = None
    groups: dict[str, list[str]] | None = None


class ReportSpec(Spec):
    """Which files are written beside run.json."""

    html: bool = True
    json_: bool = Field(default=True, alias="json")
    csv: bool = False
    parquet: bool = True
    junit: bool = False
    markdown: bool = True
    redact: list[str] = Field(default_factory=list, description="patterns whose matches are hidden in made pages")


class HistorySpec(Spec):
    """Where past runs are registered."""

    enabled: bool = True
    keep: int | None = None


class Config(Spec):
    """The whole file."""

    version: Literal[1] = 1
    name: Slug
    description: str = ""
    weave: WeaveSpec = Field(default_factory=WeaveSpec)
    providers: dict[str, ProviderSpec] = Field(default_factory=dict)
    models: list[ModelSpec] = Field(min_length=1)
    datasets: dict[str, DatasetSpec] = Field(min_length=1)
    prompts: dict[str, str | list[MessageSpec] | PromptSpec] = Field(default_factory=dict)
    scorers: dict[str, ScorerSpec] = Field(min_length=1)
    evaluations: list[EvaluationSpec] = Field(default_factory=list[EvaluationSpec])
    throttle: ThrottleSpec = Field(default_factory=ThrottleSpec)
    retry: RetrySpec = Field(default_factory=RetrySpec)
    run: RunSpec = Field(default_factory=RunSpec)
    stats: StatsSpec = Field(default_factory=StatsSpec)
    gate: GateSpec | None = None
    leaderboard: LeaderboardSpec = Field(default_factory=LeaderboardSpec)
    report: ReportSpec = Field(default_factory=ReportSpec)
    history: HistorySpec = Field(default_factory=HistorySpec)
    profiles: dict[str, dict[str, Json]] = Field(default_factory=dict)
    include: list[str] = Field(default_factory=list)
