import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.blocks import IntervalChart, IntervalMark, ScatterChart, ScatterMark
from evalkit.report.charts import draw_intervals
from evalkit.report.scatter import draw_scatter
from evalkit.report.svg import axis_ticks, fit_label, measure

LABEL = "<b>A & B</b>\x00\u202e"


def _interval(label="A", value=0.7):
    if value is None:
        return IntervalMark(label, "no score", "", None, None, None, None, None, is_tied=False)
    return IntervalMark(
        label, "70%", "60 to 80", value, value - 0.1, value + 0.1, value - 0.2, value + 0.2, is_tied=True
    )


CHARTS = {
    "intervals": lambda: draw_intervals(IntervalChart((_interval(LABEL), _interval("B", None)), "about <x>")),
    "nothing scored": lambda: draw_intervals(IntervalChart((_interval("B", None),), "none")),
    "scatter": lambda: draw_scatter(
        ScatterChart(
            (
                ScatterMark(LABEL, 0.02, 0.7, 0.6, 0.8, "70% at $0.020", is_tied=True, is_dominated=False),
                ScatterMark("B", 2.0, 0.5, 0.4, 0.6, "50% at $2.00", is_tied=False, is_dominated=True),
            ),
            "about",
            "caption",
        )
    ),
}


@pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS)
def test_a_chart_takes_everything_from_the_page(draw):
    for name, svg in zip(("wide", "narrow"), draw(), strict=True):
        root = ET.fromstring(svg)
        assert (root.get("class"), root.get("role")) == (name, "img")
        assert root.get("aria-label")
        assert not re.search(r"#[0-9a-f]{3,6}\b|font-|fill=|stroke=| id=|url\(", svg)


def test_labels_are_text_and_their_controls_marked():
    svg = CHARTS["intervals"]()[0]
    texts = [node.text for node in ET.fromstring(svg).iter("text")]
    assert any(text.startswith("<b>A & B</b>U+0000") for text in texts)
    assert "70%" in texts
    assert "no score" in texts


def test_a_dominated_model_is_hollow():
    assert 'class="m h"' in CHARTS["scatter"]()[0]
    assert 'class="m0 h"' not in CHARTS["scatter"]()[0]


@pytest.mark.parametrize("label", ["W" * 300, "漢" * 300, "meta-llama/Llama-3.3-70B-Instruct", "i" * 300])
def test_a_label_ends_before_its_marks(label):
    for svg, room in zip(draw_intervals(IntervalChart((_interval(label),), "about")), (180, 155), strict=True):
        (shown,) = [node.text for node in ET.fromstring(svg).iter("text") if node.get("class") == "t"]
        assert shown == fit_label(label, room)
        assert shown.endswith("…")
        assert measure(shown) <= room


@given(st.floats(0, 0.98), st.floats(0.005, 1), st.integers(3, 6))
def test_ticks_lie_inside_and_are_few(low, width, most):
    ticks = axis_ticks(low, low + width, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 <= tick <= low + width + 1e-6 for tick in ticks)
