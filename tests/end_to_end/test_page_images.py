"""Images in the page, as a browser shows them: what is inside it is drawn, an address stays text, nothing is loaded."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from evalkit.image_shelf import ImageShelf
from evalkit.image_store import ImageStore
from evalkit.records import Image
from evalkit.report.build import write_report
from tests.pictures import png
from tests.report.test_shown_images import PicturedSpec
from tests.weave_io.run_folders import make_run_folder

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.timeout(180),
]

ADDRESS = 'https://example.com/dog.png?"><img src=x onerror=alert(1)>'


def test_a_small_image_is_drawn_and_an_address_is_text(tmp_path: Path) -> None:
    shelf = ImageShelf()
    inside = shelf.add_bytes(png(30, 20), 'a "cat" <b>.png')
    spec = PicturedSpec(images=((inside, Image(ADDRESS, "dog.png")), ()), samples=2)
    folder = make_run_folder(tmp_path, spec)
    ImageStore(folder.images).keep(spec.rows, shelf)
    write_report(folder)
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder.path / "report.html").as_uri() + "#samples?id=s00000")
        page.wait_for_selector("html[data-ready]", state="attached")
        drawn = page.locator(".pics img")
        expect(drawn).to_have_count(1)
        assert drawn.get_attribute("alt") == 'Image 1: a "cat" <b>.png'
        assert drawn.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [30, 20]
        expect(page.locator(".pics figcaption").nth(1)).to_have_text(f"at {ADDRESS}")
        browser.close()
    assert complaints == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
