"""Fair shares, turns, and what processes learn together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.shares import Knowledge, Look, Member, divide, fair_shares


def member(name: str, wanted: int, **fields: object) -> Member:
    return Member(**{"name": name, "held": 0, "wanted": wanted, "in_flight": 0, "most": 32} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wants", "total", "shares"),
    [
        pytest.param([32, 32], 8, [4, 4], id="equal"),
        pytest.param([32, 32], 9, [5, 4], id="a remainder goes to one"),
        pytest.param([2, 32], 8, [2, 6], id="what one does not want the other has"),
        pytest.param([1, 3, 32, 32], 16, [1, 3, 6, 6], id="max-min"),
        pytest.param([0, 32], 8, [0, 8], id="idle gives all"),
        pytest.param([2, 2], 32, [4, 4], id="room to grow when there is enough"),
        pytest.param([0, 2], 32, [1, 4], id="room to start"),
        pytest.param([9, 9, 9], 2, [1, 1, 0], id="fewer places than processes"),
        pytest.param([], 8, [], id="nobody"),
    ],
)
def test_shares(wants: list[int], total: int, shares: list[int]) -> None:
    members = [member(f"{place}", wanted) for place, wanted in enumerate(wants)]
    found = fair_shares(members, total, 100.0)
    assert [found[m.name] for m in members] == shares


@given(wants=st.lists(st.integers(0, 40), min_size=1, max_size=12), total=st.integers(1, 64))
def test_shares_are_max_min_fair(wants: list[int], total: int) -> None:
    members = [member(f"{place:02}", wanted, most=40) for place, wanted in enumerate(wants)]
    shares = fair_shares(members, total, 100.0)
    assert sum(shares.values()) <= total
    assert all(shares[m.name] <= 40 for m in members)
    if sum(wants) >= total:
        assert sum(shares.values()) == total
        most = max(shares.values())
        assert all(shares[m.name] >= min(m.wanted, most - 1) for m in members)
    else:
        assert all(shares[m.name] >= m.wanted for m in members)
    if total >= len(wants):
        assert all(shares[m.name] >= 1 for m in members if m.wanted)


def test_the_one_that_waited_longest_is_next() -> None:
    fresh = member("fresh", 9, held=1, turn_at=99.0)
    done = member("done", 9, held=1, turn_at=90.0)
    waits = member("waits", 9, turn_at=80.0)
    new = member("new", 9)
    shares = fair_shares([fresh, done, waits, new], 2, 100.0)
    assert shares == {"fresh": 1, "new": 1, "waits": 0, "done": 0}
    shares = fair_shares([fresh, done, waits], 2, 100.0)
    assert shares == {"fresh": 1, "waits": 1, "done": 0}


def full(*held: int) -> list[Member]:
    return [member(str(place), 32, held=each, in_flight=each) for place, each in enumerate(held)]


def test_a_refusal_cuts_what_all_hold_once_a_round() -> None:
    known = Knowledge().seen(full(16, 16), refused=True, now=10.0)
    assert known.total == 24
    assert known.seen(full(16, 16), refused=True, now=20.0).total == 24, "they still hold more: no news"
    assert known.seen(full(12, 12), refused=True, now=10.5).total == 24, "sent before the cut: no news"
    assert known.seen(full(12, 12), refused=True, now=11.5).total == 18


def test_a_quiet_round_gives_one_back_and_what_was_refused_waits_for_the_cool_down() -> None:
    known = Knowledge().seen(full(4, 4), refused=True, now=0.0)
    assert known.total == 6
    totals = list[int]()
    for second in range(1, 40):
        known = known.seen(full(3, 3), refused=False, now=float(second))
        totals.append(known.total)
    assert totals[:14] == [7] * 14
    assert totals[14:18] == [8, 9, 10, 11]


def test_what_is_not_used_does_not_grow() -> None:
    known = Knowledge().seen(full(4, 4), refused=True, now=0.0)
    idle = [member("a", 1, held=1), member("b", 0)]
    assert known.seen(idle, refused=False, now=50.0).total == known.total


def test_a_total_at_the_maximum_is_forgotten() -> None:
    known = Knowledge(total=32, refused_at=33).seen(full(16, 16), refused=False, now=50.0)
    assert known.total == 0


def test_refusals_that_cuts_do_not_end_are_not_of_concurrency() -> None:
    """Whatever is refused at one call in flight is not refused for two; the next try of that waits longer."""
    known, totals = Knowledge(), list[int]()
    for second in range(12):
        each = (known.total or 32) // 2
        known = known.seen(full(each, (known.total or 32) - each), refused=True, now=1.0 * second)
        totals.append(known.total)
    assert totals == [24, 18, 13, 9, 6, 4, 3, 2, 1, 32, 32, 32]


def test_alone_all_is_free_at_once() -> None:
    division = divide(member("a", 8), [], Knowledge(), Look(ceiling=0, may_take=True, refused=False, now=0.0))
    assert (division.ceiling, division.member.held) == (32, 32)


def test_a_newcomer_takes_what_is_free_and_learns_what_the_other_knows() -> None:
    old = member("old", 5, held=3, in_flight=3, knows=5)
    division = divide(member("new", 8), [old], Knowledge(), Look(ceiling=0, may_take=True, refused=False, now=0.0))
    assert (division.knowledge.total, division.share, division.ceiling) == (5, 2, 2)


def test_one_left_alone_climbs_from_what_all_learned() -> None:
    known = Knowledge(total=5, refused_at=6, probe_at=50.0)
    division = divide(member("a", 32, held=2), [], known, Look(ceiling=2, may_take=True, refused=False, now=10.0))
    assert division.ceiling == 5
    modest = divide(member("a", 4, held=2), [], known, Look(ceiling=2, may_take=True, refused=False, now=10.0))
    assert modest.ceiling == 32, "its own throttle keeps within what is known"
