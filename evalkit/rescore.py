"""A stored run as a plan again, so that its answers can be scored anew: only the run is read, nobody is asked."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from evalkit.config.schema import Config, EvaluationSpec, ScorerSpec
from evalkit.dataset import Dataset
from evalkit.errors import ConfigError, ProviderError
from evalkit.image_store import ImageStore
from evalkit.measures import differing_values
from evalkit.merge import forget_attempts, forget_judgements, merge_journals
from evalkit.plan import Cell, Plan, make_plan
from evalkit.protocols import Model, ProviderContext
from evalkit.records import Json
from evalkit.results import CellResult, RunResult
from evalkit.store import RunFolder

__all__ = [
    "HIDDEN",
    "check_judges_can_be_asked",
    "check_same_questions",
    "stored_config",
    "stored_datasets",
    "stored_plan",
    "take_answers",
    "with_measures_of",
    "with_scorers",
]

HIDDEN = "[hidden]"
"""What stands in a stored config for the value of a header, which may be the key of a gateway."""

_BUDGETS = ("max_cost", "max_requests", "max_tokens", "max_time")
_ASKED = ("model", "system", "prompt", "params")


@dataclass(frozen=True, slots=True)
class _StoredEndpoint:
    """The endpoint that a stored run asked: its address, and nothing behind it."""

    url: str
    concurrency: int | None = None

    def open(self, context: ProviderContext) -> AbstractAsyncContextManager[Model]:
        """Refuse: stored answers need no endpoint."""
        del context
        raise ProviderError(f"{self.url}: a stored run is scored again without asking anybody")


def stored_config(run: RunResult) -> Config:
    """Return the config that a run was made with, without its budgets: what is spent is spent.

    The anchors of its judges are left out too: their file is the config's, and where that lies no run says.
    """
    config = Config.model_validate({**run.config})
    unlimited: dict[str, Json] = dict.fromkeys(_BUDGETS)
    scorers = {name: _without_anchors(spec) for name, spec in config.scorers.items()}
    return config.model_copy(update={"run": config.run.model_copy(update=unlimited), "scorers": scorers})


def _without_anchors(spec: ScorerSpec) -> ScorerSpec:
    if spec.use != "judge" or "anchors" not in spec.options:
        return spec
    written = spec.model_dump(by_alias=True, exclude_unset=True)
    return ScorerSpec.model_validate({name: value for name, value in written.items() if name != "anchors"})


def check_judges_can_be_asked(plan: Plan) -> None:
    """Check that a stored run says all that is needed to ask its judges.

    Raises:
        ConfigError: their provider sends headers, whose values no run keeps.
    """
    for judge in plan.judges:
        headers: Mapping[str, str] = getattr(judge.provider, "headers", {})
        if HIDDEN in headers.values():
            raise ConfigError(
                f"scorers.{judge.scorer}: provider {judge.model.provider!r} sends headers, and their values are not "
                "kept in a run; name the config with --config"
            )


def stored_datasets(folder: RunFolder, run: RunResult) -> dict[str, Dataset]:
    """Return the datasets of a run as its journal keeps them."""
    with folder.reader() as reader:
        return {
            name: Dataset(
                name,
                tuple(reader.samples(name)),
                facts["digest"],
                facts["rows"],
                provenance=facts.get("provenance", {}),
            )
            for name, facts in run.datasets.items()
        }


def stored_plan(run: RunResult, config: Config, datasets: Mapping[str, Dataset], *, base_dir: Path) -> Plan:
    """Return the plan of a stored run with the scorers of `config`; paths in those start at `base_dir`.

    Raises:
        ConfigError: the run is one shard of a run, or a scorer cannot be built.
    """
    if run.plan.get("shard"):
        raise ConfigError(f"run {run.run_id} is one shard of a run; join them with `evalkit merge` and score that")
    endpoints = {cell["provider"]: _StoredEndpoint(cell["url"]) for cell in run.plan["cells"]}
    return make_plan(config, datasets, base_dir=base_dir, profile=run.profile, providers=endpoints)


def with_scorers(config: Config, scorers: Mapping[str, ScorerSpec]) -> Config:
    """Return a config with more scorers, in every evaluation; one of the same name is replaced."""
    evaluations = [
        each.model_copy(update={"scorers": list(dict.fromkeys([*each.scorers, *scorers]))})
        for each in config.evaluations
    ]
    return config.model_copy(update={"scorers": {**config.scorers, **scorers}, "evaluations": evaluations})


def with_measures_of(config: Config, other: Config) -> Config:
    """Return a config that measures its evaluations as `other` measures those of the same name."""
    measures = {each.name: each for each in other.evaluations}
    evaluations = [_measured(each, measures.get(each.name)) for each in config.evaluations]
    return config.model_copy(update={"scorers": {**config.scorers, **other.scorers}, "evaluations": evaluations})


def _measured(evaluation: EvaluationSpec, other: EvaluationSpec | None) -> EvaluationSpec:
    if other is None:
        return evaluation
    return evaluation.model_copy(update={"scorers": other.scorers, "reduce": other.reduce, "on_error": other.on_error})


def check_same_questions(plan: Plan, run: RunResult) -> None:
    """Check that every cell of a plan asks what a stored run asked, so that its answers are answers to it.

    Raises:
        ConfigError: naming what differs.
    """
    stored = {cell.key: cell for cell in run.cells}
    trials = {cell["key"]: cell["trials"] for cell in run.plan["cells"]}
    lines: list[str] = []
    for cell in plan.cells:
        lines += _differences(cell, stored.get(cell.key), run)
        if cell.evaluation.trials > trials.get(cell.key, cell.evaluation.trials):
            lines.append(f"{cell.key}: {cell.evaluation.trials} trials are asked for, {trials[cell.key]} are stored")
    if lines:
        raise ConfigError("\n".join([f"run {run.run_id} did not ask this, so its answers do not fit:", *lines]))


def _differences(cell: Cell, stored: CellResult | None, run: RunResult) -> list[str]:
    if stored is None:
        return [f"{cell.key}: the run has no such cell"]
    mine, theirs = ({name: parts[name] for name in _ASKED} for parts in (stored.treatment, cell.treatment))
    found = [f"{cell.key}: {name}: {before} → {after}" for name, before, after in differing_values(mine, theirs)]
    if run.datasets.get(cell.dataset.name, {}).get("digest") != cell.dataset.digest:
        found.append(f"{cell.key}: dataset {cell.dataset.name} has other samples now")
    return found


def take_answers(parent: RunFolder, into: RunFolder, *, judgements: bool = True, attempts: bool = True) -> None:
    """Copy a run's samples, calls and images to another folder; the run itself stays as it is.

    Without `judgements` what its judges replied is left out: they are asked again. Without `attempts` the other folder
    does not know what the answers cost, so that it accounts for its own requests alone.

    Raises:
        StoreError: its journal cannot be read.
    """
    merge_journals([parent.journal], into.journal)
    if not judgements:
        forget_judgements(into.journal)
    if not attempts:
        forget_attempts(into.journal)
    ImageStore(into.images).take_over(ImageStore(parent.images))
