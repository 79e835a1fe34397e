"""Reducers: an item's trials to one score, before any statistic."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial

__all__ = ["Reducer", "check_reducer", "make_reducer", "pass_at_k", "pass_hat_k"]

Reducer = Callable[[Sequence[float]], float | None]
"""Valid scores of one item's trials to its score; None when they are too few for the question."""

_BINARY_ONLY = frozenset({"majority", "pass_at", "pass_hat"})


def make_reducer(reduce: str | Mapping[str, int]) -> Reducer:
    """Return the reducer of an evaluation's `reduce`: a name, or {"pass_at": k} or {"pass_hat": k}.

    Raises:
        ValueError: there is no such reducer.
    """
    if isinstance(reduce, str):
        if reduce not in _BY_NAME:
            raise ValueError(
                f"no reducer is called {reduce!r}; known: {', '.join(sorted(_BY_NAME))}, pass_at, pass_hat"
            )
        return _BY_NAME[reduce]
    name, k = _pass_of(reduce)
    return partial(_passes, pass_at_k if name == "pass_at" else pass_hat_k, k)


def check_reducer(reduce: str | Mapping[str, int], *, trials: int, kinds: Mapping[str, str]) -> None:
    """Refuse a reducer that cannot work with this many trials or these scorers' kinds, by scorer name.

    Raises:
        ValueError: with what is wrong and what to write instead.
    """
    make_reducer(reduce)
    name = reduce if isinstance(reduce, str) else _pass_of(reduce)[0]
    graded = [scorer for scorer, kind in kinds.items() if kind != "binary"]
    if name in _BINARY_ONLY and graded:
        raise ValueError(
            f"reduce {name} needs right-or-wrong scores, but {', '.join(graded)} is graded; use mean or median"
        )
    if not isinstance(reduce, str) and _pass_of(reduce)[1] > trials:
        k = _pass_of(reduce)[1]
        raise ValueError(f"reduce {name}: {k} needs at least {k} trials, not {trials}; raise trials or lower {name}")


@lru_cache(maxsize=65536)
def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the chance that at least one of k trials drawn from these n is right: 1 - C(n-c, k) / C(n, k).

    Exact integers, rounded once; equal to the product form 1 - prod_{i=n-c+1}^{n} (1 - k/i).

    Raises:
        ValueError: k is not within 1 and n, or correct not within 0 and n.
    """
    _check_draw(n, correct, k)
    every = math.comb(n, k)
    return (every - math.comb(n - correct, k)) / every


@lru_cache(maxsize=65536)
def pass_hat_k(n: int, correct: int, k: int) -> float:
    """Return the chance that all of k trials drawn from these n are right: C(c, k) / C(n, k).

    Raises:
        ValueError: k is not within 1 and n, or correct not within 0 and n.
    """
    _check_draw(n, correct, k)
    return math.comb(correct, k) / math.comb(n, k)


def _check_draw(n: int, correct: int, k: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"cannot draw {k} of {n} trials")
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} of {n} trials cannot be right")


def _pass_of(reduce: Mapping[str, int]) -> tuple[str, int]:
    if len(reduce) != 1 or next(iter(reduce)) not in {"pass_at", "pass_hat"}:
        raise ValueError(f"reduce takes one of pass_at or pass_hat with a number of trials, not {dict(reduce)}")
    name, k = next(iter(reduce.items()))
    if k < 1:
        raise ValueError(f"{name} needs at least 1 trial, not {k}")
    return name, k


def _mean(scores: Sequence[float]) -> float | None:
    return math.fsum(scores) / len(scores) if scores else None


def _median(scores: Sequence[float]) -> float | None:
    return statistics.median(scores) if scores else None


def _majority(scores: Sequence[float]) -> float | None:
    return float(2 * _successes(scores) > len(scores)) if scores else None


def _any(scores: Sequence[float]) -> float | None:
    return max(scores, default=None)


def _all(scores: Sequence[float]) -> float | None:
    return min(scores, default=None)


def _passes(chance: Callable[[int, int, int], float], k: int, scores: Sequence[float]) -> float | None:
    return chance(len(scores), _successes(scores), k) if len(scores) >= k else None


def _successes(scores: Sequence[float]) -> int:
    right = sum(1 for score in scores if score == 1)
    if right + sum(1 for score in scores if score == 0) != len(scores):
        raise ValueError("this reducer counts right-or-wrong scores, and one is neither 0 nor 1; use mean or median")
    return right


_BY_NAME: dict[str, Reducer] = {"mean": _mean, "median": _median, "majority": _majority, "any": _any, "all": _all}
