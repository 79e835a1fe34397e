"""Numbers as a reader sees them: rounded once, at the end, with the precision their interval supports."""

import math

__all__ = [
    "AT_LEAST",
    "MINUS",
    "NOTHING",
    "decimals",
    "format_about",
    "format_bounds",
    "format_count",
    "format_duration",
    "format_money",
    "format_of",
    "format_p",
    "format_percent",
    "format_points",
    "format_points_range",
    "format_tokens",
    "half_width",
    "plural",
]

AT_LEAST = "\u2265\u00a0"
"""What stands before a number of which a part is unknown."""

MINUS = "\u2212"
"""The sign of a negative number."""

NOTHING = "\u2013"
"""What stands where nothing was measured."""

_SPACE = "\u00a0"
_COARSE, _FINE = 0.0995, 0.00995
_CENT, _DOLLAR, _HUNDRED = 0.00995, 0.9995, 99.995
_SECOND, _TEN, _MINUTE, _HOUR = 0.9995, 9.995, 59.95, 3600
_THOUSANDS, _MILLIONS = 9_999.5, 999_500
_SMALLEST_P = 0.0001
_TWO_DECIMALS_FROM = 0.1


def half_width(lower: float | None, upper: float | None) -> float | None:
    """Return half the length of an interval; None where there is none."""
    return None if lower is None or upper is None else (upper - lower) / 2


def decimals(half: float | None) -> int:
    """Return how many decimals of a percentage an interval of this half-width supports."""
    if half is None or half >= _COARSE:
        return 0
    return 1 if half >= _FINE else 2


def format_percent(value: float | None, places: int = 0) -> str:
    """Return a level in percent; a dash where nothing was measured."""
    if value is None:
        return NOTHING
    return f"{_signed(round(100 * value, places), places)}%"


def format_bounds(lower: float | None, upper: float | None, places: int) -> str:
    """Return an interval of levels, in percent without the sign of percent."""
    if lower is None or upper is None:
        return NOTHING
    return f"{_signed(round(100 * lower, places), places)} to {_signed(round(100 * upper, places), places)}"


def format_points(difference: float | None, places: int = 1) -> str:
    """Return a difference of levels in points, always with its sign."""
    if difference is None:
        return NOTHING
    rounded = round(100 * difference, places)
    return f"{'+' if rounded > 0 else ''}{_signed(rounded, places)}"


def format_points_range(lower: float | None, upper: float | None, places: int = 1) -> str:
    """Return an interval of differences, in points."""
    if lower is None or upper is None:
        return NOTHING
    return f"{format_points(lower, places)} to {format_points(upper, places)}"


def format_money(usd: float | None) -> str:
    """Return a cost in dollars; an unknown price is never $0."""
    if usd is None:
        return "no price"
    if usd == 0:
        return "$0"
    if usd < _CENT:
        return f"${_significant(usd, 2)}"
    if usd < _DOLLAR:
        return f"${usd:.3f}"
    return f"${usd:,.2f}" if usd < _HUNDRED else f"${usd:,.0f}"


def format_duration(seconds: float | None) -> str:
    """Return a time with the unit that suits it."""
    if seconds is None:
        return NOTHING
    if seconds < _SECOND:
        return f"{seconds * 1000:.0f}{_SPACE}ms"
    if seconds < _MINUTE:
        return f"{seconds:.{2 if seconds < _TEN else 1}f}{_SPACE}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60}{_SPACE}min {whole % 60}{_SPACE}s"
    return f"{whole // _HOUR}{_SPACE}h {whole % _HOUR // 60}{_SPACE}min"


def format_tokens(number: float | None) -> str:
    """Return a number of tokens, short from 10,000."""
    if number is None:
        return NOTHING
    if number < _THOUSANDS:
        return f"{number:,.0f}"
    return f"{number / 1e3:.0f}k" if number < _MILLIONS else f"{number / 1e6:,.1f}M"


def format_count(number: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{number:,}"


def format_about(number: int) -> str:
    """Return how many are needed, rounded up to the two significant digits that an estimate supports."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return f"{-(-number // unit) * unit:,}"


def format_of(part: int, whole: int) -> str:
    """Return "897 of 902", or one number where they are equal."""
    return format_count(part) if part == whole else f"{format_count(part)} of {format_count(whole)}"


def format_p(p: float | None) -> str:
    """Return a p-value with two significant digits, 1.00 at most; its floor is 0.0001."""
    if p is None:
        return NOTHING
    if p < _SMALLEST_P:
        return "p < 0.0001"
    return f"p {p:.2f}" if p >= _TWO_DECIMALS_FROM else f"p {_significant(p, 2)}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun in the right number."""
    return f"{format_count(number)} {one if number == 1 else many or one + 's'}"


def _signed(rounded: float, places: int) -> str:
    return f"{MINUS if rounded < 0 else ''}{abs(rounded):.{places}f}"


def _significant(value: float, digits: int) -> str:
    exponent = math.floor(math.log10(value))
    places = max(0, digits - 1 - exponent)
    text = f"{float(f'{value:.{digits}g}'):.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
