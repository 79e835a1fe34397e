"""The few fixtures every test may use; sockets are closed but for loopback."""

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from evalkit.local_weights import cache_folder
from tests.fixtures_endpoint import fake_endpoint  # noqa: F401  a fixture is found by its name here

_SECRETS = (
    "WANDB_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "HF_ENDPOINT",
    "HF_TOKEN",
)

settings.register_profile("gate", derandomize=True, database=None)
settings.register_profile("explore", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
"""A gate must give the same answer twice; `make test-all` looks for new examples."""


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        if host not in {"127.0.0.1", "::1", "localhost", "unix"}:
            raise OSError(f"tests may only reach loopback, not {host}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the session's folders of EVALKIT_HOME, one for each test that makes one."""
    base = tmp_path_factory.mktemp("evalkit-homes")
    return (base / str(number) for number in itertools.count())


@pytest.fixture(scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a user's cache folder that is the real one but for what evalkit keeps there; weights are borrowed."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "evalkit").mkdir()
    weights = cache_folder()
    if weights.is_dir():
        (cache / "evalkit" / "weights").symlink_to(weights)
    for path in weights.parents[1].glob("*"):
        if path.name != "evalkit":
            (cache / path.name).symlink_to(path)
    return cache


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, _homes: Iterator[Path], _cache: Path) -> None:
    """Start every test without keys and leases, and with an EVALKIT_HOME of its own, which is made when it is used."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(_cache))
    for name in _SECRETS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVALKIT_HOME", str(next(_homes)))
