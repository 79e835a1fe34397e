"""The catalogue, held against the guide that it is taken from."""

import re
from pathlib import Path

import pytest

from evalkit.catalog import CATALOG, is_wandb_inference, known_price, takes_images
from evalkit.config.schema import ModelSpec
from evalkit.listed_models import ListedModel

GUIDE = Path(__file__).resolve().parents[1].parent / "shared" / "reference" / "wandb-inference.mdx"
WANDB = "https://api.inference.wandb.ai/v1"
SCOUT, LLAMA = "meta-llama/Llama-4-Scout-17B-16E-Instruct", "meta-llama/Llama-3.1-8B-Instruct"
_UNITS = {"B": 10**9, "T": 10**12}


def rows_of_the_guide() -> list[list[str]]:
    if not GUIDE.is_file():
        pytest.skip("the guide is not beside this checkout")
    table = GUIDE.read_text(encoding="utf-8").partition("## Available models")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line]
    return rows[2:]


def parameters(text: str) -> list[int]:
    return [round(float(number) * _UNITS[unit]) for number, unit in re.findall(r"([\d.]+)([BT])", text)]


def test_the_catalogue_is_the_guides_table():
    rows = rows_of_the_guide()
    assert [model.id for model in CATALOG.models] == [row[1] for row in rows]
    for model, (name, _, types, window, sizes, *_) in zip(CATALOG.models, rows, strict=True):
        assert model.name == name
        assert model.modality == frozenset(types.lower().split(", "))
        assert model.context_text == window
        assert [size for size in (model.active_parameters, model.total_parameters) if size] == parameters(sizes)


def test_the_guides_list_of_ids_is_the_same():
    rows = rows_of_the_guide()
    listed = re.findall(r"^  - `([^`]+)`$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(row[1] for row in rows)


def test_k_is_a_thousand_which_never_says_too_much():
    qwen = CATALOG.find("Qwen/Qwen3-235B-A22B-Instruct-2507")
    assert (qwen.context_text, qwen.context_window) == ("262K", 262_000)
    assert qwen.context_window <= 262_144 < 262 * 1024


def test_every_price_says_where_and_when_it_was_seen():
    priced = [model for model in CATALOG.models if model.price is not None]
    assert {model.id for model in CATALOG.models} - {model.id for model in priced} == {"moonshotai/Kimi-K2-Instruct"}
    for model in priced:
        assert 0 < model.price.input <= model.price.output < 10
        assert re.search(r"wandb\.ai/\S+, .*\d{4}-\d{2}-\d{2}$", model.price.source)


@pytest.mark.parametrize(
    ("url", "is_wandb"),
    [
        (WANDB, True),
        ("https://API.inference.wandb.ai/v1/", True),
        ("https://api.inference.wandb.ai.evil.org/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("recorded:answers", False),
    ],
)
def test_a_price_holds_at_wandb_alone(url, is_wandb):
    assert is_wandb_inference(url) is is_wandb
    assert (known_price(LLAMA, url) is not None) is is_wandb
    assert known_price("moonshotai/Kimi-K2-Instruct", url) is known_price("gpt-4o", url) is None


def test_ids_are_found_as_they_are_written_and_guessed_otherwise():
    assert CATALOG.find(LLAMA).name == "Meta Llama 3.1 8B"
    assert CATALOG.find(LLAMA.lower()) is None
    assert CATALOG.nearest("llama-3.1-8b")[0] == LLAMA
    assert CATALOG.nearest("llama-3.1-8b", ["b", "Llama-3.1-8B"]) == ("Llama-3.1-8B",)


TEXT, BOTH = frozenset({"text"}), frozenset({"text", "vision"})


@pytest.mark.parametrize(
    ("model_id", "said", "modality", "answer"),
    [
        pytest.param(SCOUT, None, None, True, id="catalogue"),
        pytest.param(LLAMA, None, None, False, id="catalogue-text"),
        pytest.param("some/model", None, None, None, id="nobody-knows"),
        pytest.param("some/model", None, BOTH, True, id="endpoint"),
        pytest.param(SCOUT, None, TEXT, False, id="endpoint-over-catalogue"),
        pytest.param(SCOUT, False, BOTH, False, id="config-over-all"),
        pytest.param(LLAMA, True, TEXT, True, id="config-over-all-true"),
    ],
)
def test_who_takes_images(model_id, said, modality, answer):
    spec = ModelSpec(id=model_id, vision=said)
    assert takes_images(spec, ListedModel(model_id, modality=modality)) is answer
    if modality is None:
        assert takes_images(spec) is answer
