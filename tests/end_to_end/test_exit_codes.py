"""Every exit code through the command line, several at once among them: the most pressing one is the process's."""

import json
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import ROOT, Done, command, environment, evalkit, write_config, write_rows
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROWS = 200
DROP = {"metric": "qa.exact", "max_drop": 0.02}
SPENT = {"metric": "tokens", "max": 1}
UNDECIDED = {"metric": "qa.exact", "min": 0.92}
STRICT = {"on_inconclusive": "fail"}


def sections(gate: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    script = {"use": "scripted", "accuracy": 0.95, **changes.pop("script", {})}
    return {
        "name": "gated",
        "weave": {"backend": "off"},
        "providers": {"script": script},
        "models": [{"id": "m", "provider": "script"}],
        "datasets": {"qa": {"path": "rows.jsonl"}},
        "scorers": {"exact": {"use": "exact"}},
        "report": {"html": False, "markdown": False, "parquet": False},
        "gate": {"baseline": "baselines/gated.json", "rules": [DROP], **(gate or {})},
        **changes,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows and a baseline that was set."""
    made = tmp_path_factory.mktemp("exit-codes")
    write_rows(made, [{"id": f"q{n}", "input": f"question {n}", "target": str(n)} for n in range(ROWS)])
    write_config(made, **sections())
    first = evalkit("run", "config.yaml", cwd=made)
    assert first.code == 0, first.stderr
    done = evalkit("baseline", "set", str(first.folder), "--reason", "the first", "--author", "me", cwd=made)
    assert done.code == 0, done.stderr
    return made


def fault(kind: str, *samples: str) -> dict[str, Any]:
    return {"faults": [{"kind": kind, "on": list(samples)}]}


WORSE = {"accuracy": 0.7}
LAST = fault("401", f"q{ROWS - 1}")
CASES: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = {
    "0 the gate passes": (0, {}, {}),
    "0 a warning": (0, {"script": WORSE, "gate": {"rules": [{**DROP, "severity": "warn"}]}}, {}),
    "0 undecided, and that is only told": (0, {"gate": {"rules": [UNDECIDED]}}, {}),
    "1 a regression": (1, {"script": WORSE}, {}),
    "1 before 5": (1, {"script": WORSE, "gate": {**STRICT, "rules": [DROP, {**UNDECIDED, "min": 0.72}]}}, {}),
    "1 before 3": (1, {"run": {"max_requests": 150}, "gate": {"rules": [SPENT]}}, {}),
    "1 before 4": (1, {"script": WORSE, "weave": {"backend": "local"}}, {"EVALKIT_HOME": "/dev/null/nowhere"}),
    "3 incomplete": (3, {"run": {"max_requests": 150}}, {}),
    "3 before 5": (3, {"run": {"max_requests": 150}, "gate": STRICT}, {}),
    "4 not published": (4, {"weave": {"backend": "local"}}, {"EVALKIT_HOME": "/dev/null/nowhere"}),
    "5 undecided": (5, {"gate": {**STRICT, "rules": [UNDECIDED]}}, {}),
    "5 before 4": (
        5,
        {"gate": {**STRICT, "rules": [UNDECIDED]}, "weave": {"backend": "local"}},
        {"EVALKIT_HOME": "/dev/null/nowhere"},
    ),
    "6 no access": (6, {"script": LAST}, {}),
    "6 before 1": (6, {"script": LAST, "gate": {"rules": [SPENT]}}, {}),
}


def gated(folder: Path, changes: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Done:
    write_config(folder, **sections(**changes))
    return evalkit("run", "config.yaml", "--gate", "--fresh", cwd=folder, env=env)


@pytest.mark.parametrize(("code", "changes", "env"), CASES.values(), ids=CASES)
def test_a_gated_run_ends_with(folder: Path, code: int, changes: dict[str, Any], env: dict[str, str]) -> None:
    done = gated(folder, changes, env)
    assert done.code == code, done.stderr
    assert done.run["gate"]["sentence"] in done.stderr
    assert done.run["verdict"] == done.run["gate"]["verdict"]
    if done.run["status"] == "complete":
        again = evalkit("gate", str(done.folder), "--json", cwd=folder)
        assert json.loads(again.stdout)["checks"] == done.run["gate"]["checks"]
        assert again.code == (code if code in {0, 1, 5} else 0)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no such baseline": ({"baseline": "nowhere.json"}, "no baseline 'nowhere.json'"),
    "another measure": ({}, "measured qa.exact differently"),
    "no rules": ({"rules": []}, "the gate has no rules"),
    "an edited baseline": ({"baseline": "edited.json"}, "changed after it was set"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_2_comes_before_the_first_call(folder: Path, name: str) -> None:
    gate, message = BROKEN[name]
    text = (folder / "baselines" / "gated.json").read_text()
    (folder / "edited.json").write_text(text.replace('"reason": "the first"', '"reason": "another"'))
    other = {"scorers": {"exact": {"use": "exact", "ignore_case": False}}} if name == "another measure" else {}
    before = sorted((folder / "reports" / "gated").iterdir())
    done = gated(folder, {"gate": gate, "script": WORSE, **other})
    assert done.code == 2, done.stderr
    assert message in done.stderr
    assert sorted((folder / "reports" / "gated").iterdir()) == before, "nothing was begun"


def test_70_from_a_plugin_comes_before_1(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken_section.py").write_text(
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Broken:\n"
        '    """A section that cannot be built."""\n\n    def build(self, run):\n'
        '        raise RuntimeError("no section")\n'
    )
    info = tmp_path / "broken_section-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-section\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evalkit.report.sections]\nbroken = broken_section:Broken\n")
    changes = {"script": WORSE, "report": {"html": False, "markdown": True, "parquet": False}}
    done = gated(folder, changes, {"PYTHONPATH": f"{ROOT}:{tmp_path}"})
    assert done.code == 70, done.stderr
    assert done.run["verdict"] == "fail", "what was proven stands in run.json"


def test_130_comes_before_1(folder: Path) -> None:
    with FakeEndpoint(latency_s=0.15) as endpoint:
        providers = {"script": {"use": "openai", "base_url": endpoint.url}}
        write_config(folder, **sections({"rules": [SPENT]}, providers=providers, throttle={"max_concurrency": 4}))
        with subprocess.Popen(
            command("run", "config.yaml", "--gate", "--fresh"),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            while endpoint.stats()["requests"] < 20:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert b"FAIL: the one check is proven to fail: tokens." in stderr


def test_ten_runs_of_one_model_do_not_fail(folder: Path) -> None:
    """A/A through the command line: another seed is another draw of the same model, and the gate stays calm."""
    rule = {"script": {"seed": 0}, "gate": {"rules": [DROP], "max_missing": 0.02}}
    codes = [gated(folder, {**rule, "script": {"seed": seed}}).code for seed in range(1, 11)]
    assert codes.count(1) <= 1, codes
