"""A gate's checks as a table: each verdict beside its rule, its interval drawn against the limit, and its reach."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from evalkit.gate_words import shift_noun
from evalkit.records import Json
from evalkit.report.blocks import Block, Cell, Column, IntervalCell, Paragraph, Row, Table
from evalkit.report.numbers import (
    NOTHING,
    decimals,
    format_about,
    format_count,
    format_duration,
    format_money,
    format_p,
    format_percent,
    format_points,
    format_points_range,
    format_tokens,
    half_width,
    plural,
)

__all__ = ["build_gate_table"]

_ORDER = ("fail", "inconclusive", "pass")
_WORDS = {"fail": "\u2715\u00a0Fail", "inconclusive": "?\u00a0Undecided", "pass": "\u2713\u00a0Pass"}
_WARNS = "!\u00a0Warns"
_MOST_PLACES = 4
_FEWEST_PLACES = 1


def build_gate_table(gate: Mapping[str, Json]) -> tuple[Block, ...]:
    """Return the checks of run.json's gate, what failed first, and what the columns mean; nothing without checks."""
    checks: Sequence[Mapping[str, Json]] = sorted(gate["checks"], key=lambda check: _ORDER.index(check["verdict"]))
    if not checks:
        return ()
    has_many = len({check["model"] for check in checks}) > 1
    drawn = [_drawing(check) for check in checks]
    columns = (
        Column("Verdict", "verdict"),
        Column("Rule"),
        Column("Change against the baseline, points", "drawing", axis=_axis(checks), unit=""),
        Column("Figure", "number"),
        Column("Bounds", "number"),
        Column("Samples", "number"),
        Column("Would notice", "number"),
    )
    rows = tuple(
        Row((Cell(_word(check)), _rule(check, has_many=has_many), drawing, *_figures(check)), tone=_tone(check))
        for check, drawing in zip(checks, drawn, strict=True)
    )
    table = Table("Rules of the gate, with each verdict", columns, rows, head=1, style="gate")
    return (table, Paragraph((_note(gate, checks),), "note"))


def _tone(check: Mapping[str, Json]) -> str:
    if check["verdict"] == "fail" and check["severity"] != "fail":
        return "INCONCLUSIVE"
    return str(check["verdict"]).upper()


def _word(check: Mapping[str, Json]) -> str:
    if check["verdict"] == "fail" and check["severity"] != "fail":
        return _WARNS
    return _WORDS[check["verdict"]]


def _rule(check: Mapping[str, Json], *, has_many: bool) -> Cell:
    about = (check["name"], check["model"] if has_many else "", check["slice"] or "")
    limit = _limit(check)
    if check["claim"] == "max_drop":
        verb = "falls" if check["higher_is_better"] else "rises"
        claim = f"{verb} at most {100 * limit:.{_places_of(100 * limit)}f} points"
    else:
        claim = f"at {'least' if check['claim'] == 'min' else 'most'} {_level(limit, check)}"
    warns = ", only warns" if check["severity"] != "fail" else ""
    return Cell(", ".join(part for part in about if part), f"{claim}{warns}")


def _figures(check: Mapping[str, Json]) -> tuple[Cell, Cell, Cell, Cell]:
    p = None if check["verdict"] == "pass" else check["p_adj"]
    figure = Cell(_figure(check), "" if p is None else format_p(p))
    samples = Cell(format_count(check["n_items"]), f"{check['n_missing']} missing" if check["n_missing"] else "")
    if check["estimate"] is None:
        figure = Cell(NOTHING, "no figure", is_dim=True)
    bounds = _bounds(check)
    return figure, Cell(bounds, is_dim=bounds == NOTHING), samples, _reach(check)


def _figure(check: Mapping[str, Json]) -> str:
    estimate = check["estimate"]
    if estimate is None:
        return NOTHING
    if check["claim"] == "max_drop":
        return f"{format_points(estimate, _places(check))} points"
    return _level(estimate, check)


def _bounds(check: Mapping[str, Json]) -> str:
    lower, upper = check["lower"], check["upper"]
    if lower is None and upper is None:
        return NOTHING
    if check["claim"] == "max_drop" and lower is not None and upper is not None:
        return format_points_range(lower, upper, _places(check))
    low, high = ("?" if bound is None else _level(bound, check) for bound in (lower, upper))
    return f"{low} to {high}"


def _reach(check: Mapping[str, Json]) -> Cell:
    """Return the drop this run would have noticed; under an undecided check, what it takes to decide it."""
    why = str(check["reason"]) or _needs(check)
    if check["mde"] is None:
        return Cell("nothing" if check.get("is_blind") else NOTHING, why, is_dim=True)
    noun = shift_noun(check["claim"], higher_is_better=check["higher_is_better"])
    return Cell(f"{noun} of {_points(check['mde'])} points", why)


