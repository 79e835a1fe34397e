"""Patterns of a config: the ones that could run for ever are refused, the others are not."""

import pytest

from evalkit.patterns import MAX_CHARS, compile_pattern, search

SAFE = [
    *(r"#### (-?[0-9.,]+)", r"A: (.*)", r"(\w+\s+)*x", r"(?:\d+,)*\d+", r"(\d|\w)*", r"(cat|dog)*", r"(ab*)*c"),
    *(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", r"(?:\d++,?)*+", r"(?:a+b|c)*", r"(a?)*", r"(?:[^()]|\([^()]*\))*", r"\s*\d+\s*"),
    *(r"(?P<v>\d+(?:\.\d+)?)", r"(?>a+)+", r"(?=x)(a)(?(1)b|c)", r"(?:\\.|[^\\])*"),
]
ENDLESS = [
    *("(a+)+", r"(\w+\s*)+$", "(.*,)*", "(a|ab)*c|(a|a)*", "((a*)*)*", "(x+x+)+y", "([a-zA-Z]+)*", r"(\s*\w\s*)*"),
    *("^(([a-z])+.)+[A-Z]([a-z])+$", "(?:a+|b)*?c+(a+)+", "(?=(a+)+)x", "(?:x|(?:a+)+)", r"(\S+[ ]?){100,}"),
]


@pytest.mark.parametrize("pattern", SAFE)
def test_usual_patterns_compile(pattern):
    assert compile_pattern(pattern).pattern == pattern


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_repeated_repetition_is_refused(pattern):
    with pytest.raises(ValueError, match="for ever"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<1>a)", "a{3,2}"])
def test_what_is_no_pattern_is_named(pattern):
    with pytest.raises(ValueError, match="not a regular expression"):
        compile_pattern(pattern)


def test_first_and_last_match():
    assert search(compile_pattern(r"\d"), "1 2 3", last=False)[0] == "1"
    assert search(compile_pattern(r"\d"), "1 2 3", last=True)[0] == "3"
    assert search(compile_pattern(r"^b$", ignore_case=True), "a\nB", last=True)[0] == "B"
    assert search(compile_pattern("x"), "abc", last=True) is None


def test_a_text_too_long_is_an_error_not_a_cut():
    with pytest.raises(ValueError, match="longer than a pattern may read"):
        search(compile_pattern("x"), "x" * (MAX_CHARS + 1), last=True)
