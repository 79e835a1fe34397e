"""Quantiles and tails of the normal, Student t, beta and binomial distributions.

All but those of the beta are plain Python: importing scipy costs more CPU and memory than a small run's statistics.
"""

import math
from functools import lru_cache
from importlib import import_module
from statistics import NormalDist
from typing import Any

__all__ = ["beta_quantile", "beta_share", "binomial_terms", "normal_quantile", "t_quantile", "t_upper_tail"]

_NORMAL = NormalDist()
_MAX_STEPS = 100_000
_TINY = 1e-300
_PRECISION = 1e-15
_CLOSE = 1e-6
_MAX_NEWTON = 200
_MEDIAN = 0.5
_SERIES_FROM = 50


def normal_quantile(p: float) -> float:
    """Return z with P(Z <= z) = p for a standard normal Z; p in (0, 1)."""
    return _NORMAL.inv_cdf(p)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with P(X <= x) = p for X ~ Beta(a, b)."""
    special: Any = import_module("scipy.special")
    return float(special.betaincinv(a, b, p))


def beta_share(x: float, a: float, b: float) -> float:
    """Return P(X <= x) for X ~ Beta(a, b); also P(K >= a) for K ~ Binomial(a + b - 1, x)."""
    special: Any = import_module("scipy.special")
    return float(special.betainc(a, b, x))


def t_upper_tail(t: float, df: float) -> float:
    """Return P(T > t) for a Student t with `df` degrees of freedom; small tails keep their relative precision.

    Raises:
        ValueError: df is not positive.
    """
    if not df > 0:
        raise ValueError(f"a t distribution needs positive degrees of freedom, not {df}")
    if t < 0:
        return 1.0 - t_upper_tail(-t, df)
    a, total = df / 2, df + t * t
    if math.isinf(total):
        return 0.0
    # the density of Beta(df/2, 1/2) at df/total, times x(1-x): what both continued fractions multiply
    front = _gamma_ratio(a) / math.sqrt(math.pi) * math.exp(-a * math.log1p(t * t / df)) * (t / math.sqrt(total))
    if df / total < (a + 1) / (a + 2.5):
        return 0.5 * front * _beta_fraction(a, 0.5, df / total) / a
    return 0.5 - front * _beta_fraction(0.5, a, t * t / total)


@lru_cache(maxsize=1024)
def t_quantile(p: float, df: float) -> float:
    """Return t with P(T <= t) = p for a Student t with `df` degrees of freedom; p in (0, 1).

    Raises:
        ValueError: df is not positive, or p not in (0, 1).
    """
    if not (0.0 < p < 1.0 and df > 0):
        raise ValueError(f"no t quantile for p = {p} and {df} degrees of freedom")
    if p == _MEDIAN:
        return 0.0
    return -_t_upper_quantile(p, df) if p < _MEDIAN else _t_upper_quantile(1.0 - p, df)


def binomial_terms(n: int, p: float) -> tuple[int, list[float]]:
    """Return (first, terms): P(X = first + i) = terms[i] for X ~ Binomial(n, p); what underflows is left out.

    Built outward from the mode and normalised, so no factorial is ever formed. p in (0, 1).
    """
    mode = min(n, int((n + 1) * p))
    down, up = [1.0], list[float]()
    term, k = 1.0, mode
    while k > 0 and (term := term * k * (1 - p) / ((n - k + 1) * p)) > _TINY:
        down.append(term)
        k -= 1
    term, last = 1.0, mode
    while last < n and (term := term * (n - last) * p / ((last + 1) * (1 - p))) > _TINY:
        up.append(term)
        last += 1
    terms = [*reversed(down), *up]
    total = sum(terms)
    return k, [term / total for term in terms]


def _t_upper_quantile(tail: float, df: float) -> float:
    """Newton in ln t on ln P(T > t), which is concave: it falls to the root from above, until rounding."""
    t, last = max(normal_quantile(1.0 - tail), 0.05), math.inf
    for _ in range(_MAX_NEWTON):
        upper = t_upper_tail(t, df)
        density = _gamma_ratio(df / 2) / math.sqrt(math.pi * df) * math.exp(-(df + 1) / 2 * math.log1p(t * t / df))
        step = max(-1.0, min(1.0, math.log(upper / tail) * upper / (t * density)))
        t *= math.exp(step)
        if abs(step) < _PRECISION or (abs(step) < _CLOSE and abs(step) >= last):
            break
        last = abs(step)
    return t


def _gamma_ratio(a: float) -> float:
    """Return gamma(a + 1/2) / gamma(a); its asymptotic series (DLMF 5.11.13) where lgamma would cancel."""
    if a < _SERIES_FROM:
        return math.exp(math.lgamma(a + 0.5) - math.lgamma(a))
    x = 1 / a
    series = 1 + x * (-1 / 8 + x * (1 / 128 + x * (5 / 1024 + x * (-21 / 32768 + x * (-399 / 262144)))))
    return math.sqrt(a) * series


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    c, d = 1.0, 1.0 / _nonzero(1.0 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for coefficient in (even, odd):
            d = 1.0 / _nonzero(1.0 + coefficient * d)
            c = _nonzero(1.0 + coefficient / c)
            change = c * d
            result *= change
        if abs(change - 1.0) < _PRECISION:
            break
    return result


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
