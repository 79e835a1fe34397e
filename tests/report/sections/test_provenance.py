"""Provenance: a run.json made elsewhere may hold less than ours, and methods are named in words."""

from dataclasses import replace

import pytest

from evalkit.report.content import build_sections
from tests.report.stored_runs import make_run


def _items(run):
    (side,) = next(section for section in build_sections(run) if section.id == "provenance").blocks
    return dict(item for part in side.parts for item in part.items)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("provenance")).load()


FULL = {"max_concurrency": 32, "settled": 20, "refusals": 1}


@pytest.mark.parametrize(
    ("throttle", "said"),
    [
        pytest.param(FULL, {"Throttle": "32 allowed, settled at 20, 1 refusal"}, id="all"),
        pytest.param(
            {"max_concurrency": 32, "settled": 20}, {"Throttle": "32 allowed, settled at 20"}, id="no refusals"
        ),
        pytest.param({}, {}, id="nothing"),
        pytest.param({"providers": {}}, {}, id="no provider"),
        pytest.param(
            {"providers": {"a": FULL, "b": {}}}, {"Throttle a": "32 allowed, settled at 20, 1 refusal"}, id="providers"
        ),
    ],
)
def test_a_throttle_says_what_is_known(run, throttle, said):
    items = _items(replace(run, throttle=throttle))
    assert {name: text for name, text in items.items() if name.startswith("Throttle")} == said


@pytest.mark.parametrize(
    ("method", "p_method", "said"),
    [
        ("augmented_t", "mcnemar_exact", "test McNemar exact; interval augmented t"),
        ("paired_t", "sign_flip_exact", "test exact sign-flip; interval paired t"),
        ("augmented_t", "t", "test augmented t; interval augmented t"),
        ("none", "none", "test none; interval none"),
    ],
)
def test_a_comparison_is_named_in_words(run, method, p_method, said):
    pair = {**run.pairs[0], "method": method, "p_method": p_method}
    assert _items(replace(run, pairs=(pair,)))["Comparison"] == f"paired on sample id; {said}"


@pytest.mark.parametrize(
    ("method", "said"), [("wilson", "Wilson"), ("wilson_n_eff", "Wilson with effective n"), ("t", "Student t")]
)
def test_an_interval_is_named_in_words(run, method, said):
    (cell, *_) = run.cells
    metrics = {name: replace(metric, method=method) for name, metric in cell.metrics.items()}
    assert _items(replace(run, cells=(replace(cell, metrics=metrics),)))["Interval"] == f"{said}, 95%"
