"""Published answers compared: two named models give the paired tests that scipy gives, from the files alone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.comparing import store_run
from tests.end_to_end.command import ROOT, Done, evalkit, write_config

DATA = ROOT.parent / "shared" / "data" / "mifeval-es"
FIRST, SECOND = "claude-3-5-sonnet-20240620", "CohereForAI__aya-23-8B"
CHROMIUM = shutil.which("chromium")
HOSTILE = "<script>window.attacked = true</script> \u202etxet\u202c \u0007 <img src=x onerror='window.attacked = true'>"
pytestmark = pytest.mark.slow
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the published answers are not beside the checkout")


def published(model: str) -> dict[str, list[bool]]:
    lines = (DATA / f"{model}.eval_results_strict.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["prompt"]: row["follow_instruction_list"] for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("published")
    (folder / "verdicts.py").write_text(
        "def share(sample, text):\n    kept, asked = text.split('/')\n    return int(kept) / int(asked)\n\n\n"
        "def everything(sample, text):\n    kept, asked = text.split('/')\n    return kept == asked\n",
        encoding="utf-8",
    )
    verdicts = "row.follow_instruction_list"
    write_config(
        folder,
        name="mifeval-es",
        weave={"backend": "off"},
        report={"html": False, "markdown": False, "parquet": False},
        providers={
            "published": {
                "use": "recorded",
                "path": f"{DATA}/{{{{ model }}}}.eval_results_strict.jsonl",
                "fields": {
                    "input": "prompt",
                    "text": f"{{{{ {verdicts} | select | list | length }}}}/{{{{ {verdicts} | length }}}}",
                },
            }
        },
        models=[{"id": name, "provider": "published"} for name in (FIRST, SECOND)],
        datasets={"es": {"path": str(DATA / f"{FIRST}.eval_results_strict.jsonl"), "fields": {"input": "prompt"}}},
        scorers={
            "all": {"use": "python", "function": "verdicts:everything", "graded": False},
            "share": {"use": "python", "function": "verdicts:share"},
        },
    )
    done = evalkit("run", "config.yaml", cwd=folder)
    assert done.code == 0, done.stderr
    return done


@needs_data
@pytest.mark.timeout(200)
def test_the_paired_tests_are_scipy_s(run: Done) -> None:
    from scipy import stats

    first, second = published(FIRST), published(SECOND)
    assert set(first) == set(second)
    done = evalkit("compare", str(run.folder), "--models", FIRST, SECOND, "--json", cwd=run.cwd)
    assert done.code == 0, done.stderr
    (found,) = json.loads(done.stdout)
    everything, share = found["evaluations"][0]["metrics"]
    assert (everything["name"], share["name"]) == ("es.all", "es.share")

    shares = [[sum(side[prompt]) / len(side[prompt]) for prompt in first] for side in (second, first)]
    test = stats.ttest_rel(*shares)
    interval = test.confidence_interval(0.95)
    assert share["p_method"] == "t"
    assert share["p"] == pytest.approx(test.pvalue, rel=1e-9)
    assert [share["lower"], share["upper"]] == pytest.approx([interval.low, interval.high], rel=1e-9)

    won = sum(all(second[prompt]) and not all(first[prompt]) for prompt in first)
    lost = sum(all(first[prompt]) and not all(second[prompt]) for prompt in first)
    assert (len(everything["better"]), len(everything["worse"])) == (won, lost)
    assert everything["p_method"] == "mcnemar_exact"
    assert everything["p"] == pytest.approx(stats.binomtest(won, won + lost).pvalue, rel=1e-9)
    assert everything["difference"] == pytest.approx((won - lost) / len(first), abs=1e-12)


@needs_data
@pytest.mark.timeout(200)
def test_the_paired_tests_are_statsmodels_too(run: Done) -> None:
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.weightstats import DescrStatsW

    first, second = published(FIRST), published(SECOND)
    done = evalkit("compare", str(run.folder), "--models", FIRST, SECOND, "--json", cwd=run.cwd)
    assert done.code == 0, done.stderr
    everything, share = json.loads(done.stdout)[0]["evaluations"][0]["metrics"]

    d = DescrStatsW(
        [sum(second[prompt]) / len(second[prompt]) - sum(first[prompt]) / len(first[prompt]) for prompt in first]
    )
    assert share["difference"] == pytest.approx(d.mean, abs=1e-12)
    assert share["p"] == pytest.approx(d.ttest_mean(0.0)[1], rel=1e-9)
    assert [share["lower"], share["upper"]] == pytest.approx(d.tconfint_mean(0.05), rel=1e-9)

    table = [
        [sum(all(first[p]) is a and all(second[p]) is b for p in first) for b in (True, False)] for a in (True, False)
    ]
    assert everything["p"] == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


@needs_data
def test_the_page_is_written(run: Done, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    sides = (f"{run.folder}:{FIRST}", f"{run.folder}:{SECOND}")
    done = evalkit("compare", *sides, "--html", str(page), "--flips", "3", cwd=run.cwd)
    assert done.code == 0, done.stderr
    assert f"{SECOND} is worse than {FIRST} on es.all" in done.stdout
    assert page.read_text(encoding="utf-8").count('class="exchange"') >= 3


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 360)])
def test_the_page_holds_hostile_texts_and_is_accessible(tmp_path: Path, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    rows = [{"id": f"{HOSTILE} {n}", "input": HOSTILE, "target": HOSTILE, "kind": HOSTILE} for n in range(40)]
    sections = {"rows": rows, "fields": {"slices": ["kind"]}}
    sides = [store_run(tmp_path / str(accuracy), accuracy=accuracy, **sections) for accuracy in (0.9, 0.2)]
    page_file = tmp_path / "page.html"
    done = evalkit("compare", *(str(side.path) for side in sides), "--html", str(page_file), cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert "\u202e" not in done.stdout
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(page_file.as_uri())
        assert page.evaluate("window.attacked") is None
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        assert said == []
        browser.close()
