"""Samples with images from the data file to the endpoint, the run folder, the report and the terminal."""

import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Done, evalkit, write_config, write_rows
from tests.fake_endpoint import FakeEndpoint
from tests.pictures import data_url, gif, png

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SEES = {"vision": True, "provider": "fake", "params": {"temperature": 0}}


def write_sections(folder: Path, url: str, **sections: Any) -> None:
    (folder / "cat.png").write_bytes(png(300, 200))
    rows = [
        {"id": "file", "input": "What is this?", "target": "a", "image": "cat.png"},
        {"id": "again", "input": "And this?", "target": "a", "image": ["cat.png", data_url(gif())]},
        {"id": "address", "input": "What is there?", "target": "a", "image": "https://example.com/dog.png"},
        {"id": "none", "input": "What is 2 + 2?", "target": "a", "image": None},
    ]
    write_rows(folder, rows)
    config: dict[str, Any] = {
        "name": "pictures",
        "weave": {"backend": "off"},
        "providers": {"fake": {"use": "openai", "base_url": url}},
        "models": [{"id": "one", **SEES}, {"id": "two", **SEES}],
        "datasets": {"rows": {"path": "rows.jsonl", "fields": {"images": "image"}}},
        "scorers": {"exact": {"use": "exact"}},
    }
    write_config(folder, **{**config, **sections})


def images_sent(endpoint: FakeEndpoint) -> dict[str, list[str]]:
    """Return the addresses that were sent beside each text."""
    sent: dict[str, list[str]] = {}
    for body in endpoint.book.bodies:
        content = body["messages"][-1]["content"]
        if isinstance(content, str):
            sent[content] = []
        else:
            assert [part["type"] for part in content] == ["image_url"] * (len(content) - 1) + ["text"]
            sent[content[-1]["text"]] = [part["image_url"]["url"] for part in content[:-1]]
    return sent


def dump(journal: Path) -> str:
    with sqlite3.connect(journal) as db:
        return "\n".join(db.iterdump())


def test_from_the_row_to_the_report(tmp_path: Path) -> None:
    cat, dog = png(300, 200), "https://example.com/dog.png"
    with FakeEndpoint() as endpoint:
        write_sections(tmp_path, endpoint.url)
        done = evalkit("run", "config.yaml", cwd=tmp_path)
        assert done.code == 0, done.stderr
        assert endpoint.stats()["requests"] == 8
        assert images_sent(endpoint) == {
            "What is this?": [data_url(cat)],
            "And this?": [data_url(cat), data_url(gif(), "image/gif")],
            "What is there?": [dog],
            "What is 2 + 2?": [],
        }
        endpoint.reset()
        (done.folder / "summary.md").unlink()
        again = evalkit("run", "config.yaml", cwd=tmp_path)
        assert (again.code, again.folder, endpoint.stats()["requests"]) == (0, done.folder, 0)
    _check_folder(done, cat, dog)


def _check_folder(done: Done, cat: bytes, dog: str) -> None:
    digest = hashlib.sha256(cat).hexdigest()
    kept = {file.name: file.read_bytes() for file in (done.folder / "images").iterdir()}
    assert kept == {f"{digest}.png": cat, f"{hashlib.sha256(gif()).hexdigest()}.gif": gif()}
    journal = dump(done.folder / "calls.sqlite")
    assert journal.count(f"image:{digest}.png") >= 4
    assert "base64" not in journal
    for file in ("run.json", "summary.md"):
        assert "base64" not in (done.folder / file).read_text()
    page = (done.folder / "report.html").read_text()
    assert dog not in page.partition("<script")[0]
    shown = evalkit("show", str(done.folder), "again", "--model", "one", cwd=done.cwd).stdout
    facts = f"cat.png: PNG, 300 x 200 pixels, {len(cat)} bytes, sha256 {digest}"
    assert f"\n  {facts}\n" in shown
    assert f"[image {facts[:-52]}]\n" in shown
    assert "base64" not in shown
    (told,) = json.loads(evalkit("show", str(done.folder), "address", "--json", cwd=done.cwd).stdout)
    assert told["sample"]["images"][0]["reference"] == dog


def test_shards_share_nothing_and_merge_to_one_folder(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write_sections(tmp_path, endpoint.url, report={"markdown": False, "parquet": False})
        parts = [evalkit("run", "config.yaml", "--shard", f"{part}/2", cwd=tmp_path) for part in (1, 2)]
        assert [part.code for part in parts] == [0, 0], parts[0].stderr
        assert endpoint.stats()["requests"] == 8
        merged = evalkit("merge", "config.yaml", *(str(part.folder) for part in parts), cwd=tmp_path)
        assert (merged.code, endpoint.stats()["requests"]) == (0, 8), merged.stderr
    assert len(list((merged.folder / "images").iterdir())) == 2
    assert merged.run["cells"][0]["samples"] == 4


def test_the_published_rows_hold_names_and_digests(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write_sections(tmp_path, endpoint.url, weave={"backend": "local"}, report={"html": False})
        done = evalkit("run", "config.yaml", cwd=tmp_path)
        assert (done.code, done.run["weave"]["error"]) == (0, None), done.stderr
    stored = dump(Path(os.environ["EVALKIT_HOME"]) / "weave.sqlite")
    assert f"image:{hashlib.sha256(gif()).hexdigest()}.gif" in stored
    assert data_url(gif(), "image/gif") not in stored
