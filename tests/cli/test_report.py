"""`evalkit report`: real files of a real run, their paths on stdout."""

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.cli import main
from tests.report.stored_runs import make_run


def _report(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, arguments)])
    return ended.value.code


def test_makes_what_the_config_wants(tmp_path, capsys):
    folder = make_run(tmp_path)
    run = folder.load()
    folder.save(replace(run, config={**run.config, "report": {}}))
    assert _report(folder.path) == 0
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in made] == ["samples.parquet", "report.html", "summary.md", "comment.md"]
    assert all(path.stat().st_size for path in made)


def test_makes_nothing_when_nothing_is_wanted(tmp_path, capsys):
    folder = make_run(tmp_path)
    assert _report(folder.path) == 0
    assert capsys.readouterr().out == ""


def test_a_run_is_found_by_its_name(tmp_path):
    folder = make_run(tmp_path)
    assert _report("nightly", "--reports", folder.path.parents[1]) == 0


def test_an_unknown_run_is_a_usage_error(tmp_path, capsys):
    assert _report("absent", "--reports", tmp_path) == 2
    assert "absent" in capsys.readouterr().err
