"""junit.xml: its shape, how each check and cell counts, and what cannot stand in XML."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from evalkit.report.ci_cases import weigh_check
from evalkit.report.junit import render_junit
from evalkit.stats.verdicts import Verdict
from tests.report.gated_runs import CHECKS, check, gated_run
from tests.report.stored_runs import make_run

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped", "system-out"},
}


def assert_shape(element: ET.Element) -> None:
    """Hold an element against the schema that GitHub's readers and GitLab share."""
    assert set(element.attrib) == ATTRIBUTES[element.tag], element.tag
    for child in element:
        assert child.tag in CHILDREN.get(element.tag, set()), (element.tag, child.tag)
        assert_shape(child)
    if element.tag == "testcase":
        assert len(element) == 1
    for name in {"tests", "failures", "errors", "skipped"} & set(element.attrib):
        found = element.iter("testcase" if name == "tests" else name.removesuffix("s") if name != "skipped" else name)
        assert int(element.attrib[name]) == len(list(found)), name
    if "timestamp" in element.attrib:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    return ET.fromstring(render_junit(gated_run(tmp_path_factory.mktemp("junit"))).encode())


def test_the_shape(root: ET.Element) -> None:
    assert_shape(root)
    assert [suite.get("name") for suite in root] == ["evalkit nightly gate", "evalkit nightly run"]


def test_how_each_check_counts(root: ET.Element) -> None:
    ended = {case.get("name"): case[0].tag for case in root[0]}
    assert len(ended) == len(CHECKS)
    assert ended["held"] == "system-out"
    assert ended["dropped"] == "failure"
    assert ended["undecided"] == ended["only warned"] == "skipped"
    assert ended["unmeasured"] == "error"


def test_a_message_says_what_the_terminal_says(root: ET.Element) -> None:
    [failed] = [case[0] for case in root[0] if case.get("name") == "dropped"]
    assert failed.get("message").startswith("FAIL dropped: -0.101 [-0.141, -0.059] (one-sided 95% bounds; margin 0.020")


def test_a_failures_text_needs_no_scrolling(root: ET.Element) -> None:
    [failed] = [case[0] for case in root[0] if case.get("name") == "dropped"]
    assert failed.text.split() == failed.get("message").split()
    assert max(map(len, failed.text.splitlines())) <= 100


def test_nothing_that_xml_forbids_or_that_reverses_reading(root: ET.Element) -> None:
    text = ET.tostring(root, encoding="unicode")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\ufffd" in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("policy", "counts"),
    [("warn", "skipped"), ("pass", "skipped"), ("fail", "error")],
    ids=["warn", "pass", "fail"],
)
def test_an_undecided_check_by_policy(policy: str, counts: str) -> None:
    undecided = check("u", Verdict.INCONCLUSIVE)
    assert weigh_check(undecided.describe(), on_inconclusive=policy) == counts


def test_without_a_gate_the_cells_stand_alone(tmp_path) -> None:
    root = ET.fromstring(render_junit(make_run(tmp_path).load()).encode())
    assert_shape(root)
    assert [(suite.get("name"), suite.get("tests"), suite.get("errors")) for suite in root] == [
        ("evalkit nightly run", "2", "0")
    ]


def test_a_cell_without_scores_and_an_unfinished_run_are_errors(tmp_path) -> None:
    run = make_run(tmp_path, faults=[{"kind": "rejected"}]).load()
    root = ET.fromstring(render_junit(replace(run, status="incomplete")).encode())
    assert_shape(root)
    assert [case[0].tag for case in root[0]] == ["error", "error", "error"]
    assert root.get("failures") == "0"
