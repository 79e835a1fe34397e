from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.gate_words import describe_gate
from evalkit.report.blocks import Table, Verdict
from evalkit.report.sections.verdict import VerdictSection
from tests.gating import gate, items, share
from tests.report.stored_runs import make_run

RULES = ({"metric": "qa.exact", "min": 0.5}, {"metric": "qa.exact", "min": 0.9})


@pytest.mark.parametrize(
    ("right", "kind", "headline"),
    [
        (60, "FAIL", "2 of 2 checks are proven to fail: qa.exact."),
        (150, "FAIL", "1 of 2 checks is proven to fail: qa.exact."),
        (180, "INCONCLUSIVE", "Nothing is proven to fail, and 1 of 2 checks cannot be decided: qa.exact."),
        (200, "PASS", "All 2 checks hold."),
    ],
)
def test_a_gated_run_is_headed_by_its_gate(tmp_path: Path, right: int, kind: str, headline: str) -> None:
    found = gate(*RULES, new=[items(share(right, 200))])
    run = replace(make_run(tmp_path).load(), gate=describe_gate(found), verdict=found.verdict.value)
    ((section),) = VerdictSection().build(run)
    (verdict,) = [block for block in section.blocks if isinstance(block, Verdict)]
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert (verdict.kind, verdict.headline) == (kind, headline)
    assert len(table.rows) == 2
    assert table.rows[0].tone == kind
