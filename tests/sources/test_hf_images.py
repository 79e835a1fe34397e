"""Images of Hugging Face datasets: the bytes as they were stored, never decoded, with no image library at hand."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import gif, jpeg, png

ROOT = Path(__file__).parents[2]
MAKE = """
import sys
from pathlib import Path
from datasets import Dataset, Features, Image, List, Value
from tests.pictures import gif, jpeg, png

rows = {
    "input": ["x", "y"],
    "image": [{"bytes": png(), "path": "a.png"}, None],
    "images": [[{"bytes": gif(), "path": None}], [{"bytes": jpeg(), "path": "b.jpg"}, {"bytes": png(), "path": ""}]],
}
features = Features({"input": Value("string"), "image": Image(), "images": List(Image())})
folder = Path(sys.argv[1])
folder.mkdir(parents=True)
Dataset.from_dict(rows, features=features).to_parquet(str(folder / "test-0.parquet"))
"""
LOAD = """
import json, sys
if "without" in sys.argv:
    sys.modules["PIL"] = None
from pathlib import Path
from evalkit.config.schema import DatasetSpec
from evalkit.dataset import load_dataset
from evalkit.errors import DatasetError

for options in json.load(sys.stdin):
    try:
        dataset = load_dataset("pictures", DatasetSpec(**options), base_dir=Path())
        told = [[[image.reference, image.name] for image in sample.images] for sample in dataset.samples]
    except DatasetError as error:
        told = str(error)
    print("told", json.dumps(told))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def python(folder: Path, program: str, *arguments: str, given: str = "") -> str:
    env = {**os.environ, "HF_HOME": str(folder / "hf-home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=env, input=given, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(folder: Path, *options: dict[str, Any], pillow: str = "without") -> list[Any]:
    lines = python(folder, LOAD, pillow, given=json.dumps(options)).splitlines()
    return [json.loads(line.removeprefix("told ")) for line in lines if line.startswith("told ")]


def named(data: bytes, kind: str, name: str = "") -> list[str]:
    return [f"image:{hashlib.sha256(data).hexdigest()}.{kind}", name]


def test_image_features(tmp_path: Path) -> None:
    python(tmp_path, MAKE, str(tmp_path / "demo" / "data"))
    demo = {"hf": "demo", "split": "test", "fields": {"images": ["image", "images"]}}
    told = load(tmp_path, demo, {**demo, "streaming": True}, {"hf": "demo", "split": "test"})
    expected = [
        [named(png(), "png", "a.png"), named(gif(), "gif")],
        [named(jpeg(), "jpeg", "b.jpg"), named(png(), "png")],
    ]
    assert told[0] == told[1] == expected
    assert told[2] == (
        "dataset 'pictures': demo[test], row 1: image.bytes holds bytes, which has no JSON form;"
        " if it is an image, say fields.images"
    )


def test_a_folder_of_images(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="the datasets library reads folders of images with Pillow only")
    files = tmp_path / "files" / "test"
    files.mkdir(parents=True)
    (files / "cat.png").write_bytes(png())
    (files / "metadata.jsonl").write_text('{"file_name": "cat.png", "input": "what?"}\n')
    folder = {"hf": "files", "split": "test", "fields": {"images": "image"}}
    for told in load(tmp_path, folder, {**folder, "streaming": True}, pillow="with"):
        assert [[reference for reference, _ in images] for images in told] == [[named(png(), "png")[0]]]
