"""What a plan will ask and cost, before anything is sent: calls, tokens, images and money, cell by cell; pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from evalkit.content_parts import images_in
from evalkit.plan import Cell, Plan
from evalkit.prices import Prices
from evalkit.records import CallKey, Json
from evalkit.spending import cost_usd
from evalkit.tokens import FIRST_ANSWER_TOKENS, TokenEstimator

__all__ = [
    "ANSWERS_BY_DEFAULT",
    "ANSWERS_BY_LIMIT",
    "CellForecast",
    "Forecast",
    "IsKnown",
    "answer_basis",
    "forecast_plan",
]

ANSWERS_BY_LIMIT = "max_tokens"
"""Answers are taken to be as long as the request allows."""

ANSWERS_BY_DEFAULT = f"{FIRST_ANSWER_TOKENS:,} tokens assumed, since the params set no max_tokens"
"""How long answers are taken to be where nothing limits them."""

IsKnown = Callable[[Cell, CallKey, int], str | None]
"""Says of a call, by its cell, key and the sample's position, who has its answer already: journal, cache, or nobody."""

_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellForecast:
    """One cell before its run.

    `predictions` are `calls` to send and those that cost nothing: `shared` with an earlier cell, `in_journal` of the
    unfinished run that would go on, or `in_cache`. Tokens, images and cost are those of `calls`;
    the cost is None where the price is not known.
    """

    cell: str
    evaluation: str
    model: str
    provider: str
    samples: int
    trials: int
    predictions: int
    shared: int
    in_journal: int
    in_cache: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    answers: str
    images: int
    cost_usd: float | None
    price: dict[str, float] | None
    price_source: str | None

    @property
    def tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Forecast:
    """All cells before the run, the judges' part beside them, and the sums of both."""

    cells: tuple[CellForecast, ...]
    judges: tuple[CellForecast, ...] = ()

    @property
    def rows(self) -> tuple[CellForecast, ...]:
        """Whatever asks: cells, then judges."""
        return (*self.cells, *self.judges)

    @property
    def calls(self) -> int:
        """Calls to be sent, retries apart."""
        return sum(row.calls for row in self.rows)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts, estimated."""
        return sum(row.prompt_tokens for row in self.rows)

    @property
    def completion_tokens(self) -> int:
        """Tokens of all answers, assumed."""
        return sum(row.completion_tokens for row in self.rows)

    @property
    def known_cost_usd(self) -> float:
        """What the cells with a known price cost."""
        return math.fsum(row.cost_usd or 0.0 for row in self.rows)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The models that have calls to pay and no price."""
        return tuple(dict.fromkeys(row.model for row in self.rows if row.cost_usd is None))

    def describe(self) -> dict[str, Json]:
        """Return it as JSON; the cost in all is null where a part of it is not known."""
        return {
            "cells": [asdict(cell) for cell in self.cells],
            "judges": [asdict(judge) for judge in self.judges],
            "calls": self.calls,
            "predictions": sum(cell.predictions for cell in self.cells),
            "shared": sum(cell.shared for cell in self.cells),
            "in_journal": sum(row.in_journal for row in self.rows),
            "in_cache": sum(cell.in_cache for cell in self.cells),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "images": sum(cell.images for cell in self.cells),
            "cost_usd": None if self.unpriced else self.known_cost_usd,
            "known_cost_usd": self.known_cost_usd,
            "unpriced": list(self.unpriced),
        }


def forecast_plan(plan: Plan, prices: Prices, *, is_known: IsKnown | None = None) -> Forecast:
    """Return what a plan asks: every prompt is rendered as it will be sent, and its tokens are estimated by its size.

    Without `is_known` nobody has an answer yet: then the prompts that several models are sent are rendered once.

    Raises:
        ConfigError: a prompt cannot be rendered for a sample.
    """
    asked = _Asked(plan, is_known)
    return Forecast(tuple(_forecast_cell(plan, cell, prices, asked) for cell in plan.cells))


@dataclass(slots=True)
class _Sums:
    in_journal: int = 0
    in_cache: int = 0
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    images: int = 0


class _Asked:
    """Sums up what cells ask; one trial of every sample only once for cells that send the same."""

    def __init__(self, plan: Plan, is_known: IsKnown | None) -> None:
        self._plan, self._is_known = plan, is_known
        self._once: dict[tuple[Json, ...], _Sums] = {}

    def sums(self, cell: Cell, positions: Sequence[int], first: int) -> _Sums:
        """Sum up the trials of a cell from the first on that no earlier cell asks."""
        trials = range(first, cell.evaluation.trials)
        if not trials or self._is_known is not None:
            return self._counted(cell, positions, trials)
        sent = (cell.dataset.name, *(cell.treatment[part] for part in ("system", "prompt", "params")))
        if sent not in self._once:
            self._once[sent] = self._counted(cell, positions, range(1))
        once, times = self._once[sent], len(trials)
        return _Sums(0, 0, times * once.calls, times * once.prompt, times * once.completion, times * once.images)

    def _counted(self, cell: Cell, positions: Sequence[int], trials: range) -> _Sums:
        sums, estimator = _Sums(), TokenEstimator()
        for position in positions if trials else ():
            request = cell.request(cell.present(cell.dataset.samples[position]), 0)
            calls = len(trials)
            if self._is_known is not None:
                places = [self._is_known(cell, replace(request.key, trial=trial), position) for trial in trials]
                sums.in_journal += places.count("journal")
                sums.in_cache += places.count("cache")
                calls = places.count(None)
            if calls:
                tokens = estimator.estimate(request)
                sums.calls += calls
                sums.prompt += calls * tokens.prompt
                sums.completion += calls * tokens.completion
                sums.images += calls * sum(1 for _ in images_in(request.messages))
        return sums


def _forecast_cell(plan: Plan, cell: Cell, prices: Prices, asked: _Asked) -> CellForecast:
    trials = cell.evaluation.trials
    first = min(trials, plan.shared_trials(cell))
    positions = list(plan.positions(cell))
    sums = asked.sums(cell, positions, first)
    price = prices.of(cell.model)
    cost = 0.0 if not sums.calls else None if price is None else cost_usd(price, sums.prompt, sums.completion)
    return CellForecast(
        cell=cell.key,
        evaluation=cell.evaluation.name,
        model=cell.model.label,
        provider=cell.model.provider,
        samples=len(positions),
        trials=trials,
        predictions=len(positions) * trials,
        shared=len(positions) * first,
        in_journal=sums.in_journal,
        in_cache=sums.in_cache,
        calls=sums.calls,
        prompt_tokens=sums.prompt,
        completion_tokens=sums.completion,
        answers=answer_basis(cell.params),
        images=sums.images,
        cost_usd=cost,
        price=None if price is None else {"input": price.input, "output": price.output},
        price_source=None if price is None else price.source,
    )


def answer_basis(params: Mapping[str, Json]) -> str:
    """Return what the length of answers under these params is taken from."""
    extra: dict[str, Json] = params.get("extra_body") or {}
    is_limited = any(extra.get(key, params.get(key)) is not None for key in _LIMITS)
    return ANSWERS_BY_LIMIT if is_limited else ANSWERS_BY_DEFAULT