def _needs(check: Mapping[str, Json]) -> str:
    """Return how many samples, or trials, would decide an undecided check; nothing where that is not known."""
    goal = "to_pass" if check["detect"] is None else "needed"
    samples, trials = check[f"n_{goal}"], check.get(f"trials_{goal}")
    if check["verdict"] != "inconclusive" or samples is None or samples <= check["n_items"]:
        return ""
    on_both = " on both sides" if check["claim"] == "max_drop" else ""
    repeated = "" if trials is None or trials <= check["trials"] else f" or {plural(trials, 'trial')}{on_both}"
    return f"about {format_about(samples)} samples{repeated} to decide"


def _points(shift: float) -> str:
    """Return a shift in points with one decimal, or two digits where it is below one point."""
    points = 100 * shift
    places = 1 if points >= 1.0 or points <= 0.0 else 1 - math.floor(math.log10(points))
    return f"{points:.{places}f}"


def _level(value: float, check: Mapping[str, Json]) -> str:
    """Return a level in its unit; a share with as many decimals as keep it on its side of the limit."""
    unit = check.get("unit", "")
    if unit == "usd":
        return format_money(value)
    if unit == "s":
        return format_duration(value)
    if unit == "tokens":
        return format_tokens(value)
    limit = _limit(check)
    places = next(
        (each for each in range(_FEWEST_PLACES, _MOST_PLACES) if _keeps_side(value, limit, each)), _MOST_PLACES
    )
    return format_percent(value, places)


def _places(check: Mapping[str, Json]) -> int:
    """Return the decimals of a difference: those of its interval, more where rounding would cross the limit."""
    limit = -_limit(check) if check["higher_is_better"] else _limit(check)
    least = max(_FEWEST_PLACES, decimals(half_width(check["lower"], check["upper"])))
    values = [value for value in (check["lower"], check["upper"]) if value is not None]
    found = (each for each in range(least, _MOST_PLACES) if all(_keeps_side(v, limit, each) for v in values))
    return next(found, _MOST_PLACES)


def _keeps_side(value: float, limit: float, places: int) -> bool:
    shown = round(100 * value, places) - round(100 * limit, places)
    return value == limit or (shown != 0 and (shown > 0) == (value > limit))


def _places_of(points: float) -> int:
    """Return how many decimals a limit in points is written with."""
    return next((each for each in range(_FEWEST_PLACES, _MOST_PLACES) if round(points, each) == points), _MOST_PLACES)


def _limit(check: Mapping[str, Json]) -> float:
    return check["margin"] if check["claim"] == "max_drop" else check["threshold"]


def _axis(checks: Sequence[Mapping[str, Json]]) -> tuple[float, float] | None:
    """Return the axis that all changes share, in points as hundredths; None without a change."""
    marks = [0.0]
    for check in checks:
        if check["claim"] == "max_drop":
            edge = -_limit(check) if check["higher_is_better"] else _limit(check)
            marks += [edge, *(value for name in ("estimate", "lower", "upper") if (value := check[name]) is not None)]
    room = max(0.005, 0.06 * (max(marks) - min(marks)))
    return (min(marks) - room, max(marks) + room) if len(marks) > 1 else None


def _drawing(check: Mapping[str, Json]) -> IntervalCell:
    """Return a check against its limit: a change on the shared axis, a level of a score on its own."""
    if check["estimate"] is None or check.get("unit"):
        return IntervalCell(None)
    limit, value, lower, upper = _limit(check), check["estimate"], check["lower"], check["upper"]
    fails: Literal["above", "below"]
    if check["claim"] == "max_drop":
        is_higher = check["higher_is_better"]
        fails = "below" if is_higher else "above"
        return IntervalCell(value, lower, upper, limit=-limit if is_higher else limit, fails=fails, zero=0.0)
    marks = [limit, *(each for each in (value, lower, upper) if each is not None)]
    room = max(0.02, 0.2 * (max(marks) - min(marks)))
    axis = (max(0.0, min(marks) - room), min(1.0, max(marks) + room))
    fails = "below" if check["claim"] == "min" else "above"
    return IntervalCell(value, lower, upper, limit=limit, fails=fails, axis=axis)


def _note(gate: Mapping[str, Json], checks: Sequence[Mapping[str, Json]]) -> str:
    levels = sorted({100 * (1 - check["alpha"]) for check in checks if check["alpha"] is not None})
    said = ["A rule fails when its whole interval lies in the shaded zone, and passes when none of it does."]
    if levels:
        said.append(f"Bounds are one-sided at {' or '.join(f'{level:g}' for level in levels)}% and not adjusted.")
    if gate["family"] > 1:
        said.append(f"p is adjusted by Holm over {plural(gate['family'], 'claim')}; a fail needs it.")
    if any(check["mde"] is not None for check in checks):
        said.append(f"Would notice: what this run finds with {format_percent(gate['power'])} power.")
    return " ".join(said)
