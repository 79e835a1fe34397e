"""A gate rule that could not notice what it must is refused before the first call, unless it is allowed by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import CommandLine, Ended
from tests.fake_endpoint import FakeEndpoint
from tests.plans import write_plan

WEAK = {"metric": "qa.exact", "max_drop": 0.02, "detect": 0.05, "name": "strict"}
STRONG = {**WEAK, "detect": 0.6, "name": "loose"}
OTHER = {**WEAK, "detect": 0.04, "name": "stricter", "slice": "half=h1"}
FREE = {"metric": "qa.exact", "max_drop": 0.02}


class Gated:
    """A config with a gate, its stored baseline, and an endpoint that counts who asks it."""

    def __init__(self, folder: Path, cli: CommandLine, endpoint: FakeEndpoint) -> None:
        self.reports, self._folder, self._cli, self._endpoint = folder / "reports", folder, cli, endpoint
        first = self("run")
        assert first.code == 0, first.err
        self.baseline = Path(first.out.strip().splitlines()[-1])
        endpoint.reset()

    def __call__(self, command: str, *options: object, rules: tuple[dict[str, Any], ...] = (FREE,)) -> Ended:
        config = write_plan(
            self._folder,
            rows=20,
            providers={"served": {"use": "openai", "base_url": self._endpoint.url}},
            models=[{"id": "m", "provider": "served"}],
            gate={"rules": list(rules), "baseline": "previous"},
        )
        return self._cli(command, config, "--reports", self.reports, *options)

    @property
    def calls(self) -> int:
        """The requests that reached the endpoint since the baseline's run."""
        return self._endpoint.stats()["requests"]

    @property
    def runs(self) -> list[Path]:
        """The folders of the runs after the baseline's."""
        found = (path.parent for path in (self.reports / "nightly").glob("*/run.json"))
        return [path for path in found if path != self.baseline]


@pytest.fixture
def gated(tmp_path: Path, cli: CommandLine, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> Gated:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return Gated(tmp_path, cli, fake_endpoint)


RUN = ("run", "--gate")
NIGHT = ("nightly", "--night", "2026-11-23", "--no-alerts")


@pytest.mark.parametrize("command", [("plan",), RUN, NIGHT], ids=["plan", "run", "nightly"])
def test_it_is_refused_before_the_first_call(gated: Gated, command: tuple[str, ...]) -> None:
    done = gated(*command, rules=(WEAK, STRONG, OTHER))
    assert done.code == 2
    assert "rule strict (m) must notice 0.05 and this plan would notice" in done.err
    assert "raise detect, or say --allow strict" in done.err
    assert "gate rule stricter (m, half=h1)" in done.err
    assert "loose" not in done.err
    assert gated.calls == 0
    assert not gated.runs
    one = gated(*command, "--allow", "strict", rules=(WEAK, OTHER))
    assert (one.code, gated.calls) == (2, 0)
    assert "gate rule strict (" not in one.err


@pytest.mark.slow
@pytest.mark.parametrize("command", [RUN, NIGHT], ids=["run", "nightly"])
@pytest.mark.parametrize(
    ("rules", "options"),
    [((WEAK, OTHER), ("--allow", "strict", "--allow", "stricter")), ((FREE,), ())],
    ids=["allowed", "no detect"],
)
def test_it_runs_where_it_is_allowed_or_nothing_must_be_noticed(
    gated: Gated, command: tuple[str, ...], rules: tuple[dict[str, Any], ...], options: tuple[str, ...]
) -> None:
    done = gated(*command, *options, rules=rules)
    assert done.code == 0, done.err
    assert gated.calls == 20
    gate = json.loads((gated.runs[0] / "run.json").read_text(encoding="utf-8"))["gate"]
    assert "This run would notice a drop of" in gate["checks"][0]["line"]


@pytest.mark.slow
@pytest.mark.parametrize("command", [("plan",), RUN, NIGHT], ids=["plan", "run", "nightly"])
def test_what_is_no_rule_cannot_be_allowed(gated: Gated, command: tuple[str, ...]) -> None:
    done = gated(*command, "--allow", "strikt", rules=(WEAK,))
    assert (done.code, gated.calls) == (2, 0)
    assert "--allow 'strikt': no gate rule is called that; did you mean 'strict'" in done.err


@pytest.mark.slow
def test_allow_is_about_a_gate(gated: Gated) -> None:
    done = gated("run", "--allow", "strict", rules=(WEAK,))
    assert (done.code, gated.calls) == (2, 0)
    assert "--allow is about a rule of the gate; give --gate too" in done.err


@pytest.mark.slow
def test_a_stored_run_is_judged_and_what_was_left_open_is_told(gated: Gated, cli: CommandLine, tmp_path: Path) -> None:
    """A verdict is proven or it is not; only what stays open for want of samples is the rule's fault."""
    assert gated("run", "--gate", "--allow", "strict", rules=(WEAK,)).code == 0
    again = ("gate", gated.runs[0], "--reports", gated.reports, "--baseline", gated.baseline)
    judged = cli(*again, "--config", tmp_path / "config.yaml")
    assert judged.code == 2
    assert judged.err.startswith("INCONCLUSIVE: ")
    assert "error: gate rule strict must notice 0.05 and this run would notice" in judged.err
    assert cli(*again, "--allow", "strict").code == 0
    assert "did you mean 'strict'" in cli(*again, "--allow", "strikt").err
    failing = {"metric": "qa.exact", "min": 0.999, "name": "all"}
    gated("plan", rules=(WEAK, failing))
    proven = cli(*again, "--config", tmp_path / "config.yaml")
    assert (proven.code, "error:" in proven.err) == (1, False)
    assert gated.calls == 20
