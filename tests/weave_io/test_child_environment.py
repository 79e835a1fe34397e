"""The publishing process sees what its backend needs, and no more."""

import pytest

from evalkit.weave_io.child_environment import child_environment

EXPORTED = {
    "PATH": "/bin",
    "HOME": "/home/u",
    "WANDB_API_KEY": "k",
    "WANDB_BASE_URL": "http://w",
    "WF_TRACE_SERVER_URL": "http://t",
    "WEAVE_USE_SERVER_CACHE": "true",
    "WEAVE_DISABLED": "true",
    "WEAVE_CAPTURE_CODE": "false",
    "OPENAI_API_KEY": "o",
    "HF_TOKEN": "h",
    "EVALKIT_HOME": "/e",
}
SET = {
    "WEAVE_USE_SERVER_CACHE": "false",
    "WEAVE_PRINT_CALL_LINK": "false",
    "WEAVE_LOG_LEVEL": "WARNING",
    "WANDB_ERROR_REPORTING": "false",
    "WEAVE_PARALLELISM": "32",
}


@pytest.mark.parametrize(
    ("backend", "kept"),
    [
        pytest.param("local", set(), id="local"),
        pytest.param("both", set(), id="both"),
        pytest.param("wandb", {"WANDB_API_KEY", "WANDB_BASE_URL", "WF_TRACE_SERVER_URL"}, id="wandb"),
    ],
)
def test_only_the_backends_own_variables_are_left(backend: str, kept: set[str]) -> None:
    left = child_environment(backend, EXPORTED)
    assert left == {name: EXPORTED[name] for name in {"PATH", "HOME", "EVALKIT_HOME"} | kept} | SET
