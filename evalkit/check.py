"""A config held against its datasets: what a prompt or a scorer needs must be there, before anything is asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.catalog import takes_images
from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.expand import models_of
from evalkit.config.loaded import LoadedConfig
from evalkit.config.nodes import KeyPath, Place
from evalkit.config.problems import ConfigErrors, Problem
from evalkit.config.schema import Config, EvaluationSpec, FewShotSpec, ModelSpec, PromptSpec
from evalkit.content_parts import images_in
from evalkit.dataset import Dataset
from evalkit.errors import ConfigError
from evalkit.judge_check import find_judge_doubts
from evalkit.prompt import PromptTemplate, present_choices, select_shots
from evalkit.records import Sample
from evalkit.registry import Registry
from evalkit.scoring import bind_scorer
from evalkit.selftest import SelfTestReport, self_test

__all__ = ["check_bindings", "check_scorers"]

_MOST_TESTED = 2000
"""Samples a self-test tries of one dataset, spread evenly; a scorer's mistakes with targets show long before."""


def check_bindings(loaded: LoadedConfig | Config, datasets: Mapping[str, Dataset]) -> list[Problem]:
    """Return what is worth a warning in how evaluations, datasets and scorers fit together.

    Every prompt is rendered for every sample, so that nothing of it can fail when answers have been paid for. An
    evaluation whose dataset is not among `datasets` is passed over. With a bare Config, problems carry no line.

    Raises:
        ConfigErrors: a prompt cannot be rendered, worked examples run out, or a scorer's targets are missing.
    """
    config = loaded.config if isinstance(loaded, LoadedConfig) else loaded
    found: list[Problem] = []
    for evaluation in config.evaluations:
        if evaluation.dataset in datasets:
            checked = _Evaluation(config, evaluation, datasets)
            found.extend(_placed(loaded, evaluation.name, finding) for finding in checked.findings())
    errors = [problem for problem in found if not problem.is_warning]
    if errors:
        raise ConfigErrors(errors)
    return list(dict.fromkeys(found))


