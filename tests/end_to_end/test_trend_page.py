"""The pages of trends and flips as a browser shows them: both themes and widths, no script, and links."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from evalkit.cli import main
from evalkit.history import History
from evalkit.past_runs import PastEvent
from evalkit.report.build import write_report
from evalkit.store import RunFolder
from tests.night_runs import make_nights, night_of

CHROMIUM = shutil.which("chromium")
NIGHTS = 9
HOSTILE = 'b <img src=x onerror="alert(1)"> \u202e'
LOOKS = ((1440, "light"), (1440, "dark"), (360, "light"), (360, "dark"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with trend.html and flips.html beside the runs they are about; the newest run has its report."""
    folder = tmp_path_factory.mktemp("nights")
    outcomes = {f"s{number}": "1" * NIGHTS for number in range(6)} | {"s1": "111111100", HOSTILE: "101010101"}
    make_nights(folder, {"a": outcomes, HOSTILE: outcomes})
    with History(folder / ".evalkit" / "history.sqlite") as history:
        history.note(PastEvent(name="nightly", at=night_of(4), kind="release", text=HOSTILE))
    newest = RunFolder(max((folder / "reports" / "nightly").iterdir()))
    run = newest.load()
    newest.save(dataclasses.replace(run, config={**run.config, "report": {**run.config["report"], "html": True}}))
    write_report(newest)
    for command in ("trend", "flips"):
        arguments = [
            command,
            "qa.exact",
            "--html",
            str(folder / f"{command}.html"),
            "--reports",
            str(folder / "reports"),
        ]
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    return folder


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[Browser]:
    """A browser started after the pages were made, because it keeps this thread's event loop to itself."""
    del pages
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, theme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        *(pytest.param("trend", (width, theme), id=f"trend-{theme}-{width}") for width, theme in LOOKS),
        *(pytest.param("flips", (width, theme), id=f"flips-{theme}-{width}") for width, theme in LOOKS[::3]),
    ],
    indirect=["opened"],
)
def test_nothing_stands_in_the_way_of_a_reader(opened: Page, pages: Path, name: str) -> None:
    opened.goto((pages / f"{name}.html").as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(opened, options=options).response["violations"]
    assert [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("opened", [(1440, "light"), (360, "light")], indirect=True, ids=str)
def test_a_dot_leads_to_its_run(opened: Page, pages: Path) -> None:
    opened.goto((pages / "trend.html").as_uri())
    dots = opened.locator("svg.timeline:visible").first
    assert dots.locator("circle").count() == NIGHTS
    link = dots.locator("a")
    assert link.count() == 1, "only the newest run has its report"
    assert link.get_attribute("aria-label") == f"{night_of(NIGHTS - 1)}: 86%, 49 to 97%"
    link.click()
    assert opened.url.endswith("/report.html")


@pytest.mark.parametrize("opened", [(1440, "light")], indirect=True, ids=str)
def test_a_failure_leads_to_its_sample(opened: Page, pages: Path) -> None:
    opened.goto((pages / "flips.html").as_uri())
    opened.locator("a[href*='#samples']").first.click()
    opened.wait_for_selector("html[data-ready]", state="attached")
    assert opened.url.endswith("#samples?id=s1")
