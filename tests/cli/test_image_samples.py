"""A dataset with images: counted by validate, every broken image told, and no text model ever asked about one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import CommandLine
from tests.end_to_end.command import write_config, write_rows
from tests.pictures import data_url, gif, png

SCOUT = "meta-llama/Llama-4-Scout-17B-16E-Instruct"
PROVIDERS = {"s": {"use": "scripted"}, "r": {"use": "recorded", "path": "answers.jsonl"}}
ADDRESS = "https://example.com/dog.png"
ROWS: list[dict[str, Any]] = [
    {"id": "file", "input": "What is this?", "target": "a", "image": "cat.png"},
    {"id": "again", "input": "And this?", "target": "a", "image": ["cat.png", data_url(gif())]},
    {"id": "address", "input": "What is there?", "target": "a", "image": ADDRESS},
    {"id": "none", "input": "What is 2 + 2?", "target": "a", "image": None},
]


def write(folder: Path, **sections: Any) -> Path:
    (folder / "cat.png").write_bytes(png(300, 200))
    write_rows(folder, ROWS)
    config: dict[str, Any] = {
        "name": "pictures",
        "weave": {"backend": "off"},
        "models": [SCOUT],
        "datasets": {"rows": {"path": "rows.jsonl", "fields": {"images": "image"}}},
        "scorers": {"exact": {"use": "exact"}},
    }
    return write_config(folder, **{**config, **sections})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"id": "meta-llama/Llama-3.1-8B-Instruct"}, "it reads text only, by the catalogue"),
        ({"id": "new/one"}, "whether it takes them is not known; say vision: true for it if it does"),
        ({"id": SCOUT, "vision": False}, "it has vision: false"),
        ({"id": "m", "provider": "local", "vision": True}, "its provider 'local' (llamacpp) serves text models only"),
        ({"id": "m", "provider": "s", "vision": False}, "it has vision: false"),
        ({"id": SCOUT}, ""),
        ({"id": "new/one", "vision": True}, ""),
        ({"id": "m", "provider": "s"}, ""),
        ({"id": "m", "provider": "r"}, ""),
    ],
)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_model_that_takes_no_images_is_refused_before_any_request(
    cli: CommandLine, tmp_path: Path, model: dict[str, Any], message: str, command: str
) -> None:
    if command == "run" and not message:
        pytest.skip("would ask the model")
    done = cli(command, write(tmp_path, models=[model], providers=PROVIDERS))
    if message:
        assert done.code == 2
        assert f"3 of 4 samples show images, and '{model['id']}' is asked: {message}" in done.err
        assert not (tmp_path / "reports").exists()
    else:
        assert done.code == 0, done.err


def test_validate_counts_images_and_finds_every_broken_one(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path)
    done = cli("validate", path)
    assert done.code == 0
    assert "dataset rows: 4 samples, 4 images (2 distinct, 692 bytes; 1 by address, not fetched), digest" in done.err
    counted = json.loads(cli("validate", path, "--json").out)["datasets"]["rows"]["images"]
    assert counted == {"shown": 4, "addresses": 1, "distinct": 2, "bytes": len(png(300, 200)) + len(gif())}
    (tmp_path / "cat.png").write_text("not an image")
    write_rows(tmp_path, [{"input": "x", "image": "cat.png"}, {"input": "y", "image": "dog.png"}])
    done = cli("validate", path)
    assert done.code == 2
    assert "rows.jsonl:1: the image 'cat.png' is no image by its first bytes" in done.err
    assert "rows.jsonl:2: the image 'dog.png' is not there" in done.err


def test_images_of_worked_examples_count_too(cli: CommandLine, tmp_path: Path) -> None:
    datasets = {
        "shown": {"path": "rows.jsonl", "fields": {"images": "image"}, "limit": 2},
        "asked": {"rows": [{"id": "1", "input": "Whose is it?", "target": "a"}]},
    }
    prompt = {"few_shot": {"dataset": "shown", "n": 2}}
    sections = {"datasets": datasets, "evaluations": [{"name": "e", "dataset": "asked", "prompt": prompt}]}
    done = cli("validate", write(tmp_path, models=["deepseek-ai/DeepSeek-V3-0324"], **sections))
    assert done.code == 2
    assert "1 of 1 samples show images, and 'deepseek-ai/DeepSeek-V3-0324' is asked: it reads text only" in done.err
    assert cli("validate", write(tmp_path, **sections)).code == 0
