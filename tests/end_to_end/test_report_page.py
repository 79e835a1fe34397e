"""The page as a browser shows it: opened from a file, driven by mouse, keyboard and address."""

import dataclasses
import shutil
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evalkit.config.schema import OnErrorSpec
from evalkit.records import Prediction, PredictionOutcome, Sample, Score, ScoreOutcome
from evalkit.report.build import write_report
from evalkit.results import RunResult
from tests.weave_io.run_folders import Judgement, ModelUnderTest, RunSpec, answered, failed, make_run_folder

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.timeout(180),
]

HOSTILE = (
    "<script>window.attacked = true; alert(1)</script>",
    '<img src="x" onerror="window.attacked = true; alert(2)">',
    "</script><script>window.attacked = true</script><!--",
    "\u202etxet desrever\u202c and a NUL \u0000 and a lone \ud800",
    "W" * 5_000,
    "one line " * 111_112,
    "&lt;b&gt;&amp;amp; {{ 7 * 7 }}",
)
LABELS = ("Atlas", "Borealis", 'Cinder <img src=x onerror="window.attacked = true">', "Dune \u202e\u0000")
SAMPLES = 60


def _judge(model: str, position: int, trial: int) -> Judgement:
    """Every tenth call of Atlas fails, every seventh is cut off; hostile texts come back in answers and reasons."""
    if model == "Atlas" and position % 10 == 0:
        return failed(HOSTILE[0]), {"exact": Score(None, "", ScoreOutcome.INFRA_ERROR)}
    if model == "Atlas" and position % 7 == 0:
        cut = dataclasses.replace(answered("cut"), outcome=PredictionOutcome.TRUNCATED, finish_reason="length")
        return cut, {"exact": Score(0.0, "no closing tag")}
    if model == "Borealis" and position % 20 == 0:
        refused = Prediction(PredictionOutcome.REFUSED, finish_reason="stop")
        return refused, {"exact": Score(None, "", ScoreOutcome.REFUSED)}
    text = HOSTILE[position] if position < len(HOSTILE) else f"answer {position} in trial {trial}"
    prediction = dataclasses.replace(answered(text), reasoning=f"because of {text[:100]}")
    value = (0.0, 0.5, 1.0)[(position + trial) % 3]
    return prediction, {"exact": Score(value, f"reason: {text[:3_000]}", answer=text[:2_000])}


@dataclasses.dataclass(frozen=True)
class _HostileSpec(RunSpec):
    """A run whose ids, slices, labels, inputs, targets, answers and reasons attack the page."""

    @property
    def rows(self) -> tuple[Sample, ...]:
        return tuple(self._row(position) for position in range(self.samples))

    def run(self, *, complete: bool = True) -> RunResult:
        run = super().run(complete=complete)
        for cell in run.plan["cells"]:
            cell["on_error"] = OnErrorSpec().model_dump()
        return run

    def _row(self, position: int) -> Sample:
        is_hostile = position < len(HOSTILE)
        text = HOSTILE[position] if is_hostile else f"What is {position}?"
        name = text.replace("\ud800", "")
        return Sample(
            id=f"s{position:02d} {name[:200]}" if is_hostile else f"s{position:02d}",
            input=text,
            target=text,
            slices={"topic": name[:80] if is_hostile else ("even", "odd")[position % 2]},
            digest=str(position),
            index=position,
        )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with four models, two evaluations and two trials."""
    spec = _HostileSpec(
        judge=_judge,
        models=[ModelUnderTest(label, f"lab/model-{place}") for place, label in enumerate(LABELS)],
        samples=SAMPLES,
        trials=2,
        evaluations=("first", "second"),
    )
    folder = make_run_folder(tmp_path_factory.mktemp("report"), spec)
    write_report(folder)
    return (folder.path / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(report: str) -> Iterator[Browser]:
    """A browser started after the page was made, because it keeps this thread's event loop to itself."""
    del report
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclasses.dataclass
class Opened:
    """A page in a context of its own, and what it complained about."""

    page: Page
    report: str
    complaints: list[str]

    def go(self, **query: str) -> None:
        self.page.goto("about:blank")
        address = "#samples" + (f"?{urlencode(query, quote_via=quote, errors='replace')}" if query else "")
        self.page.goto(self.report + address)
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def count(self) -> int:
        """How many samples the list says it holds, once a search has ended."""
        status = self.page.locator("#count")
        expect(status).not_to_contain_text("searching")
        return int(status.inner_text().split(" of ")[0])


