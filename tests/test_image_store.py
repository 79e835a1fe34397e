"""Images in a run folder: once each, whole or not at all, and turned into data: URLs within a bound."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DatasetError, StoreError
from evalkit.image_shelf import ImageShelf
from evalkit.image_store import ImageSender, ImageStore
from evalkit.records import Image, Message, Sample
from tests.pictures import KINDS, data_url, gif, png


def name_of(data: bytes, kind: str = "png") -> str:
    return f"{hashlib.sha256(data).hexdigest()}.{kind}"


def shelved(*images: bytes) -> tuple[ImageShelf, list[Image]]:
    shelf = ImageShelf()
    return shelf, [shelf.add_bytes(data, "") for data in images]


def test_bytes_are_written_once_for_each_digest(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "run" / "images")
    shelf, (one, two) = shelved(png(), gif())
    inside = Message("user", [{"type": "image_url", "image_url": {"url": two.reference}}])
    address = Image("https://example.com/a.png")
    samples = [Sample("1", "x", images=(one, address)), Sample("2", "x", images=(one,), messages=(inside,))]
    store.keep(samples, shelf)
    assert sorted(file.name for file in store.folder.iterdir()) == sorted([name_of(png()), name_of(gif(), "gif")])
    assert store.read(one.reference) == png()
    assert store.read(two.reference) == gif()
    before = [(file.name, file.stat().st_mtime_ns) for file in sorted(store.folder.iterdir())]
    store.keep(samples, shelf)
    assert [(file.name, file.stat().st_mtime_ns) for file in sorted(store.folder.iterdir())] == before


def test_only_what_the_samples_show_is_written(tmp_path: Path) -> None:
    shelf, (one, _) = shelved(png(), gif())
    ImageStore(tmp_path).keep([Sample("1", "x", images=(one,))], shelf)
    assert [file.name for file in tmp_path.iterdir()] == [name_of(png())]


def test_text_only_samples_make_no_folder(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    store.keep([Sample("1", "x"), Sample("2", ["y"])], ImageShelf())
    assert not store.folder.exists()


def test_half_a_file_of_an_earlier_try_is_written_again(tmp_path: Path) -> None:
    shelf, (one,) = shelved(png())
    (tmp_path / name_of(png())).write_bytes(png()[:5])
    ImageStore(tmp_path).keep([Sample("1", "x", images=(one,))], shelf)
    assert ImageStore(tmp_path).read(one.reference) == png()


def test_what_is_not_there_or_not_whole_is_told(tmp_path: Path) -> None:
    store, (_, (one,)) = ImageStore(tmp_path), shelved(png())
    with pytest.raises(StoreError, match=r"the image cannot be read \(No such file or directory\); run the same"):
        store.read(one.reference)
    (tmp_path / name_of(png())).write_bytes(png(grey=1))
    with pytest.raises(StoreError, match=r"the image is damaged; delete the file and run the same command again"):
        store.read(one.reference)
    assert store.find(one.reference) is None


def test_a_disk_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file in the folder's place")
    shelf, (one,) = shelved(png())
    with pytest.raises(StoreError, match=r"\.png: cannot be written \(.*\); free some space"):
        ImageStore(tmp_path / "images").keep([Sample("1", "x", images=(one,))], shelf)
    (tmp_path / "a.png").write_bytes(gif())
    lost = shelf.add_file(tmp_path / "a.png", "a.png")
    (tmp_path / "a.png").unlink()
    with pytest.raises(DatasetError, match="cannot be read any more"):
        ImageStore(tmp_path / "other").keep([Sample("1", "x", images=(lost,))], shelf)


def test_shards_are_united(tmp_path: Path) -> None:
    parts = [ImageStore(tmp_path / name) for name in "ab"]
    for part, images in zip(parts, [(png(), gif()), (png(),)], strict=True):
        shelf, shown = shelved(*images)
        part.keep([Sample("1", "x", images=tuple(shown))], shelf)
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    whole = ImageStore(tmp_path / "whole")
    for part in (*parts, ImageStore(tmp_path / "no such folder")):
        whole.take_over(part)
    assert sorted(file.name for file in whole.folder.iterdir()) == sorted([name_of(png()), name_of(gif(), "gif")])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_reference_becomes_a_data_url(tmp_path: Path, kind: str) -> None:
    shelf, (one,) = shelved(KINDS[kind])
    ImageStore(tmp_path).keep([Sample("1", "x", images=(one,))], shelf)
    sent = ImageSender(tmp_path).fill(parts(one.reference))
    assert sent == parts(data_url(KINDS[kind], f"image/{kind}"))
    assert base64.b64decode(sent[0]["image_url"]["url"].partition(",")[2]) == KINDS[kind]


def test_addresses_and_texts_pass(tmp_path: Path) -> None:
    sender = ImageSender(tmp_path)
    for content in ("text", parts("https://example.com/a.png"), parts("data:image/png;base64,AAAA")):
        assert sender.fill(content) is content


def test_without_a_run_folder_an_image_cannot_be_sent() -> None:
    _, (one,) = shelved(png())
    with pytest.raises(StoreError, match="its bytes are in a run folder, and none was given"):
        ImageSender(None).fill(parts(one.reference))


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    shelf, images = shelved(*(png(grey=grey) for grey in range(20)))
    ImageStore(tmp_path).keep([Sample("1", "x", images=tuple(images))], shelf)
    size = max(len(data_url(png(grey=grey))) for grey in range(20))
    sender = ImageSender(tmp_path, most_chars=3 * size)
    for image in images:
        sender.fill(parts(image.reference))
    for file in tmp_path.iterdir():
        file.unlink()
    for image in images[-2:]:
        sender.fill(parts(image.reference))
    with pytest.raises(StoreError):
        sender.fill(parts(images[0].reference))
    assert sum(len(url) for url in sender._urls.values()) <= 3 * size
    small = ImageSender(tmp_path, most_chars=10)
    ImageStore(tmp_path).keep([Sample("1", "x", images=(images[0],))], shelf)
    small.fill(parts(images[0].reference))
    assert not small._urls


def parts(url: str) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": url}}]
