"""The typed blocks a report is made of: what is said, never how a page or a summary writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evalkit.report.exchange import Exchange
from evalkit.report.inline import Inline, Link, PageLink, Strong
from evalkit.report.timeline import Timeline

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Definitions",
    "Details",
    "EvaluationBlock",
    "Fact",
    "Facts",
    "Inline",
    "IntervalCell",
    "IntervalChart",
    "IntervalMark",
    "Key",
    "Link",
    "OutcomeStrip",
    "PageLink",
    "Paragraph",
    "Row",
    "RunLine",
    "ScatterChart",
    "ScatterMark",
    "Section",
    "Side",
    "StripCell",
    "Strong",
    "Table",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences; a lead follows a heading, a tie stands before the leaderboard, a note explains a table."""

    parts: tuple[Inline, ...]
    role: Literal["lead", "note", "tie", "plain"] = "plain"


@dataclass(frozen=True, slots=True)
class RunLine:
    """Which run this is, in a few short texts; those in `codes` are ids and digests."""

    texts: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The page's one answer: a word, a headline, and the sentences that bound it."""

    kind: Literal["FAIL", "PASS", "INCONCLUSIVE", "NONE"]
    word: str
    headline: str
    detail: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of the whole run; `second` is its smaller companion."""

    term: str
    value: Inline
    second: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers of the whole run, in a row, and `sentence`, which says the same in words."""

    facts: tuple[Fact, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's text with a smaller second line; `is_dim` where it says that there is nothing.

    `joined` is both on one line, where "text (second)" would not read.
    """

    text: Inline
    second: str = ""
    is_dim: bool = False
    is_second_code: bool = False
    joined: str = ""


@dataclass(frozen=True, slots=True)
class IntervalCell:
    """A level drawn on its column's axis: estimate, interval, and the span that unscored samples leave open.

    A rule's has a `limit` and the side of it that `fails`, a change the place of `zero`; `axis` is its own, if any.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    worst: float | None = None
    best: float | None = None
    limit: float | None = None
    fails: Literal["", "above", "below"] = ""
    zero: float | None = None
    axis: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class StripCell:
    """The share that was not scored, by outcome; `width` is its length against the longest, in [0, 1]."""

    counts: Mapping[str, int]
    width: float


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and what it holds; `axis` is the domain of its drawings, `outcome` the colour beside it.

    `unit` follows the figures on the axis, which are hundredths; `short` is the title where room is scarce.
    """

    title: str
    holds: Literal["text", "number", "drawing", "rank", "verdict"] = "text"
    axis: tuple[float, float] | None = None
    outcome: str | None = None
    unit: str = "%"
    short: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `band` counts from 1, the best band, and `is_last_of_band` ends it. A `group` row spans the table.

    `tone` is the verdict that colours a rule's row.
    """

    cells: tuple[Cell | IntervalCell | StripCell, ...]
    band: int | None = None
    is_last_of_band: bool = False
    is_group: bool = False
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `head` is the column that names its rows. A leaderboard and a gate turn to cards on a phone."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    head: int = 0
    style: Literal["plain", "leaderboard", "outcomes", "gate"] = "plain"
    is_caption_shown: bool = False


@dataclass(frozen=True, slots=True)
class IntervalMark:
    """One model in a chart of intervals; `is_tied` with the best overall."""

    label: str
    text: str
    bounds: str
    value: float | None
    lower: float | None
    upper: float | None
    worst: float | None
    best: float | None
    is_tied: bool


@dataclass(frozen=True, slots=True)
class IntervalChart:
    """Models on one axis, in leaderboard order; `description` names the table that holds the numbers."""

    marks: tuple[IntervalMark, ...]
    description: str


@dataclass(frozen=True, slots=True)
class ScatterMark:
    """One model between cost and quality; `is_dominated` by one that costs no more and is significantly better."""

    label: str
    cost: float
    value: float
    lower: float
    upper: float
    text: str
    is_tied: bool
    is_dominated: bool


@dataclass(frozen=True, slots=True)
class ScatterChart:
    """Models between cost, on a logarithmic axis, and quality."""

    marks: tuple[ScatterMark, ...]
    description: str
    caption: str


@dataclass(frozen=True, slots=True)
class Key:
    """What the marks of the charts below it mean; an interval is one of `confidence`.

    `first` and `others` name the marks of the best models and of the rest; empty where there are none.
    """

    confidence: str
    first: str
    others: str


@dataclass(frozen=True, slots=True)
class OutcomeStrip:
    """All predictions by outcome, as one bar."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks folded under a line."""

    summary: str
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True, slots=True)
class EvaluationBlock:
    """One scorer of one evaluation: its texts, its chart, and the numbers folded under it."""

    evaluation: str
    scorer: str
    texts: tuple[Paragraph, ...]
    chart: IntervalChart
    details: Details


@dataclass(frozen=True, slots=True)
class Definitions:
    """A titled list of terms; what stands in `codes` is written as an id."""

    title: str
    items: tuple[tuple[str, str], ...]
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Side:
    """Definitions side by side."""

    parts: tuple[Definitions, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its place in the navigation; the verdict's heading is its headline."""

    id: str
    nav: str
    title: str
    blocks: "tuple[Block, ...]" = field(default=())


Block = (
    Definitions
    | Details
    | EvaluationBlock
    | Exchange
    | Facts
    | IntervalChart
    | Key
    | OutcomeStrip
    | Paragraph
    | RunLine
    | ScatterChart
    | Section
    | Side
    | Table
    | Timeline
    | Verdict
)
"""Any part of a report."""
