"""Keys go to the endpoint they are for, and nowhere else: no file, no log line, no Weave object, no other server."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.command import evalkit, write_config
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CANARY = "sk-canary-5f1c9e7a2b"


def config(folder: Path, provider: dict) -> None:
    write_config(
        folder,
        name="canary",
        weave={"backend": "local", "project": "team/project"},
        providers={"mine": {"use": "openai", **provider}},
        retry={"max_attempts": 1},
        run={"max_error_rate": 1},
        models=[{"id": "m", "provider": "mine"}],
        datasets={"rows": {"rows": [{"id": str(n), "input": f"q{n}", "target": "x"} for n in range(4)]}},
        scorers={"exact": {"use": "exact"}},
    )


def test_exported_keys_go_to_no_other_endpoint(tmp_path: Path) -> None:
    with FakeEndpoint() as mine, FakeEndpoint() as theirs:
        config(tmp_path, {"base_url": mine.url})
        exported = {
            "OPENAI_API_KEY": CANARY,
            "OPENAI_BASE_URL": theirs.url,
            "OPENAI_ORG_ID": CANARY,
            "OPENAI_PROJECT_ID": CANARY,
            "WANDB_API_KEY": CANARY,
            "WANDB_BASE_URL": theirs.url.removesuffix("/v1"),
            "WF_TRACE_SERVER_URL": theirs.url.removesuffix("/v1"),
        }
        done = evalkit("run", "config.yaml", cwd=tmp_path, env=exported)
        assert done.code == 0, done.stderr
        assert mine.stats()["requests"] == 4
        assert not any(CANARY in str(headers) for headers in mine.stats()["headers"])
        assert theirs.stats()["connections"] == 0
    _assert_nowhere(tmp_path, done.stdout + done.stderr)


def test_a_key_reaches_its_endpoint_and_no_file(tmp_path: Path) -> None:
    echo = f"this prompt was refused; the request came with {CANARY}"
    with FakeEndpoint(api_key=CANARY, replies={"q1": [{"status": 400, "body": {"error": {"message": echo}}}]}) as mine:
        config(tmp_path, {"base_url": mine.url, "api_key_env": "MY_KEY"})
        done = evalkit("run", "config.yaml", cwd=tmp_path, env={"MY_KEY": CANARY})
        assert done.code == 0, done.stderr
        assert mine.stats()["statuses"]["200"] == 3
    _assert_nowhere(tmp_path, done.stdout + done.stderr)


def test_a_wrong_key_stops_the_run_and_is_not_shown(tmp_path: Path) -> None:
    with FakeEndpoint(api_key="another") as mine:
        config(tmp_path, {"base_url": mine.url, "api_key_env": "MY_KEY"})
        done = evalkit("run", "config.yaml", cwd=tmp_path, env={"MY_KEY": CANARY})
    assert done.code == 6
    assert re.search("Authentication", done.stderr)
    _assert_nowhere(tmp_path, done.stdout + done.stderr)


def test_a_missing_key_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    with FakeEndpoint() as mine:
        config(tmp_path, {"base_url": mine.url, "api_key_env": "MY_KEY"})
        done = evalkit("run", "config.yaml", cwd=tmp_path)
        assert mine.stats()["connections"] == 0
    assert done.code == 6
    assert "MY_KEY" in done.stderr


def _assert_nowhere(folder: Path, printed: str) -> None:
    import os

    assert CANARY not in printed
    homes = [folder, Path(os.environ["EVALKIT_HOME"])]
    for path in (path for home in homes for path in home.rglob("*") if path.is_file()):
        assert CANARY.encode() not in path.read_bytes(), path
