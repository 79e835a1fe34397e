"""What a cell's calls cost and took, kept as compact columns: one row a sample and trial, no answers."""

import math
from array import array
from collections.abc import Sequence

from evalkit.config.schema import PriceSpec
from evalkit.listed_models import TokenPrice
from evalkit.records import NOT_ANSWERED, Prediction, PredictionOutcome
from evalkit.stats.quantiles import quantile, quantile_interval
from evalkit.tokens import count_tokens

__all__ = ["TIMING_PARTS", "CallColumns"]

TIMING_PARTS = ("queue", "backoff", "first_byte", "first_token")
"""What `timing_s` of a cell tells apart, beside the latency."""

_OUTCOMES = tuple(PredictionOutcome)
_CODES = {outcome: code for code, outcome in enumerate(_OUTCOMES)}
_NOT_RUN = _CODES[PredictionOutcome.NOT_RUN]
_SERVED = frozenset({PredictionOutcome.REFUSED, PredictionOutcome.FILTERED})
_FIRST_ERROR_STATUS = 400
_UNKNOWN = -1


class CallColumns:
    """The calls of one cell by row; a row put again replaces what it held, so order and repeats leave no trace."""

    def __init__(self, rows: int) -> None:
        """Make room for `rows` calls, none of which has run."""
        self._outcomes = bytearray([_NOT_RUN]) * rows
        self._is_billed = bytearray(rows)
        self._is_shared = bytearray(rows)
        self._prompt, self._completion, self._total = (array("q", [_UNKNOWN]) * rows for _ in range(3))
        self._is_cached = bytearray(rows)
        self._attempts = array("l", [0]) * rows
        self._seconds = {part: array("d", [math.nan]) * rows for part in ("service", *TIMING_PARTS)}
        self._model, self._fingerprint = (array("i", [_UNKNOWN]) * rows for _ in range(2))
        self._names: dict[str, int] = {}

    def put(self, row: int, prediction: Prediction, *, is_shared: bool = False) -> None:
        """Keep the counts of one prediction; one that another cell pays for `is_shared` and is not counted again."""
        self._is_shared[row] = is_shared
        outcome, usage = prediction.outcome, prediction.usage
        is_answered = outcome not in NOT_ANSWERED
        self._outcomes[row] = _CODES[outcome]
        self._is_billed[row] = is_answered or (outcome in _SERVED and _is_served(prediction))
        prompt, completion = count_tokens(usage)
        total = None if usage is None else usage.total_tokens
        if prompt is not None and completion is not None:
            total = prompt + completion
        self._prompt[row] = _UNKNOWN if prompt is None else prompt
        self._completion[row] = _UNKNOWN if completion is None else completion
        self._total[row] = _UNKNOWN if total is None else total
        self._is_cached[row] = prediction.from_cache
        self._attempts[row] = 0 if prediction.from_cache else prediction.attempts
        for part, seconds in self._seconds.items():
            value: float | None = getattr(prediction.timing, f"{part}_s") if is_answered else None
            seconds[row] = math.nan if value is None else value
        self._model[row] = self._code(prediction.served_model)
        self._fingerprint[row] = self._code(prediction.fingerprint)

    def outcomes(self) -> dict[str, int]:
        """Return how many calls ended in each way; a row never put was not run."""
        return {outcome.value: self._outcomes.count(code) for outcome, code in _CODES.items()}

    def usage(self) -> dict[str, int]:
        """Return the calls made and their tokens; `without_usage` counts billed calls whose tokens nobody told."""
        own = [row for row, is_shared in enumerate(self._is_shared) if not is_shared]
        return {
            "requests": sum(self._has_run(row) for row in own),
            "prompt_tokens": _sum_known(self._prompt, own),
            "completion_tokens": _sum_known(self._completion, own),
            "total_tokens": _sum_known(self._total, own),
            "without_usage": sum(
                bool(self._is_billed[row]) and (self._prompt[row] < 0 or self._completion[row] < 0) for row in own
            ),
        }

    def cost_usd(self, price: PriceSpec | TokenPrice | None) -> float | None:
        """Return what the answers cost, whoever paid for them: this try, an earlier one, or another run.

        None without a price, or when a billed call did not tell its tokens: part of a cost is no cost. What lost
        attempts may have cost is among the run's calls.
        """
        usage = self.usage()
        if price is None or usage["without_usage"]:
            return None
        return (usage["prompt_tokens"] * price.input + usage["completion_tokens"] * price.output) / 1e6

    def output_tokens(self, *, confidence: float) -> dict[str, float | None]:
        """Return p50 and p95 of the tokens that answered calls produced."""
        answered = {code for outcome, code in _CODES.items() if outcome not in NOT_ANSWERED}
        pairs = zip(self._outcomes, self._completion, strict=True)
        counts = sorted(count for outcome, count in pairs if outcome in answered and count >= 0)
        return {"p50": quantile(counts, 0.5) if counts else None, "p95": _bounded_p95(counts, confidence)}

    def latency_s(self, *, confidence: float, is_nested: bool) -> dict[str, float | None]:
        """Return mean, p50 and p95 of the answering attempts' seconds, with bounds where calls are independent.

        Several trials of one item are not independent (`is_nested`): then there are no bounds.
        """
        seconds = self._measured("service")
        latency = _summary(seconds, confidence)
        for name, p in (("p50", 0.5), ("p95", 0.95)):
            interval = quantile_interval(seconds, p, confidence=confidence) if seconds and not is_nested else None
            latency[f"{name}_lower"] = None if interval is None else interval.lower
            latency[f"{name}_upper"] = None if interval is None else interval.upper
        return latency

    def timing_s(self, *, confidence: float) -> dict[str, dict[str, float | None]]:
        """Return mean, p50 and p95 of what latency leaves out or is made of, over the answered calls.

        `queue` is the wait for a permit, `backoff` that between attempts; `first_byte` and `first_token` are parts of
        the answering attempt, the latter known of streamed answers alone.
        """
        return {part: _summary(self._measured(part), confidence) for part in TIMING_PARTS}

    def attempts(self) -> dict[str, int]:
        """Return the requests sent, the calls that needed more than one, and the most that one call needed.

        `from_cache` counts the answers out of the shared cache, which an earlier run sent for.
        """
        own = [self._attempts[row] for row, shared in enumerate(self._is_shared) if not shared and self._has_run(row)]
        cached = sum(self._is_cached)
        retried = sum(count > 1 for count in own)
        return {"sent": sum(own), "retried": retried, "most": max(own, default=0), "from_cache": cached}

    def served_models(self) -> tuple[str, ...]:
        """Return the models that the server says have answered, sorted."""
        return self._named(self._model)

    def fingerprints(self) -> tuple[str, ...]:
        """Return the system fingerprints seen, sorted."""
        return self._named(self._fingerprint)

    def _has_run(self, row: int) -> bool:
        return self._outcomes[row] != _NOT_RUN

    def _measured(self, part: str) -> list[float]:
        return sorted(value for value in self._seconds[part] if value >= 0.0)

    def _code(self, name: str | None) -> int:
        return _UNKNOWN if name is None else self._names.setdefault(name, len(self._names))

    def _named(self, codes: "array[int]") -> tuple[str, ...]:
        present = set(codes)
        return tuple(sorted(name for name, code in self._names.items() if code in present))


def _is_served(prediction: Prediction) -> bool:
    """A refusal in a 200 was generated and is paid for; a 400 from a filter was not."""
    failure = prediction.failure
    return failure is None or failure.status is None or failure.status < _FIRST_ERROR_STATUS


def _summary(ordered: list[float], confidence: float) -> dict[str, float | None]:
    return {
        "p50": quantile(ordered, 0.5) if ordered else None,
        "p95": _bounded_p95(ordered, confidence),
        "mean": math.fsum(ordered) / len(ordered) if ordered else None,
        "n": len(ordered),
    }


def _sum_known(counts: "array[int]", rows: Sequence[int]) -> int:
    return sum(max(0, counts[row]) for row in rows)


def _bounded_p95(ordered: list[float] | list[int], confidence: float) -> float | None:
    """Return p95 where some value bounds it from above, from 72 values on at 95%; below, the largest is no p95."""
    if not ordered or quantile_interval(ordered, 0.95, confidence=confidence).upper is None:
        return None
    return quantile(ordered, 0.95)
