"""Steps from raw text to the answer, and reasoning taken off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ConfigError
from evalkit.extract import Extractor, strip_reasoning

STEPS = [
    *("strip_reasoning", "boxed", "number", "choice_letter", "lower", "strip_punctuation"),
    *({"regex": "A: (.*)"}, {"after": ":"}, {"number": "first"}, {"json_path": "$.a[0]"}, {"json_path": "$"}),
]


@pytest.mark.parametrize(
    ("steps", "text", "answer"),
    [
        pytest.param([], " as it is \n", "as it is", id="none"),
        pytest.param([], " \n", None, id="blank"),
        pytest.param(["strip_reasoning"], "<think>3</think> 4", "4", id="reasoning"),
        pytest.param(["strip_reasoning", "number"], "<think>3", None, id="unterminated"),
        pytest.param([{"strip_reasoning": ["plan"]}], "<plan>x</plan>y", "y", id="own-tag"),
        pytest.param([{"regex": r"A: (\w+)"}], "A: x A: y", "y", id="regex-last"),
        pytest.param([{"regex": {"pattern": r"A: (\w+)", "which": "first"}}], "A: x A: y", "x", id="regex-first"),
        pytest.param([{"regex": {"pattern": r"(\w)(\w)", "group": 2}}], "ab", "b", id="regex-group"),
        pytest.param([{"regex": {"pattern": r"(?P<v>\w)b", "group": "v"}}], "ab", "a", id="regex-name"),
        pytest.param([{"regex": r"a(b)?(c)?"}], "ac", "c", id="regex-group-that-took-part"),
        pytest.param([{"regex": {"pattern": "a(b)", "group": 0}}], "ab", "ab", id="regex-whole"),
        pytest.param([{"regex": r"\d+"}], "a 12", "12", id="regex-no-group"),
        pytest.param([{"regex": {"pattern": "ANS (.)", "ignore_case": True}}], "ans x", "x", id="regex-case"),
        pytest.param([{"regex": r"\d+"}], "none", None, id="regex-nothing"),
        pytest.param([{"after": "A:"}], "A: x\nA: y", "y", id="after-last"),
        pytest.param([{"after": "A:"}], "no marker", None, id="after-nothing"),
        pytest.param([{"after": "A:"}], "A: ", None, id="after-blank"),
        pytest.param(["boxed"], r"\boxed{1} or \boxed{\frac{1}{2}}", r"\frac{1}{2}", id="boxed"),
        pytest.param(["boxed"], r"$\boxed 5$", "5", id="boxed-without-braces"),
        pytest.param(["boxed"], r"\boxed{a\}b}", r"a\}b", id="boxed-escaped"),
        pytest.param(["boxed"], r"\boxed{1} then \boxed{2", None, id="boxed-cut-off"),
        pytest.param(["boxed"], r"\boxed{}", None, id="boxed-empty"),
        pytest.param(["number"], "3 and $1,234.5.", "$1,234.5", id="number"),
        pytest.param([{"number": "first"}], "3 and 4", "3", id="number-first"),
        pytest.param(["number"], "none", None, id="number-nothing"),
        pytest.param(["choice_letter"], "The answer is (b).", "B", id="letter"),
        pytest.param(["choice_letter"], "perhaps D then", "D", id="letter-loose"),
        pytest.param(["choice_letter"], "A and C", "A, C", id="letters"),
        pytest.param([{"json_path": "$.a.b[0]"}], 'x {"a": {"b": ["y"]}} z', "y", id="json"),
        pytest.param([{"json_path": "$.a"}], '{"a": 1} {"a": 2} [3]', "2", id="json-last-object"),
        pytest.param([{"json_path": "$[-1]"}], '{"a": 1} [3, true]', "true", id="json-array"),
        pytest.param([{"json_path": '$["a b"]'}], '{"a b": 18.50}', "18.5", id="json-quoted"),
        pytest.param([{"json_path": "$"}], 'so: {"a": "é"}', '{"a": "é"}', id="json-whole"),
        pytest.param([{"json_path": "$.a"}], '{"b": 1}', None, id="json-nothing-there"),
        pytest.param([{"json_path": "$.a"}], '{"a": null}', None, id="json-null"),
        pytest.param([{"json_path": "$.a"}], '{"a": "x', None, id="json-cut-off"),
        pytest.param(["lower"], "ABC", "abc", id="lower"),
        pytest.param(["strip_punctuation"], ' **"(Paris)."** ', "Paris", id="strip"),
        pytest.param(["strip_punctuation"], "-.5.", "-.5", id="strip-number"),
        pytest.param(["strip_punctuation"], ".5", ".5", id="strip-point"),
        pytest.param(["strip_punctuation"], "f(x)", "f(x)", id="strip-no-pair"),
        pytest.param(["strip_punctuation"], "?!", None, id="strip-all"),
        pytest.param([{"after": "A:"}, "boxed", "number"], r"A: \boxed{x = 5}", "5", id="chain"),
    ],
)
def test_steps(steps, text, answer):
    assert Extractor.compile(steps).extract(text) == answer


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("boxd", "boxed"),
        (3, "not a step"),
        ({}, "not a step"),
        ({"after": "a", "lower": None}, "not a step"),
        ({"after": ""}, "marker"),
        ({"after": None}, "marker"),
        ("regex", "pattern"),
        ({"regex": "("}, "regular expression"),
        ({"regex": "(a+)+"}, "for ever"),
        ({"regex": {"pattern": "a", "group": 1}}, "no group"),
        ({"regex": {"pattern": "a", "wich": "last"}}, "which"),
        ({"regex": {"pattern": "a", "which": "middle"}}, "neither"),
        ({"regex": ["a"]}, "regex"),
        ({"number": "middle"}, "neither"),
        ({"lower": True}, "no argument"),
        ({"json_path": "a.b"}, "not a path"),
        ({"json_path": "$.a["}, "not a path"),
        ("json_path", "path"),
        ({"strip_reasoning": "think"}, "list"),
        ({"strip_reasoning": 3}, "strip_reasoning"),
    ],
    ids=str,
)
def test_a_wrong_step_is_a_config_error(step, told):
    with pytest.raises(ConfigError, match=told):
        Extractor.compile([step])


@given(st.text(), st.lists(st.sampled_from(STEPS), max_size=3))
def test_extraction_never_raises(text, steps):
    answer = Extractor.compile(steps).extract(text)
    assert answer is None or answer.strip() == answer != ""


@given(st.text(alphabet='{}[]",:a0\\boxedA().<>/think\n'), st.sampled_from(STEPS))
def test_extraction_never_raises_on_near_misses(text, step):
    Extractor.compile([step]).extract(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("plain", "plain", id="none"),
        pytest.param("a < b > c ", "a < b > c ", id="untouched"),
        pytest.param("<think>x</think> y", "y", id="closed"),
        pytest.param("a <think>x</think> b <thinking>z</thinking> c", "a  b  c", id="several"),
        pytest.param("<THINK>\nx</Think>y", "y", id="case"),
        pytest.param('<think time="3">x</think >y', "y", id="attributes"),
        pytest.param("x</think>y", "y", id="lone-closing"),
        pytest.param("<think>x", None, id="unterminated"),
        pytest.param("5 <think>x", None, id="unterminated-later"),
        pytest.param("<think>a <think> b</think> c</think>d", "d", id="nested"),
        pytest.param("<think>say <reasoning> or not</think>d", "d", id="another-tag-inside"),
        pytest.param("<think/>d", "d", id="self-closing"),
        pytest.param("<think></think>", "", id="nothing-left"),
        pytest.param("<thinker>x", "<thinker>x", id="another-word"),
    ],
)
def test_reasoning_comes_off(text, left):
    assert strip_reasoning(text) == left


@given(st.text(), st.text(), st.sampled_from(["think", "thinking", "reasoning"]))
def test_a_closed_block_never_reaches_the_answer(inside, after, tag):
    clean = after.replace("<", "")
    assert strip_reasoning(f"<{tag}>{inside.replace('<', '')}</{tag}>{clean}") == clean.strip()
    assert strip_reasoning(f"{inside.replace('<', '')}</{tag}>{clean}") == clean.strip()
    assert strip_reasoning(f"{clean}<{tag}>{inside.replace('<', '')}") is None


@given(st.text(alphabet="<>/think x", max_size=80))
def test_what_is_left_holds_no_reasoning(text):
    left = strip_reasoning(text)
    if left is not None:
        assert strip_reasoning(left) == left


@pytest.mark.parametrize("piece", ["<think", "</think>", "<think>", "<", "<think "])
def test_a_long_text_takes_linear_time(piece):
    strip_reasoning(piece * 50_000)
