"""An Altair chart as SVG that takes its colours and fonts from the page, and the room its labels need."""

import math
import re
import unicodedata
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from evalkit.report.escape import shorten, shorten_label

__all__ = ["SENTINELS", "axis_ticks", "fit_label", "measure", "render_svg", "warm_up"]

SENTINELS = {
    "label": ("#0a0001", "t"),
    "value": ("#0a0002", "v"),
    "small": ("#0a0003", "s"),
    "grid": ("#0a0004", "g"),
    "axis": ("#0a0005", "ax"),
    "mark": ("#0a0006", "m"),
    "tied": ("#0a0007", "m0"),
    "mark hollow": ("#0a0008", "m h"),
    "tied hollow": ("#0a0009", "m0 h"),
    "span": ("#0a000a", "w"),
}
"""What a mark means -> the colour it is drawn with and the page's class that replaces that colour."""

_CLASSES = dict(SENTINELS.values())
_KEPT = frozenset({"d", "transform", "x", "y", "x1", "x2", "y1", "y2", "text-anchor", "stroke-width", "dx", "dy"})
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_NARROW = frozenset(" !'(),.:;I[]`fijlrt|")
_WIDE = frozenset("%@MWmw\u2026\u2014")
_NOISE = 1e-9
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


def axis_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round values within [low, high]."""
    for step in _STEPS:
        first = math.ceil(low / step - _NOISE)
        ticks = [round(step * place, 6) for place in range(first, math.floor(high / step + _NOISE) + 1)]
        if len(ticks) <= most:
            return ticks
    return []


def measure(text: str) -> float:
    """Return about how many pixels a label takes, rather too many than too few: its font is the reader's."""
    return sum(map(_advance, text))


def fit_label(label: str, room: float) -> str:
    """Return a model's label as far as it fits into `room` pixels."""
    whole = shorten_label(label)
    lengths = range(len(whole), 1, -1)
    return next((cut for cut in (shorten(whole, most) for most in lengths) if measure(cut) <= room), whole[:1])


def _advance(character: str) -> float:
    if character in _NARROW:
        return 5.0
    if character in _WIDE or unicodedata.east_asian_width(character) in "WF":
        return 13.5
    return 9.6 if character.isupper() else 7.9


def warm_up() -> None:
    """Draw a chart of nothing: the first one costs as much as the next twenty."""
    import altair as alt
    import vl_convert

    vl_convert.vegalite_to_svg(alt.Chart(alt.Data(values=[])).mark_point().to_dict())


def render_svg(chart: Any, size: tuple[int, int], *, name: str, description: str) -> Markup:
    """Return a chart of `size` with classes for colours and nothing of the generator's; `name` is its class."""
    import vl_convert

    width, height = size
    frame = chart.properties(width=width, height=height, padding=0, autosize="none").configure_view(stroke=None)
    tree = ET.fromstring(vl_convert.vegalite_to_svg(frame.to_dict()))  # noqa: S314  our own chart
    drawn = "".join(_clean(each) for each in tree if not each.tag.endswith("rect"))
    head = {"class": name, "viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": description}
    root = ET.tostring(ET.Element("svg", head), encoding="unicode").removesuffix(" />")
    return Markup(f"{root}>{drawn}</svg>")  # noqa: S704  written by ElementTree, which escapes


def _clean(node: ET.Element) -> str:
    copy = _copy(node)
    return "" if copy is None else ET.tostring(copy, encoding="unicode")


def _copy(node: ET.Element) -> ET.Element | None:
    """Return the drawn part of a node; None where nothing of it is visible."""
    tag = node.tag.removeprefix(_NAMESPACE)
    children = [copy for copy in map(_copy, node) if copy is not None]
    colours = [node.get("fill"), node.get("stroke")]
    found = next((_CLASSES[colour] for colour in colours if colour in _CLASSES), None)
    if not (children if tag == "g" else found):
        return None
    kept = {key: _LONG_NUMBER.sub(_round, value) for key, value in node.attrib.items() if key in _KEPT}
    copy = ET.Element(tag, {**kept, **({} if found is None else {"class": found})})
    copy.text = node.text
    copy.extend(children)
    return copy


def _round(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".removesuffix(".0")
