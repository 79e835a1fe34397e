"""How processes divide one in-flight limit: fair shares, turns where places are too few, and what they learn."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

__all__ = ["Division", "Knowledge", "Look", "Member", "divide", "fair_shares"]

_TURN_S = 2.0
_ROUND_S = 1.0
_SHRINK = 0.75
_FIRST_COOL_DOWN_S = 15.0
_LONGEST_COOL_DOWN_S = 120.0


@dataclass(frozen=True, slots=True)
class Member:
    """One process at the table: what it holds of the limit, and what it would use.

    `most` is its own max_concurrency; `knows` is the limit that it learned while it was alone, 0 for none; `turn_at` is
    when its present turn began, 0 before the first.
    """

    name: str
    held: int
    wanted: int
    in_flight: int
    most: int
    knows: int = 0
    turn_at: float = 0.0

    @property
    def used(self) -> int:
        """What it makes use of, of what it holds."""
        return min(self.held, max(self.wanted, self.in_flight))

    @property
    def room(self) -> int:
        """What it can take if nobody else wants it: enough to start at once, and to grow until the next look."""
        return min(self.most, max(1, 2 * self.wanted))

    def is_in_turn(self, now: float) -> bool:
        """Say whether it holds something and had it for less than a turn."""
        return self.held > 0 and now - self.turn_at < _TURN_S


def fair_shares(members: Collection[Member], total: int, now: float) -> dict[str, int]:
    """Return each member's max-min fair share of `total` by what it wants, then the rest by what it has room for.

    With more members that want than places, each place goes to the one whose last turn is longest ago.
    """
    # Who is in its turn keeps its place; behind it, whoever waited longest. The order also says who gets a remainder.
    order = sorted(members, key=lambda m: (not m.is_in_turn(now), m.turn_at, m.name))
    shares = _water_level(order, {m.name: min(m.wanted, m.most) for m in order}, total)
    rest = total - sum(shares.values())
    more = _water_level(order, {m.name: m.room - shares[m.name] for m in order}, rest)
    return {name: share + more[name] for name, share in shares.items()}


def _water_level(order: Sequence[Member], wants: Mapping[str, int], total: int) -> dict[str, int]:
    """Fill all at one level until each has what it wants or nothing is left; a remainder goes one each, in order."""
    shares = dict.fromkeys(wants, 0)
    thirsty = [m.name for m in order if wants[m.name] > 0]
    while thirsty and total >= len(thirsty):
        level = min(total // len(thirsty), *(wants[name] - shares[name] for name in thirsty))
        for name in thirsty:
            shares[name] += level
        total -= level * len(thirsty)
        thirsty = [name for name in thirsty if shares[name] < wants[name]]
    for name in thirsty[:total]:
        shares[name] += 1
    return shares


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What processes learned together of the server's limit; `total` is 0 while nothing was refused.

    A refusal is news once all hold no more than the total and a round has passed: until then it speaks of calls sent
    before the last cut. Refusals that go on at a total of one do not come from concurrency, so the cuts are undone and
    refusals are no news for a while, longer each time.
    """

    total: int = 0
    refused_at: int = 0
    fell_from: int = 0
    news_from: float = 0.0
    grow_at: float = 0.0
    probe_at: float = 0.0
    cool_down_s: float = _FIRST_COOL_DOWN_S
    deaf_s: float = _FIRST_COOL_DOWN_S

    def most(self, members: Collection[Member]) -> int:
        """Return what all may hold together."""
        most = max(member.most for member in members)
        return min(most, self.total or most)

    def told(self, learned: int, now: float) -> "Knowledge":
        """Take over the limit that a process learned alone."""
        probe_at = now + _FIRST_COOL_DOWN_S
        return Knowledge(learned, learned + 1, learned, now + _ROUND_S, now + _ROUND_S, probe_at)

    def seen(self, members: Collection[Member], *, refused: bool, now: float) -> "Knowledge":
        """Return the knowledge after one look at the table, where a process was refused or none was."""
        if self.total and sum(member.held for member in members) > self.total:
            return replace(self, news_from=now + _ROUND_S, grow_at=now + _ROUND_S)
        if refused:
            return self if now < self.news_from else self._cut(members, now)
        return self if not self.total or now < self.grow_at else self._grown(members, now)

    def _cut(self, members: Collection[Member], now: float) -> "Knowledge":
        if self.total == 1:
            until, longer = now + self.deaf_s, min(_LONGEST_COOL_DOWN_S, self.deaf_s * 2)
            return Knowledge(self.fell_from, self.fell_from + 1, self.fell_from, *(until,) * 3, deaf_s=longer)
        # Before anything is known much may be held that nobody uses; later all that is held is refused together.
        used = max(1, sum(member.held if self.total else member.used for member in members))
        again = self.refused_at and self.total >= self.refused_at - 1
        cool_down_s = min(_LONGEST_COOL_DOWN_S, self.cool_down_s * 2) if again else _FIRST_COOL_DOWN_S
        return Knowledge(
            total=max(1, int(used * _SHRINK)),
            refused_at=used,
            fell_from=self.fell_from if self.total and now - self.news_from < _ROUND_S else self.most(members),
            news_from=now + _ROUND_S,
            grow_at=now + _ROUND_S,
            probe_at=now + cool_down_s,
            cool_down_s=cool_down_s,
            deaf_s=self.deaf_s,
        )

    def _grown(self, members: Collection[Member], now: float) -> "Knowledge":
        """Climb by one a round to below what was refused while all is in use; try that after the cool-down."""
        if self.total >= max(member.most for member in members):
            return Knowledge(deaf_s=self.deaf_s)
        probes = self.total + 1 >= self.refused_at
        if sum(member.wanted for member in members) < self.total or (probes and now < self.probe_at):
            return replace(self, grow_at=now + _ROUND_S)
        refused_at = max(self.refused_at, self.total + 2) if probes else self.refused_at
        return replace(self, total=self.total + 1, refused_at=refused_at, grow_at=now + _ROUND_S)


