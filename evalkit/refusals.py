"""What refused calls tell: how many are refused whatever we do, and whether one share is larger than another."""

import math
from dataclasses import dataclass, field

__all__ = ["Noise", "Tally", "Trial"]

_LEAST_SHARE, _MOST_SHARE = 0.02, 0.95
_CERTAIN = 3.5
"""Log of the odds at which a question is decided."""
_LEFT = 0.25
"""The part of the refusals that a cut leaves at most when it has lowered them."""
_LEAST_LOWERED = 0.1
_LONGEST_TRIAL, _CALLS_OF_A_SHARE = 64, 6.0
"""Calls after which a cut that has not clearly lowered the share of refusals has not lowered it."""
_CLEAR = 0.9
_MORE = 0.25
"""The part of the calls that are refused beside the noise when a server takes less than it did."""
_ALARM = 10.0
"""Log-likelihood at which that is believed."""
_FEW = 1.5
"""Refusals that are not yet noise."""
_OUTAGE = 8
"""Refusals in a row after which a server takes nothing at all, which is no noise."""
_REMEMBERED = 400
"""Calls after which what was counted before weighs half."""


@dataclass(slots=True)
class Tally:
    """Calls that ended, and how many of them were refused."""

    calls: float = 0.0
    refused: float = 0.0

    def note(self, *, refused: bool) -> None:
        """Count one call more."""
        self.calls += 1
        self.refused += refused

    def add(self, other: "Tally") -> None:
        """Count the calls of another tally."""
        self.calls += other.calls
        self.refused += other.refused

    @property
    def share(self) -> float:
        """The share of refusals, never quite 0 and never quite 1."""
        return min(_MOST_SHARE, max(_LEAST_SHARE, (self.refused + 0.5) / (self.calls + 1.0)))

    def log_odds(self, one: float, other: float, *, out: int = 0) -> float:
        """Return the log-likelihood of the share `one` over that of the share `other`; calls `out` count as taken."""
        taken = self.calls - self.refused + out
        return self.refused * math.log(one / other) + taken * math.log((1.0 - one) / (1.0 - other))


class Noise:
    """The share of calls that a server refuses at a level that is good; it is forgotten when it ends."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._in_a_row = 0
        self._alarm = 0.0

    def __bool__(self) -> bool:
        return self._tally.refused > _FEW

    @property
    def share(self) -> float:
        """The share as far as is known; 0 while a refusal is an exception."""
        return self._tally.refused / self._tally.calls if self else 0.0

    @property
    def is_exceeded(self) -> bool:
        """Say whether lately more was refused than noise is."""
        return self._alarm > _ALARM

    def note(self, *, refused: bool) -> None:
        """Follow the share, and whether more is refused by now, with one call more at a good level."""
        tally = self._tally
        share = tally.share
        share = min(_MOST_SHARE, share + math.sqrt(share * (1.0 - share) / (tally.calls + 1.0)))
        more = share + (1.0 - share) * _MORE
        self._alarm += math.log(more / share) if refused else math.log((1.0 - more) / (1.0 - share))
        self._alarm = max(0.0, self._alarm)
        self._in_a_row = self._in_a_row + 1 if refused else 0
        if self._in_a_row <= _OUTAGE:
            tally.note(refused=refused)
            if tally.calls > _REMEMBERED:
                tally.calls /= 2
                tally.refused /= 2

    def calm(self) -> None:
        """Begin to look anew for more refusals than noise."""
        self._alarm = 0.0

    def learn(self, *tallies: Tally, anew: bool = False) -> None:
        """Count the calls of a level that is good."""
        if anew:
            self._tally = Tally()
        for tally in tallies:
            self._tally.add(tally)

    def odds_of_more(self, seen: Tally, part: float, *, out: int = 0) -> float:
        """Return the log of the odds that of calls `seen` a `part` was refused beside the noise, over noise alone."""
        share = self._tally.share
        return seen.log_odds(share + (1.0 - share) * min(_CLEAR, part), share, out=out)


@dataclass(slots=True)
class Trial:
    """A cut whose effect is being measured: the limit it came from, and what became of the `level` calls in flight."""

    origin: int
    level: int
    before: Tally = field(default_factory=Tally)
    empty: float = 0.0
    """Places among those calls that are known to have been refused, but for the first, and for noise."""
    doubted: float = 0.0
    """The share taken for noise that this trial is about; 0 where more was refused than that."""

    def has_helped(self, seen: Tally, noise: float) -> bool:
        """Say whether what was `seen` since the cut tells of a share clearly nearer to the noise than before."""
        return self._odds(seen, noise) > _CERTAIN

    def has_not_helped(self, seen: Tally, noise: float, *, out: int) -> bool:
        """Say whether as much is refused as before, or nothing can be said after so many calls; more are `out`."""
        longest = max(_LONGEST_TRIAL, 4 * self.level, _CALLS_OF_A_SHARE / self.doubted if self.doubted else 0)
        return self._odds(seen, noise, out) < -_CERTAIN or seen.calls > longest

    def _odds(self, seen: Tally, noise: float, out: int = 0) -> float:
        before, left = self.doubted, 0.0
        if not before:
            before, left = min(_MOST_SHARE, max(self.before.share, noise + _LEAST_LOWERED)), min(noise, 0.8)
        return seen.log_odds(left + (before - left) * _LEFT, before, out=out)