def check_scorers(config: Config, datasets: Mapping[str, Dataset], base_dir: Path) -> dict[str, SelfTestReport]:
    """Return the self-test of every scorer that an evaluation uses, over the samples it will score; no model is asked.

    Raises:
        ConfigError: a scorer cannot be made.
    """
    tested: dict[str, list[Sample]] = {}
    for evaluation in config.evaluations:
        samples = datasets[evaluation.dataset].samples if evaluation.dataset in datasets else ()
        step = -(-len(samples) // _MOST_TESTED) or 1
        for name in evaluation.scorers:
            tested.setdefault(name, []).extend(samples[::step])
    registry = Registry("evalkit.scorers")
    return {
        name: self_test(bind_scorer(name, config.scorers[name], registry, base_dir=base_dir), samples)
        for name, samples in tested.items()
        if samples
    }


@dataclass(frozen=True, slots=True)
class _Finding:
    """Something about the key at `path` below an evaluation."""

    path: KeyPath
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """One evaluation with what it names."""

    config: Config
    evaluation: EvaluationSpec
    datasets: Mapping[str, Dataset]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples under test."""
        return self.datasets[self.evaluation.dataset].samples

    def findings(self) -> Iterator[_Finding]:
        """Yield everything that does not fit, or fits suspiciously."""
        yield from self._prompt()
        yield from self._targets()
        yield from self._trials()
        for place, message in find_judge_doubts(self.config, self.evaluation, self.samples):
            yield _Finding(("scorers", place), message, is_warning=True)

    def _prompt(self) -> Iterator[_Finding]:
        prompt = self.evaluation.prompt
        few_shot = prompt.few_shot if isinstance(prompt, PromptSpec) else None
        pool = () if few_shot is None else self._pool(few_shot)
        if few_shot is not None and pool:
            yield from self._overlap(pool)
        systems = {model.system is None: model.system for model in models_of(self.evaluation, self.config.models)}
        for system in systems.values():
            try:
                template = PromptTemplate.compile(prompt, system=system)
            except ConfigError as error:
                yield _Finding(("prompt",), _bare(error))
                return
            yield from self._rendered(template, few_shot if pool else None, pool)
            for column in template.leaking(self.samples):
                yield _Finding(("prompt",), f"shows {column!r}, which is the target of every sample", is_warning=True)

    def _pool(self, few_shot: FewShotSpec) -> tuple[Sample, ...]:
        dataset = self.datasets.get(few_shot.dataset)
        return () if dataset is None else dataset.samples

    def _overlap(self, pool: Sequence[Sample]) -> Iterator[_Finding]:
        tested = {sample.digest for sample in self.samples}
        shared = sum(sample.digest in tested for sample in pool)
        if shared:
            message = f"{shared} of {len(pool)} worked examples are samples under test; take them from another dataset"
            yield _Finding(("prompt", "few_shot", "dataset"), message, is_warning=True)

    def _rendered(
        self, template: PromptTemplate, few_shot: FewShotSpec | None, pool: Sequence[Sample]
    ) -> Iterator[_Finding]:
        prompt, first, failed, with_images = self.evaluation.prompt, "", 0, 0
        shuffled = isinstance(prompt, PromptSpec) and prompt.shuffle_choices
        for sample in self.samples:
            try:
                shown = present_choices(sample, shuffle=shuffled, seed=self.config.run.seed)
                turns = template.render(shown, () if few_shot is None else select_shots(few_shot, pool, shown))
                with_images += any(images_in(turns))
            except ConfigError as error:
                first, failed = first or _bare(error), failed + 1
        if failed:
            more = f" (and {failed - 1} more of {len(self.samples)} samples)" if failed > 1 else ""
            yield _Finding(("prompt",), first + more)
        if with_images:
            yield from self._blind(with_images)

    def _blind(self, count: int) -> Iterator[_Finding]:
        """Yield every model that is sent images and does not take them, or of which nobody knows."""
        shown = f"{count} of {len(self.samples)} samples show images"
        for model in models_of(self.evaluation, self.config.models):
            sees, served_by = self._sees(model)
            if sees is None:
                advice = "whether it takes them is not known; say vision: true for it if it does"
            elif served_by:
                advice = f"its provider {model.provider!r} ({served_by}) serves text models only"
            elif model.vision is False:
                advice = "it has vision: false"
            else:
                advice = "it reads text only, by the catalogue; say vision: true for it if that is wrong"
            if not sees:
                message = f"{shown}, and {model.label!r} is asked: {advice}, or leave it out with models"
                yield _Finding(("models",) if self.evaluation.models else ("dataset",), message)

    def _sees(self, model: ModelSpec) -> tuple[bool | None, str]:
        """Return whether a model takes images, None where nobody knows, and the kind of provider that rules it out."""
        spec = self.config.providers.get(model.provider) or BUILTIN_PROVIDERS[model.provider]
        said: bool | None = getattr(Registry("evalkit.providers").plugin(spec.use), "takes_images", None)
        if said is None:
            return takes_images(model), ""
        return said and model.vision is not False, "" if said else spec.use

    def _targets(self) -> Iterator[_Finding]:
        missing = [sample.id for sample in self.samples if sample.target is None]
        if not missing:
            return
        registry = Registry("evalkit.scorers")
        for index, name in enumerate(self.evaluation.scorers):
            use = self.config.scorers[name].use
            if not getattr(registry.plugin(use), "needs_target", False):
                continue
            if len(missing) == len(self.samples):
                message = f"{name!r} compares with a target, and no sample has one; set fields.target of the dataset"
                yield _Finding(("scorers", index), message)
            else:
                message = (
                    f"{len(missing)} of {len(self.samples)} samples have no target for {name!r}, first {missing[0]!r}"
                )
                yield _Finding(("scorers", index), message, is_warning=True)

    def _trials(self) -> Iterator[_Finding]:
        if self.evaluation.trials == 1:
            return
        for model in models_of(self.evaluation, self.config.models):
            temperature = {**model.params, **self.evaluation.params}.get("temperature")
            if temperature == 0:
                message = f"{self.evaluation.trials} trials of {model.label!r} at temperature 0 repeat one answer"
                yield _Finding(("trials",), message, is_warning=True)


def _placed(loaded: LoadedConfig | Config, name: str, finding: _Finding) -> Problem:
    if isinstance(loaded, LoadedConfig):
        path = (*loaded.evaluation_path(name), *finding.path)
        return loaded.problem(path, finding.message, is_warning=finding.is_warning)
    return Problem(Place(""), ("evaluations", name, *finding.path), finding.message, finding.is_warning)


def _bare(error: ConfigError) -> str:
    return str(error).removeprefix("prompt: ")
