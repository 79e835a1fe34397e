"""What a check-up found: one sentence for each thing looked at, and the exit code they come to together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalkit.errors import ExitCode
from evalkit.records import Json

__all__ = ["Finding", "Status", "exit_code_of"]

_ORDER = (ExitCode.USAGE, ExitCode.ACCESS, ExitCode.INCOMPLETE)


class Status(StrEnum):
    """How a check ended; `skip` is one that could not be made after another had failed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `place` is a provider's name or what else it belongs to, `exit_code` what a failure means.

    `data` holds the numbers of the sentence, for machines.
    """

    place: str
    check: str
    status: Status
    message: str
    exit_code: ExitCode = ExitCode.DONE
    data: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "place": self.place,
            "check": self.check,
            "status": self.status.value,
            "message": self.message,
            **self.data,
        }


def exit_code_of(findings: Iterable[Finding]) -> ExitCode:
    """Return the exit code of all: the config's fault before the access's, that before an outage's."""
    codes = {finding.exit_code for finding in findings if finding.status is Status.FAIL}
    return next((code for code in _ORDER if code in codes), ExitCode.INCOMPLETE if codes else ExitCode.DONE)
