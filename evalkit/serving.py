"""Whether a model was served otherwise than the night before: by its name, its fingerprint, its speed, its length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evalkit.records import Json
from evalkit.stats.multiple import holm
from evalkit.stats.quantiles import quantile
from evalkit.stats.two_sample import kolmogorov_smirnov
from evalkit.store import RunFolder

__all__ = [
    "LEVEL",
    "SMALLEST_DISTANCE",
    "ServedCell",
    "ServingFacts",
    "ServingSign",
    "compare_serving",
    "serving_facts",
]

LEVEL = 0.001
"""The level, after Holm over latency and length, at which a distribution has moved."""

SMALLEST_DISTANCE = 0.2
"""How far two distributions must be apart besides: the largest difference of their cumulative shares."""

_SMALLEST_SHARE = 0.2
_SMALLEST = {"latency": 0.05, "output length": 1.0}
"""How far apart two medians must be besides: a share of the first, and so many seconds or tokens."""


class ServedCell(Protocol):
    """What a cell's summary tells of its serving: a CellResult or a PastMetric."""

    @property
    def served_models(self) -> tuple[str, ...]:
        """The models that the server says have answered."""
        ...

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The system fingerprints seen."""
        ...

    @property
    def latency_s(self) -> Mapping[str, float | None]:
        """Quantiles of the service time, with bounds."""
        ...

    @property
    def output_tokens(self) -> Mapping[str, float | None]:
        """Quantiles of the tokens produced."""
        ...


@dataclass(frozen=True, slots=True)
class ServingFacts:
    """How a cell was served. `latencies` are seconds and `output_tokens` counts, one for each answered call.

    `latency_s` are the quantiles of a summary, used where single calls are not at hand.
    """

    served_models: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    latencies: Sequence[float] = field(default=(), repr=False)
    output_tokens: Sequence[float] = field(default=(), repr=False)
    latency_s: Mapping[str, float | None] = field(default_factory=dict[str, float | None])

    @property
    def names(self) -> "ServingFacts":
        """The names alone, without latency and length."""
        return ServingFacts(self.served_models, self.fingerprints)

    @classmethod
    def of_all(cls, nights: "Sequence[ServingFacts]") -> "ServingFacts":
        """Return how a cell was served over nights.

        The names and the quantiles are the last one's: what was renamed earlier did not begin there.
        """
        return cls(
            served_models=nights[-1].served_models,
            fingerprints=nights[-1].fingerprints,
            latencies=[seconds for each in nights for seconds in each.latencies],
            output_tokens=[count for each in nights for count in each.output_tokens],
            latency_s=nights[-1].latency_s,
        )

    @classmethod
    def of_summary(cls, cell: ServedCell) -> "ServingFacts":
        """Return what a summary tells, where the calls themselves are no longer at hand."""
        return cls(cell.served_models, cell.fingerprints, latency_s=cell.latency_s)


@dataclass(frozen=True, slots=True)
class ServingSign:
    """One thing about the serving that changed: model asked, served model, fingerprint, latency or output length.

    `before` and `after` are names, or the medians of a distribution in seconds or tokens; `distance` and `p` are of
    the test of Kolmogorov and Smirnov, None for names and for summaries.
    """

    what: str
    before: tuple[str, ...] | float
    after: tuple[str, ...] | float
    distance: float | None = None
    p: float | None = None

    @property
    def is_name(self) -> bool:
        """Whether the endpoint itself, or the config, says so: speed and length vary with the load as well."""
        return isinstance(self.before, tuple)

    def describe(self) -> dict[str, Json]:
        """Return the sign as JSON."""
        before, after = (list(each) if isinstance(each, tuple) else each for each in (self.before, self.after))
        return {"what": self.what, "before": before, "after": after, "distance": self.distance, "p_adjusted": self.p}


def serving_facts(folder: RunFolder, cell_key: str) -> ServingFacts:
    """Return how a cell of a stored run was served, call by call; an answer of an earlier run says nothing of it.

    Raises:
        StoreError: the journal cannot be read.
    """
    with folder.reader() as reader:
        calls = reader.serving_columns(cell_key)
    return ServingFacts(
        served_models=tuple(sorted({model for model, _, _, _ in calls if model is not None})),
        fingerprints=tuple(sorted({name for _, name, _, _ in calls if name is not None})),
        latencies=[seconds for _, _, seconds, _ in calls if seconds is not None],
        output_tokens=[count for _, _, _, count in calls if count is not None],
    )


def compare_serving(before: ServingFacts, after: ServingFacts) -> tuple[ServingSign, ...]:
    """Return the signs that the serving changed; what one night does not tell is no sign."""
    signs = [
        ServingSign(what, first, second)
        for what, first, second in (
            ("served model", before.served_models, after.served_models),
            ("fingerprint", before.fingerprints, after.fingerprints),
        )
        if first and second and set(first) != set(second)
    ]
    pairs = [
        (what, first, second)
        for what, first, second in (
            ("latency", before.latencies, after.latencies),
            ("output length", before.output_tokens, after.output_tokens),
        )
        if first and second
    ]
    tests = [kolmogorov_smirnov(first, second) for _, first, second in pairs]
    adjusted = holm([p for _, p in tests])
    for (what, first, second), (distance, _), p in zip(pairs, tests, adjusted, strict=True):
        medians = _median(first), _median(second)
        if p < LEVEL and distance >= SMALLEST_DISTANCE and _is_apart(what, *medians):
            signs.append(ServingSign(what, *medians, distance, p))
    if not (before.latencies and after.latencies):
        signs += _by_quantiles(before.latency_s, after.latency_s)
    return tuple(signs)


def watched_serving(before: ServingFacts, after: ServingFacts) -> tuple[str, ...]:
    """Return what about the serving both nights tell, so that its change would have been a sign."""
    told = {
        "served model": before.served_models and after.served_models,
        "fingerprint": before.fingerprints and after.fingerprints,
        "latency": (before.latencies and after.latencies)
        or (_bounds(before.latency_s) is not None and _bounds(after.latency_s) is not None),
        "output length": before.output_tokens and after.output_tokens,
    }
    return tuple(what for what, is_told in told.items() if is_told)


def _is_apart(what: str, before: float, after: float) -> bool:
    return abs(after - before) >= max(_SMALLEST[what], _SMALLEST_SHARE * before)


def _median(values: Sequence[float]) -> float:
    return quantile(sorted(values), 0.5)


def _by_quantiles(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> list[ServingSign]:
    """Return latency as a sign where the intervals of the two medians lie apart."""
    first, second = _bounds(before), _bounds(after)
    if first is None or second is None or (first[1] <= second[2] and second[1] <= first[2]):
        return []
    return [ServingSign("latency", first[0], second[0])] if _is_apart("latency", first[0], second[0]) else []


def _bounds(latency_s: Mapping[str, float | None]) -> tuple[float, float, float] | None:
    """Return the median and its bounds; None where one of them is not known."""
    median, lower, upper = (latency_s.get(name) for name in ("p50", "p50_lower", "p50_upper"))
    return None if median is None or lower is None or upper is None else (median, lower, upper)
