import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.weave_io.client import default_store_path, split_project
from tests.contracts.weave_server import ROOT, clean_environment, run_script


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "/home/me/.evalkit/weave.sqlite"),
        ({"EVALKIT_HOME": ""}, "/home/me/.evalkit/weave.sqlite"),
        ({"EVALKIT_HOME": "/elsewhere"}, "/elsewhere/weave.sqlite"),
    ],
    ids=["default", "empty", "moved"],
)
def test_where_the_store_is(env: dict[str, str], expected: str) -> None:
    assert default_store_path(env, Path("/home/me")) == Path(expected)


@pytest.mark.parametrize(
    ("project", "expected"),
    [("team/project", ("team", "project")), ("project", ("local", "project"))],
    ids=["both", "bare"],
)
def test_entity_and_project(project: str, expected: tuple[str, str]) -> None:
    assert split_project(project) == expected


def test_neither_store_nor_client_nor_server_loads_the_sdk_before_it_is_used() -> None:
    source = (
        "import sys\nimport evalkit.weave_io.client, evalkit.weave_io.local_store, evalkit.weave_io.server\n"
        "assert not {'weave', 'openai', 'pandas', 'numpy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT, env=clean_environment({}))


BLOCK = """
from pathlib import Path
from evalkit.weave_io.client import open_local_client
from evalkit.weave_io.trace_store import TraceStore

def trace():
    import weave
    @weave.op
    def work():
        return "done"
    work()

path = Path("weave.sqlite")
"""


@pytest.mark.slow
def test_an_error_in_the_block_is_told_and_what_was_traced_is_kept(tmp_path: Path) -> None:
    source = f"""{BLOCK}
from weave.trace.context.weave_client_context import get_weave_client
try:
    with open_local_client(path, "team/project") as outer:
        with open_local_client(Path("inner.sqlite"), "team/other") as inner:
            assert get_weave_client() is inner
        assert get_weave_client() is outer
        trace()
        raise ZeroDivisionError("mine")
except ZeroDivisionError:
    assert get_weave_client() is None
with TraceStore(path) as store:
    (call,) = store.calls.stream({{"project_id": "team/project"}})
    assert call["output"] == "done"
"""
    done = run_script(source, tmp_path, {})
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_process_that_forgets_to_close_still_ends_and_keeps_everything(tmp_path: Path) -> None:
    source = f"""{BLOCK}
context = open_local_client(path, "team/project")
context.__enter__()
trace()
"""
    done = run_script(source, tmp_path, {})
    assert done.returncode == 0, done.stderr
    check = f"""{BLOCK}
with TraceStore(path) as store:
    (call,) = store.calls.stream({{"project_id": "team/project"}})
    assert call["output"] == "done", call
"""
    done = run_script(check, tmp_path, {})
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_work_that_never_ends_is_given_up_in_time(tmp_path: Path) -> None:
    source = f"""{BLOCK}
import os, threading
from evalkit.errors import PublishError
from evalkit.weave_io.client import finish_client
with open_local_client(path, "team/project") as client:
    client.future_executor.defer(threading.Event().wait, 30)
    try:
        finish_client(client, timeout_s=0.2)
    except PublishError as error:
        assert "still holds unsent work" in str(error)
        os._exit(0)
os._exit(1)
"""
    done = run_script(source, tmp_path, {})
    assert done.returncode == 0, done.stderr
