"""The few fixtures every test may use; sockets are closed but for loopback."""

import os
import socket
from collections.abc import Iterator

import pytest

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


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start every test without keys, and with an EVALKIT_HOME of its own."""
    for name in _SECRETS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path_factory.mktemp("evalkit-home")))
    yield
    assert "EVALKIT_HOME" in os.environ
