"""Plans for the tests of what is foreseen of them: scripted models over a dataset `qa`."""

import json
from pathlib import Path
from typing import Any

from evalkit.cli.run import load_plan
from evalkit.plan import Plan


def write_plan(folder: Path, **sections: Any) -> Path:
    """Write a config of these sections and return its path; `rows` is how many samples `qa` has."""
    count = sections.pop("rows", 100)
    rows = [{"id": f"s{i}", "input": f"question {i}", "target": str(i), "half": f"h{i % 2}"} for i in range(count)]
    written = {
        "name": "nightly",
        "weave": {"backend": "off"},
        "providers": {"script": {"use": "scripted", "accuracy": 0.8}},
        "models": [{"id": "m", "provider": "script"}],
        "datasets": {"qa": {"rows": rows, "fields": {"slices": ["half"]}}},
        "scorers": {"exact": {"use": "exact"}},
        "evaluations": [{"name": "qa", "dataset": "qa"}],
        "report": {"html": False, "markdown": False, "parquet": False},
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(written), encoding="utf-8")
    return path


def plan_of(folder: Path, **sections: Any) -> Plan:
    """Return the plan of such a config."""
    return load_plan(write_plan(folder, **sections), None, ())
