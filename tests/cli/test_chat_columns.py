"""The answers as lines: beside or below each other, never wider than the terminal, whatever a model says."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from evalkit.cli.chat_columns import Look, draw_answers
from evalkit.listed_models import TokenPrice
from evalkit.live_answer import Answer
from evalkit.records import (
    Failure,
    FailureKind,
    Message,
    Prediction,
    PredictionOutcome,
    Timing,
    Usage,
)
from tests.talking import Talking, bound, broken

CONSOLE = Console(width=500)
OK = PredictionOutcome.OK
USED = Usage(12, 120, 132)


def answer(text: str = "", label: str = "a", **changes: object) -> Answer:
    """Return an answer that is over."""
    said = Prediction(OK, text, usage=USED, timing=Timing(service_s=4.0, first_token_s=0.5))
    made = Answer(bound(Talking([]), label, price=TokenPrice(1.0, 1.0, "config")), (Message("user", "x"),), lambda: 9.0)
    made.began = 0.0
    made.conclude(dataclasses.replace(said, **changes))
    return made


def growing(text: str) -> Answer:
    """Return an answer that is on its way."""
    made = Answer(bound(Talking([])), (Message("user", "x"),), lambda: 3.0)
    made._pieces.append(text)
    return made


def drawn(*answers: Answer, width: int = 80, height: int | None = None, shows_reasoning: bool = False) -> list[str]:
    lines = draw_answers(answers, Look(width, shows_reasoning), CONSOLE, height)
    return [line.plain.rstrip() for line in lines]


def test_side_by_side_with_equal_widths() -> None:
    lines = drawn(answer("one", "left"), answer("two", "right"), width=81)
    assert lines == [
        "left                                    │ right",
        "─" * 39 + " │ " + "─" * 39,
        "one                                     │ two",
        "                                        │",
        "first token 500\xa0ms, total 4.00\xa0s        │ first token 500\xa0ms, total 4.00\xa0s",
        "12 in, 120 out, 30 tok/s, $0.00013      │ 12 in, 120 out, 30 tok/s, $0.00013",
    ]


def test_one_below_the_other_where_it_is_narrow() -> None:
    lines = drawn(answer("one", "upper"), answer("two", "lower"), width=60)
    assert lines.index("upper") < lines.index("one") < lines.index("lower") < lines.index("two")
    assert "│" not in "".join(lines)


@pytest.mark.parametrize(
    ("count", "width", "most_bars"),
    [(1, 120, 0), (2, 120, 1), (3, 120, 2), (4, 120, 1), (5, 160, 2), (5, 200, 4), (3, 80, 1), (2, 20, 0)],
)
def test_no_row_is_much_emptier_than_another(count: int, width: int, most_bars: int) -> None:
    lines = drawn(*[answer("x", f"m{n}") for n in range(count)], width=width)
    assert max(line.count("│") for line in lines) == most_bars


def test_what_stands_under_the_answers_is_on_one_height() -> None:
    lines = drawn(answer("1\n2\n3"), answer("1"), width=80)
    (line,) = [line for line in lines if "tok/s" in line]
    assert line.count("tok/s") == 2


WIDE = st.text(st.one_of(st.characters(), st.sampled_from("日本語テ\t\n\r\x1b 👩‍👧é")), max_size=300)


@settings(max_examples=60)
@given(texts=st.lists(WIDE, min_size=1, max_size=5), width=st.integers(20, 200), height=st.none() | st.integers(4, 60))
def test_no_line_is_too_wide_and_nothing_moves_the_cursor(texts: list[str], width: int, height: int | None) -> None:
    lines = draw_answers([answer(text) for text in texts], Look(width), CONSOLE, height)
    assert max(line.cell_len for line in lines) <= width
    plain = "".join(line.plain for line in lines)
    assert not set(plain) & {chr(code) for code in [*range(32), 127, *range(128, 160)]}
    plain.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["word " * 4_000, "日" * 9_000, "\n".join(map(str, range(3_000)))], ids=["words", "wide", "lines"]
)
def test_a_growing_answer_shows_its_end_and_fits(text: str) -> None:
    lines = drawn(growing(text), growing("short"), width=80, height=20)
    assert len(lines) <= 20
    assert lines[-3].split("│")[0].strip().endswith(text.rsplit(maxsplit=1)[-1][-5:])


def test_a_whole_answer_is_whole() -> None:
    text = "\n".join(f"line {n}" for n in range(500))
    assert [line for line in drawn(answer(text)) if line.startswith("line ")] == text.split("\n")


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        pytest.param(answer("\x1b[31mred\x07"), "\ufffd[31mred\ufffd", id="control-characters"),
        pytest.param(answer("a\r\nb"), "a", id="windows-line-ends"),
        pytest.param(answer("[bold]x[/bold] :smile:"), "[bold]x[/bold] :smile:", id="no-markup"),
        pytest.param(answer(""), "[an empty answer]", id="empty"),
        pytest.param(answer("", tool_calls=[{"name": "f"}]), '[{"name": "f"}]', id="tool-call"),
        pytest.param(answer("", usage=None), "tokens unknown, cost unknown", id="unknown-usage"),
        pytest.param(answer("x", outcome=PredictionOutcome.TRUNCATED), "cut off at max_tokens", id="truncated"),
        pytest.param(answer("x", served_model="other"), "served as other", id="served-by-another"),
        pytest.param(answer("x", attempts=3), "3 attempts, 9.00\xa0s in all", id="retried"),
    ],
)
def test_what_a_reader_is_told(made: Answer, shown: str) -> None:
    assert shown in drawn(made)


def test_a_failure_stands_under_what_had_come() -> None:
    made = answer("half", failure=Failure(FailureKind.TRANSIENT, "the line broke"), usage=None)
    lines = drawn(made)
    assert lines[2:5] == ["half", "", "failed: the line broke"]
    assert not any("unknown" in line for line in lines)


def test_an_interrupted_answer_says_so() -> None:
    made = growing("half")
    made.interrupt()
    assert "[interrupted]" in drawn(made)


def test_the_failure_of_the_attempt_before_is_shown_meanwhile() -> None:
    made = growing("")
    made.hurdle = broken(FailureKind.OVERLOADED, "too busy").failure
    assert "again after: too busy" in drawn(made)


@pytest.mark.parametrize(
    ("made", "hidden", "shown"),
    [
        pytest.param(
            answer("<think>step by step</think>four"),
            ["[reasoning: 12 characters]", "", "four"],
            ["step by step", "", "four"],
            id="in-tags",
        ),
        pytest.param(
            answer("four", reasoning="step by step"),
            ["[reasoning: 12 characters]", "", "four"],
            ["step by step", "", "four"],
            id="beside-the-text",
        ),
        pytest.param(growing("<think>step"), ["[reasoning: 4 characters]"], ["step"], id="thinking"),
    ],
)
def test_reasoning_is_hidden_or_shown(made: Answer, hidden: list[str], shown: list[str]) -> None:
    assert drawn(made)[2 : 2 + len(hidden)] == hidden
    assert drawn(made, shows_reasoning=True)[2 : 2 + len(shown)] == shown


def test_reasoning_is_dimmed() -> None:
    lines: list[Text] = draw_answers([answer("<think>hm</think>x")], Look(80, shows_reasoning=True), CONSOLE)
    assert [str(span.style) for line in lines if line.plain == "hm" for span in line.spans] == ["dim italic"]
