"""Which night a run folder was made for."""

import dataclasses
from pathlib import Path

import pytest

from evalkit.errors import ConfigError, StoreError
from evalkit.folders import lock_folder
from evalkit.night_folder import (
    Rejudged,
    checked_night,
    config_of,
    find_begun,
    find_night,
    keep_rejudged,
    night_of,
    parse_night,
    rejudged_of,
    replaced_by,
    start_night,
)
from evalkit.store import RunFolder
from tests.comparing import store_run


def made_for(tmp_path: Path, night: str) -> RunFolder:
    """Return a stored run in a folder that was made for a night."""
    run = store_run(tmp_path / night, rows=2).load()
    folder = start_night(tmp_path / "reports", "nightly", night)
    folder.save(dataclasses.replace(run, run_id=folder.path.name))
    return folder


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "23.11.2026", ""])
def test_a_night_is_a_date(text: str) -> None:
    with pytest.raises(ConfigError, match="--night"):
        parse_night(text)


def test_only_the_run_of_that_night_and_plan_is_gone_on_with(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    first, second = made_for(tmp_path, "2026-11-22"), made_for(tmp_path, "2026-11-23")
    digest = second.load().plan_digest
    found = find_begun(reports, "nightly", "2026-11-23", digest)
    assert found is not None
    assert found[0].path == second.path
    assert find_begun(reports, "nightly", "2026-11-24", digest) is None
    assert find_begun(reports, "nightly", "2026-11-22", "another plan") is None
    assert find_night(reports, "nightly", "2026-11-22") == first
    with lock_folder(second):
        assert find_begun(reports, "nightly", "2026-11-23", digest) is None


def test_a_folder_that_died_before_its_first_line_is_passed_over(tmp_path: Path) -> None:
    start_night(tmp_path, "nightly", "2026-11-23")
    assert find_begun(tmp_path, "nightly", "2026-11-23", "digest") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"night": 3}', '{"night": "not a date"}'])
def test_a_broken_mark_is_no_night(tmp_path: Path, text: str) -> None:
    (tmp_path / "night.json").write_text(text)
    assert night_of(RunFolder(tmp_path)) is None
    with pytest.raises(StoreError, match="names no night"):
        checked_night(RunFolder(tmp_path))


def test_a_night_years_away_is_refused() -> None:
    with pytest.raises(ConfigError, match="that night is years away"):
        parse_night("9999-12-31")


def test_what_a_folder_says_of_its_night(tmp_path: Path) -> None:
    plain = RunFolder(tmp_path)
    assert (checked_night(plain), config_of(plain), replaced_by(plain), rejudged_of(plain)) == (None, None, (), None)
    folder = start_night(tmp_path, "watch", "2026-11-22", config=tmp_path / "a.yaml", replaces=["x", "y"])
    keep_rejudged(folder, Rejudged(calls=3, cost_usd=0.5))
    assert checked_night(folder) == "2026-11-22"
    assert (config_of(folder), replaced_by(folder)) == (tmp_path / "a.yaml", ("x", "y"))
    assert rejudged_of(folder) == Rejudged(calls=3, cost_usd=0.5)
