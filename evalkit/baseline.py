"""The baseline file: what a run scored, sample by sample, small and sorted, to be reviewed and kept in git."""

import json
import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from evalkit.committed_file import read_committed
from evalkit.config.spec import Json, Spec
from evalkit.digest import digest_json
from evalkit.errors import ConfigError
from evalkit.results import RunResult
from evalkit.stored_items import MetricItems

__all__ = [
    "FORMAT_VERSION",
    "Baseline",
    "MetricSpec",
    "baseline_text",
    "make_baseline",
    "read_baseline",
    "restate_baseline",
]

FORMAT_VERSION = 1

_Stored = float | int | list[float | int | None] | None


class MetricSpec(Spec):
    """One column of scores: one scorer of one model, and what decides them."""

    scorer: str
    model: str
    kind: Literal["binary", "graded"]
    higher_is_better: bool
    trials: int = Field(ge=1)
    repeats: int = Field(ge=1)
    confidence: float = Field(gt=0.5, lt=1)
    mean: float | None
    noise: float | None = Field(description="mean variance of single trials within a sample: the noise floor")
    measure: dict[str, Json]
    treatment: dict[str, Json]


class SampleSpec(Spec):
    """One sample: its content's digest, and a score for each column: a number, null, or [value, worst, best]."""

    digest: str = Field(min_length=1)
    scores: list[_Stored]


class EvaluationScores(Spec):
    """One evaluation: its columns, and its samples by id."""

    metrics: list[MetricSpec] = Field(min_length=1)
    samples: dict[str, SampleSpec] = Field(min_length=1)


class Baseline(Spec):
    """The whole file; `digest` names everything else in it, so that a change by hand is noticed."""

    baseline: Literal[1]
    name: str
    run_id: str
    plan_digest: str
    started_at: str
    versions: dict[str, str]
    git: dict[str, Json] | None
    set_at: str
    author: str
    reason: str = Field(min_length=1)
    evaluations: dict[str, EvaluationScores] = Field(min_length=1)
    digest: str

    def about(self) -> dict[str, Json]:
        """Return who set it, when, why and from which run."""
        kept = ("name", "run_id", "started_at", "set_at", "author", "reason", "digest")
        return {name: getattr(self, name) for name in kept}

    def items(self) -> tuple[MetricItems, ...]:
        """Return its scores as those of a run."""
        found: list[MetricItems] = []
        for name, scored in self.evaluations.items():
            ids, samples = tuple(scored.samples), list(scored.samples.values())
            digests = tuple([sample.digest for sample in samples])
            for column, metric in enumerate(scored.metrics):
                values, worst, best = _unpacked([sample.scores[column] for sample in samples])
                found.append(
                    MetricItems(
                        evaluation=name,
                        model=metric.model,
                        scorer=metric.scorer,
                        kind=metric.kind,
                        higher_is_better=metric.higher_is_better,
                        confidence=metric.confidence,
                        ids=ids,
                        digests=digests,
                        values=values,
                        worst=worst,
                        best=best,
                        trials=metric.trials,
                        repeats=metric.repeats,
                        predictions=b"",
                        scorings=b"",
                        within=metric.noise,
                        measure=metric.measure,
                        treatment=metric.treatment,
                    )
                )
        return tuple(found)


def make_baseline(run: RunResult, items: Sequence[MetricItems], *, author: str, reason: str, set_at: str) -> Baseline:
    """Return a run's scores as a baseline; `set_at` is a time in ISO 8601."""
    evaluations: dict[str, Json] = {}
    for name in sorted({each.evaluation for each in items}):
        columns = sorted(
            (each for each in items if each.evaluation == name), key=lambda each: (each.scorer, each.model)
        )
        evaluations[name] = {"metrics": [_describe(each) for each in columns], "samples": _samples(columns)}
    plain: dict[str, Json] = {
        "baseline": FORMAT_VERSION,
        "name": run.name,
        "run_id": run.run_id,
        "plan_digest": run.plan_digest,
        "started_at": run.started_at,
        "versions": dict(sorted(run.versions.items())),
        "git": None if run.git is None else dict(run.git),
        "set_at": set_at,
        "author": author,
        "reason": reason,
        "evaluations": evaluations,
    }
    return Baseline.model_validate({**plain, "digest": digest_json(plain)})


