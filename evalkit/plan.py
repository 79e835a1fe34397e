"""Config and datasets to a Plan: every cell, what each call of it sends, and the digests that name it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path

from evalkit.board_plan import BoardPlan, plan_board
from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.expand import models_of
from evalkit.config.schema import Config, EvaluationSpec, ModelSpec, PromptSpec, ProviderSpec
from evalkit.dataset import Dataset
from evalkit.digest import digest_json, digest_text
from evalkit.errors import ConfigError
from evalkit.judges import PlannedJudge, judge_digest, plan_judges, with_judges
from evalkit.prompt import PromptTemplate, present_choices, select_shots
from evalkit.protocols import Provider
from evalkit.provider_plugins import build_provider
from evalkit.records import CallKey, Json, Request, Sample
from evalkit.registry import Registry
from evalkit.scoring import BoundScorer, bind_scorer

__all__ = ["Cell", "Plan", "make_plan", "sample_part"]


@dataclass(frozen=True)
class Cell:
    """One model on one evaluation: everything that decides what is sent and how it is scored."""

    evaluation: EvaluationSpec
    model: ModelSpec
    url: str
    dataset: Dataset
    prompt: PromptTemplate
    pool: Dataset | None
    params: Mapping[str, Json]
    scorers: Mapping[str, BoundScorer]
    seed: int

    @property
    def key(self) -> str:
        """The cell's name: evaluation/model label."""
        return f"{self.evaluation.name}/{self.model.label}"

    @cached_property
    def bound_scorers(self) -> tuple[BoundScorer, ...]:
        """The scorers of this evaluation, in its order."""
        return tuple(self.scorers[name] for name in self.evaluation.scorers)

    @cached_property
    def is_judged(self) -> bool:
        """Whether a model is asked to score its answers."""
        return any(bound.judges for bound in self.bound_scorers)

    @cached_property
    def _prompt_spec(self) -> PromptSpec:
        prompt = self.evaluation.prompt
        return prompt if isinstance(prompt, PromptSpec) else PromptSpec()

    def present(self, sample: Sample) -> Sample:
        """Return the sample as this cell shows and scores it: choices in the order the model sees."""
        return present_choices(sample, shuffle=self._prompt_spec.shuffle_choices, seed=self.seed)

    def request(self, sample: Sample, trial: int) -> Request:
        """Return what is sent for one (presented) sample and trial.

        Raises:
            ConfigError: the prompt cannot be rendered for this sample.
        """
        few_shot = self._prompt_spec.few_shot
        shots = () if few_shot is None or self.pool is None else select_shots(few_shot, self.pool.samples, sample)
        messages = self.prompt.render(sample, shots)
        content = [self.url, self.model.id, [[m.role, m.content] for m in messages], self.params]
        key = CallKey(digest_json(content), sample.id, trial)
        return Request(self.model.id, messages, self.params, sample, key)

    @cached_property
    def measure(self) -> Mapping[str, Json]:
        """What must be equal for two numbers to be comparable."""
        scorers = {name: dict(self.scorers[name].identity) for name in self.evaluation.scorers}
        extraction = {name: identity.get("extract") for name, identity in scorers.items()}
        parts: dict[str, Json] = {
            "dataset": self.dataset.digest,
            "scorers": digest_json(scorers),
            "extraction": digest_json([extraction, self.model.reasoning.model_dump()]),
            "judge": judge_digest(scorers),
            "reducer": _reducer_name(self.evaluation),
            "on_error": ",".join(f"{k}={v}" for k, v in self.evaluation.on_error.model_dump().items()),
        }
        return {"digest": digest_json(parts), **parts}

    @cached_property
    def treatment(self) -> Mapping[str, Json]:
        """What a comparison of two cells tests."""
        from_pool = None if self.pool is None else self.pool.digest
        order = self.seed if self._prompt_spec.shuffle_choices else None
        parts: dict[str, Json] = {
            "model": f"{self.model.id} at {self.url}",
            "system": digest_text(self.model.system or ""),
            "prompt": digest_json([self.prompt.digest, self._prompt_spec.model_dump(), from_pool, order]),
            "params": digest_json(self.params),
        }
        return {"digest": digest_json(parts), **parts}

    def describe(self) -> dict[str, Json]:
        """Return the cell as run.json's plan lists it."""
        return {
            "key": self.key,
            "evaluation": self.evaluation.name,
            "model": self.model.label,
            "model_id": self.model.id,
            "provider": self.model.provider,
            "url": self.url,
            "system": self.model.system,
            "params": dict(self.params),
            "prompt": self.treatment["prompt"],
            "dataset": self.dataset.name,
            "trials": self.evaluation.trials,
            "reduce": _reducer_name(self.evaluation),
            "on_error": self.evaluation.on_error.model_dump(),
            "scorers": list(self.evaluation.scorers),
        }


