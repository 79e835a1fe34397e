"""Learns how many calls a server takes at once, from which of them it refuses.

A limit doubles each round trip until calls are refused (TCP's slow start), is cut until they are not, and climbs back
to just below what was refused; it tries that level again after a cool-down. A refusal may have nothing to do with the
calls in flight: when even a few at a time are refused as often as many were, the cut is undone and the share of
refusals is taken for noise, which retrying cures. Both questions are answered by likelihood ratios of what was seen.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["AdaptiveLimit"]

_SHRINK = 0.75
_EASE = 0.125
_EASE_EVERY_S = 1.0
_COOL_DOWN_S = 10.0
_LONGEST_COOL_DOWN_S = 30.0
_ALARM = 4.0
_ALARM_IN_NOISE = 16.0
"""Log-likelihood at which refusals count as too many; where many are noise, more is needed."""
_CERTAIN = 3.0
"""Log of the odds, 20 to 1, at which a trial is decided."""
_LEAST_SHARE = 0.05
"""A share of refusals that no limit is lowered for."""
_EXCESS = 0.4
"""How much larger than the noise the share is that a passed limit would bring."""
_FALL = 0.2
"""The part of a share of refusals that is left where a cut has helped."""
_MOST_SHARE = 0.95
_FEWEST_AT_THE_FLOOR = 8
_SATURATED = 0.8
"""With more than this share refused one by one, the server has no room at all: no noise, and no reason to send more."""
_MOST_NOISE = 0.7
_MUCH_NOISE = 0.1
_MEMORY = 200
"""Over about how many calls the noise is averaged."""


@dataclass(slots=True)
class _Seen:
    """Outcomes of the calls sent in one epoch."""

    accepted: int = 0
    refused: int = 0

    @property
    def count(self) -> int:
        return self.accepted + self.refused

    @property
    def share(self) -> float:
        return self.refused / max(1, self.count)

    def log_odds(self, one: float, other: float) -> float:
        """Return the log-likelihood ratio of the share `one` over the share `other`."""
        return self.refused * math.log(one / other) + self.accepted * math.log((1 - one) / (1 - other))


@dataclass(slots=True)
class _Trial:
    """Cuts whose effect is being measured: where they began, and what was seen there and since."""

    origin: int
    before: _Seen
    since: _Seen


class AdaptiveLimit:
    """The learned limit: `value` lies between 1 and `most`; `noise` is the share refused whatever the limit."""

    def __init__(self, start: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = min(start, most)
        self.noise = 0.0
        self._most = most
        self._clock = clock
        self._epoch = 0
        self._seen = _Seen()
        self._before = _Seen()
        self._trial: _Trial | None = None
        self._ceiling: int | None = None
        self._good = 0
        self._highest = 0
        self._suspicion = 0.0
        self._credit = 0
        self._step = 1
        self._cool_down_s = _COOL_DOWN_S
        self._probe_after = 0.0
        self._ease_after = 0.0

    @property
    def epoch(self) -> int:
        """Counts the moves down: a call sent before the last one says nothing of the limit since."""
        return self._epoch

    def accepted(self, epoch: int, in_flight: int) -> None:
        """Note that a call sent in `epoch` was taken, while `in_flight` were out; grow when the limit was in use."""
        if epoch != self._epoch:
            self._before.accepted += epoch == self._epoch - 1
            return
        self._seen.accepted += 1
        if self._trial is not None:
            self._trial.since.accepted += 1
            self._judge(self._trial)
            return
        self._watch(refused=False)
        if in_flight >= self.value:
            self._grow()

    def refused(self, epoch: int) -> None:
        """Note that a call sent in `epoch` was refused for concurrency; cut when there are too many of them."""
        if epoch != self._epoch:
            self._before.refused += epoch == self._epoch - 1
            return
        self._seen.refused += 1
        if self._trial is not None:
            self._trial.since.refused += 1
            self._judge(self._trial)
            return
        self._watch(refused=True)
        doubt = 0.0 if self._is_probing else min(1.0, self.noise / _MUCH_NOISE)
        if self._suspicion > _ALARM + (_ALARM_IN_NOISE - _ALARM) * doubt:
            self._suspect()

    def overloaded(self, epoch: int) -> None:
        """Note that the server had no room for a call, whoever's calls fill it: ease a little, once a second."""
        if epoch == self._epoch and self._clock() >= self._ease_after:
            self._ease_after = self._clock() + _EASE_EVERY_S
            self._move(max(1, self.value - max(1, int(self.value * _EASE))))

    @property
    def _is_probing(self) -> bool:
        """Whether the limit stands above a level that is known to be good, where refusals are to be expected."""
        return self._ceiling is not None and 0 < self._good < self.value

    def _watch(self, *, refused: bool) -> None:
        """Add a call to the noise, and to the suspicion that more are refused than the noise explains (a CUSUM)."""
        usual = max(self.noise, _LEAST_SHARE)
        excess = min(_MOST_SHARE, usual + _EXCESS)
        one, other = (excess, usual) if refused else (1 - excess, 1 - usual)
        self._suspicion = max(0.0, self._suspicion + math.log(one / other))
        self.noise += (refused - self.noise) / _MEMORY

    def _grow(self) -> None:
        """Double each round trip below a limit that was never met; climb by one to one that was; probe it in time."""
        if self._ceiling is None:
            self.value = min(self._most, self.value + 1)
            return
        self._credit += 1
        if self._credit < self.value:
            return
        self._credit = 0
        self._good = max(self._good, self.value)
        is_known = self.value + 1 < self._ceiling
        if is_known:
            self.value += 1
        elif self.value < self._most and self._clock() >= self._probe_after:
            self.value = min(self._most, self.value + self._step)
            self._step *= 2  # where nothing refuses any more the steps double, as at the start
            self._ceiling = self.value + 1

    def _suspect(self) -> None:
        """Step back from a level above what is known to be good; doubt what was known, and begin to cut."""
        if self._is_probing:
            self._ceiling = self.value
            self._wait(min(_LONGEST_COOL_DOWN_S, self._cool_down_s * 2))
            self._move(self._good)
            return
        self._highest = max(self._highest, self.value)
        self._trial = _Trial(self._highest, self._seen, _Seen())
        self._cut()

    def _judge(self, trial: _Trial) -> None:
        """Decide whether a cut has helped, has not gone far enough, or cannot help."""
        seen = self._seen
        above = _Seen(
            trial.before.accepted + trial.since.accepted - seen.accepted,
            trial.before.refused + trial.since.refused - seen.refused,
        )
        same = min(_MOST_SHARE, max(above.share, _LEAST_SHARE * 2))
        odds = seen.log_odds(max(same * _FALL, _LEAST_SHARE / 2), same)
        if odds > _CERTAIN:
            self._trial = None
            self._good = self.value
            self._suspicion = 0.0
            self._wait(_COOL_DOWN_S)
        elif odds < -_CERTAIN and self.value > 1:
            self._cut()
        elif self.value == 1 and seen.count >= _FEWEST_AT_THE_FLOOR and odds < 0:
            if seen.share > _SATURATED:
                self._seen = _Seen()
            else:
                self._undo(trial)

    def _undo(self, trial: _Trial) -> None:
        """Go back to where the cuts began: they have lowered nothing, so what is refused is noise."""
        everything = _Seen(trial.before.accepted + trial.since.accepted, trial.before.refused + trial.since.refused)
        self.noise = min(_MOST_NOISE, everything.share)
        self._trial, self._ceiling, self._good, self._highest = None, None, 0, 0
        self._move(trial.origin)

    def _cut(self) -> None:
        self._ceiling = self.value
        self._move(max(1, int(self.value * _SHRINK)))

    def _wait(self, cool_down_s: float) -> None:
        """Probe no higher level for a while, and then by one."""
        self._step = 1
        self._cool_down_s = cool_down_s
        self._probe_after = self._clock() + cool_down_s

    def _move(self, value: int) -> None:
        """Go to a level and begin to count anew; calls still out are counted to the level they were sent at."""
        self.value = value
        self._before, self._seen = self._seen, _Seen()
        self._epoch += 1
        self._credit = 0
        self._suspicion = 0.0
