"""`evalkit compare`: what it prints, refuses and writes, over real runs."""

import json
import re
import shutil
from pathlib import Path

import pytest

from evalkit.store import RunFolder
from tests.cli.commands import CommandLine
from tests.comparing import store_run

SIDES = {"rows": 60, "fields": {"slices": ["half"]}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    folder = tmp_path_factory.mktemp("runs")
    worse = {"accuracy": 0.3, "faults": [{"kind": "refused", "on": ["s1", "s2"]}]}
    return store_run(folder / "1", accuracy=0.9, **SIDES), store_run(folder / "2", **worse, **SIDES)


def test_two_runs_are_compared_model_by_model(cli: CommandLine, runs: tuple[RunFolder, RunFolder]) -> None:
    done = cli("compare", runs[0].path, runs[1].path, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert [(each["first"]["model"], each["second"]["model"]) for each in found] == [("a", "a"), ("b", "b")]
    first, second = runs[0].load(), runs[1].load()
    for number, each in enumerate(found):
        (metric,) = each["evaluations"][0]["metrics"]
        means = [run.cells[number].metrics["exact"].mean for run in (first, second)]
        assert [metric["first"], metric["second"]] == means
        assert metric["verdict"] == "worse"
        assert metric["family"] == "holm"
        assert {each["key"] for each in metric["slices"]} == {"half"}
        assert each["evaluations"][0]["samples"]["paired"] == 60
        assert {"first": "ok", "second": "refused", "predictions": 2} in each["evaluations"][0]["outcomes"]


def test_two_models_of_one_run(cli: CommandLine, runs: tuple[RunFolder, RunFolder]) -> None:
    by_option = cli("compare", runs[0].path, "--models", "a", "b", "--json")
    by_name = cli("compare", f"{runs[0].path}:a", f"{runs[0].path}:b", "--json")
    assert by_option.code == by_name.code == 0
    assert by_option.out == by_name.out
    (found,) = json.loads(by_option.out)
    (metric,) = found["evaluations"][0]["metrics"]
    (pair,) = runs[0].load().pairs
    sign = 1 if pair["second"] == "a" else -1
    assert metric["difference"] == pytest.approx(sign * pair["difference"])
    assert metric["p"] == pair["p"]
    assert {change["what"] for change in found["treatment"]} == {"model", "served model"}


def test_the_text_names_the_claim_the_metrics_and_the_samples(
    cli: CommandLine, runs: tuple[RunFolder, RunFolder]
) -> None:
    done = cli("compare", f"{runs[0].path}:a", f"{runs[1].path}:a", "--flips", 2, "--slices")
    assert done.code == 0
    assert "B is worse than A on qa.exact" in done.out
    assert "What was done differently" in done.out
    assert "half: h0" in done.out
    assert "2 from ok to refused" in done.out
    assert len(re.findall(r"^s\d+: qa.exact, worse$", done.out, re.MULTILINE)) == 2
    assert "A, 1:" in done.out
    assert "\x1b" not in done.out


def test_three_runs_share_one_family(cli: CommandLine, runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    third = store_run(tmp_path, accuracy=0.5, **SIDES)
    done = cli("compare", f"{runs[0].path}:a", f"{runs[1].path}:a", f"{third.path}:a", "--json")
    assert [each["second"]["name"] for each in json.loads(done.out)] == ["B", "C"]


def test_pages_are_complete_and_safe(cli: CommandLine, tmp_path: Path) -> None:
    rows = [{"id": f"s{i}", "input": "<script>alert(1)</script>\u202e", "target": str(i)} for i in range(12)]
    one = store_run(tmp_path / "1", rows=rows, accuracy=1.0)
    two = store_run(tmp_path / "2", rows=rows, accuracy=0.0)
    page, summary = tmp_path / "new" / "c.html", tmp_path / "newer" / "c.md"
    done = cli("compare", one.path, two.path, "--html", page, "--markdown", summary)
    assert done.code == 0
    html, text = page.read_text(encoding="utf-8"), summary.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;U+202E" in html
    assert re.search(r'(src|href)="https?:', html) is None
    assert re.search(r"(?<!\\)<", text) is None
    assert "B is worse than A" in text
    for option in ("--html", "--markdown"):
        refused = cli("compare", one.path, two.path, option, "/dev/null/c.html")
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith("/dev/null/c.html: cannot be written (")
    again = tmp_path / "again.html"
    cli("compare", one.path, two.path, "--html", again)
    assert again.read_bytes() == page.read_bytes()


def test_markdown_to_stdout_is_all_there_is(cli: CommandLine, runs: tuple[RunFolder, RunFolder]) -> None:
    done = cli("compare", runs[0].path, runs[1].path, "--markdown", "-")
    assert done.out.startswith("nightly;")
    assert "| --- |" in done.out


def test_unequal_measures_are_refused_and_made_equal(
    cli: CommandLine, runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    strict = store_run(
        tmp_path,
        accuracy=0.3,
        scorers={"exact": {"use": "exact", "ignore_case": False}},
        evaluations=[{"name": "qa", "dataset": "qa", "reduce": "median"}],
        **SIDES,
    )
    before = {path: path.read_bytes() for path in strict.path.iterdir()}
    refused = cli("compare", runs[1].path, strict.path)
    assert refused.code == 2
    assert refused.out == ""
    assert (
        "qa.exact: it was measured differently: options.ignore_case true → false; reducer mean → median" in refused.err
    )
    assert "--rescore" in refused.err
    again = cli("compare", runs[1].path, strict.path, "--rescore", "--json")
    assert again.code == 0
    (metric,) = json.loads(again.out)[0]["evaluations"][0]["metrics"]
    assert metric["second"] == strict.load().cells[0].metrics["exact"].mean
    assert {path: path.read_bytes() for path in strict.path.iterdir()} == before


def test_other_samples_are_refused(cli: CommandLine, runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    fewer = store_run(tmp_path, rows=50)
    done = cli("compare", runs[0].path, fewer.path)
    assert done.code == 2
    assert "only 50 of 60 samples pair (83%; 90% are needed): 0 changed, 0 added, 10 removed" in done.err
    assert cli("compare", runs[0].path, fewer.path, "--min-overlap", 0.8).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["{0}"], "two sides", id="one run"),
        pytest.param(["{0}", "absent"], "no run called 'absent'", id="no such run"),
        pytest.param(["{0}:c", "{1}"], "no model called 'c'", id="no such model"),
        pytest.param(["{0}", "{1}", "--models", "a", "b"], "name one run", id="models of two runs"),
        pytest.param(["{0}:a", "{1}", "--models", "a", "b"], "name one run", id="a model and models"),
    ],
)
def test_what_cannot_be_meant_is_told(
    cli: CommandLine, runs: tuple[RunFolder, RunFolder], arguments: list[str], said: str
) -> None:
    done = cli("compare", *(text.format(runs[0].path, runs[1].path) for text in arguments))
    assert done.code == 2
    assert said in done.err


def test_models_that_do_not_match_are_told(cli: CommandLine, runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    others = store_run(tmp_path, models=[{"id": "c", "provider": "script"}, {"id": "d", "provider": "script"}], **SIDES)
    done = cli("compare", runs[0].path, others.path)
    assert done.code == 2
    assert "(a, b)" in done.err
    assert "RUN:MODEL" in done.err
    assert cli("compare", f"{runs[0].path}:a", f"{others.path}:d").code == 0


def test_labels_may_hold_colons_and_slashes(cli: CommandLine, tmp_path: Path) -> None:
    models = [{"id": name, "label": f"v:{name}/x", "provider": "script"} for name in "ab"]
    run = store_run(tmp_path, models=models)
    done = cli("compare", f"{run.path}:v:a/x", f"{run.path}:v:b/x", "--json")
    assert done.code == 0
    assert [json.loads(done.out)[0][side]["model"] for side in ("first", "second")] == ["v:a/x", "v:b/x"]


def test_a_stored_run_may_be_read_only(cli: CommandLine, runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[0].path, copy)
    for path in (*copy.iterdir(), copy):
        path.chmod(path.stat().st_mode & ~0o222)
    assert cli("compare", copy, runs[1].path).code == 0
