"""Reasoning told apart from the answer, in whole texts and in growing ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.reasoning import split_reasoning, strip_reasoning

TEXTS = st.lists(st.sampled_from(["<think>", "</think>", "<think/>", "<thinking>", "</thinking>", "a", " ", "<b>"]))


@pytest.mark.parametrize(
    ("text", "reasoning", "rest"),
    [
        ("plain\n", "", "plain\n"),
        ("<think>why</think>four", "why", "four"),
        ("<think>why", "why", ""),
        ("why</think>four", "why", "four"),
        ("one<think>why</think>two", "why", "onetwo"),
        ("1 < 2", "", "1 < 2"),
        ("<think><b></think>x", "<b>", "x"),
    ],
    ids=["none", "block", "open", "closing-only", "amid", "no-tag", "tag-inside"],
)
def test_what_is_reasoning(text: str, reasoning: str, rest: str) -> None:
    assert split_reasoning(text) == (reasoning, rest)


@given(TEXTS.map("".join))
def test_the_rest_is_what_is_scored(text: str) -> None:
    scored = strip_reasoning(text)
    if scored is not None:
        assert split_reasoning(text)[1] == scored
