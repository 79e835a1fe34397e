"""A stored run of two evaluations whose macro average is a group of its board."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.cli.run import load_plan
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder
from tests.comparing import write_sections

BOARD = {"primary": "both", "columns": ["both", "hard.exact"], "groups": {"both": ["easy.exact", "hard.exact"]}}


def make_grouped_run(
    tmp_path: Path, *, asked: Sequence[str] = ("a", "b"), leaderboard: Mapping[str, Any] | None = None
) -> RunFolder:
    """Run `easy` (8 samples) on models a and b, and `hard` (4 samples) on those `asked`; model b is wrong on it."""
    rows = {
        name: [{"id": f"{name}{i}", "input": f"{name} {i}", "target": "yes"} for i in range(size)]
        for name, size in (("easy", 8), ("hard", 4))
    }
    answer = "{{ 'no' if model == 'b' and id.startswith('hard') else 'yes' }}"
    config = write_sections(
        tmp_path,
        providers={"script": {"use": "scripted", "default": answer}},
        datasets={name: {"rows": listed} for name, listed in rows.items()},
        evaluations=[{"name": "easy", "dataset": "easy"}, {"name": "hard", "dataset": "hard", "models": list(asked)}],
        leaderboard={"description": "Two parts.", **(BOARD if leaderboard is None else leaderboard)},
    )
    folder = RunFolder(tmp_path / "reports" / "nightly" / "20260101T000000-0000")
    folder.path.mkdir(parents=True)
    asyncio.run(run_plan(load_plan(config, None, ()), folder, weave=WeaveTarget("off", "local/nightly")))
    return folder
