"""One right; one right whose second scorer raises; one wrong; one call that fails."""

from pathlib import Path

import pytest

from tests.end_to_end.command import evalkit, write_config
from tests.end_to_end.weave_board import read_board, read_summary

pytestmark = pytest.mark.slow

ROWS = [{"id": name, "input": name, "target": "yes"} for name in ("right", "raises", "wrong", "fails")]
PLUGIN = '''
def judge(sample, text):
    """Raise for one sample, else say whether the text is the target."""
    if sample["id"] == "raises":
        raise RuntimeError("on purpose")
    return text == sample["target"]
'''


@pytest.mark.timeout(180)
def test_every_number_of_the_four_rows(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    write_config(
        tmp_path,
        name="four",
        weave={"backend": "local"},
        providers={
            "scripted": {
                "use": "scripted",
                "answers": {"right": "yes", "raises": "yes", "wrong": "no", "fails": "yes"},
                "faults": [{"kind": "500", "on": ["fails"]}],
            }
        },
        retry={"max_attempts": 2, "base": 0.01},
        run={"max_error_rate": 0.5},
        models=[{"id": "m", "provider": "scripted"}],
        datasets={"rows": {"rows": ROWS}},
        scorers={"exact": {"use": "exact"}, "second": {"use": "python", "function": "plugin:judge"}},
    )
    done = evalkit("run", "config.yaml", cwd=tmp_path)
    assert done.code == 0, done.stderr
    (cell,) = done.run["cells"]
    first, second = cell["metrics"]["exact"], cell["metrics"]["second"]
    assert (first["n"], first["mean"], first["worst"], first["best"]) == (3, 2 / 3, 0.5, 0.75)
    assert (second["n"], second["mean"], second["worst"], second["best"]) == (2, 0.5, 0.25, 0.75)
    assert cell["outcomes"]["ok"] == 3
    assert cell["outcomes"]["infra_error"] == 1
    assert first["outcomes"] | {"scored": 3, "infra_error": 1} == first["outcomes"]
    assert second["outcomes"] | {"scored": 2, "scorer_error": 1, "infra_error": 1} == second["outcomes"]
    assert sum(first["outcomes"].values()) == sum(second["outcomes"].values()) == sum(cell["outcomes"].values()) == 4
    board = {(c.scorer, c.path): c.value for c in read_board(tmp_path, done.run)}
    assert board["exact", "mean"] == 2 / 3
    assert board["second", "mean"] == 0.5
    summary = read_summary(tmp_path, done.run, "rows/m")
    assert (summary["exact"]["n"], summary["exact"]["failed"]) == (3, 1)
    assert (summary["second"]["n"], summary["second"]["failed"]) == (2, 2)
    page = (done.folder / "summary.md").read_text(encoding="utf-8")
    assert "67%" in page
