"""A report as one self-contained page: complete without scripts, nothing loaded from anywhere."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from evalkit.report.assets import load_script, load_style, load_template
from evalkit.report.blocks import IntervalChart, ScatterChart, Section
from evalkit.report.charts import draw_intervals
from evalkit.report.escape import escape_text
from evalkit.report.pack import SAMPLES_SECTION, PackedSamples
from evalkit.report.scatter import draw_scatter
from evalkit.report.svg import axis_ticks
from evalkit.report.timeline import Timeline
from evalkit.report.timeline_svg import draw_timeline
from evalkit.results import RunResult

__all__ = ["GLYPHS", "content_policy", "page_template", "render_html", "sample_address"]

GLYPHS = {"FAIL": "✕", "PASS": "✓", "INCONCLUSIVE": "?", "NONE": "\u2013"}
"""The sign beside a verdict's word."""

_COLOURS = {
    "filtered": "refused",
    "too_long": "refused",
    "rejected": "infra_error",
    "not_run": "infra_error",
}
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_MOST_TICKS = 5
_EDGE = 0.03


def render_html(run: RunResult, sections: tuple[Section, ...], packed: PackedSamples) -> str:
    """Return the page of a report; the same run gives the same bytes."""
    script = load_script()
    page = page_template("page.html.j2").render(
        run=run,
        sections=sections,
        note=packed.note,
        policy=content_policy(script),
        style=Markup(load_style()),  # noqa: S704  our own file
        samples_section=Markup(SAMPLES_SECTION),  # noqa: S704  our own file
        tags=Markup(packed.tags),  # noqa: S704  escaped where it is packed
        script=Markup(script),  # noqa: S704  our own files
    )
    return page.strip() + "\n"


def sample_address(filters: Mapping[str, str]) -> str:
    """Return the address of the samples that `filters` choose."""
    plain = {name: value.encode("utf-8", "replace").decode() for name, value in filters.items()}
    return f"#samples?{urlencode(plain)}"


def content_policy(script: str) -> str:
    """Return what a page may do: run this one script, and load nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, finalize=escape_text, undefined=StrictUndefined, loader=FunctionLoader(load_template)
    )
    names: dict[str, Callable[..., Any]] = {
        "address": sample_address,
        "colour": _colour,
        "draw": _draw,
        "glyph": GLYPHS.__getitem__,
        "is_inside": _is_inside,
        "kind": _kind,
        "place": _place,
        "span": _span,
        "ticks": _ticks,
        "whole_dates": _whole_dates,
    }
    environment.globals.update(names)
    return environment


def page_template(name: str) -> Template:
    """Return one of the package's page templates; it can say every block."""
    return _environment().get_template(name)


def _draw(chart: IntervalChart | ScatterChart | Timeline) -> tuple[Markup, Markup]:
    if isinstance(chart, Timeline):
        return draw_timeline(chart)
    return draw_intervals(chart) if isinstance(chart, IntervalChart) else draw_scatter(chart)


def _colour(outcome: str) -> str:
    return _COLOURS.get(outcome, outcome)


def _kind(block: object) -> str:
    return type(block).__name__


def _whole_dates(text: str) -> Markup:
    """Return a heading whose dates no line break parts."""
    return Markup(_DATE.sub(r'<span class="nowrap">\g<0></span>', str(escape_text(text))))  # noqa: S704  escaped


def _ticks(axis: tuple[float, float] | None) -> list[float]:
    return [] if axis is None else axis_ticks(*axis, _MOST_TICKS)


def _is_inside(value: float, axis: tuple[float, float]) -> bool:
    return _EDGE < _share(value, axis) < 1 - _EDGE


def _place(value: float, axis: tuple[float, float]) -> str:
    return f"{100 * _share(value, axis):.2f}%"


def _span(low: float, high: float, axis: tuple[float, float]) -> str:
    return f"{100 * (_share(high, axis) - _share(low, axis)):.2f}%"


def _share(value: float, axis: tuple[float, float]) -> float:
    low, high = axis
    return min(1.0, max(0.0, (value - low) / (high - low)))
