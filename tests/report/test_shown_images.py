"""Images as people see them: facts in words, small ones inside the page within a budget, none fetched."""

import base64
import dataclasses
import gzip
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from evalkit.image_shelf import ImageShelf
from evalkit.image_store import ImageStore
from evalkit.records import Image, Message, Sample
from evalkit.report import shown_images
from evalkit.report.pack import pack_samples
from evalkit.report.shown_images import Thumbnails, content_text, sample_images
from tests.pictures import data_url, gif, png
from tests.weave_io.run_folders import RunSpec, make_run_folder

ADDRESS = Image("https://example.com/dog.png", "dog.png")


def shelved(*images: tuple[bytes, str]) -> tuple[ImageShelf, list[Image]]:
    shelf = ImageShelf()
    return shelf, [shelf.add_bytes(data, name) for data, name in images]


@dataclasses.dataclass(frozen=True)
class PicturedSpec(RunSpec):
    """A run whose samples show an image each."""

    images: tuple[tuple[Image, ...], ...] = ()

    @cached_property
    def rows(self) -> tuple[Sample, ...]:
        plain = RunSpec(samples=len(self.images)).rows
        return tuple(dataclasses.replace(row, images=shown) for row, shown in zip(plain, self.images, strict=True))


def packed_rows(root: Path, shelf: ImageShelf, *images: tuple[Image, ...]) -> list[dict[str, Any]]:
    spec = PicturedSpec(images=images, samples=len(images))
    folder = make_run_folder(root, spec)
    ImageStore(folder.images).keep(spec.rows, shelf)
    tags = pack_samples(folder, folder.load()).tags
    (chunk,) = re.findall(r'<script type="application/gzip" id="c0">([^<]*)</script>', tags)
    return json.loads(gzip.decompress(base64.b64decode(chunk)))


def test_the_explorer_gets_small_images_and_the_facts_of_others(tmp_path: Path) -> None:
    large = png() + bytes(20_000)
    shelf, (small, big) = shelved((png(), "a cat.png"), (large, ""))
    first, second, third = packed_rows(tmp_path, shelf, (small, ADDRESS), (big,), ())
    facts = f"a cat.png: PNG, 3 x 2 pixels, {len(png())} bytes, sha256 {small.reference[6:18]}"
    assert first["images"] == [
        {"name": "a cat.png", "facts": facts, "source": data_url(png())},
        {"name": "dog.png", "facts": "at https://example.com/dog.png"},
    ]
    assert second["images"] == [
        {"name": "", "facts": f"PNG, 3 x 2 pixels, 20.1 KB, sha256 {big.reference[6:18]}"},
    ]
    assert "images" not in third


def test_thumbnails_keep_to_their_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, images = shelved(*((png(grey=grey), "") for grey in range(10)))
    samples = [Sample(str(n), "x", images=(image,)) for n, image in enumerate(images)]
    ImageStore(tmp_path).keep(samples, shelf)
    size = max(image.size or 0 for image in images)
    monkeypatch.setattr(shown_images, "_INLINE_BYTES", 3 * size)
    monkeypatch.setattr(shown_images, "_INLINE_BYTES_A_ROW", 0)
    thumbnails = Thumbnails(ImageStore(tmp_path))
    inside = ["source" in told for sample in samples for told in thumbnails.describe(sample)]
    assert inside == [True] * 3 + [False] * 7


def test_an_image_that_is_gone_is_told_by_its_facts(tmp_path: Path) -> None:
    _, (image,) = shelved((gif(), "a.gif"))
    (told,) = Thumbnails(ImageStore(tmp_path)).describe(Sample("1", "x", images=(image,)))
    assert set(told) == {"name", "facts"}


def test_images_inside_messages_are_the_sample_s_too() -> None:
    _, (one, two) = shelved((png(), "a.png"), (gif(), "b.gif"))
    parts = [{"type": "image_url", "image_url": {"url": image.reference}} for image in (one, two)]
    sample = Sample("1", "x", messages=(Message("user", parts),), images=(one,))
    assert sample_images(sample) == (one, Image(two.reference))
    assert sample_images(Sample("1", parts)) == (Image(one.reference), Image(two.reference))
    assert sample_images(Sample("1", "x")) == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("what?", "what?"),
        (None, None),
        ([{"type": "text", "text": "what?"}, {"type": "text", "text": "and?"}], "what?\nand?"),
        ([{"type": "image_url", "image_url": {"url": ADDRESS.reference}}], "[image at https://example.com/dog.png]"),
        ([{"type": "input_audio"}], '[\n  {\n    "type": "input_audio"\n  }\n]'),
        ([], "[]"),
        ([7], "[\n  7\n]"),
        ({"a": 1}, '{\n  "a": 1\n}'),
    ],
)
def test_contents_as_text(content: Any, text: str | None) -> None:
    assert content_text(content) == text


def test_a_content_tells_the_facts_of_known_images() -> None:
    _, (one,) = shelved((png(), "a.png"))
    content = [{"type": "image_url", "image_url": {"url": one.reference}}, {"type": "text", "text": "what?"}]
    assert (content_text(content, (one,)) or "").startswith("[image a.png: PNG, 3 x 2 pixels, ")
    assert content_text(content) == f"[image PNG, sha256 {one.reference[6:18]}]\nwhat?"
