"""A baseline out of Weave, on a machine without the baseline's run: from the embedded store and over loopback HTTP."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ConfigError
from evalkit.published import fetch_baseline
from evalkit.store import RunFolder
from evalkit.stored_items import read_items
from tests.contracts.weave_server import running_server
from tests.end_to_end.command import Done, evalkit, write_config, write_rows
from tests.test_publishing import FAKE_KEY, REMOTE, listener

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")
RULES = [{"metric": "qa.exact", "max_drop": 0.1}]


def scripted(folder: Path, *, accuracy: float, **changes: Any) -> Path:
    write_rows(folder, [{"id": f"q{n}", "input": f"say w{n}", "target": f"w{n}"} for n in range(40)])
    return write_config(
        folder,
        **{
            "name": "gated",
            "models": [{"id": "m", "provider": "script"}],
            "providers": {"script": {"use": "scripted", "accuracy": accuracy}},
            "datasets": {"qa": {"path": "rows.jsonl"}},
            "scorers": {"exact": {"use": "exact"}},
            "report": {"html": False, "markdown": False, "parquet": False},
            "gate": {"baseline": "weave:latest", "rules": RULES},
            **changes,
        },
    )


def gated(folder: Path, *, env: Mapping[str, str] | None = None) -> Done:
    return evalkit("run", "config.yaml", "--gate", "--fresh", cwd=folder, env=env)


def check_gate(folder: Path, env: Mapping[str, str]) -> None:
    """Publish a good run, lose its folder, and hold a bad one to what Weave kept."""
    first = gated(folder, env=env)
    assert first.code == 2
    assert "baseline weave:latest:" in first.stderr
    assert not (folder / "reports").exists()
    good = evalkit("run", "config.yaml", cwd=folder, env=env)
    assert good.code == 0, good.stderr
    mean, run = read_items(RunFolder(good.folder))[0].mean, good.run
    shutil.rmtree(folder / "reports")
    same = gated(folder, env=env)
    assert same.code == 0, same.stderr
    assert same.run["gate"]["baseline"]["run_id"] == run["run_id"]
    assert same.run["gate"]["baseline"]["kind"] == "weave"
    assert same.run["gate"]["checks"][0]["estimate"] == 0.0
    call = run["weave"]["calls"]["qa/m"]
    scripted(folder, accuracy=0.2, weave=run["config"].get("weave", {}))
    pinned = f"weave:///{good.run['weave']['project']}/call/{call}"
    bad = evalkit("run", "config.yaml", "--gate", "--baseline", pinned, cwd=folder, env=env)
    assert bad.code == 1, bad.stderr
    estimate = bad.run["gate"]["checks"][0]["estimate"]
    assert estimate == pytest.approx(read_items(RunFolder(bad.folder))[0].mean - mean)
    again = evalkit("gate", str(bad.folder), "--baseline", "weave:latest", "--json", cwd=folder, env=env)
    assert json.loads(again.stdout)["baseline"]["run_id"] == same.run["run_id"]


@pytest.mark.slow
def test_from_the_embedded_store(tmp_path: Path) -> None:
    scripted(tmp_path, accuracy=1.0)
    check_gate(tmp_path, {})


@pytest.mark.slow
def test_over_http_as_from_w_and_b(tmp_path: Path) -> None:
    scripted(tmp_path, accuracy=1.0, weave={"backend": "wandb", "project": REMOTE})
    with running_server(tmp_path / "served.sqlite") as server:
        address = server.address
        check_gate(tmp_path, {"WANDB_API_KEY": FAKE_KEY, "WF_TRACE_SERVER_URL": address, "WANDB_BASE_URL": address})
        assert server.stop() == 0
    assert not (tmp_path / ".evalkit" / "weave.sqlite").exists()


def fetch(tmp_path: Path, **options: Any) -> None:
    fetch_baseline(
        "weave:latest",
        **{
            "backend": "wandb",
            "project": REMOTE,
            "store": tmp_path / "weave.sqlite",
            "name": "gated",
            "before": None,
            "environment": os.environ,
            **options,
        },
    )


def test_without_a_store_no_process_is_started(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no embedded store at .*weave\.sqlite; publish a run there first"):
        fetch(tmp_path, backend="local")


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    with listener() as (address, _):
        env = {**os.environ, "WANDB_API_KEY": FAKE_KEY, "WF_TRACE_SERVER_URL": address, "WANDB_BASE_URL": address}
        with pytest.raises(ConfigError, match="Weave gave no sign for 3 s") as caught:
            fetch(tmp_path, environment=env, deadline_s=3)
    assert FAKE_KEY not in str(caught.value)


@pytest.mark.slow
def test_without_a_key_w_and_b_is_not_asked(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "WANDB_API_KEY"}
    with pytest.raises(ConfigError, match="WANDB_API_KEY is not set"):
        fetch(tmp_path, environment=env)


@pytest.mark.slow
def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "weave.sqlite").write_text("no database")
    with pytest.raises(ConfigError, match="baseline weave:latest: "):
        fetch(tmp_path, backend="local")
