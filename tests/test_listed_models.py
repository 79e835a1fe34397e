"""What real servers say beside a model's id, each in its own shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.listed_models import ListedModel, TokenPrice, read_listed

TEXT, BOTH = frozenset({"text"}), frozenset({"text", "vision"})
PRICE = TokenPrice(0.17, 0.66, "the endpoint's list")


@pytest.mark.parametrize(
    ("row", "model"),
    [
        pytest.param("m", ListedModel("m"), id="bare-name"),
        pytest.param(
            {"id": "m", "object": "model", "created": 1700000000, "owned_by": "openai"},
            ListedModel("m", "openai", 1700000000),
            id="openai",
        ),
        pytest.param(
            {"id": "m", "owned_by": "vllm", "root": "/weights/m", "parent": None, "max_model_len": 8192},
            ListedModel("m", "vllm", context_window=8192),
            id="vllm",
        ),
        pytest.param(
            {
                "id": "m.gguf",
                "aliases": ["m"],
                "created": 5,
                "owned_by": "llamacpp",
                "meta": {"n_vocab": 9, "n_ctx_train": 8192, "n_ctx": 2048},
            },
            ListedModel("m.gguf", "llamacpp", 5, 2048, aliases=("m",)),
            id="llama-cpp",
        ),
        pytest.param(
            {"name": "m.gguf", "model": "m.gguf", "capabilities": ["completion", "multimodal"]},
            ListedModel("m.gguf", modality=BOTH),
            id="llama-cpp-models",
        ),
        pytest.param({"name": "m", "capabilities": ["completion"]}, ListedModel("m", modality=TEXT), id="completion"),
        pytest.param(
            {
                "id": "lab/m",
                "canonical_slug": "lab/m-2507",
                "context_length": 64000,
                "architecture": {"modality": "text+image->text", "input_modalities": ["text", "image"]},
                "pricing": {"prompt": "0.00000017", "completion": "0.00000066"},
                "top_provider": {"context_length": 32000},
            },
            ListedModel("lab/m", None, None, 64000, BOTH, PRICE, ("lab/m-2507",)),
            id="openrouter",
        ),
        pytest.param(
            {"id": "m", "context_length": None, "top_provider": {"context_length": 32000}},
            ListedModel("m", context_window=32000),
            id="openrouter-top-provider",
        ),
        pytest.param(
            {"id": "m", "architecture": {"modality": "text->text"}, "pricing": {"prompt": "-1", "completion": "-1"}},
            ListedModel("m", modality=TEXT),
            id="openrouter-varying-price",
        ),
        pytest.param(
            {"id": "m", "pricing": {"prompt": "0", "completion": "0"}},
            ListedModel("m", price=TokenPrice(0, 0, PRICE.source)),
            id="free",
        ),
        pytest.param({"id": "m", "context_window": 131072}, ListedModel("m", context_window=131072), id="groq"),
        pytest.param(
            {"id": "m", "max_context_length": 32768, "capabilities": {"vision": True}, "aliases": ["m-latest", "m"]},
            ListedModel("m", context_window=32768, modality=BOTH, aliases=("m-latest",)),
            id="mistral",
        ),
        pytest.param({"id": "m", "supports_image_input": False}, ListedModel("m", modality=TEXT), id="fireworks"),
        pytest.param(
            {"id": "m", "organization": "lab", "pricing": {"input": 0.2, "output": 0.2}},
            ListedModel("m", "lab"),
            id="a-price-without-its-unit",
        ),
        pytest.param(
            {"id": "m", "created": "soon", "owned_by": 7, "context_length": True, "pricing": [], "aliases": {"a": 1}},
            ListedModel("m"),
            id="nonsense",
        ),
    ],
)
def test_a_row(row, model):
    assert read_listed([row]) == (model,)


def test_rows_without_an_id_name_nothing_and_an_id_counts_once():
    rows = [{"id": "b"}, {}, 7, None, {"id": ""}, {"id": 3}, {"id": "a"}, {"id": "b", "created": 1}]
    assert [model.id for model in read_listed(rows)] == ["b", "a"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["id", "name", "pricing", "prompt", "architecture", "modality", "aliases", "meta", "n_ctx", "capabilities"]
)


@given(st.lists(st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)) | JSON))
def test_no_row_breaks_the_reader(rows):
    for model in read_listed(rows):
        assert isinstance(model.id, str)
        assert model.id
        assert model.price is None or min(model.price.input, model.price.output) >= 0
