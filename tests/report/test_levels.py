"""Levels of every unit, and axes for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.levels import format_level, format_tick, round_ticks


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        pytest.param(0.8123, "share", "81.2%", id="share"),
        pytest.param(0.0042, "usd", "$0.0042", id="money"),
        pytest.param(1.184, "s", "1.18\u00a0s", id="seconds"),
        pytest.param(12_345, "tokens", "12k", id="tokens"),
        pytest.param(None, "usd", "\u2013", id="nothing measured"),
    ],
)
def test_a_level_has_its_unit(value: float | None, unit: str, text: str) -> None:
    assert format_level(value, unit, 1) == text


@given(st.floats(0, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_few_and_inside(low: float, width: float, most: int) -> None:
    high = low + width
    ticks = round_ticks(low, high, most)
    slack = 1e-6 * width + 1e-9 * high
    assert 1 <= len(ticks) <= most
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize(
    ("low", "high", "unit", "labels"),
    [
        pytest.param(0.70, 0.91, "share", ["70%", "75%", "80%", "85%", "90%"], id="percent"),
        pytest.param(0.801, 0.805, "share", ["80.1%", "80.2%", "80.3%", "80.4%", "80.5%"], id="tenths"),
        pytest.param(0.0, 0.031, "usd", ["$0.00", "$0.01", "$0.02", "$0.03"], id="cents"),
        pytest.param(0.0, 2.1, "s", ["0.0 s", "0.5 s", "1.0 s", "1.5 s", "2.0 s"], id="half seconds"),
        pytest.param(90, 260, "tokens", ["100", "150", "200", "250"], id="tokens"),
    ],
)
def test_a_tick_says_what_tells_it_from_the_next(low: float, high: float, unit: str, labels: list[str]) -> None:
    ticks = round_ticks(low, high, 5)
    assert [format_tick(tick, ticks, unit) for tick in ticks] == labels


def test_neighbouring_ticks_never_read_the_same() -> None:
    for width in (0.0004, 0.003, 0.02, 0.1, 0.7):
        ticks = round_ticks(0.5, 0.5 + width, 5)
        assert len({format_tick(tick, ticks, "share") for tick in ticks}) == len(ticks)
