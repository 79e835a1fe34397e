"""Learns how many calls a server takes at once, from which of them it refuses.

The limit doubles each round trip until a call is refused (TCP's slow start), falls to what was taken of the calls then
in flight, climbs back half the way each round trip, and tries what was refused again after a cool-down. Where refusals
come from the calls in flight they cease below that, so each cut is a trial: when it has not lowered the share of
refusals it is undone, and that share is noise, which is left to retrying and doubted from time to time. With noise, a
level is good when it adds no refusals to it. All this is decided by likelihood ratios of what was seen.
"""

import math
import time
from collections.abc import Callable

from evalkit.refusals import Noise, Tally, Trial

__all__ = ["AdaptiveLimit"]

_SHRINK = 0.75
_CERTAIN = 3.5
"""Log of the odds at which a level is good or bad."""
_FINE = 8
"""With noise, a limit is known when what is good and what is refused differ by no more than this part."""
_FIRST_COOL_DOWN_S, _LONGEST_COOL_DOWN_S = 1.0, 30.0
_CALLS_A_REFUSAL = 32
"""Calls to be taken for each refusal that trying a level has cost: so trying costs at most 3 % of the calls."""
_FIRST_DOUBT_S, _LONGEST_DOUBT_S = 10.0, 240.0
_WORTH_A_DOUBT = 0.03


