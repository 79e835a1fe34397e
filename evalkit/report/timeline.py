"""The block of a page that draws one model's level over nights, with what happened between them."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Timeline", "TimelineMark", "TimelinePoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePoint:
    """One night: `day` is its place on the axis, in days; `says` is what a reader hears of it, `href` its run's page.

    A line leads to it from the point before unless it `begins` a series.
    """

    day: float
    night: str
    value: float | None
    lower: float | None
    upper: float | None
    says: str
    href: str | None
    begins: bool = False


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """Something between two points: a move of the series, a new setting, or an event; `label` is a word or two.

    `kind` is moved, setting or event.
    """

    day: float
    kind: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One model over time; `description` names the table that holds the numbers, `unit` is that of the values."""

    points: tuple[TimelinePoint, ...] = field(repr=False)
    marks: tuple[TimelineMark, ...]
    unit: Literal["share", "usd", "s", "tokens"]
    description: str
    caption: str
