"""What the calls of one judge came to in a run, counted once each, whoever asked for them; pure."""

import asyncio
import math
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations

from evalkit.listed_models import TokenPrice
from evalkit.records import NOT_ANSWERED, CallKey, Json, Prediction
from evalkit.spending import cost_usd
from evalkit.stats.quantiles import quantile
from evalkit.tokens import count_tokens

__all__ = ["JudgeTally"]

_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")


class JudgeTally:
    """Counts a judge's calls as they end. It holds some bytes a call, never a reply.

    `takes_schema` is what the endpoint has shown so far: whether it takes a response_format, None until it was tried;
    the first call holds `trial`, so that a thousand are not rejected before one has come back, and then `is_tried`.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._served: Counter[str] = Counter()
        self._fingerprints: Counter[str] = Counter()
        self._usage: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._billed = [0, 0]
        self._untold = 0
        self._pairs = [0, 0]
        self.takes_schema: bool | None = None
        self.trial = asyncio.Lock()
        self.is_tried = False
        self.from_journal = 0
        self.from_cache = 0
        self.reformatted = 0

    @property
    def calls(self) -> int:
        """How many different calls have ended."""
        return len(self._seen)

    def put(self, key: CallKey, prediction: Prediction, *, is_reformat: bool = False) -> None:
        """Count a call that has ended; one that was counted before is not counted again."""
        name = hash(key)
        if name in self._seen:
            return
        self._seen.add(name)
        self.from_journal += prediction.from_journal
        self.from_cache += prediction.from_cache
        self.reformatted += is_reformat
        if prediction.outcome in NOT_ANSWERED:
            return
        if prediction.served_model is not None:
            self._served[prediction.served_model] += 1
        if prediction.fingerprint is not None:
            self._fingerprints[prediction.fingerprint] += 1
        if prediction.timing.service_s is not None:
            self._latencies.append(prediction.timing.service_s)
        if not prediction.from_cache:
            self._count_tokens(prediction)

    def note_votes(self, verdicts: Sequence[Hashable]) -> None:
        """Count how many pairs of one judgement's votes agree."""
        pairs = list(combinations(verdicts, 2))
        self._pairs[0] += sum(first == second for first, second in pairs)
        self._pairs[1] += len(pairs)

    def describe(self, price: TokenPrice | None) -> dict[str, Json]:
        """Return the counts as run.json keeps them; the cost is None where a part of it is not known."""
        is_known = price is not None and not self._untold
        agreeing, pairs = self._pairs
        return {
            "served_models": [name for name, _ in self._served.most_common()],
            "fingerprints": [name for name, _ in self._fingerprints.most_common()],
            "calls": self.calls,
            "from_journal": self.from_journal,
            "from_cache": self.from_cache,
            "reformatted": self.reformatted,
            "vote_agreement": agreeing / pairs if pairs else None,
            "usage": {"requests": self.calls, **{name: self._usage[name] for name in _USAGE}},
            "cost_usd": cost_usd(price, *self._billed) if is_known and price is not None else None,
            "price_source": None if price is None else price.source,
            "latency_s": {"p50": self._quantile(0.5), "p95": self._quantile(0.95), "mean": self._mean},
        }

    def _count_tokens(self, prediction: Prediction) -> None:
        usage = prediction.usage
        for name in _USAGE:
            self._usage[name] += (None if usage is None else getattr(usage, name)) or 0
        counted = count_tokens(usage)
        self._untold += None in counted
        for place, count in enumerate(counted):
            self._billed[place] += count or 0

    @property
    def _mean(self) -> float | None:
        return math.fsum(self._latencies) / len(self._latencies) if self._latencies else None

    def _quantile(self, share: float) -> float | None:
        return quantile(sorted(self._latencies), share) if self._latencies else None
