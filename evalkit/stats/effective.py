"""How many independent right-or-wrong items some scores are worth, and would be with more samples or trials."""

from dataclasses import dataclass, replace

from evalkit.stats.distributions import t_quantile

__all__ = ["EffectiveSample", "share_of_noise"]


@dataclass(frozen=True, slots=True)
class EffectiveSample:
    """Scores as a test of their mean sees them: worth `effective` independent items, of `rows` in `clusters`.

    `is_counted`: they are independent right-or-wrong items, so that the mean is a count over them. `noise` is the
    share of an item's variance that one more trial of it would average out; None where that is not known.
    """

    effective: float
    rows: float
    clusters: float
    is_counted: bool
    noise: float | None = None

    def tested(self, tail: float) -> float:
        """Return Korn and Graubard's n*: n_eff (t_{N-1} / t_{G-1})^2, both at `tail`; the count itself of items."""
        if self.is_counted:
            return self.effective
        ratio = t_quantile(1 - tail, self.rows - 1) / t_quantile(1 - tail, self.clusters - 1)
        return self.effective * ratio**2

    def times(self, samples: float, trials: float = 1.0) -> "EffectiveSample":
        """Return what so many times the samples, and so many times the trials of each, would be worth."""
        noise = self.noise or 0.0
        variance = 1.0 - noise + noise / trials
        return EffectiveSample(
            self.effective * samples / variance,
            self.rows * samples * trials,
            self.clusters * samples,
            self.is_counted and trials == 1.0,
            None if self.noise is None else noise / trials / variance,
        )

    def with_noise(self, noise: float | None) -> "EffectiveSample":
        """Return the same, with what is known of its trials."""
        return replace(self, noise=noise)


def share_of_noise(error: float | None, n: int, *, within: float | None, trials: int) -> float | None:
    """Return the share of a mean's variance that is noise between trials; None where it is not known.

    `error` is the standard error of a mean over `n` items, `within` the mean variance of an item's single trials.
    """
    if within is None:
        return None
    return min(1.0, within / trials / (error**2 * n)) if error else 0.0
