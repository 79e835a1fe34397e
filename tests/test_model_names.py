"""Which names mean one model, and what a mistyped id may have meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.model_names import is_same_model, matches_entry, nearest_models

GUIDE = (
    "Qwen/Qwen3-235B-A22B-Instruct-2507",
    "Qwen/Qwen3-Coder-480B-A35B-Instruct",
    "deepseek-ai/DeepSeek-R1-0528",
    "deepseek-ai/DeepSeek-V3-0324",
    "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "microsoft/Phi-4-mini-instruct",
    "moonshotai/Kimi-K2-Instruct",
)
NAMES = st.text(st.sampled_from("abAB019-_/.:@* "), max_size=24)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4", "gpt-4-0613"),
        ("openai/gpt-4o", "gpt-4o-2024-08-06"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("claude-3-5-sonnet", "claude-3-5-sonnet@20241022"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("bedrock/us.anthropic.claude-3-5-sonnet", "anthropic/claude-3-5-sonnet"),
        ("gemini-1.5-pro", "models/gemini-1.5-pro-002"),
        ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-09-2025"),
        ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-05-20"),
        ("mistral-large-latest", "mistral-large-2411"),
        ("llama3", "llama3:latest"),
        ("meta-llama/llama-3.1-8b-instruct:free", "meta-llama/llama-3.1-8b-instruct"),
        ("openrouter/meta-llama/llama-3.1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
        ("llama-v3p1-8b-instruct", "accounts/fireworks/models/llama-v3p1-8b-instruct"),
        ("SmolLM2-135M-Instruct", "/models/SmolLM2-135M-Instruct.gguf"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", "qwen3-235b-a22b-instruct"),
        (" gpt-4o ", "GPT-4o"),
    ],
)
def test_one_model_under_two_names(asked, served):
    assert is_same_model(asked, served)
    assert is_same_model(served, asked)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4-0613", "gpt-4-1106"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("gpt-4", "gpt-4-turbo"),
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-70B-Instruct"),
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B"),
        ("meta-llama/Llama-3.1-8B-Instruct", "unsloth/Llama-3.1-8B-Instruct"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-ai/DeepSeek-R1-0528"),
        ("DeepSeek-V3", "DeepSeek-V3.1"),
        ("llama3:8b", "llama3:70b"),
        ("Qwen3-235B-A22B-Instruct-2507", "Qwen3-235B-A22B-Thinking-2507"),
        ("my-deployment", "gpt-4o-2024-08-06"),
        ("SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct-Q8_0.gguf"),
        ("gemini-1.5-pro-001", "gemini-1.5-pro-002"),
        ("a/b", "b/a"),
    ],
)
def test_two_models(asked, served):
    assert not is_same_model(asked, served)
    assert not is_same_model(served, asked)


@given(NAMES, NAMES)
def test_sameness_has_no_direction_and_every_name_is_its_own(one, other):
    assert is_same_model(one, one)
    assert is_same_model(one, other) == is_same_model(other, one)


@pytest.mark.parametrize(
    ("entry", "model", "is_held"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "GPT-4o", False),
        ("*", "anything/at-all", True),
        ("openai/*", "openai/gpt-4o", True),
        ("openai/*", "gpt-4o", False),
        ("openai/gpt-*-mini", "openai/gpt-4o-mini", True),
        ("openai/gpt-4.1*", "openai/gpt-4x1", False),
        ("llama3:latest", "llama3", True),
        ("llama3:8b", "llama3", False),
        ("llama3", "llama3:latest", False),
    ],
)
def test_an_entry_of_a_list_stands_for_a_model(entry, model, is_held):
    assert matches_entry(entry, model) is is_held


@pytest.mark.parametrize(
    ("asked", "best"),
    [
        ("meta-llama/llama-3.1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama-3.3-70b-instruct", "meta-llama/Llama-3.3-70B-Instruct"),
        ("llama-4-scout", "meta-llama/Llama-4-Scout-17B-16E-Instruct"),
        ("deepseek-v3", "deepseek-ai/DeepSeek-V3-0324"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-R1-0528"),
        ("phi-4-mini", "microsoft/Phi-4-mini-instruct"),
        ("kimi-k2", "moonshotai/Kimi-K2-Instruct"),
        ("Qwen3-Coder", "Qwen/Qwen3-Coder-480B-A35B-Instruct"),
        ("meta-llama/Llama-3.1-8B-Instrcut", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-3.1-8B-Instruct-Turbo", "meta-llama/Llama-3.1-8B-Instruct"),
    ],
)
def test_the_nearest_id_comes_first(asked, best):
    assert nearest_models(asked, GUIDE)[0] == best


def test_an_ambiguous_name_gets_several_and_a_strange_one_none():
    assert set(nearest_models("llama", GUIDE)) == {name for name in GUIDE if "Llama" in name}
    assert nearest_models("gpt-4o", GUIDE) == nearest_models("", GUIDE) == nearest_models("x", ()) == ()


@given(NAMES, st.lists(NAMES, max_size=8))
def test_the_nearest_are_few_and_of_the_list_and_never_the_id_itself(asked, ids):
    found = nearest_models(asked, ids)
    assert len(found) <= 3
    assert set(found) <= set(ids) - {asked}