class AdaptiveLimit:
    """The learned limit, between 1 and `most`: it is told of every call that starts, and of what came of it."""

    def __init__(self, start: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = min(start, most)
        """Calls that may be in flight."""
        self._most = most
        self._clock = clock
        self._epoch = 0
        self._sent = 0
        self._seen = Tally()
        self._noise = Noise()
        self._trial: Trial | None = None
        self._good = 0
        self._refused_at: int | None = None
        self._failed_at = 0
        self._credit = 0
        self._taken = 0
        self._cool_down_s = _FIRST_COOL_DOWN_S
        self._try_after = -math.inf
        self._doubt_s = _FIRST_DOUBT_S
        self._doubt_after = math.inf

    @property
    def noise(self) -> float:
        """The share of calls refused whatever the limit, as far as is known."""
        return self._noise.share

    def start(self) -> int:
        """Note that a call starts; return the epoch, which is to be handed back with its outcome."""
        self._sent += 1
        return self._epoch

    def accepted(self, epoch: int, in_flight: int) -> None:
        """Note that a call was taken, of `in_flight` that were out; grow when the limit was in use."""
        trial = self._trial
        if epoch != self._epoch:
            if trial is not None:
                trial.before.note(refused=False)
            return
        is_used = in_flight >= self.value
        self._taken += 1
        self._seen.note(refused=False)
        if trial is not None:
            self._judge(trial)
        elif self.value <= self._good:
            self._follow_noise(refused=False)
        if is_used:
            self._grow()

    def refused(self, epoch: int, in_flight: int, *, is_overload: bool = False) -> None:
        """Note that a call was refused, of `in_flight` that were out; cut when that was no noise.

        An overload may be anybody's doing: one says nothing yet, many tell as much as refusals for our own calls.
        """
        trial = self._trial
        if epoch != self._epoch:
            if trial is not None:
                self._note_late(trial, is_overload=is_overload)
            return
        self._seen.note(refused=True)
        if trial is None:
            self._weigh(0 if is_overload else in_flight, in_flight)
        elif self._seen.refused == self._seen.calls > 2 * self._out:
            self._cut_deeper(trial, in_flight)
        else:
            self._judge(trial)

    def ended(self, epoch: int) -> None:
        """Note that a call ended in a way that says nothing of the limit."""
        if epoch == self._epoch:
            self._sent -= 1

    @property
    def _out(self) -> int:
        """Calls of this epoch on their way: refusals may come sooner than answers, so these count as taken."""
        return self._sent - int(self._seen.calls)

    def _follow_noise(self, *, refused: bool) -> None:
        self._noise.note(refused=refused)
        if self._doubt_after == math.inf and self.noise > _WORTH_A_DOUBT:
            self._doubt_after = self._clock() + self._doubt_s

    def _weigh(self, our_calls: int, in_flight: int) -> None:
        """Decide whether a refusal, when `our_calls` can be its reason, is more than noise; doubt noise in time."""
        is_good = self.value <= self._good
        if is_good:
            self._follow_noise(refused=True)
        if self.value == 1:
            return
        if self._noise.is_exceeded if is_good else (not self._noise and our_calls > self._good) or self._is_bad:
            self._cut(in_flight)
        elif self._clock() >= self._doubt_after and in_flight >= self.value:
            self._cut(in_flight, doubted=self.noise or _WORTH_A_DOUBT)

    @property
    def _is_bad(self) -> bool:
        return self._noise.odds_of_more(self._seen, 1 - self._good / self.value, out=self._out) > _CERTAIN

    @property
    def _is_found_good(self) -> bool:
        if not self._noise:
            return self._credit >= 2 * self.value
        return self._noise.odds_of_more(self._seen, 1 - self._good / self.value) < -_CERTAIN

    def _grow(self) -> None:
        """Find a level good in time, and go up from it; by one a call where nothing was ever refused."""
        if self._refused_at is None and not self._noise and self._trial is None and self.value < self._most:
            self.value += 1
            return
        self._credit += 1
        if self._trial is not None:
            if not self._seen.refused and self._credit >= self.value:
                self._climb()
        elif self.value <= self._good:
            if self._credit >= self.value:
                self._climb()
        elif self._is_found_good:
            self._good = self.value
            self._noise.learn(self._seen)
            if self._refused_at is not None and self.value >= self._refused_at:
                self._refused_at = None
            self._climb()

    def _climb(self) -> None:
        """Go half the way to what was refused; try that again when the time has come; double where nothing was."""
        self._credit = 0
        if self.value >= self._most:
            return
        fine = self.value // _FINE if self._noise else 0
        if self._refused_at is None:
            self._rise(2 * self.value if self._noise else self.value + 1)
        elif (gap := self._refused_at - 1 - self.value) > fine:
            self._rise(self.value + (gap + 1) // 2)
        elif self._may_try_again:
            self._rise(max(self._refused_at, self.value + fine))

    @property
    def _may_try_again(self) -> bool:
        is_paid = bool(self._noise) or self._taken >= _CALLS_A_REFUSAL
        return self._trial is None and is_paid and self._clock() >= self._try_after

    def _rise(self, level: int) -> None:
        if self._trial is None:
            self._begin(level)
        else:
            self.value = min(self._most, level)

    def _cut(self, in_flight: int, *, doubted: float = 0.0) -> None:
        """Fall back to the good level; from that, to what is left of the calls in flight, and see whether it helps."""
        origin, refused_at = self.value, self.value if self._noise else min(in_flight, self.value)
        self._cool_down(refused_at, int(self._seen.refused - self.noise * self._seen.calls))
        if 0 < self._good < self.value and not doubted:
            self._refused_at = max(refused_at, self._good + 1)
            self._begin(self._good)
            return
        self._refused_at = refused_at
        self._good, self._doubt_after = 0, math.inf
        self._trial = Trial(origin, refused_at, Tally(1, 1), doubted=doubted)
        self._begin(min(int(refused_at * _SHRINK), refused_at - 1))

    def _cut_deeper(self, trial: Trial, in_flight: int) -> None:
        """Go on cutting where nothing was taken, and few calls are on their way; at one, wait for that to change."""
        trial.before.add(self._seen)
        self._refused_at = None if self.value == 1 else min(in_flight, self.value)
        trial.level, trial.empty = self._refused_at or 1, 0.0
        self._begin(int(self.value * _SHRINK))

    def _note_late(self, trial: Trial, *, is_overload: bool) -> None:
        """Leave the place of a refused call that was sent before the last cut empty: the others are those taken."""
        trial.before.note(refused=True)
        if is_overload or self._refused_at is None:
            return
        trial.empty += 1.0 - self.noise
        taken = max(1, trial.level - 1 - int(trial.empty))
        self._refused_at = max(2, min(self._refused_at, taken + 1))
        self.value = min(self.value, taken)

    def _judge(self, trial: Trial) -> None:
        """Decide whether the cut has lowered the share of refusals, has not, or did not go far enough."""
        seen = self._seen
        if trial.has_helped(seen, self.noise):
            self._trial, self._good = None, self.value
            self._noise.learn(seen, anew=trial.doubted > 0)
            self._noise.calm()
            if trial.doubted:
                self._doubt_s = _FIRST_DOUBT_S
        elif seen.refused == seen.calls or not trial.has_not_helped(seen, self.noise, out=self._out):
            return
        elif seen.share > (1.0 + trial.before.share) / 2 and self.value > 1:
            trial.before, trial.empty, trial.level = seen, 0.0, self.value
            self._refused_at = self.value
            self._begin(int(self.value * _SHRINK))
        else:
            self._undo(trial)

    def _undo(self, trial: Trial) -> None:
        """Go back to where the cut began: it has lowered nothing."""
        self._noise.learn(trial.before, self._seen, anew=True)
        self._trial, self._refused_at = None, None
        self._good = max(self.value, trial.origin)
        self._cool_down_s = _FIRST_COOL_DOWN_S
        if trial.doubted:
            self._doubt_s = min(_LONGEST_DOUBT_S, self._doubt_s * 2)
        self._doubt_after = self._clock() + self._doubt_s
        self._begin(self._good)

    def _cool_down(self, refused_at: int, cost: int) -> None:
        """Wait before that level is tried again: longer each time that it is refused, and for each refusal it cost."""
        is_same = self._failed_at / 2 <= refused_at <= self._failed_at + max(2, refused_at // _FINE)
        self._cool_down_s = min(_LONGEST_COOL_DOWN_S, self._cool_down_s * 2) if is_same else _FIRST_COOL_DOWN_S
        self._try_after = self._clock() + self._cool_down_s
        self._failed_at = refused_at
        self._taken = -_CALLS_A_REFUSAL * max(0, min(cost, refused_at) - 1)

    def _begin(self, level: int) -> None:
        """Begin an epoch: calls sent before say nothing of the new level."""
        self.value = max(1, min(self._most, level))
        self._epoch += 1
        self._sent, self._credit, self._seen = 0, 0, Tally()
        self._noise.calm()