@pytest.fixture
def opened(browser: Browser, report: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    options = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light", **getattr(request, "param", {})}
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    opened = Opened(page, report, complaints)
    opened.go()
    yield opened
    context.close()
    assert complaints == []


def _looks(**looks: object) -> list[object]:
    """Return both themes at desktop and phone width, as contexts of the `opened` fixture."""
    return [
        pytest.param(
            {"viewport": {"width": width, "height": 900}, "color_scheme": theme, **looks}, id=f"{theme}-{width}"
        )
        for theme in ("light", "dark")
        for width in (1440, 360)
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, 2 * SAMPLES),
        ({"eval": "first"}, SAMPLES),
        ({"eval": "first", "model": "Atlas", "outcome": "infra_error"}, 6),
        ({"eval": "first", "model": "Atlas", "outcome": "failed"}, 6),
        ({"eval": "first", "model": "Borealis", "outcome": "infra_error"}, 0),
        ({"eval": "first", "outcome": "failed"}, 6),
        ({"eval": "second", "model": "Borealis", "outcome": "refused"}, 3),
        ({"model": "Atlas", "outcome": "truncated"}, 2 * 8),
        ({"model": "Atlas", "outcome": "truncated", "score": "zero"}, 2 * 8),
        ({"model": "Atlas", "outcome": "truncated", "score": "one"}, 0),
        ({"model": "Atlas", "outcome": "infra_error", "score": "none"}, 2 * 6),
        ({"eval": "first", "slice": "topic=odd"}, 27),
        ({"eval": "first", "slice": "topic=odd", "q": "What is 1"}, 5),
        ({"eval": "first", "q": "in trial 1"}, SAMPLES - len(HOSTILE)),
        ({"eval": "first", "q": "s59"}, 1),
        ({"q": "(no such text)"}, 0),
    ],
    ids=str,
)
def test_filters_in_the_address_leave_the_right_samples(opened: Opened, query: dict[str, str], expected: int) -> None:
    opened.go(**query)
    assert opened.count() == expected
    assert opened.page.locator("#none").is_visible() == (expected == 0)


def test_hostile_slices_and_labels_can_be_chosen(opened: Opened) -> None:
    page = opened.page
    for place, text in enumerate(HOSTILE[:3]):
        page.select_option("#f-slice", f"topic={text[:80]}")
        page.select_option("#f-model", LABELS[2])
        expect(page.locator("#count")).to_have_text(f"2 of {2 * SAMPLES} samples")
        expect(page.locator("#detail h3")).to_contain_text(f"s{place:02d}")


def test_hostile_texts_are_shown_and_do_nothing(opened: Opened) -> None:
    page = opened.page
    expected = page.locator("script").count()
    for place in range(len(HOSTILE)):
        page.locator(f"tr[data-place='{place}'] th").click()
        expect(page.locator("#detail h3")).to_contain_text(f"s{place:02d}")
        assert page.evaluate("window.attacked") is None
        assert page.locator("#samples img, #samples iframe, #samples style").count() == 0
        assert page.locator("script").count() == expected
    page.locator("tr[data-place='3'] th").click()
    marks = page.locator("#detail .txt").first.locator(".ctl").all_inner_texts()
    assert marks == ["U+202E", "U+202C", "U+0000", "U+D800"]


def test_a_long_text_is_shown_in_part_until_asked_for(opened: Opened) -> None:
    page = opened.page
    page.locator("tr[data-place='5'] th").click()
    box = page.get_by_role("group", name="Input", exact=True)
    expect(box).to_contain_text("Show all 1,000,008 characters")
    box.get_by_role("button").click()
    assert len(box.inner_text()) == 1_000_008


def test_the_address_leads_back_to_filters_and_sample(opened: Opened) -> None:
    page = opened.page
    page.select_option("#f-eval", "second")
    page.select_option("#f-model", "Atlas")
    page.select_option("#f-outcome", "truncated")
    page.fill("#f-q", "s1")
    expect(page.locator("#count")).to_have_text(f"1 of {2 * SAMPLES} samples")
    page.locator("#rows th").first.click()
    address = page.url
    assert address.endswith("?q=s1&eval=second&model=Atlas&outcome=truncated&id=s14&of=second")
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#count")).to_have_text(f"1 of {2 * SAMPLES} samples")
    assert [page.input_value(f"#f-{name}") for name in ("q", "eval", "model", "outcome")] == [
        "s1",
        "second",
        "Atlas",
        "truncated",
    ]
    expect(page.locator("#detail h3")).to_have_text("s14")
    page.click("#clear")
    expect(page.locator("#count")).to_have_text(f"{2 * SAMPLES} of {2 * SAMPLES} samples")
    assert page.url.endswith("#samples")


