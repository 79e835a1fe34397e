"""What is doubtful about the judges of an evaluation, said before anybody is asked."""

from collections.abc import Iterator, Sequence

from evalkit.config.expand import models_of
from evalkit.config.schema import Config, EvaluationSpec, ModelSpec, ScorerSpec
from evalkit.records import Sample

__all__ = ["find_judge_doubts"]


def find_judge_doubts(
    config: Config, evaluation: EvaluationSpec, samples: Sequence[Sample]
) -> Iterator[tuple[int, str]]:
    """Yield the place of a scorer in an evaluation and what is doubtful about its judge."""
    judges = {model.label: model for model in config.models if model.role == "judge"}
    asked = models_of(evaluation, config.models)
    for place, name in enumerate(evaluation.scorers if judges else ()):
        spec = config.scorers[name]
        for judge in (judges[label] for label in _texts(spec) if label in judges):
            own = [model.label for model in asked if (model.id, model.provider) == (judge.id, judge.provider)]
            if own:
                yield place, f"{name!r}: {judge.label!r} judges its own answers, those of {', '.join(own)}"
            if pictured := sum(bool(sample.images) for sample in samples):
                shown = f"{pictured} of {len(samples)} samples show images"
                yield place, f"{name!r}: {shown}, and {judge.label!r} sees none"
            if _repeats(spec, judge):
                votes = spec.options["votes"]
                yield place, f"{name!r}: {votes} votes of {judge.label!r} at temperature 0 repeat one verdict"


def _texts(spec: ScorerSpec) -> list[str]:
    return [value for value in spec.options.values() if isinstance(value, str)]


def _repeats(spec: ScorerSpec, judge: ModelSpec) -> bool:
    votes = spec.options.get("votes", 1)
    return isinstance(votes, int) and votes > 1 and judge.params.get("temperature") == 0
