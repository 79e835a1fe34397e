"""Nights of one config through the command line, with what a scripted endpoint does on each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.cli.commands import CommandLine, Ended

FIRST = date(2026, 10, 1)


@dataclass(frozen=True)
class Nights:
    """A config in a folder, and its nights one after another."""

    folder: Path
    run: CommandLine

    def config(self, sections: Mapping[str, Any]) -> Path:
        """Write the config of a night and return its path."""
        path = self.folder / "config.yaml"
        path.write_text(json.dumps(sections), encoding="utf-8")
        return path

    def night(self, place: int, sections: Mapping[str, Any], *options: object) -> tuple[Ended, dict[str, Any]]:
        """Run the night `place` days after the first, and return how it ended with its JSON."""
        night = (FIRST + timedelta(days=place)).isoformat()
        ended = self.run(
            *("nightly", self.config(sections), "--night", night, "--json", "--reports", self.folder / "reports"),
            *options,
        )
        return ended, json.loads(ended.out) if ended.out.startswith("{") else {}


def sections(*, rows: int = 200, accuracy: float = 0.8, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a config of one scripted model on `rows` samples, with `changes` laid over it."""
    script = {"use": "scripted", "address": "endpoint", "accuracy": accuracy, "seed": seed, **changes.pop("script", {})}
    return {
        "name": "watch",
        "weave": {"backend": "off"},
        "providers": {"script": script},
        "models": [{"id": "m", "provider": "script"}],
        "datasets": {"qa": {"rows": [{"id": f"s{i}", "input": f"q{i}", "target": f"a{i}"} for i in range(rows)]}},
        "scorers": {"exact": {"use": "exact"}},
        "evaluations": [{"name": "qa", "dataset": "qa"}],
        "report": {"html": False, "markdown": False, "parquet": False},
        **changes,
    }