@pytest.mark.parametrize(
    "opened", [{"viewport": {"width": width, "height": 800}} for width in (360, 1440)], indirect=True
)
def test_an_unknown_sample_is_said_in_words(opened: Opened) -> None:
    opened.go(id="nobody")
    expect(opened.page.locator("#count")).to_contain_text("no sample is named “nobody”")


def test_a_sample_of_two_evaluations_is_opened_in_the_one_asked_for(opened: Opened) -> None:
    for evaluation in ("first", "second"):
        opened.go(id="s42", of=evaluation)
        expect(opened.page.locator("#detail h3")).to_have_text("s42")
        expect(opened.page.locator("#detail dd").first).to_have_text(evaluation)
        assert opened.page.locator("tr[aria-current]").is_visible()


def test_every_trial_shows_answer_reasoning_score_and_cost(opened: Opened) -> None:
    opened.go(id="s43", eval="first")
    card = opened.page.locator("#detail .ans > div").nth(1)
    expect(card.locator(".hd")).to_have_text("Atlastrial 2score 1")
    expect(card.locator(".txt").first).to_have_text("answer 43 in trial 1")
    expect(card.locator("summary")).to_have_text("Reasoning, 31 characters")
    expect(card.locator(".scores")).to_contain_text("reason: answer 43 in trial 1")
    expect(card.locator(".meta")).to_have_text(["1.50 s · 10 in, 5 out", "served by served/model"])
    assert opened.page.locator("#detail .ans > div").count() == 2 * len(LABELS)


def test_what_a_missing_score_counts_as_stands_beside_it(opened: Opened) -> None:
    opened.go(id="s20", eval="first")
    heads = opened.page.locator("#detail .hd").all_inner_texts()
    assert "infra error" in heads[0]
    assert "not in the mean" in heads[0]
    assert "refused" in heads[2]
    assert "counts as 0" in heads[2]


def test_the_list_is_driven_by_keys(opened: Opened) -> None:
    page, title = opened.page, opened.page.locator("#detail h3")
    page.locator("#list").focus()
    page.keyboard.press("End")
    expect(title).to_have_text("s59")
    assert page.locator("#rows tr[data-place]").count() < 2 * SAMPLES
    page.keyboard.press("ArrowUp")
    expect(title).to_have_text("s58")
    page.keyboard.press("k")
    expect(title).to_have_text("s57")
    page.keyboard.press("j")
    expect(title).to_have_text("s58")
    page.keyboard.press("Home")
    expect(title).to_contain_text("s00")
    page.keyboard.press("/")
    page.keyboard.type("jk?")
    assert page.input_value("#f-q") == "jk?"
    assert not page.locator("#keys").is_visible()


def test_single_key_shortcuts_can_be_switched_off(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    assert not page.locator("#keys").is_visible()


def test_the_theme_switch_is_remembered(opened: Opened) -> None:
    page = opened.page
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.click("#theme")
    assert page.evaluate(background) == "rgb(15, 19, 23)"
    page.reload()
    assert page.evaluate(background) == "rgb(15, 19, 23)"


@pytest.mark.parametrize("opened", _looks(), indirect=True)
def test_the_page_fits_its_width_and_breaks_no_access_rule(opened: Opened) -> None:
    page = opened.page
    opened.go(id="s20", eval="first")
    page.locator("#detail details").first.evaluate("node => node.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, options=options).response["violations"]
    assert [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("opened", [{"viewport": {"width": 360, "height": 800}}], indirect=True)
def test_on_a_phone_the_sample_takes_the_place_of_the_list(opened: Opened) -> None:
    page = opened.page
    assert not page.locator("#detail").is_visible()
    page.locator("#rows th").first.click()
    expect(page.locator("#detail h3")).to_be_visible()
    assert not page.locator("#list").is_visible()
    page.get_by_role("button", name="All samples").click()
    assert page.locator("#list").is_visible()


def test_print_is_light_and_leaves_the_explorer_out(opened: Opened) -> None:
    opened.page.click("#theme")
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("#samples").is_visible()
    assert opened.page.locator("h1").is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_an_address_that_leads_elsewhere_leaves_the_page_at_its_top(opened: Opened) -> None:
    opened.page.goto("about:blank")
    opened.page.goto(opened.report)
    opened.page.wait_for_selector("html[data-ready]", state="attached")
    assert opened.page.evaluate("scrollY") == 0
    assert opened.count() == 2 * SAMPLES
