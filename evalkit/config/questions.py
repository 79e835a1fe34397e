"""The sections that say what is asked and how answers are scored: datasets, prompts, scorers, evaluations."""

from typing import Literal

from pydantic import Field

from evalkit.config.spec import Json, OpenSpec, Slug, Spec

__all__ = [
    "TRIALS_LIMIT",
    "DatasetSpec",
    "EvaluationSpec",
    "ExpectSpec",
    "FewShotSpec",
    "FieldsSpec",
    "MessageSpec",
    "OnErrorSpec",
    "PartSpec",
    "PromptSpec",
    "SampleSpec",
    "ScorerSpec",
]

TRIALS_LIMIT = 1000
"""More trials of a sample are taken for a slip."""


class FieldsSpec(Spec):
    """Which column, or template over the row, gives each part of a sample."""

    id: str | None = Field(default=None, description="unique name of the sample; a hash of the row when left out")
    input: str | None = Field(default=None, description="the question")
    target: str | None = Field(default=None, description="what a right answer is")
    choices: str | None = Field(default=None, description="the options of a multiple-choice question, a list")
    images: str | list[str] | None = Field(
        default=None,
        description="PNG, JPEG, WebP or GIF images to send with the question: paths beside the data file, http(s) "
        "addresses (which the model reads itself), data: URLs, bytes, or lists of those",
    )
    messages: str | None = Field(default=None, description="a conversation to continue")
    group: str | None = Field(default=None, description="samples that share it form one cluster")
    slices: list[str] | dict[str, str] | None = Field(
        default=None, description="columns that results are broken down by"
    )


class SampleSpec(Spec):
    """A seeded subset of the rows."""

    n: int = Field(ge=1, description="how many samples are kept")
    method: Literal["random", "head", "stratified"] = Field(default="random", description="which ones")
    by: str | None = Field(default=None, description="column that strata are made of")


class ExpectSpec(Spec):
    """What the dataset must be, else the run is refused."""

    rows: int | None = Field(default=None, ge=0, description="how many samples are left after every step")
    digest: str | None = Field(default=None, description="their digest, as run.json shows it")


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
    fields: FieldsSpec = Field(default_factory=FieldsSpec, description="which column gives each part of a sample")
    where: str | None = Field(
        default=None, description="an expression over the row; rows where it is false are left out"
    )
    limit: int | None = Field(default=None, ge=1, description="keep at most this many samples, the last step")
    shuffle: bool = Field(default=False, description="order the samples by seed")
    seed: int = Field(default=0, description="of shuffle and sample")
    sample: int | SampleSpec | None = Field(default=None, description="draw a subset: its size, or a section")
    expect: ExpectSpec | None = Field(default=None, description="refuse any other data")


class PartSpec(Spec):
    """One part of a message: text, or a place for images; without one they come before the last user message's text."""

    type: Literal["text", "image"] = Field(
        description="image: the place of the sample's next image, the last place that of all that are left"
    )
    text: str | None = Field(default=None, description="a Jinja2 template")
    detail: Literal["auto", "low", "high"] | None = Field(
        default=None, description="how closely the image is looked at"
    )


class MessageSpec(Spec):
    """One message of a prompt; `content` is a template, or parts with places for images."""

    role: Literal["system", "user", "assistant", "developer"] = Field(description="who speaks")
    content: str | list[PartSpec] = Field(description="a Jinja2 template, or parts")


class FewShotSpec(Spec):
    """Worked examples put before the question; never a test sample."""

    dataset: str = Field(description="where the examples come from")
    n: int = Field(ge=1, description="how many")
    select: Literal["first", "random", "fixed"] = Field(default="first", description="the first, or drawn by seed")
    seed: int = Field(default=0, description="of the draw")


class PromptSpec(Spec):
    """What is sent for one sample."""

    template: str | None = Field(default=None, description="the user message, a Jinja2 template")
    messages: list[MessageSpec] | None = Field(default=None, description="in place of template")
    system: str | None = Field(default=None, description="system message, a template; a model's own system wins")
    few_shot: FewShotSpec | None = Field(default=None, description="worked examples before the question")
    choices_format: str | None = Field(default=None, description="template of one choice, over letter and choice")
    shuffle_choices: bool = Field(default=False, description="show the choices in an order drawn by seed")


class OnErrorSpec(Spec):
    """What each kind of missing score counts as in a mean."""

    truncated: Literal["score", "zero", "exclude"] = Field(default="score", description="the answer hit max_tokens")
    model: Literal["zero", "exclude"] = Field(
        default="zero", description="refused, filtered, too long, no answer in it"
    )
    infra: Literal["exclude", "zero"] = Field(default="exclude", description="failed, rejected or not asked")
    scorer: Literal["exclude", "zero"] = Field(default="exclude", description="the scorer or its judge failed")


class ScorerSpec(OpenSpec):
    """One scorer; further keys are the options of the plugin named by `use`."""

    use: str = Field(description="the scorer plugin, or package.module:Class")
    extract: list[Json] | None = Field(
        default=None,
        description="steps from raw text to the answer; first tool_calls: from the tools it called, as JSON",
    )
    lenient_extract: list[Json] | None = Field(default=None, description="a second chain; disagreements are listed")
    negate: bool = Field(default=False, description="1 - value")
    weight: float = Field(default=1.0, ge=0, description="share in a combined score")
    higher_is_better: bool = Field(default=True, description="which way the board sorts it")
    range: list[float] | None = Field(default=None, min_length=2, max_length=2, description="[a, b] rescaled to [0, 1]")


class EvaluationSpec(Spec):
    """Dataset + prompt + scorers."""

    name: Slug = Field(description="unique: lower-case letters, digits, '.', '_', '-'")
    dataset: str = Field(description="a key of datasets")
    prompt: str | list[MessageSpec] | PromptSpec = Field(
        default="{{ input }}", description="a template, messages, a section, or a name under prompts"
    )
    scorers: list[str] = Field(default_factory=list, description="names of scorers; all when left out")
    models: list[str] | None = Field(default=None, description="labels or globs; all candidates when left out")
    params: dict[str, Json] = Field(default_factory=dict, description="win over the model's params")
    trials: int = Field(
        default=1,
        ge=1,
        le=TRIALS_LIMIT,
        description="how often each sample is asked; more than 1000 is taken for a slip, since by then what is unsure "
        "is which samples were asked",
    )
    reduce: Literal["mean", "median", "majority", "any", "all"] | dict[Literal["pass_at", "pass_hat"], int] = Field(
        default="mean", description="trials to one score a sample"
    )
    on_error: OnErrorSpec = Field(default_factory=OnErrorSpec, description="what a missing score counts as")