def restate_baseline(baseline: Baseline, *, author: str, reason: str, set_at: str) -> Baseline:
    """Return the same scores as a baseline that somebody else set, at another time and for another reason."""
    plain = {**baseline.model_dump(mode="json"), "author": author, "reason": reason, "set_at": set_at}
    del plain["digest"]
    return Baseline.model_validate({**plain, "digest": digest_json(plain)})


def baseline_text(baseline: Baseline) -> str:
    """Return the file's text: one line a sample, sorted by id, so that a change shows as the samples it changes."""
    plain = baseline.model_dump(mode="json")
    evaluations: dict[str, Json] = plain.pop("evaluations")
    digest = plain.pop("digest")
    lines = ["{", *(f" {_json(key)}: {_json(value)}," for key, value in plain.items()), ' "evaluations": {']
    for name, scored in evaluations.items():
        lines += [f"  {_json(name)}: {{", '   "metrics": [']
        lines += _listed([f"    {_json(metric)}" for metric in scored["metrics"]])
        lines += ["   ],", '   "samples": {']
        lines += _listed([f"    {_json(key)}: {_json(sample)}" for key, sample in scored["samples"].items()])
        lines += ["   }", "  }" if name == list(evaluations)[-1] else "  },"]
    return "\n".join([*lines, " },", f' "digest": {_json(digest)}', "}", ""])


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file strictly.

    Raises:
        ConfigError: it is not there, not a baseline, of another version, or was changed since it was set.
    """
    again = "set it again: evalkit baseline set RUN --reason WHY"
    found, content = read_committed(path, Baseline, kind="baseline", version=FORMAT_VERSION, mend=again)
    if (problem := _problem(content, found)) is not None:
        raise ConfigError(f"{path}: {problem}; {again}")
    return found


def _problem(plain: Mapping[str, Json], baseline: Baseline) -> str | None:
    for name, scored in baseline.evaluations.items():
        for key, sample in scored.samples.items():
            if len(sample.scores) != len(scored.metrics):
                return f"evaluations.{name}.samples.{key} has {len(sample.scores)} scores, not {len(scored.metrics)}"
            if not all(_is_score(score) for score in sample.scores):
                return f"evaluations.{name}.samples.{key} has a score outside [0, 1]"
        if any("digest" not in metric.measure for metric in scored.metrics):
            return f"evaluations.{name}.metrics has a measure without its digest"
    if digest_json({key: value for key, value in plain.items() if key != "digest"}) != baseline.digest:
        return "it was changed after it was set: its digest does not fit"
    return None


def _is_score(score: _Stored) -> bool:
    if isinstance(score, list):
        return len(score) == 3 and all(_is_score(each) for each in score) and None not in score[1:]  # noqa: PLR2004  value, worst, best
    return score is None or 0.0 <= score <= 1.0


def _describe(items: MetricItems) -> dict[str, Json]:
    return {
        "scorer": items.scorer,
        "model": items.model,
        "kind": items.kind,
        "higher_is_better": items.higher_is_better,
        "trials": items.trials,
        "repeats": items.repeats,
        "confidence": items.confidence,
        "mean": items.mean,
        "noise": items.within,
        "measure": dict(items.measure),
        "treatment": dict(items.treatment),
    }


def _samples(columns: Sequence[MetricItems]) -> dict[str, Json]:
    first = columns[0]
    places = sorted(range(len(first.ids)), key=lambda place: first.ids[place])
    return {
        first.ids[place]: {"digest": first.digests[place], "scores": [_packed(each, place) for each in columns]}
        for place in places
    }


def _packed(items: MetricItems, place: int) -> Json:
    value, worst, best = items.values[place], items.worst[place], items.best[place]
    if math.isnan(value):
        return None if (worst, best) == (0.0, 1.0) else [None, worst, best]
    return value if worst == value == best else [value, worst, best]


def _unpacked(scores: Sequence[_Stored]) -> tuple["array[float]", "array[float]", "array[float]"]:
    triples = [_triple(score) for score in scores]
    values, worst, best = (array("d", [triple[place] for triple in triples]) for place in range(3))
    return values, worst, best


def _triple(score: _Stored) -> Sequence[float]:
    """Return value, worst and best of a stored score."""
    if score is None:
        return (math.nan, 0.0, 1.0)
    if isinstance(score, list):
        return [math.nan if each is None else each for each in score]
    return (score, score, score)


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _listed(lines: list[str]) -> list[str]:
    return [*(f"{line}," for line in lines[:-1]), *lines[-1:]]
