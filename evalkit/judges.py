"""The judges of a plan: which model sits inside which scorer, what names it, and what binds it to a run."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from evalkit.anchor_rows import AnchorSet, read_anchors
from evalkit.bound_model import BoundModel
from evalkit.config.schema import ModelSpec
from evalkit.digest import digest_json, digest_text
from evalkit.errors import ConfigError
from evalkit.judge_tally import JudgeTally
from evalkit.protocols import Model, Provider
from evalkit.records import Json, Sample
from evalkit.registry import nearest
from evalkit.scoring import BoundScorer

__all__ = ["PlannedJudge", "bind_judges", "judge_digest", "plan_judges", "with_judges"]


@dataclass(frozen=True)
class PlannedJudge:
    """One model inside one scorer: `field` is the scorer's field that holds it, `votes` how often it is asked.

    `min_agreement` and `tolerance` are what its anchors, if it has some, hold it to.
    """

    scorer: str
    field: str
    model: ModelSpec
    provider: Provider
    votes: int = 1
    anchors: AnchorSet | None = None
    min_agreement: float = 1.0
    tolerance: float = 0.0

    @property
    def key(self) -> str:
        """The judge's name beside those of cells."""
        return f"judge:{self.scorer}" if self.field == "model" else f"judge:{self.scorer}.{self.field}"

    @property
    def identity(self) -> Mapping[str, Json]:
        """What decides its verdicts, beside the scorer's options: another one makes scores that cannot be compared."""
        return {
            "model": self.model.id,
            "url": self.provider.url,
            "system": digest_text(self.model.system) if self.model.system else None,
            "params": dict(self.model.params),
            "reasoning": self.model.reasoning.model_dump(mode="json"),
        }

    @property
    def anchor_calls(self) -> int:
        """How many calls its anchors take."""
        return 0 if self.anchors is None else len(self.anchors.anchors) * self.votes

    def describe(self) -> dict[str, Json]:
        """Return the judge as run.json's plan lists it."""
        return {
            "scorer": self.scorer,
            "model": self.model.label,
            "model_id": self.model.id,
            "provider": self.model.provider,
            "url": self.provider.url,
            "system": self.model.system,
            "params": dict(self.model.params),
            "votes": self.votes,
            "anchors": None if self.anchors is None else self.anchors.digest,
        }


def plan_judges(
    scorers: Mapping[str, BoundScorer],
    models: Sequence[ModelSpec],
    provider_of: Callable[[str], Provider],
    *,
    base_dir: Path,
) -> tuple[PlannedJudge, ...]:
    """Return the judges of some scorers; their anchors are read from below `base_dir`.

    Raises:
        ConfigError: a label is no judge's, or the anchors cannot be read.
    """
    return tuple(_planned(scorers.values(), {each.label: each for each in models}, provider_of, base_dir))


def _planned(
    scorers: Iterable[BoundScorer],
    models: Mapping[str, ModelSpec],
    provider_of: Callable[[str], Provider],
    base_dir: Path,
) -> Iterator[PlannedJudge]:
    for bound in scorers:
        for name, label in bound.judges.items():
            model = models.get(label)
            if model is None or model.role != "judge":
                known = [each.label for each in models.values() if each.role == "judge"]
                raise ConfigError(
                    f"scorers.{bound.name}.{name}: no model with role: judge is called {label!r}{nearest(label, known)}"
                )
            judge = PlannedJudge(
                bound.name, name, model, provider_of(model.provider), votes=getattr(bound.scorer, "votes", 1)
            )
            yield _with_anchors(judge, bound, base_dir)


def _with_anchors(judge: PlannedJudge, bound: BoundScorer, base_dir: Path) -> PlannedJudge:
    spec, deserved = getattr(bound.scorer, "anchors", None), getattr(bound.scorer, "deserved", None)
    if spec is None or deserved is None:
        return judge
    try:
        anchors = read_anchors(spec, base_dir, deserved)
        check: Callable[[Sample], None] | None = getattr(bound.scorer, "check_sample", None)
        for anchor in anchors.anchors:
            if check is not None:
                check(anchor.sample)
    except ConfigError as error:
        raise ConfigError(f"scorers.{bound.name}: {error}") from None
    tolerance = getattr(bound.scorer, "anchor_tolerance", 0.0)
    return replace(judge, anchors=anchors, min_agreement=spec.min_agreement, tolerance=tolerance)


def with_judges(scorers: Mapping[str, BoundScorer], judges: Sequence[PlannedJudge]) -> dict[str, BoundScorer]:
    """Return the scorers with their judges in their identity: numbers of two judges are not comparable."""
    named: dict[str, dict[str, Json]] = {}
    for judge in judges:
        named.setdefault(judge.scorer, {})[judge.field] = judge.identity
    return {
        name: bound if name not in named else replace(bound, identity=_judged(bound.identity, named[name]))
        for name, bound in scorers.items()
    }


def _judged(identity: Mapping[str, Json], judges: Mapping[str, Json]) -> Mapping[str, Json]:
    (first, *rest) = judges.values()
    return MappingProxyType({**identity, "judge": dict(judges) if rest else first})


def judge_digest(identities: Mapping[str, Mapping[str, Json]]) -> str | None:
    """Return what names the judges among some scorers' identities; None where none is judged by a model."""
    judged = {name: identity["judge"] for name, identity in identities.items() if identity.get("judge") is not None}
    return digest_json(judged) if judged else None


def bind_judges(
    scorers: Mapping[str, BoundScorer],
    judges: Sequence[PlannedJudge],
    stacks: Mapping[str, Model],
    tallies: Mapping[str, JudgeTally],
    *,
    purpose: str = "judge",
) -> dict[str, BoundScorer]:
    """Return the scorers with the call stacks of their judges in place of labels; both are by the judges' keys."""
    fields: dict[str, dict[str, Model]] = {}
    for judge in judges:
        key = judge.key
        bound = BoundModel(judge.model, judge.provider.url, stacks[key], judge.scorer, tallies[key], purpose)
        fields.setdefault(judge.scorer, {})[judge.field] = bound
    return {
        name: replace(bound, scorer=replace(bound.scorer, **fields[name])) if name in fields else bound  # pyright: ignore[reportArgumentType]  a plugin is a dataclass
        for name, bound in scorers.items()
    }
