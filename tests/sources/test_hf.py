"""The real `datasets` library, on local folders and against a hub on loopback, in processes of their own."""

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DatasetError
from evalkit.sources.hf import Hf
from tests.sources.loopback_hub import LoopbackHub, Repository

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "a" * 40, "b" * 40
LOAD = """
import json, pathlib, sys
from evalkit.errors import DatasetError
from evalkit.sources.hf import Hf
for options in json.load(sys.stdin):
    source = Hf(base_dir=pathlib.Path.cwd(), **options)
    try:
        rows = list(source.load())
        told = {"rows": rows, "where": rows[0].where, "resolved": source.resolved}
    except DatasetError as error:
        told = {"error": str(error)}
    print("told", json.dumps(told))
"""


def load(folder: Path, *options: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
    """Load each in one fresh process, for the library reads its environment when it is imported."""
    env = {**os.environ, "HF_HOME": str(folder / "hf-home"), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=folder,
        env=env,
        input=json.dumps(options),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "%|" not in done.stderr, "a progress bar was drawn"
    return [json.loads(line.removeprefix("told ")) for line in done.stdout.splitlines() if line.startswith("told ")]


def parquet(*rows: dict[str, Any]) -> bytes:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    buffer = io.BytesIO()
    write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def files(version: str) -> dict[str, bytes]:
    return {
        "README.md": b"---\nlicense: mit\n---\n",
        "data/test-00000-of-00001.parquet": parquet({"question": f"one {version}"}, {"question": f"two {version}"}),
        "data/train-00000-of-00001.parquet": parquet({"question": f"worked {version}"}),
    }


@pytest.fixture
def hub():
    with LoopbackHub(
        {"acme/demo": Repository({"main": NEW, "v1": OLD}, {OLD: files("old"), NEW: files("new")})}
    ) as hub:
        yield hub


def test_a_split_is_required(tmp_path):
    with pytest.raises(DatasetError, match=r"^hf: 'acme/demo' needs a split, such as split: test$"):
        list(Hf(hf="acme/demo", base_dir=tmp_path).load())


def test_a_missing_folder_is_not_looked_for_on_the_hub(tmp_path):
    with pytest.raises(DatasetError) as caught:
        list(Hf(hf="./demo", split="test", base_dir=tmp_path).load())
    assert str(caught.value) == f"hf: there is no folder './demo' in {tmp_path}"


def test_a_folder_of_the_working_directory_cannot_pass_for_the_hub(tmp_path, monkeypatch):
    (tmp_path / "here" / "acme" / "demo").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(DatasetError, match=r"would be read in place of the hub's 'acme/demo'"):
        list(Hf(hf="acme/demo", split="test", base_dir=tmp_path).load())


@pytest.mark.slow
def test_local_folders(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "demo" / "data").mkdir(parents=True, exist_ok=True)
        (tmp_path / "demo" / "data" / f"{split}-0.parquet").write_bytes(
            parquet({"id": 1, "n": 1.5}, {"id": 2, "n": None})
        )
    for name, text in {"empty": "", "broken": '{"a": 1}\n{"a":'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "test.jsonl").write_text(text)
    demo = {"hf": "demo", "split": "test"}
    told = load(
        tmp_path,
        demo,
        {**demo, "streaming": True},
        {**demo, "split": "test[:1]"},
        {**demo, "split": "nope"},
        {**demo, "split": "nope", "streaming": True},
        {**demo, "config": "nope"},
        {"hf": "empty", "split": "test"},
        {"hf": "empty", "split": "test", "streaming": True},
        {"hf": "broken", "split": "test"},
    )
    rows = [{"id": 1, "n": 1.5}, {"id": 2, "n": None}]
    folder = {"source": "folder", "name": "demo", "config": None, "split": "test"}
    assert told[:3] == [
        {"rows": rows, "where": "demo[test], row 1", "resolved": folder},
        {"rows": rows, "where": "demo[test], row 1", "resolved": folder},
        {"rows": rows[:1], "where": "demo[test[:1]], row 1", "resolved": {**folder, "split": "test[:1]"}},
    ]
    errors = [each["error"] for each in told[3:]]
    assert errors[0].startswith("demo[nope]: ")
    assert "'train', 'test'" in errors[0]
    assert errors[1].startswith("demo[nope]: ")
    assert "'train', 'test'" in errors[1]
    assert errors[2] == "demo/nope[test]: ValueError: BuilderConfig 'nope' not found. Available: ['default']"
    assert errors[3:5] == ["empty[test]: a file of the split is empty"] * 2
    assert errors[5].startswith("broken[test]: ")
    assert "JSON parse error" in errors[5]


@pytest.mark.slow
def test_the_hub_is_read_at_a_pinned_commit(tmp_path, hub):
    demo = {"hf": "acme/demo", "split": "test"}
    told = load(
        tmp_path,
        demo,
        {**demo, "revision": "v1"},
        {**demo, "revision": "v1", "streaming": True},
        {**demo, "split": "nope"},
        {**demo, "revision": "v9"},
        {**demo, "hf": "acme/nope"},
        HF_ENDPOINT=hub.url,
    )
    pinned = {"source": "hub", "name": "acme/demo", "config": None, "split": "test"}
    new = [{"question": "one new"}, {"question": "two new"}]
    old = [{"question": "one old"}, {"question": "two old"}]
    assert told[0] == {"rows": new, "where": "acme/demo[test], row 1", "resolved": {**pinned, "revision": NEW}}
    assert (
        told[1] == told[2] == {"rows": old, "where": "acme/demo[test], row 1", "resolved": {**pinned, "revision": OLD}}
    )
    assert told[3]["error"].startswith("acme/demo[nope]: ")
    assert "'train', 'test'" in told[3]["error"]
    assert told[4]["error"].endswith(f"has no revision 'v9' at {hub.url}; name a branch, tag or commit")
    assert told[5]["error"].startswith(f"{hub.url} knows no dataset 'acme/nope'")


@pytest.mark.slow
def test_offline_the_cache_is_read_and_never_passes_for_another_commit(tmp_path, hub):
    demo = {"hf": "acme/demo", "split": "test"}
    load(tmp_path, {**demo, "revision": "v1"}, HF_ENDPOINT=hub.url)
    hub.asked.clear()
    told = load(
        tmp_path,
        demo,
        {**demo, "revision": OLD},
        {**demo, "streaming": True},
        {**demo, "revision": NEW},
        {**demo, "revision": NEW, "streaming": True},
        {**demo, "revision": "v1"},
        {**demo, "hf": "acme/other"},
        HF_ENDPOINT=hub.url,
        HF_HUB_OFFLINE="1",
    )
    assert not hub.asked
    assert [each["rows"][0]["question"] for each in told[:3]] == ["one old"] * 3
    assert [each["resolved"]["revision"] for each in told[:3]] == [OLD] * 3
    for each, wanted in zip(told[3:6], (NEW, NEW, "v1"), strict=True):
        assert f"is wanted at {wanted}, but the library took the cached {OLD}" in each["error"]
    assert "acme/other" in told[6]["error"]


@pytest.mark.slow
def test_no_network_is_said_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
    told = load(tmp_path, {"hf": "acme/demo", "split": "test"}, HF_ENDPOINT=gone)
    assert told[0]["error"].startswith(f"cannot reach {gone} for the dataset 'acme/demo' (")
