"""The rule by which samples are told apart over nights, and how often it errs."""

from dataclasses import dataclass

from evalkit.stats.stability import TOLERANCE

__all__ = [
    "FAILING",
    "FALSE_NIGHTS",
    "FEWEST_BEFORE",
    "FEWEST_NIGHTS",
    "NIGHTS",
    "PASS_AT",
    "RECENT",
    "STEADY",
    "FlipRule",
]

NIGHTS = 28
"""How many nights are looked at unless told otherwise."""
RECENT = 10
"""For so many nights a failure is new, and a recovery is told."""
FAILING = 2
"""How many nights running make a failure stable: one bad night does not."""
PASS_AT = 0.5
"""A sample is right on a night when its score is at least this; at most 1 minus this where lower is better."""
FEWEST_NIGHTS = 7
"""Below this, nothing is said of a sample."""
FEWEST_BEFORE = 5
"""A failure is new only after at least this many nights."""
STEADY = 0.9
"""A sample is stably right when it was so on at least this share of its nights."""
FALSE_NIGHTS = 0.05
"""On at most this share of nights any sample is named that fails no more than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRule:
    """By which figures states are told; `share_false` bounds the share of stable samples among those named unstable.

    `false_nights` bounds the nights with any false new failure, over all the metrics that are looked at together:
    `among` says how many these are.
    """

    nights: int = NIGHTS
    failing: int = FAILING
    recent: int = RECENT
    pass_at: float = PASS_AT
    fewest_nights: int = FEWEST_NIGHTS
    fewest_before: int = FEWEST_BEFORE
    steady: float = STEADY
    tolerance: float = TOLERANCE
    share_false: float = 0.05
    false_nights: float = FALSE_NIGHTS
    among: int = 1

    def sentences(self) -> tuple[str, ...]:
        """Say the rule and how often it errs."""
        shared = f" shared evenly among {self.among:,} metrics" if self.among > 1 else ""
        unstable = (
            f"Unstable: more flips than a sample that differs from its usual outcome on {self.tolerance:.0%} of nights"
            f" would have by chance (exact tail, Benjamini-Hochberg over the samples; of those named, at most"
            f" {self.share_false:.0%} are expected to be stable ones)."
        )
        failing = (
            f"New stable failure: wrong on its last {self.failing} to {self.recent} nights, after at least"
            f" {self.fewest_before} nights of which at least {self.steady:.0%} were right, and so many wrong nights"
            " running are improbable under the failure rates that it and the other samples of its metric showed before"
            " (a mixture of rates fitted to all of them, weighed by the sample's own nights); Benjamini-Hochberg over"
            f" the samples at {self.false_nights:.0%}{shared}: on at least {1 - self.false_nights:.0%} of quiet nights"
            " none is named, however much the samples flip. Failing: the same, but re-running alone may explain it."
        )
        stable = (
            f"Stably right or wrong: the same on at least {self.steady:.0%} of nights, or on the last"
            f" {self.fewest_nights} running."
        )
        right = (
            f"Right is a score of at least {self.pass_at:g} (at most {1 - self.pass_at:g} where lower is better);"
            f" below {self.fewest_nights} nights nothing is said."
        )
        return unstable, failing, stable, right
