"""The command line in this process: what it prints and the code it exits with."""

from dataclasses import dataclass

import pytest

from evalkit.cli import main


@dataclass(frozen=True)
class Ended:
    """One finished command."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs commands and takes what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ended:
        with pytest.raises(SystemExit) as raised:
            main([str(argument) for argument in arguments])
        printed = self._capsys.readouterr()
        code = raised.value.code
        assert isinstance(code, int)
        return Ended(code, printed.out, printed.err)
