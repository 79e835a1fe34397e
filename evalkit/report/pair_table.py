"""The paired differences under the leaderboard: what its ranks rest on."""

from collections.abc import Mapping, Sequence

from evalkit.records import Json
from evalkit.report.blocks import Cell, Column, Details, Row, Table
from evalkit.report.numbers import (
    decimals,
    format_count,
    format_p,
    format_percent,
    format_points,
    format_points_range,
    half_width,
)

__all__ = ["fold_pairs"]

_MOST_PAIRS = 60


def fold_pairs(pairs: Sequence[Mapping[str, Json]]) -> Details:
    """Return the differences, the clearest first, folded under a line that says how many there are."""
    clearest = sorted(pairs, key=lambda pair: (pair["p_adjusted"], -abs(pair["difference"] or 0.0)))[:_MOST_PAIRS]
    which = "All" if len(pairs) <= _MOST_PAIRS else f"The {_MOST_PAIRS} clearest"
    columns = (
        Column("Models"),
        Column("Difference, points", "number"),
        Column("Interval", "number"),
        Column("Paired n", "number"),
        Column("Holm p", "number"),
        Column("Distinguishable"),
    )
    table = Table("Paired differences", columns, tuple(_pair(pair) for pair in clearest))
    return Details(f"{which} paired differences", (table,))


def _pair(pair: Mapping[str, Json]) -> Row:
    places = max(1, decimals(half_width(pair["lower"], pair["upper"])))
    is_clear = pair["p_adjusted"] is not None and pair["p_adjusted"] < 1 - pair["confidence"]
    return Row(
        (
            Cell(f"{pair['first']} against {pair['second']}"),
            Cell(format_points(pair["difference"], places)),
            Cell(format_points_range(pair["lower"], pair["upper"], places), format_percent(pair["confidence"])),
            Cell(format_count(pair["n"])),
            Cell(format_p(pair["p_adjusted"]).removeprefix("p ")),
            Cell("yes" if is_clear else "no"),
        )
    )
