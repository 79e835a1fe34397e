"""The average of several datasets' means, each with its own standard error."""

import math
from collections.abc import Sequence

from evalkit.stats.distributions import normal_quantile
from evalkit.stats.intervals import wilson_bounds
from evalkit.stats.means import Interval

__all__ = ["macro_average"]


def macro_average(parts: Sequence[Interval], *, confidence: float, weights: Sequence[float] | None = None) -> Interval:
    """Return the average of several datasets' mean scores, SE^2 = sum a_k^2 SE_k^2; rows are never pooled.

    Where no part shows any spread, Wilson at 1 / sum(a_k^2 / G_k) stands in for a standard error of 0.
    """
    shares = [1.0] * len(parts) if weights is None else list(weights)
    total = math.fsum(shares)
    means = [part.mean for part in parts if part.mean is not None]
    if not means or total <= 0 or len(means) < len(parts):
        return Interval(None, None, None, confidence, "none", 0, 0)
    shares = [share / total for share in shares]
    mean = math.fsum(share * value for share, value in zip(shares, means, strict=True))
    n, clusters = sum(part.n for part in parts), sum(part.clusters for part in parts)
    errors = [part.standard_error for part in parts if part.standard_error is not None]
    if len(errors) < len(parts):
        return Interval(mean, None, None, confidence, "none", n, clusters)
    error = math.sqrt(math.fsum((share * value) ** 2 for share, value in zip(shares, errors, strict=True)))
    z = normal_quantile((1 + confidence) / 2)
    if error > 0.0:
        return Interval(mean, mean - z * error, mean + z * error, confidence, "z", n, clusters, error)
    n_eff = 1 / math.fsum(share**2 / part.clusters for share, part in zip(shares, parts, strict=True))
    return Interval(mean, *wilson_bounds(mean, n_eff, z), confidence, "wilson_n_eff", n, clusters, error, n_eff)
