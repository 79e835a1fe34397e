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
from evalkit.weave_io.client import default_store_path, open_local_client
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


def judged(folder: Path, run: Path, baseline: str | Path, env: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Return how a stored run is judged, and by what: the exit code and the gate's block."""
    done = evalkit("gate", str(run), "--baseline", str(baseline), "--json", cwd=folder, env=env)
    assert done.stdout, done.stderr
    return done.code, json.loads(done.stdout)


def check_gate(folder: Path, env: Mapping[str, str]) -> None:
    """Publish a good run, lose its folder, and hold a bad one to what Weave kept: as if the folder were there."""
    first = gated(folder, env=env)
    assert first.code == 2
    assert "baseline weave:latest:" in first.stderr
    assert not (folder / "reports").exists()
    good = evalkit("run", "config.yaml", cwd=folder, env=env)
    assert good.code == 0, good.stderr
    run, kept = good.run, folder / "elsewhere" / good.folder.name
    shutil.copytree(good.folder, kept)
    shutil.rmtree(folder / "reports")
    same = gated(folder, env=env)
    assert same.code == 0, same.stderr
    assert same.run["gate"]["baseline"]["run_id"] == run["run_id"]
    assert same.run["gate"]["baseline"]["kind"] == "weave"
    assert same.run["gate"]["checks"][0]["estimate"] == 0.0
    scripted(folder, accuracy=0.2, weave=run["config"].get("weave", {}))
    pinned = f"weave:///{run['weave']['project']}/call/{run['weave']['calls']['qa/m']}"
    bad = evalkit("run", "config.yaml", "--gate", "--baseline", pinned, cwd=folder, env=env)
    assert bad.code == 1, bad.stderr
    code, by_folder = judged(folder, bad.folder, kept, env)
    assert code == 1
    assert bad.run["gate"]["checks"] == by_folder["checks"]
    for reference in (pinned, "weave:latest", run["weave"]["leaderboard"]):
        code, by_weave = judged(folder, bad.folder, reference, env)
        met = by_weave.pop("baseline")
        assert (code, met["kind"], met["reference"]) == (1, "weave", reference)
        assert met["run_id"] == (run if reference == pinned else same.run)["run_id"]
        assert by_weave == {name: value for name, value in by_folder.items() if name != "baseline"}
    check_others(folder, kept, pinned, env)


def check_others(folder: Path, kept: Path, pinned: str, env: Mapping[str, str]) -> None:
    """Plan by what Weave kept, make a file of it, and tell what changed since."""
    plan = evalkit("plan", "config.yaml", "--baseline", pinned, "--json", cwd=folder, env=env)
    assert plan.code == 0, plan.stderr
    assert json.loads(plan.stdout)["gate"][0]["basis"].startswith("differences of run ")
    why = ("--reason", "as published", "--author", "me")
    made = evalkit(
        "baseline", "set", pinned, "--config", "config.yaml", "--out", "weave.json", *why, cwd=folder, env=env
    )
    assert made.code == 0, made.stderr
    assert evalkit("baseline", "set", str(kept), "--out", "run.json", *why, cwd=folder, env=env).code == 0
    files = [json.loads((folder / name).read_text(encoding="utf-8")) for name in ("weave.json", "run.json")]
    assert [{name: value for name, value in each.items() if name not in {"set_at", "digest"}} for each in files] == (
        [{name: value for name, value in files[1].items() if name not in {"set_at", "digest"}}] * 2
    )
    changed = evalkit(
        *("baseline", "diff", "weave.json", "weave:latest", "--config", "config.yaml"), cwd=folder, env=env
    )
    assert changed.code == 0, changed.stderr
    assert "qa.exact of m: 1.0000 to 0." in changed.stdout
    for command in (("baseline", "set", "weave:latest", *why), ("gate", str(kept), "--baseline", "weave:newest")):
        wrong = evalkit(*command, cwd=folder, env=env)
        assert (wrong.code, wrong.stderr.count("\n")) == (2, 1)


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


@pytest.mark.slow
def test_what_cannot_be_read_is_one_sentence_and_its_code(tmp_path: Path) -> None:
    """Nothing is asked of the model, and no run begins."""
    gone = "http://127.0.0.1:9"
    remote = {"backend": "wandb", "project": REMOTE}
    address = {"WF_TRACE_SERVER_URL": gone, "WANDB_BASE_URL": gone}
    with open_local_client(default_store_path(os.environ, tmp_path), "local/other"):
        pass
    cases = (
        ({}, {}, "weave:latest", 2, "no complete run of 'gated' is published in local/gated"),
        ({}, {}, "weave:///local/other/call/1", 2, "local/other has no evaluate call 1 of evalkit's"),
        ({}, {}, "weave:///local/other/object/b:v0", 2, "no complete run is published on that board in local/other"),
        ({}, {}, "weave:newest", 2, "write weave:latest, a leaderboard weave:///"),
        (remote, {**address, "WANDB_API_KEY": FAKE_KEY}, "weave:latest", 2, "Weave cannot be read ("),
        (remote, {"WANDB_API_KEY": ""}, "weave:latest", 6, "WANDB_API_KEY is not set"),
    )
    for weave, env, reference, code, why in cases:
        scripted(tmp_path, accuracy=1.0, weave=weave)
        done = evalkit("run", "config.yaml", "--gate", "--baseline", reference, cwd=tmp_path, env=env)
        assert (done.code, why in done.stderr, done.stderr.count("\n")) == (code, True, 1), done.stderr
    assert not (tmp_path / "reports").exists()


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
