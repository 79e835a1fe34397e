"""What every section of the config has in common: frozen, unknown keys refused; names and durations."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

__all__ = ["Duration", "Json", "OpenSpec", "Slug", "Spec"]

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
Json = Any

_WITH_UNIT = r"^([0-9]+\.?[0-9]*)(ms|s|m|h)$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(value: object) -> object:
    """Read `90`, `1.5s`, `250ms`, `5m` or `2h` as seconds."""
    if not isinstance(value, str):
        return value
    written = re.fullmatch(_WITH_UNIT, value)
    if written is not None:
        return float(written[1]) * _UNITS[written[2]]
    raise ValueError("a duration is a number of seconds, or a number with ms, s, m or h (90, 1.5s, 5m)")


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(gt=0),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _WITH_UNIT}]},
        mode="validation",
    ),
]
"""Seconds; YAML also takes 250ms, 30s, 5m, 2h."""


class Spec(BaseModel):
    """The common rules of every section: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class OpenSpec(Spec):
    """A section whose further keys are the options of the plugin it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Json]:
        """The keys that belong to the plugin."""
        return dict(self.model_extra or {})
