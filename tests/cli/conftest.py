"""The command line as a fixture."""

from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.night_runs import make_nights


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


@pytest.fixture(scope="session")
def nine_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nine nights of two models; of a, s1 fails on the last two nights, s2 on the last."""
    folder = tmp_path_factory.mktemp("nights")
    steady = {f"s{number}": "1" * 9 for number in range(8)}
    make_nights(folder, {"a": steady | {"s1": "111111100", "s2": "111111110"}, "b [0.7]": steady})
    return folder