@dataclass(frozen=True, slots=True)
class Look:
    """One process's look at the table: the `ceiling` it had, whether it may take more, and if it was refused since."""

    ceiling: int
    may_take: bool
    refused: bool
    now: float


@dataclass(frozen=True, slots=True)
class Division:
    """What one look gives a process: its fair `share`, of which it may use `ceiling` now, and what it writes down."""

    share: int
    ceiling: int
    member: Member
    knowledge: Knowledge


def divide(mine: Member, others: Sequence[Member], known: Knowledge, look: Look) -> Division:
    """Divide the limit for one process; it takes no more than the others do not hold.

    One that is alone has all: its own throttle learns better than a table of one. What all learned holds on until that
    throttle keeps within it.
    """
    everyone, now = [mine, *others], look.now
    if not others and mine.wanted <= (known.total or mine.wanted):
        known = Knowledge()
    elif others and not known.total and (learned := [member.knows for member in everyone if member.knows]):
        known = known.told(min(learned), now)
    known = known.seen(everyone, refused=look.refused and bool(others or known.total), now=now)
    most = known.most(everyone)
    shares = fair_shares(everyone, most, now) if others else {mine.name: min(most, mine.most)}
    share, free = shares[mine.name], most - sum(member.held for member in others)
    ceiling = min(share, max(look.ceiling, free if look.may_take else 0))
    if look.refused and known.total and free < ceiling:
        ceiling = min(ceiling, mine.in_flight)  # another has not given back yet: what it still uses is refused to us
    held = max(ceiling, mine.in_flight)
    is_scarce = any(shares[member.name] == 0 < member.wanted for member in everyone)
    begins = held > 0 and (mine.held == 0 or (share > 0 and is_scarce and not mine.is_in_turn(now)))
    return Division(share, ceiling, replace(mine, held=held, turn_at=now if begins else mine.turn_at), known)
