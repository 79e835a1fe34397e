import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.numbers import (
    MINUS,
    NOTHING,
    decimals,
    format_about,
    format_bounds,
    format_count,
    format_duration,
    format_money,
    format_of,
    format_p,
    format_percent,
    format_points,
    format_points_range,
    format_tokens,
    half_width,
    plural,
)


@pytest.mark.parametrize(
    ("half", "places"),
    [(None, 0), (0.5, 0), (0.0995, 0), (0.0994, 1), (0.00995, 1), (0.0099, 2), (0.0, 2)],
)
def test_decimals_follow_the_half_width(half, places):
    assert decimals(half) == places


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(0.8171, 1, "81.7%"), (0.0, 0, "0%"), (1.0, 2, "100.00%"), (None, 1, NOTHING), (-0.02, 0, f"{MINUS}2%")],
)
def test_percent(value, places, text):
    assert format_percent(value, places) == text


@pytest.mark.parametrize(
    ("difference", "places", "text"),
    [(0.012, 1, "+1.2"), (-0.141, 1, f"{MINUS}14.1"), (0.0, 1, "0.0"), (-0.0001, 1, "0.0"), (None, 1, NOTHING)],
)
def test_points_carry_their_sign(difference, places, text):
    assert format_points(difference, places) == text


def test_ranges_are_words():
    assert format_points_range(-0.141, -0.059) == f"{MINUS}14.1 to {MINUS}5.9"
    assert format_bounds(0.789, 0.843, 1) == "78.9 to 84.3"
    assert format_bounds(None, 0.843, 1) == NOTHING
    assert format_points_range(None, None) == NOTHING


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "no price"),
        (0, "$0"),
        (0.000123, "$0.00012"),
        (0.0041, "$0.0041"),
        (0.1749, "$0.175"),
        (12.345, "$12.35"),
        (99.999, "$100"),
        (1234.5, "$1,234"),
    ],
)
def test_money(usd, text):
    assert format_money(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, NOTHING),
        (0.44, "440 ms"),
        (0.99951, "1.00 s"),
        (1.18, "1.18 s"),
        (12.44, "12.4 s"),
        (59.96, "1 min 0 s"),
        (684, "11 min 24 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_duration(seconds, text):
    assert format_duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, NOTHING), (9999, "9,999"), (9999.6, "10k"), (92_400, "92k"), (999_600, "1.0M"), (1_234_567, "1.2M")],
)
def test_tokens(number, text):
    assert format_tokens(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(7, "7"), (96, "96"), (484, "490"), (8_681, "8,700"), (9_960, "10,000"), (1_234_567, "1,300,000")],
)
def test_an_estimate_has_two_significant_digits(number, text):
    assert format_about(number) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (None, NOTHING),
        (0.00009, "p < 0.0001"),
        (0.0027, "p 0.0027"),
        (0.31, "p 0.31"),
        (0.5, "p 0.50"),
        (1.0, "p 1.00"),
    ],
)
def test_p(p, text):
    assert format_p(p) == text


def test_counts():
    assert format_count(12345) == "12,345"
    assert format_of(897, 902) == "897 of 902"
    assert format_of(902, 902) == "902"
    assert (plural(1, "row"), plural(2, "row"), plural(2, "query", "queries")) == ("1 row", "2 rows", "2 queries")
    assert half_width(0.2, 0.6) == pytest.approx(0.2)
    assert half_width(None, 0.6) is None


@given(st.floats(0, 1), st.integers(0, 2))
def test_a_percentage_is_never_further_than_half_its_last_digit(value, places):
    shown = float(format_percent(value, places).removesuffix("%"))
    assert math.isclose(shown, 100 * value, abs_tol=0.5001 * 10**-places)
