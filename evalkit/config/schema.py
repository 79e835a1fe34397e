"""The YAML's shape: every key of the config file, frozen, unknown keys refused."""

from typing import Literal

from pydantic import Field

from evalkit.config.gates import GateRule, GateSpec
from evalkit.config.nights import AlertSpec, CatalogWatchSpec, HistorySpec, NightlySpec
from evalkit.config.questions import (
    DatasetSpec,
    EvaluationSpec,
    ExpectSpec,
    FewShotSpec,
    FieldsSpec,
    MessageSpec,
    OnErrorSpec,
    PromptSpec,
    SampleSpec,
    ScorerSpec,
)
from evalkit.config.spec import Duration, Json, OpenSpec, Slug, Spec

__all__ = [
    "AlertSpec",
    "CatalogWatchSpec",
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
    "NightlySpec",
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
    "Slug",
    "StatsSpec",
    "ThrottleSpec",
    "WeaveSpec",
]


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

    input: float = Field(ge=0, description="of prompt tokens")
    output: float = Field(ge=0, description="of answer tokens")


class ReasoningSpec(Spec):
    """How blocks of reasoning are taken off an answer before it is scored."""

    strip: Literal["auto", "never"] = Field(default="auto", description="auto: remove them; unterminated: no answer")
    tags: list[str] = Field(
        default=["think", "thinking", "reasoning"], description="names of the tags around reasoning"
    )


class ModelSpec(Spec):
    """One model under test, or a judge."""

    id: str = Field(min_length=1, description="the id the provider knows")
    provider: str = Field(default="wandb", description="a key of providers, or a built-in one")
    label: str = Field(default="", description="unique name on the leaderboard; the id when left out")
    role: Literal["candidate", "judge", "reference"] = Field(
        default="candidate",
        description="what the model is here for; a judge is asked by scorers that name its label, never about samples",
    )
    system: str | None = Field(default=None, description="system prompt of this model")
    params: dict[str, Json] = Field(
        default_factory=dict, description="sent as they are: temperature, max_tokens, seed, tools, stream: true, ..."
    )
    price: PriceSpec | None = Field(default=None, description="what its tokens cost; cost is computed from it")
    vision: bool | None = Field(default=None, description="whether it takes images; left out, the catalogue says")
    reasoning: ReasoningSpec = Field(default_factory=ReasoningSpec, description="blocks that are taken off an answer")
    throttle: ThrottleSpec | None = Field(default=None, description="a limit of its own")
    matrix: dict[str, list[Json]] | None = Field(
        default=None, description="param -> values; expands into one model each"
    )


class RunSpec(Spec):
    """How a run spends and stops."""

    cache: Literal["run", "shared", "refresh"] = Field(
        default="run",
        description="whose answers to exactly the same call (endpoint, model, messages, params, sample and trial) may"
        " be used again: this run's alone, those of any run here (kept in .evalkit/cache.sqlite: never a refusal or a"
        " failure), or none, every answer asked anew and kept",
    )
    max_cost: float | None = Field(
        default=None, gt=0, description="stop before the run, over all its tries, spends more USD"
    )
    max_requests: int | None = Field(
        default=None, gt=0, description="stop before the run, over all its tries, sends more"
    )
    max_tokens: int | None = Field(default=None, gt=0, description="stop before the run, over all its tries, uses more")
    max_time: Duration | None = Field(
        default=None, description="stop after asking for this long; counted anew when a run is continued"
    )
    max_error_rate: float = Field(default=0.05, ge=0, le=1, description="beyond it a run is incomplete")
    order: Literal["interleave", "by_model", "by_evaluation"] = Field(
        default="interleave", description="which calls come first"
    )
    seed: int = Field(default=0, description="of every draw without a seed of its own")


class StatsSpec(Spec):
    """Level of the intervals, and what samples are clustered by."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="level of every interval")
    group_by: str | None = Field(default=None, description="a column; samples that share it form one cluster")


class LeaderboardSpec(Spec):
    """The board that is published."""

    name: str | None = Field(default=None, description="the config's name when left out")
    description: str | None = Field(default=None, description="the config's when left out")
    primary: str | None = Field(default=None, description="evaluation.scorer, or a group, that sorts the board")
    columns: list[str] | None = Field(
        default=None, description="metrics and groups to show, in order; all when left out"
    )
    groups: dict[str, list[str]] | None = Field(
        default=None, description="name -> metrics whose macro average it is; each weighs the same"
    )


class ReportSpec(Spec):
    """Which files are written beside run.json."""

    html: bool = Field(default=True, description="report.html, one self-contained page")
    json_: bool = Field(default=True, alias="json", description="run.json")
    csv: bool = Field(default=False, description="leaderboard.csv, with leaderboard.json and leaderboard.md beside it")
    parquet: bool = Field(default=True, description="samples.parquet, for pandas and DuckDB")
    junit: bool = Field(default=False, description="junit.xml, for the test pages of GitHub and GitLab")
    markdown: bool = Field(default=True, description="summary.md, and comment.md for pull requests")
    redact: list[str] = Field(default_factory=list, description="patterns whose matches are hidden in made pages")


class Config(Spec):
    """The whole file."""

    version: Literal[1] = Field(default=1, description="of this format")
    name: Slug = Field(description="names the run folder, the Weave evaluations and the board")
    description: str = Field(default="", description="one line, shown with the results")
    weave: WeaveSpec = Field(default_factory=WeaveSpec, description="where results are published")
    providers: dict[str, ProviderSpec] = Field(default_factory=dict, description="who serves models")
    models: list[ModelSpec] = Field(min_length=1, description="who is asked; a string is an id on provider wandb")
    datasets: dict[str, DatasetSpec] = Field(min_length=1, description="what is asked about")
    prompts: dict[str, str | list[MessageSpec] | PromptSpec] = Field(
        default_factory=dict, description="prompts by name: a template, messages or a section"
    )
    scorers: dict[str, ScorerSpec] = Field(min_length=1, description="how answers are judged")
    evaluations: list[EvaluationSpec] = Field(
        default_factory=list[EvaluationSpec], description="which dataset, prompt and scorers go together"
    )
    throttle: ThrottleSpec = Field(default_factory=ThrottleSpec, description="how fast calls may go")
    retry: RetrySpec = Field(default_factory=RetrySpec, description="how transient failures are tried again")
    run: RunSpec = Field(default_factory=RunSpec, description="how a run spends and stops")
    stats: StatsSpec = Field(default_factory=StatsSpec, description="intervals and clusters")
    gate: GateSpec | None = Field(default=None, description="the rules a run is held to")
    leaderboard: LeaderboardSpec = Field(default_factory=LeaderboardSpec, description="the published board")
    report: ReportSpec = Field(default_factory=ReportSpec, description="which files are made")
    history: HistorySpec = Field(default_factory=HistorySpec, description="past runs")
    nightly: NightlySpec = Field(default_factory=NightlySpec, description="scheduled comparisons")
    profiles: dict[str, dict[str, Json]] = Field(
        default_factory=dict, description="name -> partial config, chosen by --profile"
    )
    include: list[str] = Field(default_factory=list, description="files that are merged first")