@dataclass(frozen=True)
class Plan:
    """All cells before a run; `part` is (i, n) when this worker answers only the i-th of n shards, from 0."""

    config: Config
    cells: tuple[Cell, ...]
    datasets: Mapping[str, Dataset]
    scorers: Mapping[str, BoundScorer]
    providers: Mapping[str, Provider]
    provider_specs: Mapping[str, ProviderSpec]
    base_dir: Path
    profile: str | None = None
    part: tuple[int, int] | None = field(default=None)
    judges: tuple[PlannedJudge, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Names the cells, whatever the order they are written in; budgets, limits and reports are not in it."""
        return digest_json(
            sorted(digest_json([c.key, c.measure, c.treatment, c.evaluation.trials]) for c in self.cells)
        )

    @cached_property
    def calls(self) -> int:
        """The number of predictions this plan asks for."""
        return sum(self.expected(cell) for cell in self.cells)

    @property
    def held_judges(self) -> tuple[PlannedJudge, ...]:
        """The judges that this worker holds to their anchors: of shards, the first asks for all."""
        is_first = self.part is None or self.part[0] == 0
        return tuple(judge for judge in self.judges if judge.anchors is not None and is_first)

    @cached_property
    def board(self) -> BoardPlan:
        """What the leaderboard shows and what ranks it, of the metrics that this plan measures."""
        metrics = {f"{each.name}.{scorer}": scorer for each in self.config.evaluations for scorer in each.scorers}
        return plan_board(self.config.leaderboard, metrics)

    @property
    def primary(self) -> str:
        """The metric, or group, that sorts the board: the declared one, else the first evaluation's first scorer."""
        return self.board.primary or ""

    def shared_trials(self, cell: Cell) -> int:
        """Return how many trials of a cell are the very calls of an earlier cell of the same model and dataset."""
        earlier = self.cells[: self.cells.index(cell)]
        same = (cell.model.label, cell.dataset.name, cell.treatment["digest"])
        return max(
            (c.evaluation.trials for c in earlier if (c.model.label, c.dataset.name, c.treatment["digest"]) == same),
            default=0,
        )

    def shard(self, index: int, count: int) -> "Plan":
        """Return the share of worker `index` (from 0) of `count`, by a hash of the sample id.

        Raises:
            ConfigError: the index is outside the count.
        """
        if not 0 <= index < count:
            raise ConfigError(
                f"shard {index + 1}/{count} does not exist; count shards from 1/{count} to {count}/{count}"
            )
        return replace(self, part=(index, count))

    def positions(self, cell: Cell) -> Iterator[int]:
        """Yield the places of the samples this plan asks in a cell."""
        for position, sample in enumerate(cell.dataset.samples):
            if self.part is None or sample_part(sample.id, self.part[1]) == self.part[0]:
                yield position

    def expected(self, cell: Cell) -> int:
        """Return how many predictions a cell asks for: samples (of this shard) x trials."""
        count = len(cell.dataset.samples) if self.part is None else sum(1 for _ in self.positions(cell))
        return count * cell.evaluation.trials

    def describe(self) -> dict[str, Json]:
        """Return the plan as run.json holds it."""
        board = self.config.leaderboard
        return {
            "cells": [cell.describe() for cell in self.cells],
            **({"judges": [judge.describe() for judge in self.judges]} if self.judges else {}),
            "scorers": {
                name: {
                    "use": self.config.scorers[name].use,
                    "options": self.config.scorers[name].options,
                    "kind": bound.kind,
                    "identity": dict(bound.identity),
                    "higher_is_better": bound.higher_is_better,
                }
                for name, bound in self.scorers.items()
            },
            "leaderboard": {
                "name": board.name or self.config.name,
                "description": board.description or self.config.description,
                **self.board.describe(),
            },
            "shard": None if self.part is None else [self.part[0] + 1, self.part[1]],
        }


def make_plan(
    config: Config,
    datasets: Mapping[str, Dataset],
    *,
    base_dir: Path = Path(),
    profile: str | None = None,
    providers: Mapping[str, Provider] | None = None,
) -> Plan:
    """Return the cells of a checked config, models x evaluations, over loaded datasets.

    `providers` stand in for those that the config describes.

    Raises:
        ConfigError: a plugin's options do not fit, or a prompt does not compile.
    """
    registry = Registry("evalkit.scorers")
    used = {name for evaluation in config.evaluations for name in evaluation.scorers}
    scorers = {
        name: bind_scorer(name, spec, registry, base_dir=base_dir)
        for name, spec in config.scorers.items()
        if name in used
    }
    named = sorted({model.provider for model in config.models})
    specs = {name: config.providers.get(name) or BUILTIN_PROVIDERS[name] for name in named}
    build = cache(partial(_build, specs, base_dir))
    judges = plan_judges(scorers, config.models, build, base_dir=base_dir)
    scorers = with_judges(scorers, judges)
    if providers is None:
        asked = {model.provider for model in config.models if model.role != "judge"}
        asked |= {judge.model.provider for judge in judges}
        providers = {name: build(name) for name in named if name in asked}
    cells = tuple(
        _cell(config, evaluation, model, datasets=datasets, scorers=scorers, provider=providers[model.provider])
        for evaluation in config.evaluations
        for model in models_of(evaluation, config.models)
    )
    return Plan(config, cells, datasets, scorers, providers, specs, base_dir, profile, judges=judges)


def sample_part(sample_id: str, count: int) -> int:
    """Return which of `count` shards a sample belongs to, from 0."""
    return int(digest_text(sample_id)[:16], 16) % count


def _cell(
    config: Config,
    evaluation: EvaluationSpec,
    model: ModelSpec,
    *,
    datasets: Mapping[str, Dataset],
    scorers: Mapping[str, BoundScorer],
    provider: Provider,
) -> Cell:
    prompt = evaluation.prompt
    few_shot = prompt.few_shot if isinstance(prompt, PromptSpec) else None
    return Cell(
        evaluation=evaluation,
        model=model,
        url=provider.url,
        dataset=datasets[evaluation.dataset],
        prompt=PromptTemplate.compile(prompt, system=model.system),
        pool=None if few_shot is None else datasets[few_shot.dataset],
        params={**model.params, **evaluation.params},
        scorers=scorers,
        seed=config.run.seed,
    )


def _build(specs: Mapping[str, ProviderSpec], base_dir: Path, name: str) -> Provider:
    return build_provider(name, specs[name], base_dir)


def _reducer_name(evaluation: EvaluationSpec) -> str:
    reduce = evaluation.reduce
    return reduce if isinstance(reduce, str) else ",".join(f"{name}:{k}" for name, k in reduce.items())
