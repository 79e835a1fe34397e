"""A run and its gate as JUnit XML, the form that GitHub's and GitLab's test pages read."""

import re
import textwrap
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from evalkit.report.ci_cases import Case, gate_cases, run_cases
from evalkit.results import RunResult

__all__ = ["render_junit"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
_TYPES = {"failure": "gate.failed", "error": "not.measured"}
_MOST_CHARACTERS = 4_000
_WIDTH = 100


def render_junit(run: RunResult) -> str:
    """Return the XML: a suite of the gate's checks where there is a gate, then one of the run's cells.

    `failure` is a proven FAIL, `error` what could not be measured, `skipped` what is undecided or only warns.
    """
    root = ET.Element("testsuites", {"name": _clean(f"evalkit {run.name}")})
    for name, cases in (("gate", tuple(gate_cases(run))), ("run", tuple(run_cases(run)))):
        if cases:
            root.append(_suite(run, f"evalkit {run.name} {name}", cases))
    for count in ("tests", "failures", "errors"):  # the readers' schema has no `skipped` here, each suite has its own
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root, space=" ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(run: RunResult, name: str, cases: Sequence[Case]) -> ET.Element:
    ended = [case.outcome for case in cases]
    suite = ET.Element(
        "testsuite",
        {
            "name": _clean(name),
            "tests": str(len(cases)),
            "failures": str(ended.count("failure")),
            "errors": str(ended.count("error")),
            "skipped": str(ended.count("skipped")),
            "time": f"{sum(case.seconds or 0.0 for case in cases):.3f}",
            "timestamp": run.started_at.split(".")[0].split("+")[0],
        },
    )
    suite.extend(_case(run, case) for case in cases)
    return suite


def _case(run: RunResult, case: Case) -> ET.Element:
    group = _clean(f"evalkit.{run.name}.{case.group}")
    element = ET.Element(
        "testcase",
        {"classname": group, "name": " ".join(_clean(case.name).split()), "time": f"{case.seconds or 0.0:.3f}"},
    )
    message = _clean(case.message)
    if case.outcome == "passed":
        ET.SubElement(element, "system-out").text = message
    else:
        found = ET.SubElement(element, case.outcome, {"message": message})
        if case.outcome != "skipped":
            found.set("type", _TYPES[case.outcome])
            found.text = "\n".join(textwrap.wrap(message, _WIDTH))
    return element


def _clean(text: str) -> str:
    """Return untrusted text without what XML 1.0 forbids or what reverses its reading; each becomes a mark."""
    return _FORBIDDEN.sub("\ufffd", text[:_MOST_CHARACTERS])
