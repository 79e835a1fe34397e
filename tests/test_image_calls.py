"""A call with images: what names it, what is sent for it, and what is kept of it."""

import dataclasses
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evalkit.chat_client import open_chat_model
from evalkit.chat_endpoint import ChatEndpoint
from evalkit.codec import decode_sample, encode_sample
from evalkit.errors import StoreError
from evalkit.image_shelf import ImageShelf
from evalkit.image_store import ImageStore
from evalkit.plan import Plan
from evalkit.records import CallKey, Image, Message, Request, Sample
from tests.fake_endpoint import FakeEndpoint
from tests.pictures import data_url, png
from tests.test_runner import plan_of, run


def pictured(folder: Path, **names: bytes) -> Plan:
    """Return a plan over one row for each image, each in a file of the given name."""
    for name, data in names.items():
        (folder / f"{name}.png").write_bytes(data)
    rows = [{"id": name, "input": "what?", "target": "x", "image": f"{name}.png"} for name in names]
    return plan_of(folder, datasets={"rows": {"rows": rows, "fields": {"images": "image"}}})


def keys(plan: Plan) -> list[str]:
    (cell,) = plan.cells
    return [cell.request(sample, 0).key.request for sample in cell.dataset.samples]


def test_a_call_is_named_by_what_its_images_show_and_not_by_their_names(tmp_path: Path) -> None:
    one, same, other = keys(pictured(tmp_path, one=png(), same=png(), other=png(grey=1)))
    assert one == same
    assert one != other


def test_a_plan_is_named_by_its_images_too(tmp_path: Path) -> None:
    before = pictured(tmp_path, one=png()).digest
    assert pictured(tmp_path, one=png()).digest == before
    assert pictured(tmp_path, one=png(grey=1)).digest != before


def test_a_prompt_of_text_is_named_as_it_was(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert keys(plan)[0] == "1a8ecad8eb015dcd065a0dc8e489cbbe"
    assert plan.digest == "d2944dfac37316d9c2b4de458e5dc6f4"


async def test_the_journal_holds_references_alone(tmp_path: Path) -> None:
    rows = [{"id": "a", "input": "what?", "target": "x", "image": data_url(png())}]
    plan = plan_of(tmp_path, datasets={"rows": {"rows": rows, "fields": {"images": "image"}}})
    end = await run(plan, tmp_path / "run")
    with sqlite3.connect(end.folder.journal) as db:
        dumped = "\n".join(db.iterdump())
        (messages,) = db.execute("SELECT messages FROM calls").fetchone()
    (image,) = plan.datasets["rows"].samples[0].images
    assert "base64" not in dumped
    assert json.loads(messages)[0][1][0] == {"type": "image_url", "image_url": {"url": image.reference}}


def test_a_sample_is_read_as_it_was_written() -> None:
    images = (Image("image:" + "a" * 64 + ".png", "a.png", 5, 3, 2), Image("https://example.com/b.png", "b.png"))
    sample = Sample("1", "x", images=images, digest="d")
    assert decode_sample(encode_sample(sample)) == sample
    assert "images" not in encode_sample(dataclasses.replace(sample, images=()))


def asked(*parts: dict[str, Any]) -> Request:
    sample = Sample("1", "what?")
    return Request("m", (Message("user", list(parts)),), {}, sample, CallKey("r", "1"))


@pytest.mark.parametrize("streamed", [False, True])
async def test_bytes_are_put_in_as_the_request_is_sent(tmp_path: Path, streamed: bool) -> None:
    shelf = ImageShelf()
    image = shelf.add_bytes(png(), "a.png")
    ImageStore(tmp_path).keep([Sample("1", "x", images=(image,))], shelf)
    parts = [
        {"type": "image_url", "image_url": {"url": image.reference, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/b.png"}},
        {"type": "text", "text": "what?"},
    ]
    request = asked(*parts)
    with FakeEndpoint() as endpoint:
        async with open_chat_model(ChatEndpoint(base_url=endpoint.url, images=tmp_path)) as model:
            answer = await (model.predict(request, lambda _: None) if streamed else model.predict(request))
    assert answer.text
    (body,) = endpoint.book.bodies
    sent = body["messages"][0]["content"]
    assert sent[0] == {"type": "image_url", "image_url": {"url": data_url(png()), "detail": "low"}}
    assert sent[1:] == parts[1:]
    assert request.messages[0].content == parts, "the request itself keeps its references"


async def test_an_image_that_is_gone_stops_the_run_and_is_no_failure_of_the_endpoint(tmp_path: Path) -> None:
    request = asked({"type": "image_url", "image_url": {"url": "image:" + "a" * 64 + ".png"}})
    with FakeEndpoint() as endpoint:
        async with open_chat_model(ChatEndpoint(base_url=endpoint.url, images=tmp_path)) as model:
            with pytest.raises(StoreError, match="the image cannot be read"):
                await model.predict(request)
        assert endpoint.stats()["requests"] == 0
