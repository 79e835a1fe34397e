"""How long a plan's calls take at the configured limits, and which budget would end it before; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evalkit.budget import format_usd
from evalkit.config.schema import RunSpec, ThrottleSpec
from evalkit.forecast import CellForecast, Forecast
from evalkit.plan import Plan
from evalkit.records import Json

__all__ = [
    "ASSUMED_LATENCY_S",
    "DEFAULT_CONCURRENCY",
    "BudgetEnd",
    "LaneTime",
    "Latencies",
    "Spent",
    "find_budget_ends",
    "forecast_time",
]

ASSUMED_LATENCY_S = 3.0
"""Seconds that one call is taken to last where no earlier run tells."""

DEFAULT_CONCURRENCY = 32
"""Calls in flight where neither the config nor the provider says."""

_MINUTE_S = 60.0

Latencies = Mapping[tuple[str, str], float]
"""Seconds of a call, by evaluation and model label, as an earlier run saw them."""


@dataclass(frozen=True, slots=True)
class LaneTime:
    """The time of one limit's calls: a provider's in all, or those of a model with a throttle of its own.

    `bound_by` is the limit that decides; `latency_s` the mean over the calls, `is_assumed` where some of it is.
    """

    name: str
    seconds: float
    bound_by: str
    concurrency: int
    latency_s: float
    is_assumed: bool

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Spent:
    """What the unfinished run that would go on has spent already."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetEnd:
    """A budget that the plan does not fit in: what it needs, with what is spent already."""

    name: str
    limit: float
    needed: float
    text: str

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def forecast_time(plan: Plan, forecast: Forecast, latencies: Latencies) -> tuple[LaneTime, ...]:
    """Return the time of each limit; they run side by side, so the longest is the plan's.

    A limit's time is the longest of calls x latency / max_concurrency, calls / requests_per_second and
    tokens / tokens_per_minute: nothing is retried, and the endpoint takes what the config allows.
    """
    found: list[LaneTime] = []
    for endpoint, names in _endpoints(plan).items():
        specs = [plan.provider_specs[name].throttle or plan.config.throttle for name in names]
        said = (plan.providers[name].concurrency for name in names)
        most = _least(spec.max_concurrency for spec in specs) or _least(said) or DEFAULT_CONCURRENCY
        cells = [cell for cell in forecast.rows if cell.provider in names]
        found.append(_time(", ".join(names) or endpoint, specs, int(most), cells, latencies))
    models = (*(cell.model for cell in plan.cells), *(judge.model for judge in plan.judges))
    capped = {model.label: model.throttle for model in models if model.throttle is not None}
    for label, spec in capped.items():
        cells = [cell for cell in forecast.rows if cell.model == label]
        found.append(_time(label, [spec], spec.max_concurrency or DEFAULT_CONCURRENCY, cells, latencies))
    return tuple(sorted(found, key=lambda each: -each.seconds))


def find_budget_ends(limits: RunSpec, forecast: Forecast, seconds: float, spent: Spent) -> tuple[BudgetEnd, ...]:
    """Return the budgets that would end the run early; they count over all its tries, but for the time."""
    requests = spent.requests + forecast.calls
    tokens = spent.tokens + forecast.prompt_tokens + forecast.completion_tokens
    usd = spent.usd + forecast.known_cost_usd
    has_unknown = "at least " if forecast.unpriced else ""
    wanted: tuple[tuple[str, float | None, float, str], ...] = (
        ("max_cost", limits.max_cost, usd, f"needs {has_unknown}{format_usd(usd)}"),
        ("max_requests", limits.max_requests, requests, f"needs {requests:,} requests, retries apart"),
        ("max_tokens", limits.max_tokens, tokens, f"needs about {tokens:,} tokens"),
        ("max_time", limits.max_time, seconds, f"needs about {seconds:,.0f} s"),
    )
    return tuple(
        BudgetEnd(name, limit, need, f"run.{name} is {_shown(name, limit)}, and the plan {said}")
        for name, limit, need, said in wanted
        if limit is not None and need > limit
    )


def _endpoints(plan: Plan) -> dict[str, list[str]]:
    """Return the providers by the limit that they share: one endpoint with one key for one project."""
    found: dict[str, list[str]] = {}
    for name, provider in plan.providers.items():
        about = provider.url, getattr(provider, "key_variable", None), getattr(provider, "project_header", False)
        found.setdefault(repr(about), []).append(name)
    return found


def _time(name: str, specs: list[ThrottleSpec], most: int, cells: list[CellForecast], latencies: Latencies) -> LaneTime:
    calls, tokens = sum(cell.calls for cell in cells), sum(cell.tokens for cell in cells)
    seen = [latencies.get((cell.evaluation, cell.model)) for cell in cells]
    busy = sum(
        cell.calls * (ASSUMED_LATENCY_S if each is None else each) for cell, each in zip(cells, seen, strict=True)
    )
    per_second = _least(spec.requests_per_second for spec in specs)
    per_minute = _least(spec.tokens_per_minute for spec in specs)
    bounds = {"max_concurrency": busy / most}
    if per_second is not None:
        bounds["requests_per_second"] = calls / per_second
    if per_minute is not None:
        bounds["tokens_per_minute"] = _MINUTE_S * tokens / per_minute
    bound_by = max(bounds, key=lambda each: bounds[each])
    is_assumed = any(each is None and cell.calls for cell, each in zip(cells, seen, strict=True))
    return LaneTime(name, bounds[bound_by], bound_by, most, busy / calls if calls else 0.0, is_assumed)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _shown(name: str, limit: float) -> str:
    return format_usd(limit) if name == "max_cost" else f"{limit:g} s" if name == "max_time" else f"{limit:,.0f}"
